//! Making, changing and deleting stacks.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::StackRow;
use crate::accounts::server;
use crate::api::stacks::components::writes::{NewComponent, TURN};
use crate::api::stacks::components::{ComponentRow, ComponentType, configuration, writes as components};
use crate::api::stacks::flavors;
use crate::api::stacks::secrets::{Linkable, SecretNames, change_links, unlink_all};
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::{
    Context, Resource, ResponseOf, delete_row, find_in, not_found, or_taken, refuse_taken_name,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{
    InOrder, JsonObject, Name, ShortText, TextObject, TextOr, at_most, check_name, nullable,
};
use crate::store::{
    Base64Json, Id, InIds, Insert, Stored, Timestamp, Transaction, Update, Words, is_duplicate,
};

const CREATE_COMPONENT: Permission = crate::api::stacks::components::KIND.to(Verb::Create);
/// What a route may do besides to make a stack.
pub(super) const PARTS: [Also; 1] = [Also::met(CREATE_COMPONENT, "a new component")];

#[derive(Debug, Deserialize)]
pub(super) struct StackRequest {
    name: ShortText,
    #[serde(default)]
    description: ShortText,
    stack_spec_path: Option<String>,
    components: Components<Part>,
    environment: Option<TextObject>,
    #[serde(default)]
    secrets: SecretNames,
    labels: Option<JsonObject>,
    #[serde(default, deserialize_with = "at_most::<200, _, _>")]
    service_connectors: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StackUpdate {
    name: Option<Name>,
    #[serde(default, deserialize_with = "nullable")]
    description: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    stack_spec_path: Option<Option<String>>,
    components: Option<Components<Id>>,
    #[serde(default, deserialize_with = "nullable")]
    environment: Option<Option<TextObject>>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Option<Option<JsonObject>>,
    #[serde(default)]
    add_secrets: SecretNames,
    #[serde(default)]
    remove_secrets: SecretNames,
}

/// Components of one type in a stack: each takes some statements.
const MOST_PARTS: usize = 200;

/// The parts of a stack by their type: at least an orchestrator and an artifact store.
#[derive(Debug, Deserialize)]
#[serde(try_from = "InOrder<Vec<T>>", bound = "T: Deserialize<'de>")]
struct Components<T>(Vec<(ComponentType, Vec<T>)>);

impl<T> TryFrom<InOrder<Vec<T>>> for Components<T> {
    type Error = String;

    fn try_from(InOrder(fields): InOrder<Vec<T>>) -> Result<Self, Self::Error> {
        let mut by_type = Vec::new();
        for (word, parts) in fields {
            let kind: ComponentType =
                word.parse().map_err(|_| format!("There is no component type '{word}'"))?;
            if parts.len() > 1 && !kind.is_repeatable() {
                return Err(format!("Value error, a stack has one component of the type '{word}'"));
            }
            if parts.len() > MOST_PARTS {
                return Err(format!("Value error, a stack has at most {MOST_PARTS} components of a type"));
            }
            by_type.push((kind, parts));
        }
        let has = |kind| by_type.iter().any(|(known, parts)| *known == kind && !parts.is_empty());
        match has(ComponentType::Orchestrator) && has(ComponentType::ArtifactStore) {
            true => Ok(Self(by_type)),
            false => Err("Value error, a stack needs an orchestrator and an artifact store".to_owned()),
        }
    }
}

/// A part of a new stack: a component that is there, or one to be made with it.
#[derive(Debug, Deserialize)]
#[serde(from = "TextOr<Id, ComponentInfo>")]
enum Part {
    Existing(Id),
    New(ComponentInfo),
}

impl From<TextOr<Id, ComponentInfo>> for Part {
    fn from(part: TextOr<Id, ComponentInfo>) -> Self {
        match part {
            TextOr::Text(id) => Self::Existing(id),
            TextOr::Object(info) => Self::New(info),
        }
    }
}

#[derive(Debug, Deserialize)]
struct ComponentInfo {
    flavor: String,
    configuration: Option<JsonObject>,
    service_connector_index: Option<i64>,
}

/// Makes a stack, and those of its components that aren't there yet: all or nothing.
pub(super) async fn create_stack(
    cx: Context,
    JsonBody(request): JsonBody<StackRequest>,
) -> ApiResult<Json<ResponseOf<StackRow>>> {
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    let made = cx.create(|mut tx| async move {
        tx.lock(TURN).await?;
        refuse_connectors(&mut tx, request).await?;
        let name = request.name.as_str();
        let parts = components_of(context, &mut tx, request).await?;
        refuse_taken_name::<StackRow>(&mut tx, None, name, None).await?;
        let inserted = Insert::into("stack")
            .stamped(id, context.now())
            .set("name", name)
            .set("description", request.description.as_str())
            .set("stack_spec_path", request.stack_spec_path.clone())
            .set("labels", Base64Json::stored(Some(request.labels_or_none())))
            .set("environment", {
                let environment = request.environment.as_ref().map(TextObject::to_json);
                Base64Json::stored(environment.as_deref())
            })
            .set("user_id", context.user_id())
            .run(&mut tx)
            .await;
        inserted.map_err(or_taken::<StackRow>(name))?;
        compose(&mut tx, id, &parts).await?;
        let none = SecretNames::default();
        change_links(context, &mut tx, Linkable::Stack, id, &request.secrets, &none).await?;
        Ok((tx, (id, steps(&parts))))
    });
    let (id, steps) = made.await?;
    for step in steps {
        server::note_step(&cx.store, &step, cx.now()).await?;
    }
    cx.answer::<StackRow>(id).await.map(Json)
}

impl StackRequest {
    fn labels_or_none(&self) -> &str {
        self.labels.as_ref().map_or("{}", JsonObject::as_str)
    }
}

/// Components by the type under which they were named.
type Parts = Vec<(ComponentType, Vec<ComponentRow>)>;

/// The stack's components; those that aren't there are made.
async fn components_of(cx: &Context, tx: &mut Transaction, request: &StackRequest) -> ApiResult<Parts> {
    // First those that have to be there.
    for part in request.components.0.iter().flat_map(|(_, parts)| parts) {
        if let Part::Existing(id) = part {
            find_in::<ComponentRow>(tx, *id).await?;
        }
    }
    check_name("Stack", request.name.as_str())?;
    let mut by_type = Parts::new();
    for (kind, parts) in &request.components.0 {
        let mut rows = Vec::new();
        for part in parts {
            rows.push(match part {
                Part::Existing(id) => find_in::<ComponentRow>(tx, *id).await?,
                Part::New(info) => make(cx, tx, request, *kind, info).await?,
            });
        }
        by_type.push((*kind, rows));
    }
    Ok(by_type)
}

/// Makes a component of a new stack. It has the stack's name, with something after it when that is taken.
async fn make(
    cx: &Context,
    tx: &mut Transaction,
    request: &StackRequest,
    kind: ComponentType,
    info: &ComponentInfo,
) -> ApiResult<ComponentRow> {
    cx.require(CREATE_COMPONENT)?;
    let flavor = flavors::find_kind(tx, &info.flavor, kind.as_str()).await?.ok_or_else(|| {
        let message =
            format!("There is no flavor '{}' for the component type '{}'.", info.flavor, kind.as_str());
        ApiError::value(message)
    })?;
    let configuration = info.configuration.clone().unwrap_or_default();
    configuration::check(&flavor, &configuration)?;
    let mut name = request.name.as_str().to_owned();
    while components::find_named(tx, &name, kind.as_str()).await?.is_some() {
        name = format!("{}-{}", request.name.as_str(), cx.env.random.hex::<2>()).to_lowercase();
    }
    let component = NewComponent {
        name: &name,
        kind,
        flavor: &info.flavor,
        configuration: &configuration,
        labels: Some(request.labels_or_none()),
        environment: None,
        connector: None,
        connector_resource_id: None,
    };
    let id = components::insert(cx, tx, &component).await?;
    find_in::<ComponentRow>(tx, id).await
}

/// Service connectors can be made and linked once zendo has them.
async fn refuse_connectors(tx: &mut Transaction, request: &StackRequest) -> ApiResult<()> {
    let missing = || {
        let message = "Service connectors can't be made or linked together with a stack yet.";
        Err(ApiError::not_implemented(message))
    };
    for connector in &request.service_connectors {
        match serde_json::from_str::<Id>(connector.get()) {
            Ok(id) => components::require_connector(tx, Some(id)).await?,
            Err(_) => return missing(),
        }
    }
    for part in request.components.0.iter().flat_map(|(_, parts)| parts) {
        match part {
            Part::New(ComponentInfo { service_connector_index: Some(index), .. }) => {
                let count = i64::try_from(request.service_connectors.len()).unwrap_or(i64::MAX);
                if !(0..count).contains(index) {
                    let message = "There is no service connector with that number in the list.";
                    return Err(ApiError::invalid_request(message));
                }
                return missing();
            }
            Part::New(_) | Part::Existing(_) => {}
        }
    }
    Ok(())
}

/// Makes the components parts of the stack, the first of each type its default.
async fn compose(tx: &mut Transaction, stack: Id, parts: &Parts) -> ApiResult<()> {
    for (kind, components) in parts {
        for (number, component) in components.iter().enumerate() {
            let inserted = Insert::into("stack_composition")
                .set("stack_id", stack)
                .set("component_id", component.id)
                .set("default_for_type", (number == 0).then(|| kind.as_str()))
                .run(tx)
                .await;
            inserted.map_err(|error| match is_duplicate(&error) {
                true => {
                    let message = format!("The component '{}' is named twice.", component.name);
                    ApiError::value(message)
                }
                false => error.into(),
            })?;
        }
    }
    Ok(())
}

/// The first steps that are made with a stack that is more than local.
fn steps(parts: &Parts) -> Vec<String> {
    let has_remote = |kind: ComponentType, local: &[&str]| {
        let mut components = parts.iter().flat_map(|(_, components)| components);
        components.any(|component| {
            component.body.r#type == kind && !local.contains(&component.body.flavor.as_str())
        })
    };
    let mut steps = Vec::new();
    if has_remote(ComponentType::Orchestrator, &["local", "local_docker"]) {
        steps.push("stack_with_remote_orchestrator_created".to_owned());
    }
    if has_remote(ComponentType::ArtifactStore, &["local"]) {
        steps.push("stack_with_remote_artifact_store_created".to_owned());
    }
    steps
}

pub(super) async fn update_stack(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<StackUpdate>,
) -> ApiResult<Json<ResponseOf<StackRow>>> {
    let (context, update) = (&cx, &update);
    let updated = cx.store.write(|mut tx| async move {
        tx.lock(TURN).await?;
        let mut parts = Parts::new();
        for (kind, ids) in update.components.iter().flat_map(|components| &components.0) {
            parts.push((*kind, find_all(&mut tx, ids).await?));
        }
        let stack = find_in::<StackRow>(&mut tx, id).await?;
        refuse_default(&stack, "changed")?;
        let name = update.name.as_ref().map(Name::as_str);
        refuse_taken_name::<StackRow>(&mut tx, None, name, Some(id)).await?;
        let updated = update.change(id, context.now()).run(&mut tx).await;
        updated.map_err(or_taken::<StackRow>(name))?;
        if update.components.is_some() {
            let of_stack = Expr::col("stack_id").eq(id);
            tx.execute(&Sql::delete().from_table("stack_composition").and_where(of_stack).to_owned()).await?;
            compose(&mut tx, id, &parts).await?;
        }
        let (add, remove) = (&update.add_secrets, &update.remove_secrets);
        change_links(context, &mut tx, Linkable::Stack, id, add, remove).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    updated.await?;
    cx.answer::<StackRow>(id).await.map(Json)
}

/// The components with these ids, in their order.
async fn find_all(tx: &mut Transaction, ids: &[Id]) -> ApiResult<Vec<ComponentRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = ComponentRow::select().and_where(Expr::col("id").in_ids(ids.iter().copied())).to_owned();
    let rows: Vec<ComponentRow> = tx.fetch_all(&query).await?;
    let row = |id: &Id| {
        rows.iter().find(|row| row.id() == *id).cloned().ok_or_else(|| not_found::<ComponentRow>(*id))
    };
    ids.iter().map(row).collect()
}

impl StackUpdate {
    fn change(&self, id: Id, now: Timestamp) -> Update {
        let labels = self.labels.as_ref().map(|json| json.as_ref().map(JsonObject::as_str));
        let environment = self.environment.as_ref().map(|texts| texts.as_ref().map(TextObject::to_json));
        Update::of("stack", id, now)
            .maybe("name", self.name.clone())
            .maybe("description", self.description.clone())
            .maybe("stack_spec_path", self.stack_spec_path.clone())
            .maybe("labels", labels.map(Base64Json::stored))
            .maybe("environment", environment.map(|json| Base64Json::stored(json.as_deref())))
    }
}

/// Deletes a stack; its components stay.
///
/// # Errors
/// 403 for the default stack; the store's own.
pub(super) async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    let stack = find_in::<StackRow>(tx, id).await?;
    refuse_default(&stack, "deleted")?;
    unlink_all(tx, id).await?;
    delete_row::<StackRow>(tx, id).await
}

fn refuse_default(stack: &StackRow, change: &str) -> ApiResult<()> {
    if stack.name != "default" {
        return Ok(());
    }
    let message = format!("The default stack can't be {change}.");
    Err(ApiError::illegal(message))
}
