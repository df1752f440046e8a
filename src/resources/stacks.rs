//! Stacks: which components a pipeline runs on.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::FromRow;

use super::users::{UserResponse, UserRow, find_accounts};
use crate::app::AppState;
use crate::auth::Principal;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::filter::{Field, FieldKind, Related};
use crate::http::list::{ListRequest, Listed, Page};
use crate::http::path::PathId;
use crate::http::query::Query;
use crate::http::routes::Routes;
use crate::store::{Base64Json, Id, Store, StoreError, Timestamp};

#[derive(Debug, FromRow)]
pub struct StackRow {
    id: Id,
    created: Timestamp,
    updated: Timestamp,
    name: String,
    description: Option<String>,
    stack_spec_path: Option<String>,
    labels: Option<Base64Json>,
    environment: Option<Base64Json>,
    user_id: Option<Id>,
}

const COMPONENT: Related = Related {
    column: "id",
    rows: || {
        Sql::select()
            .column(("stack_composition", "stack_id"))
            .from("stack_composition")
            .inner_join(
                "stack_component",
                Expr::col(("stack_component", "id")).equals(("stack_composition", "component_id")),
            )
            .to_owned()
    },
    fields: &[(("stack_component", "id"), FieldKind::Id), (("stack_component", "name"), FieldKind::Text)],
};
const COMPONENT_ID: Related = Related { fields: &[(("stack_component", "id"), FieldKind::Id)], ..COMPONENT };

impl Listed for StackRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::text("name"),
        Field::text("description"),
        Field::related("component_id", COMPONENT_ID),
        Field::related("component", COMPONENT),
    ];
}

#[derive(Debug, Serialize)]
pub struct StackResponse {
    body: Option<StackResponseBody>,
    metadata: Option<StackResponseMetadata>,
    resources: Option<StackResponseResources>,
    id: Id,
    permission_denied: bool,
    name: String,
}

