//! The heart: a short-lived token for whoever already has one.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};

use crate::app::AppState;
use crate::audit::{Action, Origin};
use crate::auth::jwt::{NewToken, TokenKind, VerifiedToken, issue_time};
use crate::auth::scope::Workload;
use crate::auth::workload::{self, WorkloadRefusal};
use crate::auth::{Principal, Scope};
use crate::config::ServerSettings;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::query::Query;
use crate::store::Id;

/// Kinds of token that can be asked for (contract schema APITokenType).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiTokenType {
    Generic,
    Workload,
}

/// A new API token for the principal. Its life is what was asked for, within the server's maximum, and never
/// longer than that of the generic token which asked.
pub async fn get_api_token(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    mut query: Query,
) -> ApiResult<Json<String>> {
    let types = [("generic", ApiTokenType::Generic), ("workload", ApiTokenType::Workload)];
    let token_type = query.choice("token_type", &types).unwrap_or(ApiTokenType::Generic);
    let expires_in = query.integer("expires_in", 1, i64::MAX);
    let bound_to = ["schedule_id", "pipeline_run_id", "deployment_id"].map(|name| query.uuid(name));
    query.finish()?;
    let [schedule_id, pipeline_run_id, deployment_id] = bound_to;
    let workload = Workload { schedule_id, pipeline_run_id, deployment_id, root_run_id: None };
    match token_type {
        ApiTokenType::Generic if workload != Workload::default() => Err(ApiError::new(
            ErrorKind::ValueError,
            "Generic API tokens cannot be scoped to a schedule, pipeline run or deployment.",
        )),
        ApiTokenType::Generic => issue_generic(&app, &principal, &origin, expires_in).map(Json),
        ApiTokenType::Workload => issue_workload(&app, &principal, &origin, workload).await.map(Json),
    }
}

fn issue_generic(
    app: &AppState,
    principal: &Principal,
    origin: &Origin,
    expires_in: Option<i64>,
) -> ApiResult<String> {
    let parent = principal.token()?;
    let now = app.clock.now();
    let expires_at = end_of_life(&app.config, now, expires_in, parent.generic_end())?;
    issue(app, principal, origin, parent, TokenKind::Generic, Some(expires_at), parent.claims.scope.clone())
}

/// A workload token has no end of its own, but neither does it outlive a generic token that asked for it.
async fn issue_workload(
    app: &AppState,
    principal: &Principal,
    origin: &Origin,
    asked: Workload,
) -> ApiResult<String> {
    let parent = principal.token()?;
    let scope = workload::narrow(&app.store, &parent.claims.scope, asked).await;
    let scope = scope.map_err(|refusal| match refusal {
        WorkloadRefusal::Unfit(reason) => ApiError::new(ErrorKind::ValueError, reason),
        WorkloadRefusal::Wider(wider) => ApiError::new(ErrorKind::AuthorizationException, wider.to_string()),
        WorkloadRefusal::Store(error) => error.into(),
    })?;
    issue(app, principal, origin, parent, TokenKind::Workload, parent.generic_end(), scope)
}

fn issue(
    app: &AppState,
    principal: &Principal,
    origin: &Origin,
    parent: &VerifiedToken,
    kind: TokenKind,
    expires_at: Option<i64>,
    scope: Scope,
) -> ApiResult<String> {
    let jti = app.random.uuid();
    let token = app.tokens.issue(NewToken {
        jti,
        user_id: principal.user.id.0,
        kind,
        issued_at: issue_time(app.clock.now(), principal.user.password_changed_at),
        proven_at: Some(parent.proven_at()),
        expires_at,
        session_id: None,
        scope,
    })?;
    let event = app.audit.event(origin, Action::TokenIssued).on("api_token", Id(jti), "");
    let event = event.with("token_type", kind.word());
    app.audit.note(match expires_at {
        Some(expires_at) => event.with("expires", expires_at),
        None => event,
    });
    Ok(token)
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
        return Err(ApiError::new(ErrorKind::ValueError, message));
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
