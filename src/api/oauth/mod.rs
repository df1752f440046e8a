//! Standard ways for other programs to go by this server's tokens.

pub(crate) mod forward_auth;
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod refusals;
pub(crate) mod revoke;

use std::collections::HashSet;
use std::iter;
use std::net::IpAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::any;
use axum_extra::headers::authorization::Basic;
use axum_extra::headers::{Authorization, Header};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use utoipa::ToSchema;

use crate::app::{AppState, Programs};
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::auth::{Principal, api_key};
use crate::framework::{RouteTable, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::form;

/// What is asked about a token is of no project.
const KIND: Kind = Kind::new("oauth").within_projects(&[]).administration();

const INTROSPECT: &str = "/oauth/introspect";
const REVOKE: &str = "/oauth/revoke";

/// For the programs that have the right to ask about everybody's tokens.
pub(crate) fn routes() -> RouteTable {
    let routes = Routes::of(KIND)
        .post(INTROSPECT, introspect::introspect)
        .needs(KIND.to(Verb::Read))
        .post(REVOKE, revoke::revoke)
        .needs(KIND.to(Verb::Delete));
    [routes].into_iter().collect()
}

/// Nothing else has a path below theirs.
pub(crate) fn below(routes: Router<AppState>) -> Router<AppState> {
    let router = routes.method_not_allowed_fallback(refusals::method_not_allowed);
    ["/oauth", "/oauth/", "/oauth/{*path}"]
        .into_iter()
        .fold(router, |router, path| router.route(path, any(refusals::not_found)))
}

/// Takes an API key as the password of HTTP Basic, as OAuth's clients send their secret (RFC 6749, section 2.3.1).
pub(crate) async fn key_as_password(mut request: Request, next: Next) -> Response {
    if let Some(bearer) = request.headers().get(AUTHORIZATION).and_then(bearer_of_password) {
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    next.run(request).await
}

fn bearer_of_password(basic: &HeaderValue) -> Option<HeaderValue> {
    let Authorization(basic) = Authorization::<Basic>::decode(&mut iter::once(basic)).ok()?;
    // A client may have encoded it as a form's field before; a key itself has no percent sign.
    let password = percent_decode_str(basic.password()).decode_utf8().ok()?;
    // As in a file that holds one.
    let key = Some(password.trim()).filter(|password| password.starts_with(api_key::PREFIX))?;
    let mut bearer = Vec::new();
    Authorization::bearer(key).ok()?.encode(&mut bearer);
    bearer.pop()
}

/// # Errors
/// 403 for who may not ask about the tokens of others.
fn require_right(programs: &Programs, principal: &Principal) -> ApiResult<()> {
    let user = &principal.user;
    let is_named =
        user.body.is_service_account && programs.introspection_accounts.have(user.id.0, &user.name);
    if user.body.is_admin || is_named {
        return Ok(());
    }
    let message =
        "Only admins and the service accounts in ZENDO_INTROSPECTION_ACCOUNTS may ask about tokens.";
    Err(ApiError::insufficient_scope(message, None))
}

#[derive(ToSchema)]
#[schema(as = ZendoTokenForm)]
#[expect(dead_code, reason = "it is described, not made: `token_of_form` reads it")]
struct TokenForm {
    token: String,
    /// Taken and not needed
    #[schema(nullable = false)]
    token_type_hint: Option<String>,
}

#[derive(ToSchema)]
#[schema(as = ZendoIntrospectionForm)]
#[expect(dead_code, reason = "it is described, not made: `address_of_form` reads it")]
struct IntrospectionForm {
    token: String,
    /// Taken and not needed
    #[schema(nullable = false)]
    token_type_hint: Option<String>,
    /// The address that the token came from: one that may not be used there is not active
    #[schema(nullable = false)]
    address: Option<String>,
}

/// The form's `address`: where the token that is asked about came from.
///
/// # Errors
/// 400 for what is none.
fn address_of_form(headers: &HeaderMap, body: &[u8]) -> ApiResult<Option<IpAddr>> {
    let Some((_, text)) = form::fields(headers, body).find(|(name, _)| name == "address") else {
        return Ok(None);
    };
    let unreadable = |_| ApiError::oauth("invalid_request", "The form's address has to be an IP address.");
    text.trim().parse().map(Some).map_err(unreadable)
}

/// The form's `token`, without a line break of the file that held it. Its `token_type_hint` would only say where to look first.
///
/// # Errors
/// 400 without one, and for a form that says anything twice (RFC 6749, section 3.2).
fn token_of_form(headers: &HeaderMap, body: &[u8]) -> ApiResult<SecretString> {
    let refuse = |reason: &str| Err(ApiError::oauth("invalid_request", reason));
    if !form::is_form(headers) {
        return refuse("The body has to be a form (application/x-www-form-urlencoded).");
    }
    let (mut names, mut found) = (HashSet::new(), None);
    for (name, value) in form::fields(headers, body) {
        if name == "token" {
            found = Some(SecretString::from(value.trim()));
        }
        if !names.insert(name) {
            return refuse("The form says a parameter twice.");
        }
    }
    match found.filter(|token| !token.expose_secret().is_empty()) {
        Some(token) => Ok(token),
        None => refuse("The form has to have a token."),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn only_a_password_that_is_an_api_key_becomes_a_bearer() {
        let bearer = |credential: &str| {
            let basic = HeaderValue::try_from(format!("basic {}", STANDARD.encode(credential))).unwrap();
            bearer_of_password(&basic).map(|bearer| bearer.to_str().unwrap().to_owned())
        };
        assert_eq!(bearer("ci:ZENKEY_a+/=").as_deref(), Some("Bearer ZENKEY_a+/="));
        assert_eq!(bearer(":ZENKEY_a%2B%2F%3D").as_deref(), Some("Bearer ZENKEY_a+/="));
        assert_eq!(bearer("ci:ZENKEY_a\r\n").as_deref(), Some("Bearer ZENKEY_a"));
        assert_eq!(bearer("ci:ZENKEY_a%0A").as_deref(), Some("Bearer ZENKEY_a"));
        for other in ["ci:sesame", "ZENKEY_a:b", "ZENKEY_a", "ci:ZENKEY_a\nb"] {
            assert_eq!(bearer(other), None, "{other}");
        }
        assert_eq!(bearer_of_password(&HeaderValue::from_static("Bearer ZENKEY_a")), None);
    }
}
