//! New triggers.

use super::TriggerRow;
use super::settings::{PlatformEvents, Settings, TriggerRequest};
use super::targets::normal_form;
use crate::api::automation::supported_events::SourceType;
use crate::api::automation::webhooks::WebhookRow;
use crate::api::runs::pipeline_runs::RunRow;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::runs::pipelines::PipelineRow;
use crate::framework::{Answer, Context, or_taken, refuse_taken_name, require, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::TaggedBody;
use crate::http::values::JsonObject;
use crate::intake::Provider;
use crate::store::{Id, Timestamp, Transaction, Words};

/// What is kept of what a type adds.
pub(super) struct Kept {
    pub configuration: String,
    pub next_occurrence: Option<Timestamp>,
    pub source_entity: Option<String>,
    pub target_events: Option<String>,
    /// What has to be there, in the trigger's project.
    source: Option<(SourceType, Id)>,
}

impl Kept {
    /// Of settings, for a trigger of that webhook's, if it is one of a webhook's.
    pub(super) async fn of(cx: &Context, settings: &Settings, webhook: Option<Id>) -> ApiResult<Self> {
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

    pub(super) async fn require_source(&self, tx: &mut Transaction, project: Id) -> ApiResult<()> {
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
) -> Answer<TriggerRow> {
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
