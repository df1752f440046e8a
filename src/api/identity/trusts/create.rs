//! New rules.

use axum::Json;
use serde::Deserialize;
use utoipa::ToSchema;

use super::update::require_lasting;
use super::{TrustResponse, require_admin, rules};
use crate::audit::{Action, Origin};
use crate::auth::addresses::Addresses;
use crate::framework::{Context, or_taken};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::values::{JsonObject, LongText, Name, ShortText, yes};
use crate::store::Insert;
use crate::trusts::conditions::Conditions;
use crate::trusts::forms::Form;
use crate::trusts::{TABLE, TrustRow};

/// A new rule: `issuer` and `conditions`, or a `form` that stands for them, to which `conditions` may add.
#[derive(Deserialize, ToSchema)]
#[schema(as = TrustRequest)]
pub(crate) struct TrustRequest {
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    name: Name,
    #[schema(value_type = Option<String>)]
    description: Option<LongText>,
    /// Who has to have issued a token, as it says (`iss`): an address that begins with https://, where its keys are
    /// looked up.
    #[schema(value_type = Option<String>)]
    issuer: Option<ShortText>,
    /// What a token has to say: for each claim a text, or a list of texts, in which `*` stands for any text. Claims within
    /// others have / between their names: `kubernetes.io/namespace`.
    #[schema(value_type = Option<Object>)]
    conditions: Option<Conditions>,
    form: Option<Form>,
    /// The issuer's keys (a JWK Set), where this server can't reach it.
    #[schema(value_type = Option<Object>)]
    jwks: Option<JsonObject>,
    /// Who a token has to be for; this server without it.
    #[schema(value_type = Option<String>)]
    audience: Option<ShortText>,
    /// Name or id of the service account that its tokens are of.
    service_account: String,
    /// What its tokens may do, such as `runs:write artifacts:write`; all that the service account may without it.
    scope: Option<String>,
    /// Names or ids of the projects that its tokens are for; all without it.
    projects: Option<Vec<String>>,
    /// Networks that a token is taken from, and may be used from; all without it.
    #[schema(value_type = Option<Vec<String>>)]
    addresses: Option<Addresses>,
    /// Seconds that its tokens live, at most.
    expires_in: Option<i64>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    active: bool,
}

#[utoipa::path(
    post,
    path = super::TRUSTS,
    tag = "trusts",
    summary = "Create Trust Rule",
    description = "For admins who are signed in. `warnings` of the answer says whether it trusts everybody.",
    request_body = TrustRequest,
    responses((status = 200, description = "The rule.", body = TrustResponse)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn create_trust(
    cx: Context,
    origin: Origin,
    JsonBody(request): JsonBody<TrustRequest>,
) -> ApiResult<Json<TrustResponse>> {
    require_admin(&cx.principal)?;
    require_lasting(&cx.principal)?;
    let (issuer, conditions) = whom(request.form, request.issuer, request.conditions)?;
    rules::check_issuer(&issuer, request.jwks.is_some())?;
    let conditions = rules::conditions(&conditions)?;
    let service_account = rules::service_account(&cx, &request.service_account).await?;
    let projects = match &request.projects {
        Some(names) => Some(rules::projects(&cx, names).await?),
        None => None,
    };
    let (id, name) = (cx.new_id(), request.name.as_str());
    let row = Insert::into(TABLE)
        .stamped(id, cx.now())
        .set("name", name)
        .set("description", request.description.unwrap_or_default().as_str())
        .set("user_id", cx.user_id())
        .set("service_account_id", service_account)
        .set("credential_id", cx.env.random.id())
        .set("issuer", issuer.as_str())
        .set("jwks", request.jwks.as_ref().map(rules::jwks).transpose()?)
        .set("audience", rules::audience(&cx, request.audience)?)
        .set("conditions", conditions)
        .set("scope", request.scope.as_deref().map(|scope| rules::scope(&cx, scope)).transpose()?.flatten())
        .set("projects", projects)
        .set("addresses", request.addresses.as_ref().map(rules::addresses).transpose()?)
        .set("expires_in", request.expires_in.map(|seconds| rules::lifetime(&cx, seconds)).transpose()?)
        .set("active", request.active)
        .statement();
    let event = cx.audit.event(&origin, Action::TrustCreated).on("trust", id, name);
    let event = &event.with("issuer", issuer).with("service_account_id", service_account.to_string());
    let row = &row;
    let made = cx.create(|mut tx| async move {
        tx.execute(row).await.map_err(or_taken::<TrustRow>(name))?;
        event.put_in(&mut tx).await?;
        Ok((tx, id))
    });
    let made = made.await?;
    if made == id {
        event.ship();
    }
    cx.answer::<TrustRow>(made).await
}

/// The issuer and conditions that are meant.
fn whom(
    form: Option<Form>,
    issuer: Option<ShortText>,
    conditions: Option<Conditions>,
) -> ApiResult<(String, Conditions)> {
    let issuer = issuer.map(|issuer| issuer.as_str().to_owned());
    let conditions = conditions.unwrap_or_default();
    let Some(form) = form else {
        let issuer = issuer.ok_or_else(|| ApiError::unprocessable("issuer: Field required, or a form"))?;
        return Ok((issuer, conditions));
    };
    let filled = form.fill().map_err(|reason| ApiError::unprocessable(format!("form: {reason}")))?;
    if let Some((claim, _)) = conditions.iter().find(|(claim, _)| filled.conditions.on(claim).is_some()) {
        return Err(ApiError::unprocessable(format!("conditions: the form says what {claim} is")));
    }
    Ok((issuer.unwrap_or(filled.issuer), filled.conditions.and(conditions)))
}
