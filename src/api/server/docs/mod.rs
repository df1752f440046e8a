//! The OpenAPI document, a page to read and try it, and one to read it.

mod described;
mod document;

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tower::util::MapResponseLayer;

use self::document::Document;
use crate::app::AppState;
use crate::http::Operation;
use crate::middleware::headers::own_page;
use crate::packed::packed;

pub(crate) use self::described::document;

const DOCUMENT: &str = "/openapi.json";
const INITIALIZER: &str = include_str!("initializer.js");
/// The page for those who look for it where ZenML's server has another program's: the same document, to read.
const READER: &str = include_str!("reader.html");
const READER_INITIALIZER: &str = include_str!("reader.js");
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Swagger UI makes styles as it goes, and asks this server alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// `/docs`, `/redoc` and `/openapi.json`.
pub(crate) fn router(operations: Vec<Operation>, root: &str) -> Router<AppState> {
    let document = Document::new(operations, root);
    Router::new()
        // From there, so that whoever moves the server to another path needn't tell it.
        .route("/docs", get(async || Redirect::to("docs/")))
        .route("/redoc", get(async || ([(CONTENT_TYPE, HTML)], READER)))
        .route("/docs/", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route(
            "/docs/{file}",
            get(|Path(name): Path<String>, headers: HeaderMap| async move { file(&name, &headers) }),
        )
        .route(DOCUMENT, get(async move |headers: HeaderMap| document.answer(&headers).await))
        .layer(MapResponseLayer::new(|response: Response| own_page(response, POLICY)))
}

/// A file of Swagger UI's page.
fn file(name: &str, asked: &HeaderMap) -> Response {
    let (kind, packed) = match name {
        "index.html" => (HTML, packed!("index.html")),
        "index.css" => (CSS, packed!("index.css")),
        "swagger-ui.css" => (CSS, packed!("swagger-ui.css")),
        "swagger-ui-bundle.js" => (SCRIPT, packed!("swagger-ui-bundle.js")),
        "swagger-ui-standalone-preset.js" => (SCRIPT, packed!("swagger-ui-standalone-preset.js")),
        "swagger-initializer.js" => return ([(CONTENT_TYPE, SCRIPT)], INITIALIZER).into_response(),
        "reader.js" => return ([(CONTENT_TYPE, SCRIPT)], READER_INITIALIZER).into_response(),
        "favicon-32x32.png" => ("image/png", packed!("favicon-32x32.png")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    packed.response(kind, asked)
}
