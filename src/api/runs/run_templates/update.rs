//! Changes of a template.

use serde::Deserialize;

use super::TemplateRow;
use crate::api::server::tagging::{TagNames, Taggable, retag};
use crate::framework::{Answer, Context, change_named};
use crate::http::contract::modelled;
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, ShortText};
use crate::store::{Update, sent_fields};

#[derive(Debug, Deserialize)]
pub(super) struct TemplateUpdate {
    name: Option<ShortText>,
    description: Option<LongText>,
    hidden: Option<bool>,
    add_tags: TagNames,
    remove_tags: TagNames,
}

modelled!(TemplateUpdate as RunTemplateUpdate);

/// Renames or describes a template, hides it, or changes its tags.
pub(super) async fn update_template(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<TemplateUpdate>,
) -> Answer<TemplateRow> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, template: TemplateRow| async move {
        let name = update.name.as_ref().map(ShortText::as_str);
        let changes = Update::of("run_template", id, context.now())
            .maybe("name", name)
            .maybe_all(sent_fields!(update; description, hidden));
        change_named(&mut tx, &template, name, changes).await?;
        retag(context, &mut tx, Taggable::RunTemplate, id, &update.add_tags, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
