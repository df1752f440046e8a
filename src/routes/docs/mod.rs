//! The OpenAPI document, and a page to read and try it.

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::app::AppState;
use crate::http::error::ApiError;
use crate::http::openapi;
use crate::packed::packed;

const DOCUMENT: &str = "/openapi.json";
const INITIALIZER: &str = include_str!("initializer.js");
const CSS: &str = "text/css";
const SCRIPT: &str = "text/javascript";

/// `/docs` and `/openapi.json`; outside the layers, since the page has scripts that the policy forbids.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route(
            "/docs/{file}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) }),
        )
        .route(DOCUMENT, get(document))
}

/// Made anew each time: it is seldom asked for, and takes much memory.
async fn document() -> Response {
    match openapi::document(&super::operations()) {
        Ok(document) => Json(document).into_response(),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document can't be made");
            ApiError::internal().into_response()
        }
    }
}

/// A file of Swagger UI's page.
fn file(name: &str, asked: &HeaderMap) -> Response {
    let (kind, packed) = match name {
        "index.html" => ("text/html", packed!("index.html")),
        "index.css" => (CSS, packed!("index.css")),
        "swagger-ui.css" => (CSS, packed!("swagger-ui.css")),
        "swagger-ui-bundle.js" => (SCRIPT, packed!("swagger-ui-bundle.js")),
        "swagger-ui-standalone-preset.js" => (SCRIPT, packed!("swagger-ui-standalone-preset.js")),
        "swagger-initializer.js" => return ([(CONTENT_TYPE, SCRIPT)], INITIALIZER).into_response(),
        "favicon-32x32.png" => ("image/png", packed!("favicon-32x32.png")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    packed.response(kind, asked)
}
