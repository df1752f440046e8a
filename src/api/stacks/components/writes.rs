//! Making, changing and deleting components.

use axum::Json;
use sea_query::{Expr, ExprTrait, Func, Query as Sql, SelectStatement};
use serde::Deserialize;

use super::{ComponentRow, ComponentType, configuration};
use crate::api::artifacts::store_files::{refuse_unregistered, takes_over};
use crate::api::stacks::flavors::{self, FlavorRow};
use crate::api::stacks::secrets::{Linkable, SecretNames, change_links, unlink_all};
use crate::framework::{Context, Resource, ResponseOf, delete_row, find_in};
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::http::values::{JsonObject, Name, ShortText, TextObject, check_name, nullable};
use crate::store::{Base64Json, Id, Timestamp, Transaction, Update, Words};

/// Writers of stacks and components take turns, so that no stack is made of a component that is being deleted.
pub(crate) const TURN: &str = "stacks";

/// A component's name: nothing that would be read as a secret's value.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ShortText")]
struct ComponentName(ShortText);

impl TryFrom<ShortText> for ComponentName {
    type Error = &'static str;

    fn try_from(name: ShortText) -> Result<Self, Self::Error> {
        match is_secret_reference(name.as_str()) {
            true => Err("Value error, a component's name can't be a reference to a secret"),
            false => Ok(Self(name)),
        }
    }
}

/// `{{ secret.key }}`
fn is_secret_reference(text: &str) -> bool {
    let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    inner.is_some_and(|inner| {
        let dot = inner.char_indices().skip(1).find(|(_, letter)| *letter == '.');
        !inner.contains(char::is_whitespace) && dot.is_some_and(|(at, _)| at + 1 < inner.len())
    })
}

#[derive(Debug, Deserialize)]
pub(crate) struct ComponentRequest {
    name: ComponentName,
    r#type: ComponentType,
    flavor: ShortText,
    configuration: JsonObject,
    labels: Option<JsonObject>,
    environment: Option<TextObject>,
    connector: Option<Id>,
    connector_resource_id: Option<String>,
    #[serde(default)]
    secrets: SecretNames,
}

/// What is to change. Without a connector the one that it had is taken away, as in ZenML.
#[derive(Debug, Deserialize)]
pub(crate) struct ComponentUpdate {
    name: Option<Name>,
    configuration: Option<JsonObject>,
    #[serde(default, deserialize_with = "nullable")]
    labels: Option<Option<JsonObject>>,
    #[serde(default, deserialize_with = "nullable")]
    environment: Option<Option<TextObject>>,
    connector: Option<Id>,
    connector_resource_id: Option<String>,
    #[serde(default)]
    add_secrets: SecretNames,
    #[serde(default)]
    remove_secrets: SecretNames,
}

/// A component that is to be made.
pub(crate) struct NewComponent<'a> {
    pub name: &'a str,
    pub kind: ComponentType,
    pub flavor: &'a str,
    pub configuration: &'a JsonObject,
    /// JSON.
    pub labels: Option<&'a str>,
    pub environment: Option<String>,
    pub connector: Option<Id>,
    pub connector_resource_id: Option<&'a str>,
}

pub(crate) async fn create_component(
    cx: Context,
    JsonBody(request): JsonBody<ComponentRequest>,
) -> ApiResult<Json<ResponseOf<ComponentRow>>> {
    let (context, request) = (&cx, &request);
    cx.create_row::<ComponentRow, _, _>(|mut tx| async move {
        require_connector(&mut tx, request.connector).await?;
        let kind = request.r#type;
        let flavor = require_flavor(&mut tx, request.flavor.as_str(), kind.as_str()).await?;
        configuration::check(&flavor, &request.configuration)?;
        check_name("Component", request.name.0.as_str())?;
        let component = NewComponent {
            name: request.name.0.as_str(),
            kind,
            flavor: request.flavor.as_str(),
            configuration: &request.configuration,
            labels: request.labels.as_ref().map(JsonObject::as_str),
            environment: request.environment.as_ref().map(TextObject::to_json),
            connector: request.connector,
            connector_resource_id: request.connector_resource_id.as_deref(),
        };
        let id = insert(context, &mut tx, &component).await?;
        let (kind, none) = (Linkable::StackComponent, SecretNames::default());
        change_links(context, &mut tx, kind, id, &request.secrets, &none).await?;
        Ok((tx, id))
    })
    .await
}

