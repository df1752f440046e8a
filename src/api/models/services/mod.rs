//! Services: what a model deployer keeps running to serve a model. The server keeps what is said of them.

mod configuration;
mod create;
mod of_versions;
mod update;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::model_versions::ModelVersionRow;
use crate::accounts::users::UserResponse;
use crate::api::runs::pipeline_runs::RunRow;
use crate::auth::kind::Kind;
use crate::framework::{Answers, Loader, Resource, Response, ResponseOf, Routes, delete, get, list, pick};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::values::JsonObject;
use crate::store::{Base64Json, Id, JsonText, Word, Words, row};

pub(crate) use of_versions::{Services, none, of_versions};

pub(crate) const KIND: Kind = Kind::new("services").in_project();
const SERVICES: &str = "/api/v1/services";
const SERVICES_OF_PROJECT: &str = "/api/v1/workspaces/{project_name_or_id}/services";
const SERVICE: &str = "/api/v1/services/{service_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(SERVICES, create::create_service)
        .post(SERVICES_OF_PROJECT, create::create_service)
        .get(SERVICES, list::<ServiceRow>)
        .get(SERVICE, get::<ServiceRow>)
        .put(SERVICE, update::update_service)
        .delete(SERVICE, delete::<ServiceRow>)
}

row! {
    pub struct ServiceRow in "service" {
        pub id: Id,
        pub name: String,
        model_version_id: Option<Id>,
        pipeline_run_id: Option<Id>,
    }
    body ServiceBody: in_project {
        service_type: JsonText,
        labels: Option<Base64Json>,
        state: Option<Word<ServiceState>>,
    }
    metadata ServiceMetadata {
        service_source: Option<String>,
        admin_state: Option<Word<ServiceState>>,
        config: Base64Json,
        status: Option<Base64Json>,
        endpoint: Option<Base64Json>,
        prediction_url: Option<String>,
        health_check_url: Option<String>,
    }
}

/// What a service does, or is to do (contract schema ServiceState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, EnumString, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ServiceState {
    Inactive,
    Active,
    PendingStartup,
    PendingShutdown,
    Error,
    ScaledToZero,
}

impl Listed for ServiceRow {
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::text("name"),
            Field::text("type"),
            Field::text("flavor"),
            Field::text("pipeline_name"),
            Field::text("pipeline_step_name"),
            // It narrows nothing, as in ZenML.
            Field::switch("running", |_| None),
            Field::reference("model_version_id", "model_version_id"),
            Field::reference("pipeline_run_id", "pipeline_run_id"),
        ],
    ];
}

#[derive(Debug, Serialize)]
pub(crate) struct ServiceResources {
    user: Option<Arc<UserResponse>>,
    pipeline_run: Option<Arc<ResponseOf<RunRow>>>,
    model_version: Option<Arc<ResponseOf<ModelVersionRow>>>,
}

impl Resource for ServiceRow {
    const NAME: &'static str = "service";
    type Body = ServiceBody;
    type Metadata = ServiceMetadata;
    type Resources = ServiceResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let related = |of: fn(&Self) -> Option<Id>| rows.iter().filter(|_| loader.resources).map(of);
        let users = loader.users(related(|row| row.body.user_id)).await?;
        let runs = loader.embed::<RunRow>(related(|row| row.pipeline_run_id)).await?;
        let versions = loader.embed::<ModelVersionRow>(related(|row| row.model_version_id)).await?;
        let response = |row: Self| {
            let resources = loader.resources(|| ServiceResources {
                user: pick(&users, row.body.user_id),
                pipeline_run: pick(&runs, row.pipeline_run_id),
                model_version: pick(&versions, row.model_version_id),
            });
            Response::named(row.id, row.name, row.body, loader.metadata(|| row.metadata), resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

/// What a service's status says of its state.
///
/// # Errors
/// 422 for a state that there isn't: no client could read it again.
fn state_of(status: &JsonObject) -> ApiResult<Option<&'static str>> {
    #[derive(Deserialize)]
    struct Status {
        state: Option<ServiceState>,
    }
    match serde_json::from_str::<Status>(status.as_str()) {
        Ok(Status { state }) => Ok(state.map(ServiceState::as_str)),
        Err(_) => {
            let states = ServiceState::VARIANTS.join(", ");
            Err(ApiError::unprocessable(format!("status.state: Input should be one of {states}")))
        }
    }
}

/// What is kept of an object: nothing of an empty one, as in ZenML.
fn stored(object: &JsonObject) -> Option<Vec<u8>> {
    let is_empty = object.as_str()[1..].trim_start().starts_with('}');
    (!is_empty).then(|| Base64Json::stored(Some(object.as_str())))
}
