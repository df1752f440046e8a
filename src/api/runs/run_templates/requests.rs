//! What is asked of run templates, and which snapshots can become one.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;
use serde_json::Value;
use sqlx::FromRow;

use super::TemplateRow;
use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipeline_snapshots::SnapshotRow;
use crate::api::server::tagging::{TagReference, Taggable, plain_tags, remove_tags, set_tags};
use crate::framework::{
    Context, NamedProject, ResponseOf, find_in, or_taken, refuse_taken_name, require, require_project,
};
use crate::http::contract::Modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::ModelBody;
use crate::http::path::PathId;
use crate::http::values::{LongText, ShortText};
use crate::store::{Base64Json, Id, Transaction, Update};

#[derive(Debug, Deserialize)]
pub(super) struct TemplateRequest {
    project: Id,
    name: ShortText,
    description: Option<LongText>,
    source_snapshot_id: Id,
    #[serde(default)]
    hidden: bool,
    #[serde(default, deserialize_with = "plain_tags")]
    tags: Vec<TagReference>,
}

impl Modelled for TemplateRequest {
    const MODEL: &'static str = "RunTemplateRequest";
}

#[derive(Debug, Deserialize)]
pub(super) struct TemplateUpdate {
    name: Option<ShortText>,
    description: Option<LongText>,
    hidden: Option<bool>,
    #[serde(default, deserialize_with = "plain_tags")]
    add_tags: Vec<TagReference>,
    #[serde(default, deserialize_with = "plain_tags")]
    remove_tags: Vec<TagReference>,
}

impl Modelled for TemplateUpdate {
    const MODEL: &'static str = "RunTemplateUpdate";
}

/// Makes a template. Its snapshot gets its name and description, unless it is hidden.
pub(super) async fn create_template(
    cx: Context,
    project: NamedProject,
    ModelBody(request): ModelBody<TemplateRequest>,
) -> ApiResult<Json<ResponseOf<TemplateRow>>> {
    let project = project.or(&cx, request.project).await?;
    let id = cx.new_id();
    let (context, request) = (&cx, &request);
    cx.create_row::<TemplateRow, _, _>(|mut tx| async move {
        let name = request.name.as_str();
        require_project(&mut tx, project).await?;
        refuse_taken_name::<TemplateRow>(&mut tx, Some(project), name, None).await?;
        require::<SnapshotRow>(&mut tx, Some(request.source_snapshot_id), project).await?;
        check_snapshot(&mut tx, request.source_snapshot_id).await?;
        if !request.hidden {
            Update::unnoted("pipeline_snapshot", request.source_snapshot_id)
                .set("name", name)
                .set("description", request.description.clone())
                .run(&mut tx)
                .await?;
        }
        context
            .insert("run_template", id)
            .set("name", name)
            .set("hidden", request.hidden)
            .set("description", request.description.clone())
            .set("project_id", project)
            .set("source_snapshot_id", request.source_snapshot_id)
            .run(&mut tx)
            .await
            .map_err(or_taken::<TemplateRow>(name))?;
        set_tags(context, &mut tx, Taggable::RunTemplate, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}

/// Renames or describes a template, hides it, or changes its tags.
pub(super) async fn update_template(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<TemplateUpdate>,
) -> ApiResult<Json<ResponseOf<TemplateRow>>> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, template: TemplateRow| async move {
        let name = update.name.as_ref().map(ShortText::as_str);
        refuse_taken_name::<TemplateRow>(&mut tx, Some(template.body.project_id), name, Some(id)).await?;
        let changes = Update::of("run_template", id, context.now())
            .maybe("name", name)
            .maybe("description", update.description.clone())
            .maybe("hidden", update.hidden);
        changes.run(&mut tx).await.map_err(or_taken::<TemplateRow>(name))?;
        set_tags(context, &mut tx, Taggable::RunTemplate, id, &update.add_tags).await?;
        remove_tags(context, &mut tx, Taggable::RunTemplate, id, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}

/// A component of the stack that a snapshot's images were built for.
#[derive(Debug, FromRow)]
struct Component {
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
async fn check_snapshot(tx: &mut Transaction, snapshot: Id) -> ApiResult<()> {
    let refuse = |reason: &str| {
        let message = format!("A run template can't be made of this snapshot: {reason}.");
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

async fn components(tx: &mut Transaction, stack: Id) -> ApiResult<Vec<Component>> {
    let of_stack = Expr::col(("stack_composition", "component_id")).equals(("stack_component", "id"));
    let flavor = Expr::col(("flavor", "name"))
        .equals(("stack_component", "flavor"))
        .and(Expr::col(("flavor", "type")).equals(("stack_component", "type")));
    let query = Sql::select()
        .columns(["type", "flavor", "configuration"].map(|column| ("stack_component", column)))
        .column(("flavor", "is_custom"))
        .from("stack_component")
        .inner_join("stack_composition", of_stack)
        .left_join("flavor", flavor)
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

fn is_local(kind: &str, flavor: &str, configuration: &Value) -> bool {
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