/// Inserts a component whose configuration was checked.
///
/// # Errors
/// 403 for a folder of this machine that no admin has registered; 409 when another one of its type has the name; the
/// store's own.
pub(crate) async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    component: &NewComponent<'_>,
) -> ApiResult<Id> {
    let (name, kind) = (component.name, component.kind.as_str());
    let configuration = component.configuration.as_str();
    refuse_unregistered(cx, tx, (kind, component.flavor), configuration).await?;
    refuse_taken(tx, name, kind, None).await?;
    let id = cx.new_id();
    let inserted = cx
        .insert("stack_component", id)
        .set("name", name)
        .set("type", kind)
        .set("flavor", component.flavor)
        .set("configuration", Base64Json::stored(Some(configuration)))
        .set("labels", Base64Json::stored(component.labels))
        .set("environment", Base64Json::stored(component.environment.as_deref()))
        .set("connector_id", component.connector)
        .set("connector_resource_id", component.connector_resource_id)
        .run(tx)
        .await;
    inserted.map_err(if_duplicate(|| taken(name, kind)))?;
    Ok(id)
}

pub(crate) async fn update_component(
    cx: Context,
    PathId(id): PathId,
    JsonBody(update): JsonBody<ComponentUpdate>,
) -> ApiResult<Json<ResponseOf<ComponentRow>>> {
    let (context, update) = (&cx, &update);
    let takes_over = update.configuration.is_some() && takes_over(&cx, &cx.find(id).await?).await?;
    cx.change_row(id, |mut tx, component: ComponentRow| async move {
        require_connector(&mut tx, update.connector).await?;
        if let Some(configuration) = &update.configuration {
            let kind = (component.body.r#type.as_str(), component.body.flavor.as_str());
            refuse_unregistered(context, &mut tx, kind, configuration.as_str()).await?;
            let flavor = require_flavor(&mut tx, kind.1, kind.0).await?;
            configuration::check(&flavor, configuration)?;
        }
        refuse_default(&component, "changed")?;
        let (name, kind) = (update.name.as_ref().map(Name::as_str), component.body.r#type.as_str());
        if let Some(name) = name {
            refuse_taken(&mut tx, name, kind, Some(id)).await?;
        }
        let owner = takes_over.then(|| context.user_id());
        let updated = update.change(id, context.now()).maybe("user_id", owner).run(&mut tx).await;
        let name = name.unwrap_or_default();
        updated.map_err(if_duplicate(|| taken(name, kind)))?;
        let (add, remove) = (&update.add_secrets, &update.remove_secrets);
        change_links(context, &mut tx, Linkable::StackComponent, id, add, remove).await?;
        Ok(tx)
    })
    .await
}

impl ComponentUpdate {
    fn change(&self, id: Id, now: Timestamp) -> Update {
        let labels = self.labels.as_ref().map(|json| json.as_ref().map(JsonObject::as_str));
        let environment = self.environment.as_ref().map(|texts| texts.as_ref().map(TextObject::to_json));
        let configuration = self.configuration.as_ref().map(JsonObject::as_str);
        Update::of("stack_component", id, now)
            .maybe("name", self.name.clone())
            .maybe("configuration", configuration.map(|json| Base64Json::stored(Some(json))))
            .maybe("labels", labels.map(Base64Json::stored))
            .maybe("environment", environment.map(|json| Base64Json::stored(json.as_deref())))
            .set("connector_id", self.connector)
            .set("connector_resource_id", self.connector.and(self.connector_resource_id.clone()))
    }
}

pub(crate) async fn delete_component(cx: Context, PathId(id): PathId) -> ApiResult<Json<()>> {
    let deleted = cx.store.write(|mut tx| async move {
        tx.lock(TURN).await?;
        delete(&mut tx, id).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await.map(Json)
}

/// Deletes a component that nothing uses.
///
/// # Errors
/// 403 for one of the default components, a part of a stack, and a deployer with deployments; the store's own.
pub(crate) async fn delete(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    let component = find_in::<ComponentRow>(tx, id).await?;
    refuse_default(&component, "deleted")?;
    let forbidden = |reason: String| {
        let message = format!("The component '{}' can't be deleted: {reason}.", component.name);
        Err(ApiError::illegal(message))
    };
    let deployments = Sql::select()
        .expr(Func::count(Expr::col("id")))
        .from("deployment")
        .and_where(Expr::col("deployer_id").eq(id))
        .and_where(Expr::col("status").ne("absent"))
        .to_owned();
    if component.body.r#type == ComponentType::Deployer {
        let deployments = count(tx, &deployments).await?;
        if deployments > 0 {
            return forbidden(format!("it manages {deployments} deployments"));
        }
    }
    let stacks = Sql::select()
        .expr(Func::count(Expr::col("stack_id")))
        .from("stack_composition")
        .and_where(Expr::col("component_id").eq(id))
        .to_owned();
    let stacks = count(tx, &stacks).await?;
    if stacks > 0 {
        return forbidden(format!("it is a part of {stacks} stacks"));
    }
    unlink_all(tx, id).await?;
    delete_row::<ComponentRow>(tx, id).await
}

async fn count(tx: &mut Transaction, query: &SelectStatement) -> ApiResult<i64> {
    Ok(tx.fetch_optional::<(i64,)>(query).await?.map_or(0, |(number,)| number))
}

/// The default stack's components stay as they are.
fn refuse_default(component: &ComponentRow, change: &str) -> ApiResult<()> {
    let kinds = [ComponentType::Orchestrator, ComponentType::Deployer, ComponentType::ArtifactStore];
    if component.name != "default" || !kinds.iter().any(|kind| component.body.r#type == *kind) {
        return Ok(());
    }
    let message = format!("The default {} can't be {change}.", component.body.r#type);
    Err(ApiError::illegal(message))
}

async fn refuse_taken(tx: &mut Transaction, name: &str, kind: &str, own: Option<Id>) -> ApiResult<()> {
    match find_named(tx, name, kind).await? {
        Some(component) if Some(component.id) != own => Err(taken(name, kind)),
        _ => Ok(()),
    }
}

/// The component of that name and type.
///
/// # Errors
/// The store's own.
pub(crate) async fn find_named(
    tx: &mut Transaction,
    name: &str,
    kind: &str,
) -> ApiResult<Option<ComponentRow>> {
    let mut select = ComponentRow::select();
    select.and_where(Expr::col("name").eq(name)).and_where(Expr::col("type").eq(kind));
    Ok(tx.fetch_optional(&select).await?)
}

fn taken(name: &str, kind: &str) -> ApiError {
    let message = format!("A component of the type '{kind}' with the same name '{name}' already exists.");
    ApiError::exists(message)
}

async fn require_flavor(tx: &mut Transaction, name: &str, kind: &str) -> ApiResult<FlavorRow> {
    flavors::find_kind(tx, name, kind).await?.ok_or_else(|| {
        let message = format!("\"There is no flavor with the name '{name}' and the type '{kind}'\"");
        ApiError::key(message)
    })
}

/// Checks that a service connector is there.
///
/// # Errors
/// 404 when it isn't; the store's own.
pub(crate) async fn require_connector(tx: &mut Transaction, id: Option<Id>) -> ApiResult<()> {
    let Some(id) = id else { return Ok(()) };
    let query =
        Sql::select().column("id").from("service_connector").and_where(Expr::col("id").eq(id)).to_owned();
    match tx.fetch_optional::<(Id,)>(&query).await? {
        Some(_) => Ok(()),
        None => {
            let message = format!("\"No service connector with the ID '{id}' was found\"");
            Err(ApiError::key(message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_secret_reference;

    #[test]
    fn a_secrets_value_is_told_from_a_name() {
        for reference in ["{{a.b}}", "{{ a.b }}", "{{a.b.c}}", "{{..a}}"] {
            assert!(is_secret_reference(reference), "{reference}");
        }
        for name in ["a.b", "{{a}}", "{{.a}}", "{{a.}}", "{{a b.c}}", "{a.b}", "{{a.b}} "] {
            assert!(!is_secret_reference(name), "{name}");
        }
    }
}
