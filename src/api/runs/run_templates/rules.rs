//! Which snapshots can be a template's.

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde_json::Value;
use sqlx_macros::FromRow;

use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::stacks::flavors::is_of_component;
use crate::framework::find_in;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Base64Json, Id, Transaction};

/// A component of the stack that a snapshot's images were built for.
#[derive(Debug, FromRow)]
pub(super) struct Component {
    r#type: String,
    flavor: String,
    configuration: Base64Json,
    /// None when the flavor isn't there any more.
    is_custom: Option<bool>,
}

/// Only what was built for a stack that is elsewhere can be run again by a server.
///
/// # Errors
/// 400 for any other snapshot.
pub(crate) async fn check_snapshot(tx: &mut Transaction, snapshot: Id) -> ApiResult<()> {
    let refuse = |reason: &str| {
        let message = format!("A server can't run this snapshot again: {reason}.");
        Err(ApiError::value(message))
    };
    let Some(build) = find_in::<SnapshotRow>(tx, snapshot).await?.build_id else {
        return refuse("it has no build, as pipelines have that run in containers");
    };
    let Some(stack) = find_in::<BuildRow>(tx, build).await?.stack_id else {
        return refuse("its build is of no stack");
    };
    for component in components(tx, stack).await? {
        match component.is_custom {
            None => return refuse("a component of its stack has no flavor"),
            Some(true) => return refuse("a component of its stack has a custom flavor"),
            Some(false) if component.is_local() => return refuse("a component of its stack is local"),
            Some(false) => {}
        }
    }
    Ok(())
}

pub(super) async fn components(tx: &mut Transaction, stack: Id) -> ApiResult<Vec<Component>> {
    let of_stack = Expr::col(("stack_composition", "component_id")).equals(("stack_component", "id"));
    let query = Sql::select()
        .columns(["type", "flavor", "configuration"].map(|column| ("stack_component", column)))
        .column(("flavor", "is_custom"))
        .from("stack_component")
        .inner_join("stack_composition", of_stack)
        .left_join("flavor", is_of_component())
        .and_where(Expr::col(("stack_composition", "stack_id")).eq(stack))
        .to_owned();
    Ok(tx.fetch_all(&query).await?)
}

impl Component {
    /// Whether it works on the machine of whoever uses it: some flavors always do, others by their configuration.
    fn is_local(&self) -> bool {
        let configuration =
            self.configuration.0.as_ref().and_then(|json| serde_json::from_str(json.get()).ok());
        is_local(&self.r#type, &self.flavor, &configuration.unwrap_or(Value::Null))
    }
}

pub(super) fn is_local(kind: &str, flavor: &str, configuration: &Value) -> bool {
    let flag = |name: &str| configuration.get(name).and_then(Value::as_bool);
    let text = |name: &str| configuration.get(name).and_then(Value::as_str).unwrap_or_default();
    match (kind, flavor) {
        ("orchestrator", "local" | "local_docker")
        | ("artifact_store", "local")
        | ("deployer" | "sandbox", "local" | "docker")
        | ("model_deployer", "mlflow") => true,
        ("orchestrator", "airflow") => flag("local").unwrap_or(true),
        ("container_registry", _) => {
            let port = text("uri").trim_end_matches('/').strip_prefix("localhost:");
            port.is_some_and(|port| {
                matches!(port.len(), 4 | 5) && port.bytes().all(|byte| byte.is_ascii_digit())
            })
        }
        _ => flag("local").unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_local_is_known_by_flavor_or_configuration() {
        for (kind, flavor, configuration, expected) in [
            ("orchestrator", "local", json!({}), true),
            ("orchestrator", "kubernetes", json!({}), false),
            ("orchestrator", "kubernetes", json!({"local": true}), true),
            ("orchestrator", "airflow", json!({}), true),
            ("orchestrator", "airflow", json!({"local": false}), false),
            ("artifact_store", "s3", json!({"path": "s3://x"}), false),
            ("container_registry", "default", json!({"uri": "localhost:5000/"}), true),
            ("container_registry", "default", json!({"uri": "localhost:500"}), false),
            ("container_registry", "gcp", json!({"uri": "gcr.io/x"}), false),
        ] {
            assert_eq!(is_local(kind, flavor, &configuration), expected, "{kind} {flavor} {configuration}");
        }
    }
}
