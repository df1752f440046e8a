//! Which first steps were made on this server.

use axum::Json;
use axum::extract::State;

use crate::accounts::server;
use crate::auth::Principal;
use crate::http::error::ApiResult;
use crate::store::Store;

/// The names of the steps that were made.
pub(crate) async fn get_onboarding_state(
    State(store): State<Store>,
    _: Principal,
) -> ApiResult<Json<Vec<String>>> {
    let settings = server::find(&store).await?;
    let steps = settings.onboarding_state.and_then(|steps| serde_json::from_str(&steps).ok());
    Ok(Json(steps.unwrap_or_default()))
}
