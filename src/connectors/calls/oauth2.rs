//! Access tokens of a token endpoint (RFC 6749, sections 4.4 and 6).

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde_json::Value;

use super::{Configuration, Refusal, authorization, post, refused, text, url};
use crate::outbound::{Outbound, Tls};

const TOKEN_URL: &str = "token_url";
const WHO: &str = "the token endpoint";
/// What an endpoint says when it refuses (RFC 6749, section 5.2). Other words of its are not handed on.
const ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];
/// Headers that are the connection's, or the client's own proof.
const OWN_HEADERS: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
];

pub(crate) struct AccessToken {
    pub token: SecretString,
    pub expires_at: Option<DateTime<Utc>>,
}

/// Gets an access token by the method `client-credentials` or `refresh-token`.
///
/// # Errors
/// [`Refusal`] when there is none.
pub(crate) async fn request_token(
    outbound: &Outbound,
    method: &str,
    configuration: &Configuration,
    now: DateTime<Utc>,
) -> Result<AccessToken, Refusal> {
    let (mut headers, form) = (headers(configuration)?, form(method, configuration));
    let form = match form {
        Form { basic: Some((id, secret)), fields } => {
            let proof = format!("Basic {}", BASE64.encode(latin1(&format!("{id}:{secret}"))));
            authorization(&mut headers, "client_secret", proof.as_bytes())?;
            fields
        }
        Form { basic: None, fields } => fields,
    };
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes();
    let kind = "application/x-www-form-urlencoded";
    let url = url(configuration, TOKEN_URL)?;
    let answer = post(outbound, TOKEN_URL, url, headers, (kind, body), Tls::default()).await?;
    let read: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if !answer.status.is_success() {
        let error = read.as_ref().and_then(|answer| answer["error"].as_str());
        let word = error.and_then(|error| ERRORS.into_iter().find(|known| *known == error));
        return Err(refused(WHO, answer.status, word));
    }
    let unclear = |problem| Refusal::Answer { who: WHO, problem };
    let read = read.filter(Value::is_object).ok_or(unclear("it is no JSON object"))?;
    let token = read["access_token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or(unclear("it has no access_token"))?;
    let is_bearer = match &read["token_type"] {
        Value::Null => true,
        kind => kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")),
    };
    if !is_bearer {
        return Err(unclear("its token is no bearer token"));
    }
    let lifetime = seconds(&read["expires_in"]).and_then(TimeDelta::try_seconds);
    let expires_at = lifetime.and_then(|lifetime| now.checked_add_signed(lifetime));
    Ok(AccessToken { token: token.into(), expires_at })
}

/// What is sent: the form's fields, and what proves the client beside it.
struct Form<'v> {
    basic: Option<(&'v str, &'v str)>,
    fields: Vec<(&'v str, &'v str)>,
}

fn form<'v>(method: &str, configuration: &'v Configuration) -> Form<'v> {
    let of = |attribute| text(configuration, attribute);
    let mut fields = Vec::new();
    let mut add = |name, value: Option<&'v str>| fields.extend(value.map(|value| (name, value)));
    if method == "refresh-token" {
        add("grant_type", Some("refresh_token"));
        add("refresh_token", of("refresh_token"));
    } else {
        add("grant_type", Some("client_credentials"));
        add("audience", of("audience"));
    }
    let (id, secret) = (of("client_id"), of("client_secret"));
    let is_posted = of("client_auth_method") == Some("client_secret_post");
    let basic = id.zip(secret).filter(|_| !is_posted);
    if basic.is_none() {
        add("client_id", id);
        add("client_secret", secret);
    }
    add("scope", of("scope"));
    let more = configuration.settings.get("token_params").and_then(Value::as_object).into_iter().flatten();
    let own: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let more: Vec<_> = more.filter(|(name, _)| !own.contains(&name.as_str())).collect();
    fields.extend(more.into_iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))));
    Form { basic, fields }
}

fn headers(configuration: &Configuration) -> Result<HeaderMap, Refusal> {
    let attribute = "token_headers";
    let more = configuration.settings.get(attribute).and_then(Value::as_object).into_iter().flatten();
    let pairs = more.map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        (!OWN_HEADERS.contains(&name.as_str())).then_some((name, value))
    });
    let problem = "one of them can't be sent";
    pairs.collect::<Option<HeaderMap>>().ok_or(Refusal::Value { attribute, problem })
}

/// As clients of HTTP Basic write it that know no other; what it can't write, in UTF-8 (RFC 7617, section 2.1).
fn latin1(text: &str) -> Vec<u8> {
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    bytes.unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// A number, or digits.
fn seconds(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| value.as_f64().map(|number| number as i64));
    number.or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configuration(settings: Value) -> Configuration {
        let Value::Object(settings) = settings else { panic!("an object") };
        Configuration { settings, secrets: Vec::new() }
    }

    fn sent(method: &str, values: Value) -> (bool, String) {
        let configuration = configuration(values);
        let Form { basic, fields } = form(method, &configuration);
        (basic.is_some(), form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
    }

    #[test]
    fn a_client_proves_itself_as_it_is_told() {
        let with = |more: Value| {
            let mut values = json!({"client_id": "a", "client_secret": "b", "scope": "x y", "audience": ""});
            values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            values
        };
        let plain = sent("client-credentials", with(json!({})));
        assert_eq!(plain, (true, "grant_type=client_credentials&scope=x+y".into()));
        let posted = sent("client-credentials", with(json!({"client_auth_method": "client_secret_post"})));
        let whole = "grant_type=client_credentials&client_id=a&client_secret=b&scope=x+y";
        assert_eq!(posted, (false, whole.into()));
        let public = sent("refresh-token", with(json!({"client_secret": null, "refresh_token": "r"})));
        assert_eq!(public, (false, "grant_type=refresh_token&refresh_token=r&client_id=a&scope=x+y".into()));
    }

    #[test]
    fn what_is_added_replaces_nothing() {
        let values = json!({"client_id": "a", "client_secret": "b",
            "token_params": {"grant_type": "password", "resource": "r", "number": 5}});
        assert_eq!(sent("client-credentials", values).1, "grant_type=client_credentials&resource=r");
        for name in ["Authorization", "Host", "a b", "Transfer-Encoding"] {
            assert!(headers(&configuration(json!({"token_headers": {name: "x"}}))).is_err(), "{name}");
        }
    }

    #[test]
    fn lifetimes_are_read_as_servers_write_them() {
        for (written, read) in [
            (json!(600), Some(600)),
            (json!("600"), Some(600)),
            (json!(59.9), Some(59)),
            (json!("soon"), None),
            (json!(null), None),
            (json!([1]), None),
        ] {
            assert_eq!(seconds(&written), read, "{written}");
        }
    }
}
