//! Making, changing and deleting trust rules. What a rule has given ends when it comes to mean something else.

use axum::Json;
use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Deserialize;
use utoipa::ToSchema;

use super::rules;
use super::{TrustResponse, find, require_admin};
use crate::audit::{Action, Event, Origin};
use crate::auth::addresses::Addresses;
use crate::auth::revocation::Written;
use crate::auth::{Principal, Revocation, register};
use crate::framework::{Context, find_in, or_taken};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::openapi::shapes::Null;
use crate::http::path::PathName;
use crate::http::values::{JsonObject, LongText, Name, ShortText, nullable};
use crate::store::{Insert, Timestamp, Transaction, Update, WriteStatement};
use crate::tasks;
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

fn yes() -> bool {
    true
}

/// What is to change; the rest stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = TrustUpdate)]
pub(crate) struct TrustUpdate {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    name: Option<Name>,
    #[schema(value_type = Option<String>)]
    description: Option<LongText>,
    #[schema(value_type = Option<String>)]
    issuer: Option<ShortText>,
    #[schema(value_type = Option<Object>)]
    conditions: Option<Conditions>,
    /// Null has them looked up.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Option<JsonObject>>,
    #[schema(value_type = Option<String>)]
    audience: Option<ShortText>,
    service_account: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    scope: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    projects: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    addresses: Option<Option<Addresses>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    expires_in: Option<Option<i64>>,
    active: Option<bool>,
}

/// A rule would outlive a program's token, and give what that was not to have.
fn require_lasting(principal: &Principal) -> ApiResult<()> {
    match principal.require_signed_in() {
        Ok(()) => Ok(()),
        Err(_) => Err(ApiError::illegal(
            "A trust rule is made and changed by somebody who is signed in: it would outlive the token that this \
             request is made with.",
        )),
    }
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
    cx.answer::<TrustRow>(made).await.map(Json)
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

#[utoipa::path(
    put,
    path = super::TRUST,
    tag = "trusts",
    summary = "Update Trust Rule",
    description = "For admins who are signed in. The tokens that it has given end, unless only its name or description \
                   changes.",
    params(("trust_name_or_id" = String, Path, description = "The rule's name or id.")),
    request_body = TrustUpdate,
    responses((status = 200, description = "The rule.", body = TrustResponse)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn update_trust(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(request): JsonBody<TrustUpdate>,
) -> ApiResult<Json<TrustResponse>> {
    require_admin(&cx.principal)?;
    require_lasting(&cx.principal)?;
    let row = find(&cx, &name_or_id).await?;
    let id = row.id;
    let new_name = request.name.clone();
    let renamed = Update::of(TABLE, id, cx.now())
        .maybe("name", request.name.clone())
        .maybe("description", request.description.clone());
    let shown = renamed.changed().len();
    let update = meaning(&cx, &row, request, renamed).await?;
    let is_other = update.changed().len() > shown;
    let event = cx.audit.event(&origin, Action::TrustUpdated).on("trust", id, &row.name);
    let event = event.with("changed", update.changed());
    let update = match is_other {
        true => update.set("credential_id", cx.env.random.id()),
        false => update,
    };
    let new_name = new_name.as_ref().map(Name::as_str);
    if !is_other {
        let (update, event) = (&update.statement(), &event);
        let changed = cx.store.write(|mut tx| async move {
            tx.execute(update).await.map_err(or_taken::<TrustRow>(new_name))?;
            Ok::<_, ApiError>(event.commit(tx, ()).await?)
        });
        changed.await?;
        return cx.answer::<TrustRow>(id).await.map(Json);
    }
    end_and_change(&cx, &row, &update.statement(), &event, new_name).await?;
    cx.answer::<TrustRow>(id).await.map(Json)
}

/// What of the request changes whom the rule trusts, or with what.
async fn meaning(cx: &Context, row: &TrustRow, request: TrustUpdate, update: Update) -> ApiResult<Update> {
    let has_keys = request.jwks.as_ref().map_or(row.jwks.is_some(), Option::is_some);
    let issuer = request.issuer.as_ref().map_or(row.body.issuer.as_str(), ShortText::as_str);
    rules::check_issuer(issuer, has_keys)?;
    let audience = match request.audience {
        Some(audience) => Some(rules::audience(cx, Some(audience))?),
        None => None,
    };
    let service_account = match &request.service_account {
        Some(name) => Some(rules::service_account(cx, name).await?),
        None => None,
    };
    let jwks = request.jwks.map(|jwks| jwks.as_ref().map(rules::jwks).transpose()).transpose()?;
    let scope = match request.scope {
        Some(Some(scope)) => Some(rules::scope(cx, &scope)?),
        Some(None) => Some(None),
        None => None,
    };
    let projects = match request.projects {
        Some(Some(names)) => Some(Some(rules::projects(cx, &names).await?)),
        Some(None) => Some(None),
        None => None,
    };
    let addresses = |addresses: Option<Addresses>| addresses.as_ref().map(rules::addresses).transpose();
    let lifetime = |seconds: Option<i64>| seconds.map(|seconds| rules::lifetime(cx, seconds)).transpose();
    Ok(update
        .maybe("issuer", request.issuer)
        .maybe("conditions", request.conditions.as_ref().map(rules::conditions).transpose()?)
        .maybe("jwks", jwks)
        .maybe("audience", audience)
        .maybe("service_account_id", service_account)
        .maybe("scope", scope)
        .maybe("projects", projects)
        .maybe("addresses", request.addresses.map(addresses).transpose()?)
        .maybe("expires_in", request.expires_in.map(lifetime).transpose()?)
        .maybe("active", request.active))
}

/// Ends what the rule has given, and changes or deletes it, in one transaction.
async fn end_and_change(
    cx: &Context,
    row: &TrustRow,
    statement: &impl WriteStatement,
    event: &Event,
    new_name: Option<&str>,
) -> ApiResult<()> {
    tasks::must_finish();
    cx.auth.register.flush().await?;
    let (id, now) = (row.id, cx.env.clock.now());
    let ended = cx.store.write(|mut tx| async move {
        // Its turn comes before all else, so the rule is read after that.
        let mut ended = vec![end(&mut tx, row, now).await?];
        let current = find_in::<TrustRow>(&mut tx, id).await?;
        if current.metadata.credential_id != row.metadata.credential_id {
            ended.push(end(&mut tx, &current, now).await?);
        }
        let tokens = ended.iter().map(|(_, tokens)| tokens).sum::<u64>();
        tx.execute(statement).await.map_err(or_taken::<TrustRow>(new_name))?;
        let event = event.clone().maybe("descendants", (tokens > 0).then_some(tokens));
        Ok::<_, ApiError>(event.commit(tx, ended).await?)
    });
    ended.await?.into_iter().for_each(|(ended, _)| cx.auth.revocations.note(ended));
    Ok(())
}

/// Takes back all that was made from the rule's credential, and says how many tokens that are.
async fn end(tx: &mut Transaction, row: &TrustRow, now: DateTime<Utc>) -> ApiResult<(Written, u64)> {
    let credential = row.metadata.credential_id;
    let user_id = row.body.service_account_id.0;
    let revocation = Revocation::Token { id: credential.0, expires: None, user_id };
    let written = revocation.write(tx, now).await?;
    Ok((written, register::revoke_descendants(tx, credential, Timestamp::new(now)).await?))
}

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
