//! Warnings: one's own, for admins everyone's (docs/warnings.md).

use axum::extract::State;
use sea_query::{Expr, ExprTrait};

use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::Routes;
use crate::http::error::ApiResult;
use crate::http::list::{ListRequest, Page};
use crate::http::openapi::lists::Paging;
use crate::store::Store;
use crate::warnings::Warning;

pub(crate) const KIND: Kind = Kind::new("warnings");

const WARNINGS: &str = "/api/v1/warnings";

type WarningPage = Page<Warning>;

pub(crate) fn routes() -> Routes {
    Routes::of(KIND).get(WARNINGS, list_warnings)
}

/// Warnings, the newest first.
#[utoipa::path(
    get,
    path = WARNINGS,
    operation_id = "list_warnings_api_v1_warnings_get",
    tag = "warnings",
    summary = "List warnings",
    description = "What somebody should look at, the newest first: of one's own account, for admins of all.",
    params(
        Paging,
        ("id" = Option<String>, Query, description = "Id of the warning."),
        ("created" = Option<String>, Query, description = "When: gte:2026-01-31 00:00:00, as UTC."),
        ("kind" = Option<String>, Query, description = "What it is about, such as api_key.expiring."),
        ("user_id" = Option<String>, Query, description = "Id of the account that it is about."),
        ("subject_kind" = Option<String>, Query, description = "api_key, api_token or user."),
        ("subject_id" = Option<String>, Query, description = "Id of what it is about."),
        ("subject_name" = Option<String>, Query, description = "Its name.")
    ),
    responses((status = 200, description = "A page of warnings", body = WarningPage)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn list_warnings(
    State(store): State<Store>,
    principal: Principal,
    list: ListRequest<Warning>,
) -> ApiResult<Page<Warning>> {
    let mut select = Warning::select();
    if !principal.user.body.is_admin {
        select.and_where(Expr::col("user_id").eq(principal.user.id));
    }
    list.fetch(&store, &select).await
}
