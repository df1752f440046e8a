//! The endpoints of snapshots. Older clients know them as pipeline deployments.

use std::collections::HashSet;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::{Deserialize, Serialize};

use super::requests::{SnapshotName, SnapshotRequest, SnapshotUpdate};
use super::{HOLDS, KIND, SnapshotRow, code, detach_triggers};
use crate::api::runs::pipeline_builds::BuildRow;
use crate::api::runs::pipelines::PipelineRow;
use crate::api::runs::schedules::ScheduleRow;
use crate::api::runs::{code_references, run_configuration};
use crate::api::server::tagging::{NO_TAGS, TAGS, Taggable, remove_tags, set_tags};
use crate::api::stacks::stacks::StackRow;
use crate::auth::access::Also;
use crate::auth::permissions::{Permission, Verb};
use crate::framework::routes::Routes;
use crate::framework::{Context, Held, NamedProject, ResponseOf, delete, list, require, require_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{JsonBody, ModelBody};
use crate::http::moments::Moment;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::values::{LongText, check_name};
use crate::store::{Id, Insert, Transaction, Update, is_duplicate};

const SNAPSHOTS: &str = "/api/v1/pipeline_snapshots";
const SNAPSHOT: &str = "/api/v1/pipeline_snapshots/{snapshot_id}";
const DEPLOYMENTS: &str = "/api/v1/pipeline_deployments";
const DEPLOYMENTS_OF_PROJECT: &str = "/api/v1/workspaces/{project_name_or_id}/pipeline_deployments";
const DEPLOYMENT: &str = "/api/v1/pipeline_deployments/{deployment_id}";
/// What an environment may take in its TEXT column.
const LONGEST_ENVIRONMENT: usize = 65_535;
const UPDATE: Permission = KIND.to(Verb::Update);
const DELETE: Permission = KIND.to(Verb::Delete);
/// What taking a name does to the snapshot that had it.
const REPLACED: [Also; 2] =
    [Also::met(UPDATE, "one whose name it takes"), Also::met(DELETE, "an unused one whose name it takes")];

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(SNAPSHOTS, create_snapshot)
        .also(&TAGS)
        .also(&REPLACED)
        .get(SNAPSHOTS, list::<SnapshotRow>)
        .get(SNAPSHOT, get_snapshot)
        .put(SNAPSHOT, update_snapshot)
        .also(&TAGS)
        .also(&NO_TAGS)
        .also(&REPLACED)
        .delete(SNAPSHOT, delete::<SnapshotRow>)
        .also(&HOLDS.map(Held::also))
        .post("/api/v1/pipeline_snapshots/prune", prune_snapshots)
        .needs(DELETE)
        .get("/api/v1/pipeline_snapshots/{snapshot_id}/download-token", code::download_token)
        .post(DEPLOYMENTS_OF_PROJECT, create_snapshot)
        .also(&TAGS)
        .also(&REPLACED)
        .get(DEPLOYMENTS_OF_PROJECT, list::<SnapshotRow>)
        .post(DEPLOYMENTS, create_snapshot)
        .also(&TAGS)
        .also(&REPLACED)
        .get(DEPLOYMENTS, list::<SnapshotRow>)
        .get(DEPLOYMENT, get_snapshot)
        .delete(DEPLOYMENT, delete::<SnapshotRow>)
        .also(&HOLDS.map(Held::also))
        // For whoever has a token for it in the link.
        .get("/api/v1/pipeline_snapshots/{snapshot_id}/code", code::download)
        .open()
}

