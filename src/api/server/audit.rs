//! The audit's records, for admins (docs/audit.md).

use axum::extract::State;

use crate::api::identity::users::admins_only;
use crate::audit::Record;
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::Routes;
use crate::http::error::ApiResult;
use crate::http::list::{ListRequest, Page};
use crate::http::openapi::lists::Paging;
use crate::store::Store;

pub(crate) const KIND: Kind = Kind::new("audit");

const AUDIT: &str = "/api/v1/audit";

type RecordPage = Page<Record>;

pub(crate) fn routes() -> Routes {
    Routes::of(KIND).get(AUDIT, list_records)
}

/// Records, the newest first.
#[utoipa::path(
    get,
    path = AUDIT,
    operation_id = "list_audit_records_api_v1_audit_get",
    tag = "audit",
    summary = "List audit records",
    description = "What was done and by whom, the newest first; for admins.",
    params(
        Paging,
        ("id" = Option<String>, Query, description = "Id of the record."),
        ("created" = Option<String>, Query, description = "When: gte:2026-01-31 00:00:00, as UTC."),
        (
            "action" = Option<String>,
            Query,
            description = "What was done, such as sign_in or oneof:[\"sign_in\",\"sign_in_refused\"]."
        ),
        ("result" = Option<String>, Query, description = "success or refused."),
        ("reason" = Option<String>, Query, description = "Why it was refused."),
        ("times" = Option<String>, Query, description = "How often."),
        ("user" = Option<String>, Query, description = "Name or id of the account that did it."),
        ("user_id" = Option<String>, Query, description = "Its id."),
        ("user_name" = Option<String>, Query, description = "Its name."),
        ("credential" = Option<String>, Query, description = "What it was proved with."),
        ("token_id" = Option<String>, Query, description = "jti of the token that was used or made."),
        ("api_key_id" = Option<String>, Query, description = "API key that was used."),
        ("device_id" = Option<String>, Query, description = "Device that was used."),
        ("subject" = Option<String>, Query, description = "Name or id of what it was done to."),
        ("subject_kind" = Option<String>, Query, description = "Kind of what it was done to."),
        ("subject_id" = Option<String>, Query, description = "Its id."),
        ("subject_name" = Option<String>, Query, description = "Its name."),
        ("address" = Option<String>, Query, description = "Address of the request."),
        ("user_agent" = Option<String>, Query, description = "User-Agent of the request."),
        ("request_id" = Option<String>, Query, description = "X-Request-ID of the answer.")
    ),
    responses((status = 200, description = "A page of records", body = RecordPage)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn list_records(
    State(store): State<Store>,
    principal: Principal,
    list: ListRequest<Record>,
) -> ApiResult<Page<Record>> {
    admins_only(&principal, "read the audit")?;
    list.fetch(&store, &Record::select()).await
}
