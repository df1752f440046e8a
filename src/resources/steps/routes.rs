//! The endpoints of steps.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Serialize;

use super::super::step_configuration::Object;
use super::StepRow;
use super::create::create_step;
use super::update::update_step;
use crate::framework::{Context, get, list};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathId;
use crate::http::routes::Routes;
use crate::store::{Id, Timestamp, Update};

const STEPS: &str = "/api/v1/steps";
const STEP: &str = "/api/v1/steps/{step_id}";

pub fn routes() -> Routes {
    Routes::new()
        .post(STEPS, create_step)
        .get(STEPS, list::<StepRow>)
        .get(STEP, get::<StepRow>)
        .put(STEP, update_step)
        .get("/api/v1/steps/{step_id}/status", get_step_status)
        .get("/api/v1/steps/{step_id}/step-configuration", get_step_configuration)
        .put("/api/v1/steps/{step_run_id}/heartbeat", note_heartbeat)
}

async fn get_step_status(cx: Context, PathId(id): PathId) -> ApiResult<Json<String>> {
    Ok(Json(cx.find::<StepRow>(id).await?.status))
}

async fn get_step_configuration(cx: Context, PathId(id): PathId) -> ApiResult<Json<Object>> {
    let answer = cx.answer::<StepRow>(id).await?;
    Ok(Json(answer.metadata.map(|metadata| metadata.config).unwrap_or_default()))
}

#[derive(Debug, Serialize)]
struct Heartbeat {
    id: Id,
    status: String,
    latest_heartbeat: Timestamp,
    pipeline_run_status: Option<String>,
    heartbeat_enabled: bool,
}

/// The step lives. The answer tells it whether its run still wants it to.
async fn note_heartbeat(cx: Context, PathId(id): PathId) -> ApiResult<Json<Heartbeat>> {
    let step = cx.find::<StepRow>(id).await?;
    let now = cx.now();
    let noted = cx.app.store.write(|mut tx| async move {
        Update::of("step_run", id, now).set("latest_heartbeat", now).run(&mut tx).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    noted.await?;
    let query = Sql::select()
        .columns(["status", "enable_heartbeat"])
        .from("pipeline_run")
        .and_where(Expr::col("id").eq(step.pipeline_run_id))
        .to_owned();
    let run: Option<(String, bool)> = cx.app.store.fetch_optional(&query).await?;
    let heartbeat_enabled = run.as_ref().is_none_or(|(_, enabled)| *enabled);
    Ok(Json(Heartbeat {
        id,
        status: step.status,
        latest_heartbeat: now,
        pipeline_run_status: run.map(|(status, _)| status),
        heartbeat_enabled,
    }))
}
