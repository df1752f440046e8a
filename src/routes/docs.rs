//! The OpenAPI document, and a page to read and try it.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::AppState;

/// `/docs` and `/openapi.json`; outside the layers, since the page has scripts that the policy forbids.
pub fn router(document: OpenApi) -> Router<AppState> {
    SwaggerUi::new("/docs").url("/openapi.json", document).into()
}
