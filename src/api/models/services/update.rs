//! Changes of a service.

use serde::Deserialize;

use super::{ServiceRow, ServiceState, state_of, stored};
use crate::api::models::model_versions::ModelVersionRow;
use crate::framework::{Answer, Context, require};
use crate::http::contract::modelled;
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, LongText, ShortText};
use crate::store::{Id, Update, Words};

/// What is to change; null changes nothing, and an empty object takes away. What a service is, and of which run, stays.
#[derive(Debug, Deserialize)]
pub(super) struct ServiceUpdate {
    name: Option<ShortText>,
    admin_state: Option<ServiceState>,
    service_source: Option<LongText>,
    status: Option<JsonObject>,
    endpoint: Option<JsonObject>,
    prediction_url: Option<LongText>,
    health_check_url: Option<LongText>,
    labels: Option<JsonObject>,
    model_version_id: Option<Id>,
}

modelled!(ServiceUpdate);

pub(super) async fn update_service(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<ServiceUpdate>,
) -> Answer<ServiceRow> {
    let state = update.status.as_ref().map(state_of).transpose()?;
    let (now, update) = (cx.now(), &update);
    cx.change_row(id, |mut tx, service: ServiceRow| async move {
        require::<ModelVersionRow>(&mut tx, update.model_version_id, service.body.project_id).await?;
        let kept = |object: &Option<JsonObject>| object.as_ref().map(stored);
        let prediction_url =
            update.prediction_url.clone().map(|url| Some(url).filter(|url| !url.as_str().is_empty()));
        Update::of("service", id, now)
            .maybe("name", update.name.clone())
            .maybe("admin_state", update.admin_state.map(ServiceState::as_str))
            .maybe("service_source", update.service_source.clone())
            .maybe("state", state)
            .maybe("status", kept(&update.status))
            .maybe("endpoint", kept(&update.endpoint))
            .maybe("labels", kept(&update.labels))
            .maybe("prediction_url", prediction_url)
            .maybe("health_check_url", update.health_check_url.clone())
            .maybe("model_version_id", update.model_version_id)
            .run(&mut tx)
            .await?;
        Ok(tx)
    })
    .await
}
