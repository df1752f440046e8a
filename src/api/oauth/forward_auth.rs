//! Whether a proxy may let a request through: for nginx's `auth_request`, Traefik's ForwardAuth and Envoy's `ext_authz`.
//!
//! The proxy asks with the headers of the request. It may ask with any method, and Envoy puts the request's path after
//! this one. These routes stand outside of the API's layers, which would answer some requests before anybody has
//! looked at their token: a preflight, an upload.

use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceBuilder;

use super::introspect::scope_of;
use crate::accounts::users::UserRow;
use crate::app::AppState;
use crate::auth::permissions::{Permissions, PermissionsError};
use crate::auth::{AuthenticationError, Credential, Principal};
use crate::config::PreflightMethod;
use crate::framework::{RouteTable, Routes};
use crate::http::error::ApiError;
use crate::http::openapi::shapes::ErrorModel;
use crate::login::principal;
use crate::middleware::authenticate::record_refusal;
use crate::middleware::limits::LimitsLayer;
use crate::middleware::request_id::RequestIdLayer;
use crate::middleware::work::WorkLayer;

const PATH: &str = "/oauth/forward-auth";

/// What is said of whoever asks.
const WORDS: usize = 6;
/// All are in each answer, lest a proxy passes on what the caller has put there.
const NAMES: [HeaderName; WORDS] = [
    HeaderName::from_static("remote-user"),
    HeaderName::from_static("x-auth-request-user"),
    HeaderName::from_static("x-auth-request-user-id"),
    HeaderName::from_static("x-auth-request-scope"),
    HeaderName::from_static("x-auth-request-projects"),
    HeaderName::from_static("x-auth-request-token-id"),
];
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");

/// What is no part of a name's text in a header. A colon comes after the kind of account.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b':');

/// It takes any method, and asks by itself who it is.
pub(crate) fn routes() -> RouteTable {
    [Routes::of(super::KIND).add("GET", PATH, any(forward_auth)).open()].into_iter().collect()
}

pub(crate) fn router(app: &AppState) -> Router<AppState> {
    let time_limit = Duration::from_secs(app.config.request_timeout.0.into());
    let layers = ServiceBuilder::new()
        .layer(RequestIdLayer::new(app))
        .layer(LimitsLayer::new(time_limit))
        .layer(WorkLayer::new(&app.edge.detached));
    let (open, _) = routes().routers();
    open.route(&format!("{PATH}/{{*path}}"), any(forward_auth)).layer(layers)
}

/// 200 and who it is, 401 for nobody, 403 for a token that lacks the `scope` in the query.
#[utoipa::path(
    get,
    path = PATH,
    tag = "oauth",
    summary = "Whether a proxy may let the request with these headers through; any method.",
    params(("scope" = Option<String>, Query, description = "What the token has to be allowed, such as runs:read")),
    responses(
        (status = 200, description = "Yes; who it is stands in the headers X-Auth-Request-*"),
        (status = 401, description = "No good token or cookie", body = ErrorModel),
        (status = 403, description = "The token lacks the scope", body = ErrorModel),
        (status = 422, description = "The scope is none", body = ErrorModel)
    ),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn forward_auth(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    if app.programs.forward_auth_preflight.is_some_and(|told| is_preflight(told, &request)) {
        return let_through(std::array::from_fn(|_| String::new()));
    }
    let now = app.env.clock.now();
    let principal = match principal::principal(&app, request.headers(), request.extensions(), now).await {
        Ok(principal) => principal,
        Err(error) => {
            if error.is_recorded() {
                Box::pin(record_refusal(&app, request.headers(), request.extensions(), &error)).await;
            }
            return refused(error);
        }
    };
    app.server.activity.note(now);
    if let Err(error) = check_scope(&principal, query.as_deref().unwrap_or_default()) {
        return error.into_response();
    }
    let_through(words_of(&principal))
}

/// Whether a browser asks by it what it may ask: never with a credential, and nothing is done by it (Fetch standard,
/// CORS-preflight fetch).
fn is_preflight(told: PreflightMethod, request: &Request) -> bool {
    let headers = request.headers();
    let one = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let is_options = match told {
        PreflightMethod::Request => request.method() == Method::OPTIONS,
        PreflightMethod::Forwarded => one(&FORWARDED_METHOD).is_some_and(|method| method == "OPTIONS"),
    };
    is_options && one(&ORIGIN).is_some() && one(&ACCESS_CONTROL_REQUEST_METHOD).is_some()
}

fn refused(error: AuthenticationError) -> Response {
    let is_bad_token = error.is_refusal()
        && !matches!(error, AuthenticationError::NoCredential | AuthenticationError::NoBasicCredential);
    let mut response = error.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if is_bad_token && response.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// # Errors
/// 403 when the token may not do all that the proxy asks for, 422 for what is no scope.
fn check_scope(principal: &Principal, query: &str) -> Result<(), ApiError> {
    let asked = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "scope");
    for (_, text) in asked {
        let asked: Permissions = text
            .parse()
            .map_err(|error: PermissionsError| ApiError::unprocessable(format!("scope: {error}")))?;
        let has = principal.scope().and_then(|scope| scope.permissions.as_ref());
        if has.is_some_and(|has| has.intersection(&asked) != asked) {
            return Err(AuthenticationError::InsufficientScope(asked.to_string()).into());
        }
    }
    Ok(())
}

/// What the headers of [`NAMES`] say.
type Words = [String; WORDS];

fn words_of(principal: &Principal) -> Words {
    let user = name_of(&principal.user);
    let projects = principal.projects().map(|projects| {
        let ids: Vec<String> = projects.iter().map(ToString::to_string).collect();
        ids.join(" ")
    });
    let token_id = match &principal.credential {
        Credential::Token(token) => token.claims.jti.map(|jti| jti.to_string()),
        _ => None,
    };
    [
        user.clone(),
        user,
        principal.user.id.to_string(),
        scope_of(principal),
        projects.unwrap_or_else(|| "*".to_owned()),
        token_id.unwrap_or_default(),
    ]
}

fn let_through(words: Words) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.clear();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, word) in NAMES.into_iter().zip(words) {
        // All of them are visible ASCII by now.
        headers.insert(name, HeaderValue::try_from(word).unwrap_or(HeaderValue::from_static("")));
    }
    response
}

/// An account's name that is no other account's, in visible ASCII: a service account may bear a user's name, and no
/// name may look like another one for its spaces or its control characters.
fn name_of(user: &UserRow) -> String {
    let kind = if user.body.is_service_account { "service-account:" } else { "" };
    format!("{kind}{}", encoded(&user.name))
}

fn encoded(name: &str) -> String {
    let inner = name.trim_matches(' ');
    let before = name.len() - name.trim_start_matches(' ').len();
    let after = name.len() - before - inner.len();
    format!("{}{}{}", "%20".repeat(before), utf8_percent_encode(inner, ENCODED), "%20".repeat(after))
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_in_a_header_is_visible_and_that_of_one_account(name in ".*") {
            let header = encoded(&name);
            prop_assert!(header.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
            prop_assert!(!header.contains(':') && header.trim() == header);
            prop_assert_eq!(percent_decode_str(&header).decode_utf8().unwrap(), name);
        }
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        assert_eq!(encoded("ada@example.com"), "ada@example.com");
        assert_eq!(encoded("Bob B."), "Bob B.");
        assert_eq!(encoded(" zoë:1 "), "%20zo%C3%AB%3A1%20");
        assert_eq!(encoded("  "), "%20%20");
    }
}