async fn create_snapshot(
    cx: Context,
    project: NamedProject,
    ModelBody(mut request): ModelBody<SnapshotRequest>,
) -> ApiResult<Json<ResponseOf<SnapshotRow>>> {
    request.project = project.or(&cx, request.project).await?;
    request.check_size()?;
    let id = cx.new_id();
    let steps = request
        .step_configurations
        .iter()
        .map(|(name, step)| Ok((name.as_str(), step.stored(name)?)))
        .collect::<ApiResult<Vec<(&str, String)>>>()?;
    let (context, request, steps) = (&cx, &request, &steps);
    cx.create_row::<SnapshotRow, _, _>(|mut tx| async move {
        check_references(&mut tx, request).await?;
        let name = SnapshotName::text(request.name.as_ref());
        if let Some(name) = name {
            check_name("PipelineSnapshot", name)?;
            take_name(context, &mut tx, request.pipeline, name, request.replace, None).await?;
        }
        insert(context, &mut tx, id, request, steps).await?;
        set_tags(context, &mut tx, Taggable::PipelineSnapshot, id, &request.tags).await?;
        Ok((tx, id))
    })
    .await
}

async fn check_references(tx: &mut Transaction, request: &SnapshotRequest) -> ApiResult<()> {
    let project = request.project;
    require_project(tx, project).await?;
    require::<StackRow>(tx, Some(request.stack), project).await?;
    require::<PipelineRow>(tx, Some(request.pipeline), project).await?;
    require::<BuildRow>(tx, request.build, project).await?;
    require::<ScheduleRow>(tx, request.schedule, project).await?;
    require_template(tx, request.template, project).await?;
    require::<SnapshotRow>(tx, request.source_snapshot, project).await
}

async fn require_template(tx: &mut Transaction, template: Option<Id>, project: Id) -> ApiResult<()> {
    let Some(id) = template else { return Ok(()) };
    let query = Sql::select()
        .column("id")
        .from("run_template")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("project_id").eq(project))
        .to_owned();
    if tx.fetch_optional::<(Id,)>(&query).await?.is_some() {
        return Ok(());
    }
    let message = format!("\"The run template with the ID '{id}' was not found in the project.\"");
    Err(ApiError::key(message))
}

async fn insert(
    cx: &Context,
    tx: &mut Transaction,
    id: Id,
    request: &SnapshotRequest,
    steps: &[(&str, String)],
) -> ApiResult<()> {
    let code_reference = match &request.code_reference {
        Some(reference) => Some(code_references::find_or_make(cx, tx, request.project, reference).await?),
        None => None,
    };
    let environment = request.client_environment.as_str();
    let environment = if environment.len() > LONGEST_ENVIRONMENT { "{}" } else { environment };
    let inserted = cx
        .insert("pipeline_snapshot", id)
        .set("name", SnapshotName::text(request.name.as_ref()))
        .set("description", request.description.clone())
        .set("is_dynamic", request.is_dynamic)
        .set("pipeline_configuration", request.pipeline_configuration.clone())
        .set("client_environment", environment)
        .set("run_name_template", request.run_name_template.as_str())
        .set("client_version", request.client_version.clone())
        .set("server_version", request.server_version.clone())
        .set("pipeline_version_hash", request.pipeline_version_hash.clone())
        .set("pipeline_spec", request.pipeline_spec.clone())
        .set("source_code", request.source_code.clone())
        .set("code_path", request.code_path.clone())
        .set("project_id", request.project)
        .set("stack_id", request.stack)
        .set("pipeline_id", request.pipeline)
        .set("schedule_id", request.schedule)
        .set("build_id", request.build)
        .set("code_reference_id", code_reference)
        .set("source_snapshot_id", request.source_snapshot)
        .set("template_id", request.template)
        .set("step_count", i32::try_from(steps.len()).unwrap_or(i32::MAX))
        .run(tx)
        .await;
    inserted.map_err(|error| match SnapshotName::text(request.name.as_ref()) {
        Some(name) if is_duplicate(&error) => name_taken(name),
        _ => error.into(),
    })?;
    for (index, (name, config)) in (0..).zip(steps) {
        insert_step_configuration(cx, tx, ("snapshot_id", id), index, name, config).await?;
    }
    Ok(())
}

