//! The OpenAPI document, and a page to read and try it.

mod document;

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use tower::util::MapResponseLayer;

use crate::address::Address;
use crate::app::AppState;
use crate::http::headers::own_page;
use crate::packed::packed;
use document::Document;

const DOCUMENT: &str = "/openapi.json";
const INITIALIZER: &str = include_str!("initializer.js");
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Swagger UI makes styles as it goes, and asks this server alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// `/docs` and `/openapi.json`.
pub fn router(app: &AppState) -> Router<AppState> {
    let page = Address::of("/docs/", &[]).below(&app.config.root_url_path.0);
    let document = Document::default();
    Router::new()
        .route("/docs", get(async move || Redirect::to(page.as_str())))
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
        "favicon-32x32.png" => ("image/png", packed!("favicon-32x32.png")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    packed.response(kind, asked)
}
