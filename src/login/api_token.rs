//! The heart: a short-lived token for whoever already has one.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::HeaderValue;
use axum::response::Response;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::grants::api_key;
use super::origin::Sender;
use crate::app::AppState;
use crate::audit::text_of;
use crate::auth::addresses::{Addresses, AddressesError};
use crate::auth::claims::TokenKind;
use crate::auth::jwt::NewToken;
use crate::auth::permissions::Permissions;
use crate::auth::register::Registration;
use crate::auth::scope::{Downscope, DownscopeError, Workload};
use crate::auth::workload::{self, WorkloadRefusal};
use crate::auth::{AuthenticationError, Principal, Scope, VerifiedToken};
use crate::config::ServerSettings;
use crate::framework::{Context, named_project};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::written_json;
use crate::http::query::QueryParams;
use crate::store::Id;

/// Characters of a token's name, at most.
pub(crate) const NAME_LENGTH: usize = 255;

/// Kinds of token that can be asked for (contract schema APITokenType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiTokenType {
    Generic,
    Workload,
}

/// What a token is to be.
#[derive(Debug)]
struct Asked {
    token_type: ApiTokenType,
    name: String,
    /// Seconds.
    expires_in: Option<i64>,
    workload: Workload,
    downscope: Downscope,
}

/// A new API token for the principal. Its life is what was asked for, within the server's maximum, and never
/// longer than that of the generic token which asked.
///
/// It may be narrowed: to projects (`project`, names or ids), to verbs on kinds of resource (`scope`,
/// [`crate::auth::permissions`]), to reading (`read_only`), to addresses (`addresses`). What the token that asks lacks, the new one lacks too.
/// It is noted in the register, under the `name` that is asked for.
#[utoipa::path(
    get,
    path = "/api/v1/api_token",
    params(
        ("name" = Option<String>, Query, description = "What the token is called in the list of API tokens."),
        ("read_only" = Option<bool>, Query, description = "Whether it only reads."),
        ("project" = Option<Vec<String>>, Query, description = "Names or ids of the projects it is for; all without."),
        (
            "scope" = Option<String>,
            Query,
            description = "What it may do, such as `runs:read artifacts:write` (docs/tokens.md)."
        ),
        (
            "addresses" = Option<Vec<String>>,
            Query,
            description = "Addresses and networks it may be used from, such as `10.0.0.0/8`; all without."
        )
    )
)]
pub(crate) async fn get_api_token(cx: Context, sender: Sender, query: QueryParams) -> ApiResult<Response> {
    let asked = Asked::read(&cx, query).await?;
    let parent = cx.principal.token()?;
    let parents = parents_of_child(parent)?;
    let scope = asked.scope(&cx, &parent.claims.scope).await?;
    let now = cx.env.clock.now();
    let latest = match parent.claims.scope.api_key_id {
        None => parent.childrens_end(),
        Some(id) => Box::pin(end_with_key(&cx, parent, id)).await?,
    };
    let (kind, expires_at) = match asked.token_type {
        ApiTokenType::Generic => {
            let end = end_of_life(&cx.config, now, asked.expires_in, latest)?;
            (TokenKind::Generic, Some(end))
        }
        // It has no end of its own, but neither does it outlive a generic token that asked for it.
        ApiTokenType::Workload => (TokenKind::Workload, latest),
    };
    let child = Child { kind, name: asked.name, expires_at, scope, parents };
    let token = child.issue(&cx, &cx.principal, parent, sender, now).await?;
    // A token has nothing that JSON would have to escape (RFC 7515, section 3.1).
    Ok(written_json(format!("\"{token}\"").into()))
}

/// A generic token with all that the principal's token may do, for something that this server sets up: it lives so many
/// seconds, and no longer than the operator's maximum or the principal's own.
///
/// # Errors
/// 401 when the principal has no token; 403 when no more can be made from it; when it can't be signed or noted.
pub(crate) async fn issue_for(
    app: &AppState,
    principal: &Principal,
    sender: Sender,
    name: String,
    lifetime: u32,
) -> ApiResult<String> {
    let parent = principal.token()?;
    let now = app.env.clock.now();
    let lifetime = i64::from(Ord::min(lifetime, app.config.generic_api_token_max_lifetime.0));
    let child = Child {
        kind: TokenKind::Generic,
        name: name.chars().take(NAME_LENGTH).collect(),
        expires_at: Some(end_of_life(&app.config, now, Some(lifetime), parent.childrens_end())?),
        scope: parent.claims.scope.clone(),
        parents: parents_of_child(parent)?,
    };
    child.issue(app, principal, parent, sender, now).await
}

