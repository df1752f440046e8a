//! The audit's records, for admins (docs/audit.md).

use axum::extract::State;

use crate::api::identity::users::admins_only;
use crate::app::AppState;
use crate::audit::Record;
use crate::auth::Principal;
use crate::framework::routes::Routes;
use crate::http::error::ApiResult;
use crate::http::list::{ListRequest, Page};

pub fn routes() -> Routes {
    Routes::new().get("/api/v1/audit", list_records)
}

/// Records, the newest first.
pub async fn list_records(
    State(app): State<AppState>,
    principal: Principal,
    list: ListRequest<Record>,
) -> ApiResult<Page<Record>> {
    admins_only(&principal, "read the audit")?;
    list.fetch(&app.store, &Record::select()).await
}
