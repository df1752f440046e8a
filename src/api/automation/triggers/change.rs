//! New triggers, and changes of those that are there.

use axum::Json;

use super::TriggerRow;
use super::requests::{PlatformEvents, Settings, TriggerRequest, TriggerUpdate};
use super::targets::normal_form;
use crate::api::automation::supported_events::SourceType;
use crate::api::automation::webhooks::WebhookRow;
use crate::api::runs::pipeline_runs::RunRow;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::pipelines::PipelineRow;
use crate::framework::{
    Context, Resource, ResponseOf, find_in, or_taken, refuse_taken_name, require, require_project,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::TaggedBody;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::values::JsonObject;
use crate::intake::Provider;
use crate::store::{Id, Timestamp, Transaction, Update, Words};

/// What is kept of what a type adds.
struct Kept {
    configuration: String,
    next_occurrence: Option<Timestamp>,
    source_entity: Option<String>,
    target_events: Option<String>,
    /// What has to be there, in the trigger's project.
    source: Option<(SourceType, Id)>,
}

impl Kept {
    /// Of settings, for a trigger of that webhook's, if it is one of a webhook's.
    async fn of(cx: &Context, settings: &Settings, webhook: Option<Id>) -> ApiResult<Self> {
        let none = Self {
            configuration: String::new(),
            next_occurrence: None,
            source_entity: None,
            target_events: None,
            source: None,
        };
        Ok(match settings {
            Settings::Schedule { times, next } => Self {
                configuration: times.to_json(),
                next_occurrence: Some(match next {
                    Some(moment) => moment.0,
                    None => times.first_occurrence(cx.now())?,
                }),
                ..none
            },
            Settings::PlatformEvent(events) => {
                let PlatformEvents { source_entity, target_events } = events;
                let (kind, id) = (source_entity.r#type, source_entity.id);
                let shown = serde_json::to_string(events).unwrap_or_default();
                let events: Vec<String> =
                    target_events.iter().map(|event| format!("event:{event}")).collect();
                Self {
                    configuration: shown,
                    source_entity: Some(format!("{}:{id}", kind.as_str())),
                    target_events: Some(events.join(" ")),
                    source: Some((kind, id)),
                    ..none
                }
            }
            Settings::Webhook(configuration) => {
                Self { configuration: of_webhook(cx, configuration, webhook).await?, ..none }
            }
        })
    }

    async fn require_source(&self, tx: &mut Transaction, project: Id) -> ApiResult<()> {
        match self.source {
            Some((SourceType::Pipeline, id)) => require::<PipelineRow>(tx, Some(id), project).await,
            Some((SourceType::PipelineRun, id)) => require::<RunRow>(tx, Some(id), project).await,
            Some((SourceType::PipelineSnapshot, id)) => require::<SnapshotRow>(tx, Some(id), project).await,
            None => Ok(()),
        }
    }
}

async fn of_webhook(cx: &Context, configuration: &JsonObject, webhook: Option<Id>) -> ApiResult<String> {
    let Some(webhook) = webhook else {
        return Err(ApiError::key("\"The webhook of the trigger is not there any more\""));
    };
    let kind = cx.find::<WebhookRow>(webhook).await?.body.webhook_type;
    let provider: Provider = kind.parse().map_err(|_| {
        ApiError::unprocessable(format!("Triggers can't wait for events of a webhook of type '{kind}'."))
    })?;
    let json = configuration.as_raw();
    let kept = normal_form(provider, json)
        .map_err(|wrong| ApiError::unprocessable(format!("The configuration doesn't fit: {wrong}.")))?;
    Ok(format!(r#"{{"configuration":{kept}}}"#))
}

/// Keeps a trigger.
pub(super) async fn create_trigger(
    cx: Context,
    TaggedBody(request): TaggedBody<TriggerRequest>,
) -> ApiResult<Json<ResponseOf<TriggerRow>>> {
    let kept = Kept::of(&cx, &request.settings, request.webhook).await?;
    let id = cx.new_id();
    let (context, request, kept) = (&cx, &request, &kept);
    cx.create_row::<TriggerRow, _, _>(|mut tx| async move {
        let (project, name, kind) = (request.project, request.name.as_str(), request.settings.kind());
        require_project(&mut tx, project).await?;
        kept.require_source(&mut tx, project).await?;
        require::<WebhookRow>(&mut tx, request.webhook, project).await?;
        refuse_taken_name::<TriggerRow>(&mut tx, Some(project), name, None).await?;
        let concurrency: &'static str = request.concurrency.into();
        let insert = context
            .insert("trigger", id)
            .set("name", name)
            .set("project_id", project)
            .set("active", request.active)
            .set("is_archived", false)
            .set("type", kind.as_str())
            .set("flavor", kind.flavor())
            .set("concurrency", concurrency)
            .set("webhook_id", request.webhook)
            .set("configuration", kept.configuration.as_str())
            .set("next_occurrence", kept.next_occurrence)
            .set("source_entity", kept.source_entity.clone())
            .set("target_events", kept.target_events.clone());
        insert.run(&mut tx).await.map_err(or_taken::<TriggerRow>(name))?;
        Ok((tx, id))
    })
    .await
}

/// Changes what a trigger waits for, all of it at once.
pub(super) async fn update_trigger(
    cx: Context,
    PathId(id): PathId,
    TaggedBody(update): TaggedBody<TriggerUpdate>,
) -> ApiResult<Json<ResponseOf<TriggerRow>>> {
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
        refuse_taken_name::<TriggerRow>(&mut tx, Some(project), name, Some(id)).await?;
        let concurrency: Option<&'static str> = update.concurrency.map(Into::into);
        let changes = Update::unnoted("trigger", id)
            .set("name", name)
            .set("configuration", kept.configuration.as_str())
            .maybe("active", update.active)
            .maybe("concurrency", concurrency)
            .maybe("next_occurrence", kept.next_occurrence)
            .maybe("source_entity", kept.source_entity.clone())
            .maybe("target_events", kept.target_events.clone());
        changes.run(&mut tx).await.map_err(or_taken::<TriggerRow>(name))?;
        Ok(tx)
    })
    .await
}

/// Archives a trigger, so that its name is free and nothing is attached to it; with `soft=false` it is gone.
pub(super) async fn delete_trigger(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<()>> {
    let is_soft = query.flag("soft").unwrap_or(true);
    query.finish()?;
    let suffix = hex::encode(cx.env.random.bytes::<4>());
    let suffix = suffix.as_str();
    let deleted = cx.store.write(|mut tx| async move {
        let trigger = find_in::<TriggerRow>(&mut tx, id).await?;
        if !is_soft {
            TriggerRow::delete(&mut tx, id).await?;
            return Ok(tx.commit(()).await?);
        }
        if trigger.body.is_archived {
            return Err(ApiError::illegal("The trigger is archived already."));
        }
        let archive = Update::unnoted("trigger", id)
            .set("is_archived", true)
            .set("active", false)
            .set("name", archived_name(&trigger.body.name, suffix));
        archive.run(&mut tx).await?;
        super::links::detach_all(&mut tx, id).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await?;
    Ok(Json(()))
}

/// A name that no other trigger has, and no longer than MySQL's column.
fn archived_name(name: &str, suffix: &str) -> String {
    const KEPT: usize = 255 - "_(00000000)".len();
    let kept: String = name.chars().take(KEPT).collect();
    format!("{kept}_({suffix})")
}
