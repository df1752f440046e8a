//! Stack components: one configured tool of a stack.

pub mod configuration;
pub mod writes;

use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::flavors::{self, FlavorRow};
use super::secrets::{self, Linkable, linked_secrets};
use crate::accounts::users::UserResponse;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::routes::Routes;
use crate::framework::{Context, Read, Resource, Response, ResponseOf, get, list};
use crate::http::error::ApiResult;
use crate::http::filter::{Field, FieldKind, Filter, Related};
use crate::http::json::empty_object;
use crate::http::list::Listed;
use crate::row;
use crate::store::{Base64Json, Id, Timestamp, Transaction};

pub const KIND: Kind = Kind::new("components");
const COMPONENTS: &str = "/api/v1/components";
/// An older path; components are of no project.
const COMPONENTS_OF_PROJECT: &str = "/api/v1/workspaces/{project_name_or_id}/components";
const COMPONENT: &str = "/api/v1/components/{component_id}";

pub fn routes() -> Routes {
    Routes::of(KIND)
        .post(COMPONENTS, writes::create_component)
        .also(&secrets::LINKED)
        .get(COMPONENTS, list::<ComponentRow>)
        .post(COMPONENTS_OF_PROJECT, writes::create_component)
        .also(&secrets::LINKED)
        .get(COMPONENTS_OF_PROJECT, list::<ComponentRow>)
        .get(COMPONENT, get::<ComponentRow>)
        .put(COMPONENT, writes::update_component)
        .also(&secrets::LINKED)
        .delete(COMPONENT, writes::delete_component)
        .get("/api/v1/component-types", component_types)
        .needs(Kind::new("component-types").to(Verb::Read))
}

/// Kinds of component (contract schema StackComponentType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentType {
    Alerter,
    Annotator,
    ArtifactStore,
    ContainerRegistry,
    DataValidator,
    ExperimentTracker,
    FeatureStore,
    ImageBuilder,
    LogStore,
    ModelDeployer,
    Orchestrator,
    StepOperator,
    ModelRegistry,
    Deployer,
    Sandbox,
}

/// Their words, in the contract's order.
pub const TYPES: &[&str] = &[
    "alerter",
    "annotator",
    "artifact_store",
    "container_registry",
    "data_validator",
    "experiment_tracker",
    "feature_store",
    "image_builder",
    "log_store",
    "model_deployer",
    "orchestrator",
    "step_operator",
    "model_registry",
    "deployer",
    "sandbox",
];

impl ComponentType {
    pub fn word(self) -> &'static str {
        TYPES[self as usize]
    }

    pub fn of_word(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }

    /// Whether a stack may have several.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::Alerter | Self::ExperimentTracker | Self::StepOperator | Self::Sandbox)
    }
}

row! {
    pub struct ComponentRow in "stack_component" {
        pub id: Id,
        pub created: Timestamp,
        pub updated: Timestamp,
        pub name: String,
        pub r#type: String,
        pub flavor: String,
        pub configuration: Base64Json,
        pub labels: Option<Base64Json>,
        pub environment: Option<Base64Json>,
        pub user_id: Option<Id>,
        pub connector_id: Option<Id>,
        pub connector_resource_id: Option<String>,
    }
}

const STACK: Related = Related {
    column: "id",
    rows: || Sql::select().column(("stack_composition", "component_id")).from("stack_composition").to_owned(),
    fields: &[(("stack_composition", "stack_id"), FieldKind::Id)],
};

impl Listed for ComponentRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::always("scope_type", of_type),
        Field::text("name"),
        Field::text("flavor"),
        Field::word("type", TYPES),
        Field::reference("connector_id", "connector_id"),
        Field::related("stack_id", STACK),
    ];
}

/// Components of the type that a page is about: a word, without an operator.
fn of_type(filter: &Filter<'_>) -> ApiResult<SimpleExpr> {
    Ok(Expr::col("type").eq(filter.text()))
}

#[derive(Debug, Serialize)]
pub struct ComponentBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    pub r#type: String,
    flavor_name: String,
    integration: Option<String>,
    logo_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct ComponentMetadata {
    configuration: Box<RawValue>,
    environment: Box<RawValue>,
    secrets: Vec<Id>,
    labels: Option<Box<RawValue>>,
    connector_resource_id: Option<String>,
    /// None: the answers about service connectors are not made yet.
    connector: Option<()>,
}

#[derive(Debug, Serialize)]
pub struct ComponentResources {
    user: Option<Arc<UserResponse>>,
    flavor: Option<Arc<ResponseOf<FlavorRow>>>,
}

impl Resource for ComponentRow {
    const NAME: &'static str = "stack component";
    type Body = ComponentBody;
    type Metadata = ComponentMetadata;
    type Resources = ComponentResources;

    async fn responses(read: &Read<'_>, rows: Vec<Self>) -> ApiResult<Vec<ResponseOf<Self>>> {
        let users = read.users(rows.iter().map(|row| row.user_id)).await?;
        let kinds = rows.iter().map(|row| (row.flavor.as_str(), row.r#type.as_str()));
        let flavors = flavors::of_components(read, kinds).await?;
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let mut secrets = linked_secrets(read, Linkable::StackComponent, &ids).await?;
        let response = |row: Self| {
            let flavor = flavors.get(&(row.flavor.clone(), row.r#type.clone()));
            let of_flavor = flavor.and_then(|flavor| flavor.body.as_ref());
            let body = ComponentBody {
                created: row.created,
                updated: row.updated,
                user_id: row.user_id,
                r#type: row.r#type,
                flavor_name: row.flavor,
                integration: of_flavor.and_then(|flavor| flavor.integration.clone()),
                logo_url: of_flavor.and_then(|flavor| flavor.logo_url.clone()),
            };
            let metadata = read.metadata(|| ComponentMetadata {
                configuration: row.configuration.0.unwrap_or_else(empty_object),
                environment: row.environment.and_then(|json| json.0).unwrap_or_else(empty_object),
                secrets: secrets.remove(&row.id).unwrap_or_default(),
                labels: row.labels.and_then(|json| json.0),
                connector_resource_id: row.connector_resource_id,
                connector: None,
            });
            let resources = read.resources(|| ComponentResources {
                user: row.user_id.and_then(|id| users.get(&id).cloned()),
                flavor: flavor.cloned(),
            });
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        writes::delete(tx, id).await
    }
}

/// The kinds of component that there are.
async fn component_types(_: Context) -> ApiResult<Json<&'static [&'static str]>> {
    Ok(Json(TYPES))
}
