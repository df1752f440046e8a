//! The types of service connectors that this server verifies and serves.

use axum::Json;
use serde_json::value::RawValue;

use crate::auth::kind::Kind;
use crate::connectors::{self, ConnectorType};
use crate::framework::{Context, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::path::PathName;
use crate::http::query::QueryParams;

const TYPES: &str = "/api/v1/service_connector_types";

pub(crate) fn routes() -> Routes {
    Routes::of(Kind::new("service_connector_types"))
        .get(TYPES, list_types)
        .get("/api/v1/service_connector_types/{connector_type}", get_type)
}

/// All of them, or those of a word, or that have a resource type or a method of that word.
async fn list_types(_: Context, query: QueryParams) -> Json<Vec<&'static RawValue>> {
    let is = |name: &str, known: &dyn Fn(&str) -> bool| query.text(name).is_none_or(known);
    let found = connectors::listed().filter(|it| {
        is("connector_type", &|word| it.word == word)
            && is("resource_type", &|word| it.resource_types.iter().any(|known| known.word == word))
            && is("auth_method", &|word| it.methods.iter().any(|known| known.word == word))
    });
    Json(found.filter_map(ConnectorType::description).collect())
}

async fn get_type(_: Context, PathName(word): PathName) -> ApiResult<Json<&'static RawValue>> {
    let described = connectors::find_listed(&word).and_then(ConnectorType::description);
    described.map(Json).ok_or_else(|| {
        ApiError::key(format!("'This server verifies and serves no service connectors of the type {word}.'"))
    })
}
