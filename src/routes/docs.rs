//! The OpenAPI document, and a page to read and try it.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::AppState;

const DOCUMENT: &str = "/openapi.json";
/// As the page at `/docs/` finds it, wherever a root path has moved both.
const DOCUMENT_FROM_PAGE: &str = "../openapi.json";

/// `/docs` and `/openapi.json`; outside the layers, since the page has scripts that the policy forbids.
///
/// Only the document's text is kept: as a tree it takes several times the memory.
///
/// # Errors
/// When the document can't be written as JSON.
pub fn router(document: OpenApi) -> serde_json::Result<Router<AppState>> {
    let text = Bytes::from(serde_json::to_vec(&document)?.into_boxed_slice());
    drop(document);
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], text) };
    let page: Router<AppState> = SwaggerUi::new("/docs").config(Config::new([DOCUMENT_FROM_PAGE])).into();
    Ok(page.route(DOCUMENT, get(answer)))
}
