//! The end of rules.

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};

use super::update::end_and_change;
use super::{find, require_admin};
use crate::audit::{Action, Origin};
use crate::framework::Context;
use crate::http::error::ApiResult;
use crate::http::openapi::shapes::Null;
use crate::http::path::PathName;
use crate::trusts::TABLE;

#[utoipa::path(
    delete,
    path = super::TRUST,
    tag = "trusts",
    summary = "Delete Trust Rule",
    description = "The tokens that it has given end: here at once, on every replica within a second.",
    params(("trust_name_or_id" = String, Path, description = "The rule's name or id.")),
    responses((status = 200, description = "It is deleted.", body = inline(Null))),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn delete_trust(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<()>> {
    require_admin(&cx.principal)?;
    let row = find(&cx, &name_or_id).await?;
    let delete = Sql::delete().from_table(TABLE).and_where(Expr::col("id").eq(row.id)).to_owned();
    let event = cx.audit.event(&origin, Action::TrustDeleted).on("trust", row.id, &row.name);
    end_and_change(&cx, &row, &delete, &event, None).await?;
    Ok(Json(()))
}
