//! Requests for resources of a pool, which ZenML's paid server has: here each is read, and answered that there are none.

use axum::Json;
use serde::Deserialize;

use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{Context, Routes, find_project};
use crate::http::contract::modelled;
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};
use crate::http::json::ModelBody;
use crate::http::list::ListRequest;
use crate::http::path::PathId;
use crate::http::query::QueryParams;

const KIND: Kind = Kind::new("resource_requests");
const REQUESTS: &str = "/api/v1/resource_requests";
const REQUEST: &str = "/api/v1/resource_requests/{resource_request_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get(REQUESTS, list_requests)
        .get(REQUEST, get_request)
        .post("/api/v1/resource_requests/{resource_request_id}/renew", renew_request)
        .needs(KIND.to(Verb::Update))
        .post("/api/v1/resource_requests/{resource_request_id}/release", release_request)
        .needs(KIND.to(Verb::Update))
}

/// What would be listed.
#[derive(Debug)]
struct ResourceRequest;

impl Listed for ResourceRequest {
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::text("reclaim_tolerance"),
            Field::reference("component_id", "component_id"),
            Field::reference("step_run_id", "step_run_id"),
            Field::reference("preemption_initiated_by_id", "preemption_initiated_by_id"),
            Field::text("status"),
            Field::reference("pipeline_run_id", "pipeline_run_id"),
            Field::reference("pool_id", "pool_id"),
        ],
    ];
}

#[derive(Debug, Deserialize)]
struct Renewal {}

modelled!(Renewal as ResourceRequestRenewalRequest);

fn none() -> ApiResult<Json<()>> {
    Err(ApiError::not_implemented("Resource pools are not part of this server."))
}

async fn list_requests(cx: Context, list: ListRequest<ResourceRequest>) -> ApiResult<Json<()>> {
    if list.project.is_some() {
        find_project(&cx, list.project.as_deref()).await?;
    }
    none()
}

async fn get_request(_: Context, _: PathId, mut query: QueryParams) -> ApiResult<Json<()>> {
    query.flag("hydrate");
    query.finish()?;
    none()
}

async fn renew_request(_: Context, _: PathId, _: ModelBody<Renewal>) -> ApiResult<Json<()>> {
    none()
}

async fn release_request(_: Context, _: PathId) -> ApiResult<Json<()>> {
    none()
}