fn parents_of_child(parent: &VerifiedToken) -> ApiResult<Vec<Uuid>> {
    parent.parents_of_child().map_err(|error| ApiError::insufficient_scope(error.to_string(), None))
}

/// A token that is made from another one, of the same principal.
struct Child {
    kind: TokenKind,
    name: String,
    expires_at: Option<i64>,
    scope: Scope,
    parents: Vec<Uuid>,
}

impl Child {
    /// Signs it, and notes it in the register.
    async fn issue(
        self,
        app: &AppState,
        principal: &Principal,
        parent: &VerifiedToken,
        sender: Sender,
        now: DateTime<Utc>,
    ) -> ApiResult<String> {
        let Self { kind, name, expires_at, scope, parents } = self;
        let user_id = principal.user.id;
        let standing = app.auth.standing_of_child(parent, principal.user.password_changed_at);
        let issued = app.auth.tokens.issue(NewToken {
            user_id: user_id.0,
            kind,
            issued_at: now,
            proven_at: Some(parent.proven_at()),
            expires_at,
            parents,
            session_id: None,
            standing,
            scope: scope.clone(),
        })?;
        let text = |header: Option<HeaderValue>| text_of(header.as_ref()).map(|text| text.into());
        let registration = Registration {
            id: issued.id,
            parent_id: parent.parent_in_register(),
            name,
            kind,
            account: Arc::clone(&principal.user),
            created: issued.issued_at,
            proven: parent.proven_at(),
            standing,
            expires: expires_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            scope: (scope != Scope::default()).then(|| Box::new(scope)),
            address: sender.address,
            user_agent: text(sender.user_agent),
            record_id: app.env.random.id_in_time(now),
            asked_with: parent.claims.jti.map(Id),
            request_id: text(sender.request_id),
        };
        app.auth.register.note(registration).await?;
        Ok(issued.token)
    }
}

/// The moment that no child of a token may outlive which was made from an API key: the parent's, and the key's own end.
async fn end_with_key(app: &AppState, parent: &VerifiedToken, id: Uuid) -> ApiResult<Option<i64>> {
    let key = app.auth.identities.api_key(id).await.map_err(AuthenticationError::from)?;
    let end = key.and_then(|key| api_key::end_of(&key, parent.claims.scope.key_gen));
    Ok([parent.childrens_end(), end].into_iter().flatten().min())
}

impl Asked {
    async fn read(app: &AppState, mut query: QueryParams) -> ApiResult<Self> {
        let types = [("generic", ApiTokenType::Generic), ("workload", ApiTokenType::Workload)];
        let token_type = query.choice("token_type", &types).unwrap_or(ApiTokenType::Generic);
        let expires_in = query.integer("expires_in", 1, i64::MAX);
        let bound_to = ["schedule_id", "pipeline_run_id", "deployment_id"].map(|name| query.uuid(name));
        let name = query.text("name").unwrap_or_default().to_owned();
        if name.chars().count() > NAME_LENGTH {
            query.refuse(
                "name",
                "string_too_long",
                format!("String should have at most {NAME_LENGTH} characters"),
            );
        }
        let permissions = permissions(&mut query, app.server.kinds);
        let addresses = addresses(&mut query);
        query.finish()?;
        let [schedule_id, pipeline_run_id, deployment_id] = bound_to;
        let workload = Workload { schedule_id, pipeline_run_id, deployment_id, root_run_id: None };
        // Apart, as is the workload below: most tokens are asked for without, and go without the memory.
        let projects = match query.text("project") {
            Some(_) => Some(Box::pin(projects(app, &query)).await?),
            None => None,
        };
        let downscope = Downscope { permissions, projects, addresses };
        Ok(Self { token_type, name, expires_in, workload, downscope })
    }

    /// What is left of the scope of the token that asks.
    async fn scope(&self, app: &AppState, parent: &Scope) -> ApiResult<Scope> {
        let bound = match self.token_type {
            ApiTokenType::Generic if self.workload != Workload::default() => {
                let message =
                    "Generic API tokens cannot be scoped to a schedule, pipeline run or deployment.";
                return Err(ApiError::value(message));
            }
            ApiTokenType::Generic => parent.clone(),
            ApiTokenType::Workload => {
                let bound = Box::pin(workload::downscope(&app.auth_store, parent, self.workload)).await;
                bound.map_err(|refusal| match refusal {
                    WorkloadRefusal::Unfit(reason) => ApiError::value(reason),
                    WorkloadRefusal::Wider(wider) => ApiError::authorization(wider.to_string()),
                    WorkloadRefusal::Store(error) => error.into(),
                })?
            }
        };
        let refuse = |error: DownscopeError| ApiError::insufficient_scope(error.to_string(), None);
        bound.downscoped_by(&self.downscope).map_err(refuse)
    }
}

