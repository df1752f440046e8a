//! Service connectors: how stacks sign in to what they use.

mod answers;
mod create;
mod filters;
mod full_stack;
mod rules;
mod secrets;
mod update;

use axum::Json;

use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::routes::Routes;
use crate::framework::{Context, Loader, Resource, ResponseOf, delete, find_in};
use crate::http::error::ApiResult;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Base64Json, Id, Timestamp, Transaction, row};

pub(crate) use answers::{ServiceConnectorBody, ServiceConnectorMetadata, answer_about};
pub(crate) use create::{NewConnector, SentType, checked, insert};
pub(crate) use rules::{Connectable, require_connectable};
pub(crate) use secrets::{ConnectorWithSecrets, find_with_secrets, with_secrets};

pub(crate) const KIND: Kind = Kind::new("service_connectors");
const CONNECTORS: &str = "/api/v1/service_connectors";
/// An older path; connectors are of no project, and as in ZenML the one in the path needn't be there.
const CONNECTORS_OF_PROJECT: &str = "/api/v1/workspaces/{project_name_or_id}/service_connectors";
const CONNECTOR: &str = "/api/v1/service_connectors/{connector_id}";
const FULL_STACK: &str = "/api/v1/service_connectors/full_stack_resources";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(CONNECTORS, create::create_connector)
        .secret()
        .get(CONNECTORS, filters::list_connectors)
        .secret()
        .post(CONNECTORS_OF_PROJECT, create::create_connector)
        .secret()
        .get(CONNECTORS_OF_PROJECT, filters::list_connectors)
        .secret()
        .get(CONNECTOR, get_connector)
        .secret()
        .put(CONNECTOR, update::update_connector)
        .secret()
        .delete(CONNECTOR, delete::<ServiceConnectorRow>)
        .post(FULL_STACK, full_stack::get_resources)
        .needs(KIND.to(Verb::Read))
        .secret()
}

row! {
    pub struct ServiceConnectorRow in "service_connector" {
        pub id: Id,
        pub name: String,
        pub connector_type: Option<String>,
        /// What holds the secrets.
        pub secret_id: Option<Id>,
    }
    body ConnectorColumns: owned {
        pub description: String,
        pub auth_method: Option<String>,
        /// A list of texts.
        pub resource_types: Base64Json,
        pub resource_id: Option<String>,
        pub supports_instances: bool,
        pub expires_at: Option<Timestamp>,
        pub expires_skew_tolerance: Option<i64>,
    }
    metadata ConnectorSettings {
        /// Without what is secret.
        pub configuration: Option<Base64Json>,
        pub expiration_seconds: Option<i64>,
        pub labels: Option<Base64Json>,
    }
}

impl ServiceConnectorRow {
    /// The word of its type.
    pub(crate) fn kind(&self) -> &str {
        self.connector_type.as_deref().unwrap_or_default()
    }

    /// The word of its method.
    pub(crate) fn method(&self) -> &str {
        self.body.auth_method.as_deref().unwrap_or_default()
    }

    /// The words of what it reaches.
    pub(crate) fn resource_types(&self) -> Vec<String> {
        let words = self.body.resource_types.0.as_deref();
        words.and_then(|json| serde_json::from_str(json.get()).ok()).unwrap_or_default()
    }
}

impl Resource for ServiceConnectorRow {
    const NAME: &'static str = "service connector";
    type Body = ServiceConnectorBody;
    type Metadata = ServiceConnectorMetadata;
    type Resources = crate::framework::Owner;

    /// Without the secrets.
    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        answers::responses(loader, rows, None).await
    }

    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        let connector = find_in::<Self>(tx, id).await?;
        rules::delete(tx, &connector).await
    }
}

/// Whether an answer shows secrets: unless the caller doesn't want them.
pub(crate) fn shows_secrets(_cx: &Context, asked: Option<bool>) -> bool {
    asked.unwrap_or(true)
}

async fn get_connector(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<ResponseOf<ServiceConnectorRow>>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    let expand = query.flag("expand_secrets");
    query.finish()?;
    answer_about(&cx, id, hydrate, shows_secrets(&cx, expand)).await.map(Json)
}
