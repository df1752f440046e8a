//! Service connectors: how stacks sign in to what they use.

mod access;
mod answers;
mod client;
mod create;
mod filters;
mod full_stack;
mod resources;
mod rules;
mod secrets;
mod target;
mod update;
mod verify;

use axum::Json;

use crate::auth::access::Also;
use crate::auth::kind::Kind;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{Answer, Answers, Context, Loader, Owner, Resource, Routes, delete, find_in};
use crate::http::error::ApiResult;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Base64Json, Id, Timestamp, Transaction, row};

use access::{shows_secrets, shows_secrets_of};
pub(crate) use answers::{ServiceConnectorBody, ServiceConnectorMetadata, answer_about};
pub(crate) use create::{CreatedFrom, NewConnector, insert};
pub(crate) use full_stack::ConnectorInfo;
pub(crate) use rules::{Connectable, find_to_link};
pub(crate) use update::change_settings;

/// A token for some projects needs what the stacks of its pipelines need. What a piece of work may use is what its stack
/// has, so that it changes neither.
pub(crate) const KIND: Kind =
    Kind::new("service_connectors").within_projects(&[Verb::Read, Verb::Use, Verb::Secrets]).administration();
/// What an answer shows besides, to whoever may see it.
const SECRETS: [Also; 1] = [Also::met(access::SEE_SECRETS, "the secrets in it")];
pub(crate) const CREATE: Permission = KIND.to(Verb::Create);
/// Who gives a connector to a component lets it be used by whatever runs there.
pub(crate) const LINK: Permission = access::USE;
/// What a route may do besides that connects components.
pub(crate) const LINKED: [Also; 1] = [Also::met(LINK, "a service connector")];
/// The same of one that makes connectors, too.
pub(crate) const PARTS: [Also; 2] = [LINKED[0], Also::met(CREATE, "a new service connector")];
/// The second is an older path; connectors are of no project, and as in ZenML the one in the path needn't be there.
const CONNECTORS: [&str; 2] =
    ["/api/v1/service_connectors", "/api/v1/workspaces/{project_name_or_id}/service_connectors"];
const CONNECTOR: &str = "/api/v1/service_connectors/{connector_id}";
const VERIFY: &str = "/api/v1/service_connectors/verify";
const VERIFY_ONE: &str = "/api/v1/service_connectors/{connector_id}/verify";
const CLIENT: &str = "/api/v1/service_connectors/{connector_id}/client";
const RESOURCES: [&str; 2] =
    ["/api/v1/service_connectors/resources", "/api/v1/workspaces/{project_name_or_id}/resources"];
const FULL_STACK: &str = "/api/v1/service_connectors/full_stack_resources";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(CONNECTORS, create::create_connector)
        .secret()
        .also(&SECRETS)
        .get(CONNECTORS, filters::list_connectors)
        .secret()
        .also(&SECRETS)
        .get(CONNECTOR, get_connector)
        .secret()
        .also(&SECRETS)
        .put(CONNECTOR, update::update_connector)
        .secret()
        .also(&SECRETS)
        .delete(CONNECTOR, delete::<ServiceConnectorRow>)
        .post(VERIFY, verify::verify_new)
        .needs(access::USE)
        .secret()
        .put(VERIFY_ONE, verify::verify_kept)
        .needs(access::USE)
        .get(CLIENT, client::get_client)
        .needs(access::USE)
        .secret()
        .get(RESOURCES, resources::list_resources)
        .needs(access::USE)
        .post(FULL_STACK, full_stack::get_resources)
        .needs(access::USE)
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
    type Resources = Owner;

    /// Without the secrets.
    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        answers::responses(loader, rows, None).await
    }

    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        let connector = find_in::<Self>(tx, id).await?;
        rules::delete(tx, &connector).await
    }
}

async fn get_connector(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> Answer<ServiceConnectorRow> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    let expand = query.flag("expand_secrets");
    query.finish()?;
    let connector = cx.find::<ServiceConnectorRow>(id).await?;
    let secrets = shows_secrets_of(&cx, &connector, expand).await?;
    answers::answer_of(&cx, connector, hydrate, secrets).await.map(Json)
}
