//! What components have to be, and their end.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::Deserialize;

use super::{ComponentRow, ComponentType};
use crate::api::stacks::flavors::{self, FlavorRow};
use crate::api::stacks::secrets::unlink_all;
use crate::framework::{Context, Resource, delete_row, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::values::ShortText;
use crate::store::{Id, Transaction, number_of_rows};

/// Writers of stacks and components take turns, so that no stack is made of a component that is being deleted.
pub(crate) const TURN: &str = "stacks";

/// A component's name: nothing that would be read as a secret's value.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ShortText")]
pub(super) struct ComponentName(pub(super) ShortText);

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
pub(super) fn is_secret_reference(text: &str) -> bool {
    let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    inner.is_some_and(|inner| {
        let dot = inner.char_indices().skip(1).find(|(_, letter)| *letter == '.');
        !inner.contains(char::is_whitespace) && dot.is_some_and(|(at, _)| at + 1 < inner.len())
    })
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
        .expr(number_of_rows())
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
        .expr(number_of_rows())
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

pub(super) async fn count(tx: &mut Transaction, query: &SelectStatement) -> ApiResult<i64> {
    Ok(tx.fetch_optional::<(i64,)>(query).await?.map_or(0, |(number,)| number))
}

/// The default stack's components stay as they are.
pub(super) fn refuse_default(component: &ComponentRow, change: &str) -> ApiResult<()> {
    let kinds = [ComponentType::Orchestrator, ComponentType::Deployer, ComponentType::ArtifactStore];
    if component.name != "default" || !kinds.iter().any(|kind| component.body.r#type == *kind) {
        return Ok(());
    }
    let message = format!("The default {} can't be {change}.", component.body.r#type);
    Err(ApiError::illegal(message))
}

pub(super) async fn refuse_taken(
    tx: &mut Transaction,
    name: &str,
    kind: &str,
    own: Option<Id>,
) -> ApiResult<()> {
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

pub(super) fn taken(name: &str, kind: &str) -> ApiError {
    let message = format!("A component of the type '{kind}' with the same name '{name}' already exists.");
    ApiError::exists(message)
}

pub(super) async fn require_flavor(tx: &mut Transaction, name: &str, kind: &str) -> ApiResult<FlavorRow> {
    flavors::find_kind(tx, name, kind).await?.ok_or_else(|| {
        let message = format!("\"There is no flavor with the name '{name}' and the type '{kind}'\"");
        ApiError::key(message)
    })
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
