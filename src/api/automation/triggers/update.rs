//! Changes of triggers.

use super::TriggerRow;
use super::create::Kept;
use super::settings::TriggerUpdate;
use crate::framework::{Answer, Context, change_named};
use crate::http::error::ApiError;
use crate::http::json::TaggedBody;
use crate::http::path::PathId;
use crate::store::Update;

/// Changes what a trigger waits for, all of it at once.
pub(super) async fn update_trigger(
    cx: Context,
    PathId(id): PathId,
    TaggedBody(update): TaggedBody<TriggerUpdate>,
) -> Answer<TriggerRow> {
    let trigger = cx.find::<TriggerRow>(id).await?;
    if trigger.body.r#type != update.settings.kind() {
        return Err(ApiError::illegal("A trigger stays of the type that it was made of."));
    }
    let kept = Kept::of(&cx, &update.settings, trigger.webhook_id).await?;
    let (update, kept) = (&update, &kept);
    cx.change_row(id, |mut tx, trigger: TriggerRow| async move {
        let (project, name) = (trigger.body.project_id, update.name.as_str());
        kept.require_source(&mut tx, project).await?;
        if trigger.body.is_archived {
            return Err(ApiError::illegal("An archived trigger can't be changed."));
        }
        let concurrency: Option<&'static str> = update.concurrency.map(Into::into);
        let changes = Update::unnoted("trigger", id)
            .set("name", name)
            .set("configuration", kept.configuration.as_str())
            .maybe("active", update.active)
            .maybe("concurrency", concurrency)
            .maybe("next_occurrence", kept.next_occurrence)
            .maybe("source_entity", kept.source_entity.clone())
            .maybe("target_events", kept.target_events.clone());
        change_named(&mut tx, &trigger, Some(name), changes).await?;
        Ok(tx)
    })
    .await
}
