//! The audit's records, for admins (docs/audit.md).

use axum::extract::State;

use crate::api::identity::users::admins_only;
use crate::audit::Record;
use crate::auth::Principal;
use crate::framework::routes::Routes;
use crate::http::error::ApiResult;
use crate::http::list::{ListRequest, Page};
use crate::store::Store;

pub fn routes() -> Routes {
    Routes::new().get("/api/v1/audit", list_records)
}

/// Records, the newest first.
pub async fn list_records(
    State(store): State<Store>,
    principal: Principal,
    list: ListRequest<Record>,
) -> ApiResult<Page<Record>> {
    admins_only(&principal, "read the audit")?;
    list.fetch(&store, &Record::select()).await
}
