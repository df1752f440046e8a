//! Which first steps were made on this server.

use axum::Json;
use axum::extract::State;

use super::settings;
use crate::app::AppState;
use crate::auth::Principal;
use crate::http::error::ApiResult;

/// The names of the steps that were made.
pub async fn get_onboarding_state(State(app): State<AppState>, _: Principal) -> ApiResult<Json<Vec<String>>> {
    let settings = settings::find(&app.store).await?;
    let steps = settings.onboarding_state.and_then(|steps| serde_json::from_str(&steps).ok());
    Ok(Json(steps.unwrap_or_default()))
}