/// What `scope` and `read_only` leave, if either is said. The scope is one list, however often it is said.
fn permissions(query: &mut QueryParams, kinds: &BTreeSet<&str>) -> Option<Permissions> {
    let read_only = query.flag("read_only").unwrap_or(false);
    let list: Vec<&str> = query.texts("scope").collect();
    let listed = (!list.is_empty()).then(|| list.join(" ").parse::<Permissions>());
    let listed = match listed.transpose() {
        Ok(listed) => listed,
        Err(error) => {
            query.refuse("scope", "scope", error.to_string());
            return None;
        }
    };
    if let Some(unknown) = listed.as_ref().and_then(|listed| unknown_resource(listed, kinds)) {
        let message = format!("'{unknown}' is no kind of resource; docs/tokens.md lists them");
        query.refuse("scope", "scope", message);
    }
    match (listed, read_only) {
        (Some(listed), true) => Some(listed.intersection(&Permissions::read_only())),
        (None, true) => Some(Permissions::read_only()),
        (listed, false) => listed,
    }
}

/// The networks that are named, in one list or several.
fn addresses(query: &mut QueryParams) -> Option<Addresses> {
    query.text("addresses")?;
    let listed: Vec<&str> = query.texts("addresses").collect();
    match listed.join(",").parse() {
        Ok(addresses) => Some(addresses),
        Err(error) => {
            let error: AddressesError = error;
            query.refuse("addresses", "addresses", error.to_string());
            None
        }
    }
}

/// A name that no route asks for: a misspelt one would take or give nothing.
pub(crate) fn unknown_resource<'p>(permissions: &'p Permissions, kinds: &BTreeSet<&str>) -> Option<&'p str> {
    permissions.resources().find(|name| !kinds.contains(name))
}

/// The ids of the projects that are named, in one list or several.
async fn projects(app: &AppState, query: &QueryParams) -> ApiResult<BTreeSet<Uuid>> {
    let mut ids = BTreeSet::new();
    for name in query.texts("project").flat_map(|list| list.split(',')) {
        ids.insert(named_project(&app.auth_store, name.trim()).await?.0);
    }
    Ok(ids)
}

/// When a generic token ends, in seconds since 1970.
///
/// # Errors
/// 400 when more was asked for than the server allows.
fn end_of_life(
    settings: &ServerSettings,
    now: DateTime<Utc>,
    expires_in: Option<i64>,
    parent_end: Option<i64>,
) -> ApiResult<i64> {
    let max = i64::from(settings.generic_api_token_max_lifetime.0);
    let lifetime = expires_in.unwrap_or(i64::from(settings.default_token_lifetime()));
    if lifetime > max {
        let message = format!(
            "The maximum expiration time for generic API tokens allowed by this server is {max} seconds."
        );
        return Err(ApiError::value(message));
    }
    let end = now.timestamp() + lifetime;
    Ok(parent_end.map_or(end, |parent_end| end.min(parent_end)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::AtLeast;

    proptest! {
        #[test]
        fn no_token_outlives_the_cap_or_its_parent(
            default in proptest::option::of(1u32..=604_800),
            spare in 1u32..=604_800,
            asked in proptest::option::of(1i64..=2_000_000),
            parent in proptest::option::of(-100i64..=2_000_000),
        ) {
            let max = default.unwrap_or_default() + spare;
            let settings = ServerSettings {
                generic_api_token_lifetime: default.map(AtLeast),
                generic_api_token_max_lifetime: AtLeast(max),
                ..ServerSettings::default()
            };
            let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
            let parent_end = parent.map(|left| now.timestamp() + left);
            match end_of_life(&settings, now, asked, parent_end) {
                Ok(end) => {
                    prop_assert!(end <= now.timestamp() + i64::from(max));
                    prop_assert!(end <= now.timestamp() + asked.unwrap_or(i64::from(default.unwrap_or(3600))));
                    prop_assert!(parent_end.is_none_or(|parent_end| end <= parent_end));
                }
                Err(_) => prop_assert!(asked.is_some_and(|asked| asked > i64::from(max))),
            }
        }
    }
}
