//! The OpenAPI document, and a page to read and try it.

use axum::Json;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::AppState;
use crate::http::error::ApiError;
use crate::http::openapi;

const DOCUMENT: &str = "/openapi.json";
/// As the page at `/docs/` finds it, wherever a root path has moved both.
const DOCUMENT_FROM_PAGE: &str = "../openapi.json";

/// `/docs` and `/openapi.json`; outside the layers, since the page has scripts that the policy forbids.
pub fn router() -> Router<AppState> {
    let page: Router<AppState> = SwaggerUi::new("/docs").config(Config::new([DOCUMENT_FROM_PAGE])).into();
    page.route(DOCUMENT, get(document))
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