#[derive(Debug, Serialize)]
pub struct StackResponseBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub struct StackResponseMetadata {
    components: BTreeMap<String, Vec<ComponentResponse>>,
    description: Option<String>,
    stack_spec_path: Option<String>,
    environment: Box<RawValue>,
    secrets: Vec<Id>,
    labels: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
pub struct StackResponseResources {
    user: Option<UserResponse>,
}

/// A component as its stack shows it.
#[derive(Debug, Serialize)]
pub struct ComponentResponse {
    body: Option<ComponentResponseBody>,
    metadata: Option<()>,
    resources: Option<()>,
    id: Id,
    permission_denied: bool,
    name: String,
}

/// Kinds of component (contract schema StackComponentType).
#[allow(dead_code, reason = "only its schema is used: the store's word goes out as it is")]
pub enum StackComponentType {
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

#[derive(Debug, Serialize)]
pub struct ComponentResponseBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    r#type: String,
    flavor_name: String,
    integration: Option<String>,
    logo_url: Option<String>,
}

/// A component of a stack, with what its flavor says of it.
#[derive(Debug, FromRow)]
struct ComponentOfStackRow {
    stack_id: Id,
    id: Id,
    created: Timestamp,
    updated: Timestamp,
    name: String,
    r#type: String,
    flavor: String,
    user_id: Option<Id>,
    integration: Option<String>,
    logo_url: Option<String>,
}

impl ComponentOfStackRow {
    fn response(self) -> ComponentResponse {
        ComponentResponse {
            body: Some(ComponentResponseBody {
                created: self.created,
                updated: self.updated,
                user_id: self.user_id,
                r#type: self.r#type,
                flavor_name: self.flavor,
                integration: self.integration,
                logo_url: self.logo_url,
            }),
            metadata: None,
            resources: None,
            id: self.id,
            permission_denied: false,
            name: self.name,
        }
    }
}

fn select() -> SelectStatement {
    Sql::select()
        .columns([
            "id",
            "created",
            "updated",
            "name",
            "description",
            "stack_spec_path",
            "labels",
            "environment",
            "user_id",
        ])
        .from("stack")
        .to_owned()
}

/// The answers for a page of stacks: each kind of related thing is loaded once, whatever the page's size.
async fn responses(
    store: &Store,
    rows: Vec<StackRow>,
    hydrate: bool,
) -> Result<Vec<StackResponse>, StoreError> {
    let owners: Vec<Id> = rows.iter().filter_map(|row| row.user_id).collect();
    let owners = find_accounts(store, &owners).await?;
    let mut details = if hydrate { Some(Details::load(store, &rows).await?) } else { None };
    Ok(rows.into_iter().map(|row| response(row, &owners, details.as_mut())).collect())
}

/// What only a hydrated answer needs.
struct Details {
    components: BTreeMap<Id, Vec<ComponentOfStackRow>>,
    secrets: BTreeMap<Id, Vec<Id>>,
}

impl Details {
    async fn load(store: &Store, rows: &[StackRow]) -> Result<Self, StoreError> {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        let mut details = Self { components: BTreeMap::new(), secrets: BTreeMap::new() };
        if ids.is_empty() {
            return Ok(details);
        }
        for row in store.fetch_all::<ComponentOfStackRow>(&select_components(&ids)).await? {
            details.components.entry(row.stack_id).or_default().push(row);
        }
        for (stack, secret) in store.fetch_all::<(Id, Id)>(&select_secrets(&ids)).await? {
            details.secrets.entry(stack).or_default().push(secret);
        }
        Ok(details)
    }
}

fn select_components(stacks: &[Id]) -> SelectStatement {
    let component = |column: &'static str| ("stack_component", column);
    Sql::select()
        .column(("stack_composition", "stack_id"))
        .columns(["id", "created", "updated", "name", "type", "flavor", "user_id"].map(component))
        .columns(["integration", "logo_url"].map(|column| ("flavor", column)))
        .from("stack_composition")
        .inner_join(
            "stack_component",
            Expr::col(("stack_component", "id")).equals(("stack_composition", "component_id")),
        )
        .left_join(
            "flavor",
            Expr::col(("flavor", "name"))
                .equals(("stack_component", "flavor"))
                .and(Expr::col(("flavor", "type")).equals(("stack_component", "type"))),
        )
        .and_where(Expr::col(("stack_composition", "stack_id")).is_in(stacks.iter().copied()))
        .order_by(("stack_component", "created"), sea_query::Order::Asc)
        .to_owned()
}

fn select_secrets(stacks: &[Id]) -> SelectStatement {
    Sql::select()
        .columns(["resource_id", "secret_id"])
        .from("secret_resource")
        .and_where(Expr::col("resource_type").eq("stack"))
        .and_where(Expr::col("resource_id").is_in(stacks.iter().copied()))
        .to_owned()
}

fn response(row: StackRow, owners: &[UserRow], details: Option<&mut Details>) -> StackResponse {
    let owner = owners.iter().find(|owner| Some(owner.id) == row.user_id);
    let metadata = details.map(|details| {
        let mut components: BTreeMap<String, Vec<ComponentResponse>> = BTreeMap::new();
        for component in details.components.remove(&row.id).unwrap_or_default() {
            components.entry(component.r#type.clone()).or_default().push(component.response());
        }
        StackResponseMetadata {
            components,
            description: row.description,
            stack_spec_path: row.stack_spec_path,
            environment: row.environment.and_then(|json| json.0).unwrap_or_else(super::empty_object),
            secrets: details.secrets.remove(&row.id).unwrap_or_default(),
            labels: row.labels.and_then(|json| json.0),
        }
    });
    StackResponse {
        body: Some(StackResponseBody { created: row.created, updated: row.updated, user_id: row.user_id }),
        metadata,
        resources: Some(StackResponseResources { user: owner.map(|owner| owner.response(false)) }),
        id: row.id,
        permission_denied: false,
        name: row.name,
    }
}

pub fn routes() -> Routes {
    Routes::new().get("/api/v1/stacks", list_stacks).get("/api/v1/stacks/{stack_id}", get_stack)
}

/// All stacks.
pub async fn list_stacks(
    State(app): State<AppState>,
    _: Principal,
    list: ListRequest<StackRow>,
) -> ApiResult<Json<Page<StackResponse>>> {
    let mut page = list.fetch(&app.store, &select()).await?;
    let items = responses(&app.store, std::mem::take(&mut page.items), list.hydrate).await?;
    Ok(Json(page.with_items(|_| items)))
}

/// One stack, by its id.
pub async fn get_stack(
    State(app): State<AppState>,
    _: Principal,
    PathId(id): PathId,
    mut query: Query,
) -> ApiResult<Json<StackResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let not_found = || {
        let message = format!("\"Unable to get stack with ID '{id}': No stack with this ID found\"");
        ApiError::new(ErrorKind::KeyError, message)
    };
    let stack: StackRow =
        app.store.fetch_optional(select().and_where(Expr::col("id").eq(id))).await?.ok_or_else(not_found)?;
    let stack = responses(&app.store, vec![stack], hydrate).await?.pop();
    Ok(Json(stack.ok_or_else(not_found)?))
}
