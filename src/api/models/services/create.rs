//! New services.

use serde::Deserialize;

use super::configuration::Configuration;
use super::{ServiceRow, ServiceState, state_of, stored};
use crate::api::models::model_versions::ModelVersionRow;
use crate::api::runs::pipeline_runs::RunRow;
use crate::framework::{Answer, Context, NamedProject, require, require_project};
use crate::http::contract::modelled;
use crate::http::json::ModelBody;
use crate::http::values::{JsonObject, LongText, ShortText};
use crate::store::{Id, Words};

/// Writers of services take turns, so that no two have the same configuration.
const TURN: &str = "services";

#[derive(Debug, Deserialize)]
pub(super) struct ServiceRequest {
    project: Id,
    name: ShortText,
    service_type: ServiceType,
    service_source: Option<LongText>,
    admin_state: Option<ServiceState>,
    config: JsonObject,
    labels: Option<JsonObject>,
    status: Option<JsonObject>,
    endpoint: Option<JsonObject>,
    prediction_url: Option<LongText>,
    health_check_url: Option<LongText>,
    model_version_id: Option<Id>,
    pipeline_run_id: Option<Id>,
}

modelled!(ServiceRequest);

/// What serves how: the whole of it is kept, and two of its parts once more to be filtered by.
#[derive(Debug, Deserialize)]
#[serde(try_from = "JsonObject")]
struct ServiceType {
    whole: JsonObject,
    parts: Parts,
}

#[derive(Debug, Deserialize)]
struct Parts {
    r#type: LongText,
    flavor: LongText,
}

impl TryFrom<JsonObject> for ServiceType {
    type Error = serde_json::Error;

    fn try_from(whole: JsonObject) -> Result<Self, Self::Error> {
        Ok(Self { parts: serde_json::from_str(whole.as_str())?, whole })
    }
}

pub(super) async fn create_service(
    cx: Context,
    project: NamedProject,
    ModelBody(request): ModelBody<ServiceRequest>,
) -> Answer<ServiceRow> {
    let project = project.or(&cx, request.project).await?;
    let configuration = Configuration::read(&request.config)?;
    let state = request.status.as_ref().map(state_of).transpose()?.flatten();
    let id = cx.new_id();
    let (context, request, configuration) = (&cx, &request, &configuration);
    cx.create_row::<ServiceRow, _, _>(|mut tx| async move {
        tx.lock(TURN).await?;
        require_project(&mut tx, project).await?;
        configuration.refuse_taken(&mut tx, project, request.name.as_str()).await?;
        require::<ModelVersionRow>(&mut tx, request.model_version_id, project).await?;
        require::<RunRow>(&mut tx, request.pipeline_run_id, project).await?;
        let kept = |object: &Option<JsonObject>| object.as_ref().and_then(stored);
        context
            .insert("service", id)
            .set("name", request.name.as_str())
            .set("project_id", project)
            .set("service_source", request.service_source.clone())
            .set("service_type", request.service_type.whole.clone())
            .set("type", request.service_type.parts.r#type.clone())
            .set("flavor", request.service_type.parts.flavor.clone())
            .set("admin_state", request.admin_state.map(ServiceState::as_str))
            .set("state", state)
            .set("labels", kept(&request.labels))
            .set("config", configuration.kept.clone())
            .set("status", kept(&request.status))
            .set("endpoint", kept(&request.endpoint))
            .set("prediction_url", request.prediction_url.clone().filter(|url| !url.as_str().is_empty()))
            .set("health_check_url", request.health_check_url.clone())
            .set("pipeline_name", configuration.pipeline_name.clone())
            .set("pipeline_step_name", configuration.pipeline_step_name.clone())
            .set("model_version_id", request.model_version_id)
            .set("pipeline_run_id", request.pipeline_run_id)
            .run(&mut tx)
            .await?;
        Ok((tx, id))
    })
    .await
}