/// Keeps what a step is configured to do, for a snapshot or for a step that was made at run time.
///
/// # Errors
/// The store's own.
pub(crate) async fn insert_step_configuration(
    cx: &Context,
    tx: &mut Transaction,
    (owner, owner_id): (&'static str, Id),
    index: i32,
    name: &str,
    config: &str,
) -> ApiResult<()> {
    let insert = Insert::into("step_configuration")
        .stamped(cx.new_id(), cx.now())
        .set("index", index)
        .set("name", name)
        .set("config", config)
        .set(owner, owner_id);
    Ok(insert.run(tx).await?)
}

fn name_taken(name: &str) -> ApiError {
    let message = format!(
        "A snapshot with the name '{name}' already exists for this pipeline. Set `replace` to take its name."
    );
    ApiError::exists(message)
}

/// Makes sure that the name is free in the pipeline. With `replace` whatever has it loses it, and goes if nothing
/// refers to it.
async fn take_name(
    cx: &Context,
    tx: &mut Transaction,
    pipeline: Id,
    name: &str,
    replace: Option<bool>,
    own: Option<Id>,
) -> ApiResult<()> {
    let holder = Sql::select()
        .column("id")
        .from("pipeline_snapshot")
        .and_where(Expr::col("pipeline_id").eq(pipeline))
        .and_where(Expr::col("name").eq(name))
        .to_owned();
    let holder = tx.fetch_optional::<(Id,)>(&holder).await?.map(|(id,)| id);
    let Some(holder) = holder.filter(|id| Some(*id) != own) else { return Ok(()) };
    if replace != Some(true) {
        return Err(name_taken(name));
    }
    cx.require(UPDATE)?;
    let mut unused = unreferenced();
    if tx.fetch_optional::<(Id,)>(unused.and_where(Expr::col("id").eq(holder))).await?.is_some() {
        cx.require(DELETE)?;
        return <SnapshotRow as crate::framework::Resource>::delete(tx, holder).await;
    }
    let release = Sql::update()
        .table("pipeline_snapshot")
        .value("name", Option::<String>::None)
        .and_where(Expr::col("id").eq(holder))
        .to_owned();
    tx.execute(&release).await?;
    detach_triggers(tx, holder).await
}

/// Snapshots that no schedule, run, step, deployment, template, trigger or other snapshot refers to.
fn unreferenced() -> SelectStatement {
    let mut select = Sql::select();
    select.column("id").from("pipeline_snapshot");
    for (table, column) in [
        ("pipeline_run", "snapshot_id"),
        ("step_run", "snapshot_id"),
        ("deployment", "snapshot_id"),
        ("run_template", "source_snapshot_id"),
        ("trigger_snapshot", "snapshot_id"),
    ] {
        let referring = Sql::select()
            .column((table, column))
            .from(table)
            .and_where(Expr::col((table, column)).equals(("pipeline_snapshot", "id")))
            .to_owned();
        select.and_where(Expr::exists(referring).not());
    }
    select.and_where(Expr::col("schedule_id").is_null()).and_where(Expr::col("template_id").is_null());
    let derived = Sql::select()
        .column(("made", "id"))
        .from_as("pipeline_snapshot", "made")
        .and_where(Expr::col(("made", "source_snapshot_id")).equals(("pipeline_snapshot", "id")))
        .to_owned();
    select.and_where(Expr::exists(derived).not());
    select
}

/// One snapshot; `step_configuration_filter` leaves some of its steps alone.
async fn get_snapshot(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<ResponseOf<SnapshotRow>>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    let with_schema = query.flag("include_config_schema").unwrap_or(false);
    query.finish()?;
    let steps: HashSet<&str> = query.texts("step_configuration_filter").collect();
    let mut answer = cx.answer_with::<SnapshotRow>(id, hydrate).await?;
    if let Some(metadata) = answer.metadata.as_mut().filter(|_| !steps.is_empty()) {
        metadata.step_configurations.retain(|name, _| steps.contains(name.as_str()));
    }
    if let Some(metadata) = answer.metadata.as_mut().filter(|_| with_schema)
        && let Some(made) = run_configuration::of_snapshots(&cx.read(true), &[id]).await?.remove(&id)
    {
        metadata.config_template = Some(made.template);
        metadata.config_schema = Some(made.schema);
    }
    Ok(Json(answer))
}

async fn update_snapshot(
    cx: Context,
    PathId(id): PathId,
    ModelBody(update): ModelBody<SnapshotUpdate>,
) -> ApiResult<Json<ResponseOf<SnapshotRow>>> {
    let (context, update) = (&cx, &update);
    cx.change_row(id, |mut tx, snapshot: SnapshotRow| async move {
        let mut change = Update::of("pipeline_snapshot", id, context.now());
        match &update.name {
            Some(SnapshotName::Named(name)) => {
                check_name("PipelineSnapshot", name.as_str())?;
                take_name(
                    context,
                    &mut tx,
                    snapshot.body.pipeline_id,
                    name.as_str(),
                    update.replace,
                    Some(id),
                )
                .await?;
                change = change.set("name", name.as_str());
            }
            Some(SnapshotName::None) => change = change.set("name", Option::<String>::None),
            None => {}
        }
        let description = update.description.as_ref().map(LongText::as_str).filter(|text| !text.is_empty());
        change.maybe("description", description).run(&mut tx).await?;
        if matches!(update.name, Some(SnapshotName::None)) {
            detach_triggers(&mut tx, id).await?;
        }
        set_tags(context, &mut tx, Taggable::PipelineSnapshot, id, &update.add_tags).await?;
        remove_tags(context, &mut tx, Taggable::PipelineSnapshot, id, &update.remove_tags).await?;
        Ok(tx)
    })
    .await
}

#[derive(Debug, Deserialize)]
struct PruneRequest {
    project: Id,
    older_than: Moment,
    #[serde(default)]
    apply: bool,
}

#[derive(Debug, Serialize)]
struct PruneResponse {
    snapshot_count: usize,
    /// What is asked for is done when it is answered.
    task_id: Option<()>,
}

/// Counts, or deletes, snapshots without a name that nothing refers to.
async fn prune_snapshots(
    cx: Context,
    JsonBody(request): JsonBody<PruneRequest>,
) -> ApiResult<Json<PruneResponse>> {
    let mut unused = unreferenced();
    unused
        .and_where(Expr::col("project_id").eq(request.project))
        .and_where(Expr::col("name").is_null())
        .and_where(Expr::col("created").lt(request.older_than.0));
    let mut ids: Vec<(Id,)> = cx.store.fetch_all(&unused).await?;
    if !request.apply {
        return Ok(Json(PruneResponse { snapshot_count: ids.len(), task_id: None }));
    }
    let mut count = 0;
    // What nothing but a deleted snapshot referred to goes too.
    while !ids.is_empty() {
        let before = count;
        for (id,) in ids {
            count += usize::from(delete_unused(&cx, id).await?);
        }
        if count == before {
            break;
        }
        ids = cx.store.fetch_all(&unused).await?;
    }
    Ok(Json(PruneResponse { snapshot_count: count, task_id: None }))
}

/// In a small transaction: other writers get their turn, and what was referred to meanwhile stays.
async fn delete_unused(cx: &Context, id: Id) -> ApiResult<bool> {
    let mut unused = unreferenced();
    unused.and_where(Expr::col("id").eq(id));
    let unused = &unused;
    let deleted = cx.store.write(|mut tx| async move {
        let is_unused = tx.fetch_optional::<(Id,)>(unused).await?.is_some();
        if is_unused {
            <SnapshotRow as crate::framework::Resource>::delete(&mut tx, id).await?;
        }
        Ok::<_, ApiError>(tx.commit(is_unused).await?)
    });
    deleted.await
}
