//! The OpenAPI document, and a page to read and try it.

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::app::AppState;
use crate::http::error::ApiError;
use crate::http::openapi;
use crate::packed::{Packed, packed};

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
    let headers = [(CONTENT_TYPE, kind), (VARY, "accept-encoding")];
    if takes_gzip(asked) {
        return (headers, [(CONTENT_ENCODING, "gzip")], packed.0).into_response();
    }
    match unpacked(packed) {
        Ok(bytes) => (headers, bytes).into_response(),
        Err(error) => error.into_response(),
    }
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let encodings = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    encodings.flat_map(|value| value.split(',')).any(|encoding| encoding.trim() == "gzip")
}

fn unpacked(packed: Packed) -> Result<Vec<u8>, ApiError> {
    packed.bytes().map_err(|error| {
        tracing::error!(%error, "a file of the page can't be unpacked");
        ApiError::internal()
    })
}
