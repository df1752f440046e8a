//! The endpoints of runs.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};

use super::answers::{add_full_metadata, add_packages};
use super::control::{publish_events, refresh_run, stop_run, stream_events};
use super::create::get_or_create_run;
use super::graph::get_graph;
use super::logs::get_run_logs;
use super::statistics::get_statistics;
use super::update::update_run;
use super::{KIND, RunRow};
use crate::api::models::model_versions;
use crate::api::runs::execution_status::ExecutionStatus;
use crate::api::runs::logs;
use crate::api::runs::step_configuration::Object;
use crate::api::runs::steps::{self, StepRow};
use crate::api::server::tagging::{NO_TAGS, TAGS};
use crate::auth::permissions::Verb;
use crate::framework::routes::Routes;
use crate::framework::{Context, PageAnswer, Resource, ResponseOf, delete, list_of};
use crate::http::error::{ApiError, ApiResult};
use crate::http::list::ListRequest;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::store::{Update, Word};

const RUNS: &str = "/api/v1/runs";
const RUNS_OF_PROJECT: &str = "/api/v1/workspaces/{project_name_or_id}/runs";
const RUN: &str = "/api/v1/runs/{run_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(RUNS, get_or_create_run)
        .also(&TAGS)
        .also(&logs::ATTACHED)
        .also(&model_versions::CONFIGURED)
        .get(RUNS, list_runs)
        .post(RUNS_OF_PROJECT, get_or_create_run)
        .also(&TAGS)
        .also(&logs::ATTACHED)
        .also(&model_versions::CONFIGURED)
        .get(RUNS_OF_PROJECT, list_runs)
        .get(RUN, get_run)
        .put(RUN, update_run)
        .replayed()
        .also(&TAGS)
        .also(&NO_TAGS)
        .also(&logs::ATTACHED)
        .delete(RUN, delete::<RunRow>)
        .get("/api/v1/runs/{run_id}/steps", list_steps_of_run)
        .needs(steps::KIND.to(Verb::Read))
        .get("/api/v1/runs/{run_id}/pipeline-configuration", get_pipeline_configuration)
        .get("/api/v1/runs/{run_id}/status", get_run_status)
        .get("/api/v1/runs/{run_id}/logs", get_run_logs)
        .needs(logs::KIND.to(Verb::Read))
        .get("/api/v1/runs/{run_id}/dag", get_graph)
        .post("/api/v1/runs/statistics", get_statistics)
        .needs(KIND.to(Verb::Read))
        .post("/api/v1/runs/{run_id}/refresh", refresh_run)
        .needs(KIND.to(Verb::Update))
        .post("/api/v1/runs/{run_id}/stop", stop_run)
        .needs(KIND.to(Verb::Update))
        .post("/api/v1/runs/{pipeline_run_id}/events", publish_events)
        .needs(KIND.to(Verb::Update))
        .get("/api/v1/runs/{pipeline_run_id}/events/stream", stream_events)
        .put("/api/v1/runs/{run_id}/disable_heartbeat", disable_heartbeat)
}

/// A page of runs; with their steps' metadata when it is asked for.
async fn list_runs(
    cx: Context,
    mut query: QueryParams,
    list: ListRequest<RunRow>,
) -> ApiResult<PageAnswer<RunRow>> {
    let with_all_metadata = query.flag("include_full_metadata").unwrap_or(false);
    query.finish()?;
    let mut page = list_of(&cx, &list, RunRow::select()).await?;
    if with_all_metadata {
        add_full_metadata(&cx.read(true), &mut page.items).await?;
    }
    Ok(page)
}

/// One run; with its steps' metadata and its environments' packages when they are asked for.
async fn get_run(
    cx: Context,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<ResponseOf<RunRow>>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.flag("refresh_status");
    let with_packages = query.flag("include_python_packages").unwrap_or(false);
    let with_all_metadata = query.flag("include_full_metadata").unwrap_or(false);
    query.finish()?;
    let mut answer = cx.answer_with::<RunRow>(id, hydrate).await?;
    if let Some(metadata) = answer.metadata.as_mut().filter(|_| with_packages) {
        add_packages(&cx.read(true), id, metadata).await?;
    }
    if with_all_metadata {
        add_full_metadata(&cx.read(true), std::slice::from_mut(&mut answer)).await?;
    }
    Ok(Json(answer))
}

async fn list_steps_of_run(
    cx: Context,
    PathId(id): PathId,
    query: QueryParams,
) -> ApiResult<PageAnswer<StepRow>> {
    let run = cx.find::<RunRow>(id).await?;
    // The path says which run, and nothing is hydrated.
    let mut list = ListRequest::<StepRow>::read(query.without(&["pipeline_run_id", "hydrate"]))?;
    list.project.get_or_insert_with(|| run.body.project_id.to_string());
    let of_run = StepRow::select().and_where(Expr::col("pipeline_run_id").eq(id)).to_owned();
    list_of(&cx, &list, of_run).await
}

async fn get_pipeline_configuration(cx: Context, PathId(id): PathId) -> ApiResult<Json<Object>> {
    let answer = cx.answer::<RunRow>(id).await?;
    Ok(Json(answer.metadata.map(|metadata| metadata.config).unwrap_or_default()))
}

async fn get_run_status(cx: Context, PathId(id): PathId) -> ApiResult<Json<Word<ExecutionStatus>>> {
    Ok(Json(cx.find::<RunRow>(id).await?.body.status))
}

/// The run's steps need no longer say that they live.
async fn disable_heartbeat(cx: Context, PathId(id): PathId) -> ApiResult<Json<()>> {
    cx.find::<RunRow>(id).await?;
    let disabled = cx.store.write(|mut tx| async move {
        Update::unnoted("pipeline_run", id).set("enable_heartbeat", false).run(&mut tx).await?;
        let steps = Sql::update()
            .table("step_run")
            .value("heartbeat_threshold", Option::<i32>::None)
            .and_where(Expr::col("pipeline_run_id").eq(id))
            .to_owned();
        tx.execute(&steps).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    disabled.await.map(Json)
}
