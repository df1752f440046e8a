//! Stack components: one configured tool of a stack.

pub(crate) mod configuration;
pub(crate) mod create;
pub(crate) mod rules;
mod update;

use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};
use tokio::try_join;

use super::flavors::{self, FlavorRow};
use super::secrets::{self, Linkable, linked_secrets};
use super::service_connectors::{self, ServiceConnectorRow};
use crate::accounts::users::UserResponse;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{Answers, Context, Loader, Resource, Response, ResponseOf, Routes, get, list, pick};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED};
use crate::http::filter::Filter;
use crate::http::written::or_empty_object;
use crate::store::{Base64Json, Id, Transaction, Word, row};

/// Which connectors a piece of work may use is up to them.
pub(crate) const KIND: Kind = Kind::new("components").administration();
/// The second is an older path; components are of no project.
const COMPONENTS: [&str; 2] = ["/api/v1/components", "/api/v1/workspaces/{project_name_or_id}/components"];
const COMPONENT: &str = "/api/v1/components/{component_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(COMPONENTS, create::create_component)
        .also(&secrets::LINKED)
        .also(&service_connectors::LINKED)
        .get(COMPONENTS, list::<ComponentRow>)
        .get(COMPONENT, get::<ComponentRow>)
        .put(COMPONENT, update::update_component)
        .also(&secrets::LINKED)
        .also(&service_connectors::LINKED)
        .delete(COMPONENT, rules::delete_component)
        .get("/api/v1/component-types", component_types)
        .needs(Kind::new("component-types").to(Verb::Read))
}

/// Kinds of component (contract schema StackComponentType).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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

impl ComponentType {
    /// Whether a stack may have several.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::Alerter | Self::ExperimentTracker | Self::StepOperator | Self::Sandbox)
    }
}

row! {
    pub struct ComponentRow in "stack_component" {
        pub id: Id,
        pub name: String,
        pub connector_id: Option<Id>,
    }
    body ComponentColumns: owned {
        pub r#type: Word<ComponentType>,
        #[serde(rename = "flavor_name")]
        pub flavor: String,
    }
    metadata ComponentSettings {
        #[serde(serialize_with = "or_empty_object")]
        pub configuration: Option<Base64Json>,
        labels: Option<Base64Json>,
        #[serde(serialize_with = "or_empty_object")]
        environment: Option<Base64Json>,
        connector_resource_id: Option<String>,
    }
}

const STACK: Related = Related {
    column: "id",
    rows: || Sql::select().column(("stack_composition", "component_id")).from("stack_composition").to_owned(),
    fields: &[(("stack_composition", "stack_id"), FieldKind::Id)],
};

impl Listed for ComponentRow {
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::always("scope_type", of_type),
            Field::text("name"),
            Field::text("flavor"),
            Field::word("type"),
            Field::reference("connector_id", "connector_id"),
            Field::related("stack_id", STACK),
        ],
    ];
}

/// Components of the type that a page is about: a word, without an operator.
fn of_type(filter: &Filter<'_>) -> ApiResult<SimpleExpr> {
    Ok(Expr::col("type").eq(filter.text()))
}

#[derive(Debug, Serialize)]
pub(crate) struct ComponentBody {
    #[serde(flatten)]
    pub columns: ComponentColumns,
    integration: Option<String>,
    logo_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ComponentMetadata {
    #[serde(flatten)]
    settings: ComponentSettings,
    secrets: Vec<Id>,
    connector: Option<Arc<ResponseOf<ServiceConnectorRow>>>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ComponentResources {
    user: Option<Arc<UserResponse>>,
    flavor: Option<Arc<ResponseOf<FlavorRow>>>,
}

impl Resource for ComponentRow {
    const NAME: &'static str = "stack component";
    type Body = ComponentBody;
    type Metadata = ComponentMetadata;
    type Resources = ComponentResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let used = rows.iter().map(|row| row.connector_id.filter(|_| loader.metadata));
        let (users, flavors, mut secrets, connectors) = try_join!(
            loader.users(rows.iter().map(|row| row.body.user_id)),
            flavors::of_components(loader, rows.iter().map(|row| row.body.flavor.as_str())),
            linked_secrets(loader, Linkable::StackComponent, &ids),
            loader.embed::<ServiceConnectorRow>(used),
        )?;
        let response = |row: Self| {
            let flavor = flavors.get(&(row.body.flavor.clone(), row.body.r#type.clone()));
            let of_flavor = flavor.and_then(|flavor| flavor.body.as_ref());
            let resources = loader.resources(|| ComponentResources {
                user: pick(&users, row.body.user_id),
                flavor: flavor.cloned(),
            });
            let body = ComponentBody {
                columns: row.body,
                integration: of_flavor.and_then(|flavor| flavor.integration.clone()),
                logo_url: of_flavor.and_then(|flavor| flavor.logo_url.clone()),
            };
            let metadata = loader.metadata(|| ComponentMetadata {
                settings: row.metadata,
                secrets: secrets.remove(&row.id).unwrap_or_default(),
                connector: pick(&connectors, row.connector_id),
            });
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }

    async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
        rules::delete(tx, id).await
    }
}

/// The kinds of component that there are.
async fn component_types(_: Context) -> ApiResult<Json<&'static [&'static str]>> {
    Ok(Json(ComponentType::VARIANTS))
}
