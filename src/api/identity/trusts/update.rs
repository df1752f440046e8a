//! Changes of rules. What a rule has given ends when it comes to mean something else.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{TrustResponse, find, require_admin, rules};
use crate::audit::{Action, Event, Origin};
use crate::auth::addresses::Addresses;
use crate::auth::revocation::Written;
use crate::auth::{Principal, Revocation, register};
use crate::framework::{Context, find_in, or_taken};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathName;
use crate::http::values::{JsonObject, LongText, Name, ShortText, nullable};
use crate::store::{Timestamp, Transaction, Update, WriteStatement};
use crate::tasks;
use crate::trusts::conditions::Conditions;
use crate::trusts::{TABLE, TrustRow};

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
pub(super) fn require_lasting(principal: &Principal) -> ApiResult<()> {
    match principal.require_signed_in() {
        Ok(()) => Ok(()),
        Err(_) => Err(ApiError::illegal(
            "A trust rule is made and changed by somebody who is signed in: it would outlive the token that this \
             request is made with.",
        )),
    }
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
        return cx.answer::<TrustRow>(id).await;
    }
    end_and_change(&cx, &row, &update.statement(), &event, new_name).await?;
    cx.answer::<TrustRow>(id).await
}

/// What of the request changes whom the rule trusts, or with what. What is said again as it is changes nothing.
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
    let issuer = request.issuer.map(|issuer| issuer.as_str().to_owned());
    let conditions = request.conditions.as_ref().map(rules::conditions).transpose()?;
    let addresses = request.addresses.map(addresses).transpose()?;
    let lifetime = request.expires_in.map(lifetime).transpose()?;
    Ok(update
        .maybe("issuer", other_than(&row.body.issuer, issuer))
        .maybe("conditions", other_than(&row.conditions, conditions))
        .maybe("jwks", jwks.filter(|jwks| !are_same_keys(row.jwks.as_deref(), jwks.as_deref())))
        .maybe("audience", other_than(&row.body.audience, audience))
        .maybe("service_account_id", other_than(&row.body.service_account_id, service_account))
        .maybe("scope", other_than(&row.body.scope, scope))
        .maybe("projects", other_than(&row.projects, projects))
        .maybe("addresses", other_than(&row.addresses, addresses))
        .maybe("expires_in", other_than(&row.body.expires_in, lifetime))
        .maybe("active", other_than(&row.body.active, request.active)))
}

fn other_than<T: PartialEq>(was: &T, asked: Option<T>) -> Option<T> {
    asked.filter(|asked| asked != was)
}

/// However they are written.
fn are_same_keys(was: Option<&str>, asked: Option<&str>) -> bool {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    was.is_some() == asked.is_some() && read(was) == read(asked)
}

/// Ends what the rule has given, and changes or deletes it, in one transaction.
pub(super) async fn end_and_change(
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
