//! Changes of a template.

use serde::Deserialize;

use super::TemplateRow;
use crate::api::server::tagging::{TagReference, Taggable, plain_tags, remove_tags, set_tags};
use crate::framework::{Answer, Context, change_named};
use crate::http::contract::Modelled;
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, ShortText};
use crate::store::{Update, sent_fields};

#[derive(Debug, Deserialize)]
pub(super) struct TemplateUpdate {
    name: Option<ShortText>,
    description: Option<LongText>,
    hidden: Option<bool>,
    #[serde(default, deserialize_with = "plain_tags")]
    add_tags: Vec<TagReference>,
    #[serde(default, deserialize_with = "plain_tags")]
    remove_tags: Vec<TagReference>,
}

impl Modelled for TemplateUpdate {
    const MODEL: &'static str = "RunTemplateUpdate";
}

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
        let place = (id, Some(template.body.project_id));
        change_named::<TemplateRow>(&mut tx, place, name, changes).await?;
        set_tags(context, &mut tx, Taggable::RunTemplate, id, &update.add_tags).await?;
        remove_tags(context, &mut tx, Taggable::RunTemplate, id, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}
