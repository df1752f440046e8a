//! What the rules say of a token that somebody has: which takes it, and why the others don't. Nothing is exchanged.

use axum::Json;
use sea_query::Order;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::require_admin;
use crate::audit::Origin;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::issuers::Unverified;
use crate::login::grants::token_exchange::{self, Judged};
use crate::store::{Id, Stored};
use crate::trusts::{TrustRow, used};

/// Rules that are asked.
const MOST: u64 = 1000;

#[derive(Deserialize, ToSchema)]
#[schema(as = TrustTestRequest)]
pub(crate) struct TrustTestRequest {
    /// The text of a token.
    #[schema(value_type = String)]
    token: SecretString,
}

/// What the rules say of a token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustTest {
    /// The rule that takes it; null for none.
    #[schema(value_type = Option<uuid::Uuid>)]
    trust_id: Option<Id>,
    /// Whether it was exchanged: then it isn't taken again.
    used: bool,
    /// What the token says, whether or not that is so.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    #[schema(inline)]
    results: Vec<TrustResult>,
}

/// What one rule says of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustResult {
    #[schema(value_type = uuid::Uuid)]
    id: Id,
    name: String,
    matches: bool,
    /// Why not.
    reasons: Vec<String>,
}

#[utoipa::path(
    post,
    path = super::TEST,
    tag = "trusts",
    summary = "Test Token",
    description = "Which rule takes a token, and why the others don't. For admins. The token is not exchanged.",
    request_body = TrustTestRequest,
    responses((status = 200, description = "What each rule says.", body = TrustTest)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn test_token(
    cx: Context,
    origin: Origin,
    JsonBody(request): JsonBody<TrustTestRequest>,
) -> ApiResult<Json<TrustTest>> {
    require_admin(&cx.principal)?;
    let text = request.token.expose_secret().trim();
    let token = Unverified::read(text).map_err(|error| ApiError::unprocessable(format!("token: {error}")))?;
    let rules = TrustRow::all().order_by("id", Order::Asc).limit(MOST).to_owned();
    let rules: Vec<TrustRow> = cx.store.fetch_all(&rules).await?;
    let judged = token_exchange::judge(&cx, rules, &token, origin.client().0, cx.env.clock.now()).await?;
    let mut test =
        TrustTest { trust_id: None, used: false, claims: token.claims().clone(), results: Vec::new() };
    for Judged { rule, verdict } in judged {
        let reasons = match verdict {
            Ok((verified, _)) => {
                test.trust_id = test.trust_id.or(Some(rule.id));
                test.used = test.used || used::is_used(&cx.auth_store, &verified).await?;
                Vec::new()
            }
            Err(unmet) => unmet.iter().map(ToString::to_string).collect(),
        };
        let matches = reasons.is_empty();
        test.results.push(TrustResult { id: rule.id, name: rule.name, matches, reasons });
    }
    Ok(Json(test))
}
