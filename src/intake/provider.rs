//! The services that send deliveries: how each signs one, and what it says of it.

use std::time::Duration;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use hmac::Mac;
use indexmap::IndexMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use serde_json::value::RawValue;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::auth::csrf::hmac;
use crate::http::json::decode;

/// By so much a moment of Slack's may differ from now, either way.
const TOLERANCE: Duration = Duration::from_mins(5);

/// Who sends deliveries to a webhook: the word in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Provider {
    Custom,
    Github,
    Clickup,
    Slack,
}

/// A delivery that says what it has to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// By which it is known when it comes again, if its provider gives it one.
    pub id: Option<String>,
    pub answer: Answer,
}

/// How a delivery is answered that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202, with nothing.
    Accepted,
    /// 200, with nothing.
    Ok,
    /// 200, with what was to be said again.
    Challenge(String),
}

type Body = IndexMap<String, Box<RawValue>>;

impl Provider {
    /// What is wrong with a delivery before anything else is looked at.
    ///
    /// # Errors
    /// In words for people.
    pub(crate) fn check_headers(self, headers: &HeaderMap) -> Result<(), &'static str> {
        match self {
            Self::Github if header(headers, "x-github-event").is_none() => {
                Err("A delivery of GitHub needs the header X-GitHub-Event.")
            }
            _ => Ok(()),
        }
    }

    /// Whether whoever has the secret has signed the body.
    ///
    /// # Errors
    /// In words for people, when nobody has.
    pub(crate) fn authenticate(
        self,
        headers: &HeaderMap,
        body: &[u8],
        secret: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<(), &'static str> {
        let prefixed = |name: &str, prefix: &str| header(headers, name)?.strip_prefix(prefix);
        let signed = match self {
            Self::Custom => {
                let digits = prefixed("x-zenml-signature-256", "sha256=");
                let digits = digits.ok_or("X-ZenML-Signature-256 is missing, or isn't sha256=HEX.")?;
                is_lower(digits) && is_signed(secret, &[body], digits)
            }
            Self::Github => {
                let digits = prefixed("x-hub-signature-256", "sha256=");
                let digits = digits.ok_or("X-Hub-Signature-256 is missing, or isn't sha256=HEX.")?;
                is_lower(digits) && is_signed(secret, &[body], digits)
            }
            Self::Clickup => {
                let digits = header(headers, "x-signature").ok_or("X-Signature is missing.")?;
                is_signed(secret, &[body], digits)
            }
            Self::Slack => {
                let digits = prefixed("x-slack-signature", "v0=");
                let digits = digits.ok_or("X-Slack-Signature is missing, or isn't v0=HEX.")?;
                let moment = header(headers, "x-slack-request-timestamp").filter(|text| is_moment(text));
                let moment = moment.ok_or("X-Slack-Request-Timestamp is missing, or no number.")?;
                if !is_now(moment, now) {
                    return Err("X-Slack-Request-Timestamp is more than five minutes from now.");
                }
                let signed = [b"v0:", moment.as_bytes(), b":", body];
                is_lower(digits) && is_signed(secret, &signed, digits)
            }
        };
        if signed { Ok(()) } else { Err("The signature is of another body or secret.") }
    }

    /// Reads what a delivery has to say.
    ///
    /// # Errors
    /// In words for people, when it doesn't.
    pub(crate) fn read(self, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, &'static str> {
        let text = decode(body).ok_or("The body is no JSON.")?;
        let json: Box<RawValue> = serde_json::from_str(&text).map_err(|_| "The body is no JSON.")?;
        if !json.get().starts_with('{') {
            return Err("The body is no JSON object.");
        }
        let body: Body = serde_json::from_str(json.get()).map_err(|_| "The body is no JSON object.")?;
        let id_of = |name: &str| header(headers, name).map(str::to_owned);
        match self {
            Self::Custom => {
                header(headers, "x-zenml-event").ok_or("The header X-ZenML-Event is missing.")?;
                Ok(Delivery { id: id_of("x-zenml-delivery"), answer: Answer::Accepted })
            }
            Self::Github => Ok(Delivery { id: id_of("x-github-delivery"), answer: Answer::Accepted }),
            Self::Clickup => {
                text_of(&body, "event").ok_or("The body has no event.")?;
                let webhook = text_of(&body, "webhook_id").ok_or("The body has no webhook_id.")?;
                let id = history(&body).map(|items| format!("{webhook}:{items}"));
                Ok(Delivery { id, answer: Answer::Accepted })
            }
            Self::Slack => slack(&body),
        }
    }
}

/// What an envelope of Slack's is: an event, a question whether this is who it was told to be, or a warning.
fn slack(body: &Body) -> Result<Delivery, &'static str> {
    match text_of(body, "type").as_deref() {
        Some("event_callback") => {
            let event: Option<Body> =
                body.get("event").and_then(|json| serde_json::from_str(json.get()).ok());
            let event = event.ok_or("The body has no event.")?;
            text_of(&event, "type").ok_or("The event has no type.")?;
            let id = text_of(body, "event_id").ok_or("The body has no event_id.")?;
            Ok(Delivery { id: Some(id), answer: Answer::Ok })
        }
        Some("url_verification") => {
            let challenge = text_of(body, "challenge").ok_or("The body has no challenge.")?;
            Ok(Delivery { id: None, answer: Answer::Challenge(challenge) })
        }
        Some("app_rate_limited") => {
            text_of(body, "team_id").ok_or("The body has no team_id.")?;
            text_of(body, "api_app_id").ok_or("The body has no api_app_id.")?;
            let minute = body.get("minute_rate_limited").map(|json| serde_json::from_str::<i64>(json.get()));
            minute.and_then(Result::ok).ok_or("The body has no minute_rate_limited.")?;
            Ok(Delivery { id: None, answer: Answer::Ok })
        }
        Some(_) => Err("The body's type is none that Slack's events have."),
        None => Err("The body has no type."),
    }
}

/// A header that says something.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

fn text_of(body: &Body, name: &str) -> Option<String> {
    let text: String = serde_json::from_str(body.get(name)?.get()).ok()?;
    (!text.is_empty()).then_some(text)
}

/// The ids of ClickUp's history items, in an order that doesn't depend on theirs.
fn history(body: &Body) -> Option<String> {
    let items: Vec<Value> = serde_json::from_str(body.get("history_items")?.get()).ok()?;
    let id = |item: &Value| match item.get("id")? {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) if id.is_i64() || id.is_u64() => Some(id.to_string()),
        _ => None,
    };
    let mut ids: Vec<String> = items.iter().filter_map(id).collect();
    ids.sort_unstable();
    (!ids.is_empty()).then(|| ids.join(","))
}

fn is_lower(digits: &str) -> bool {
    !digits.bytes().any(|digit| digit.is_ascii_uppercase())
}

/// Compared in a time that tells nothing of what would be right.
fn is_signed(secret: &SecretString, parts: &[&[u8]], digits: &str) -> bool {
    let Ok(signature) = hex::decode(digits) else { return false };
    let mut mac = hmac(secret.expose_secret().as_bytes());
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(&signature).is_ok()
}

fn is_moment(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn is_now(moment: &str, now: DateTime<Utc>) -> bool {
    let now = now.timestamp().unsigned_abs();
    moment.parse::<u64>().is_ok_and(|moment| moment.abs_diff(now) <= TOLERANCE.as_secs())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn sign(secret: &str, parts: &[&[u8]]) -> String {
        let mut mac = hmac(secret.as_bytes());
        parts.iter().for_each(|part| mac.update(part));
        hex::encode(mac.finalize().into_bytes())
    }

    fn is_authentic(provider: Provider, pairs: &[(&'static str, &str)], body: &[u8]) -> bool {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        provider.authenticate(&headers(pairs), body, &"secret".to_owned().into(), now).is_ok()
    }

    #[test]
    fn each_provider_signs_in_its_own_way() {
        let body = br#"{"a": 1}"#;
        let own = sign("secret", &[body]);
        for (provider, name) in
            [(Provider::Custom, "x-zenml-signature-256"), (Provider::Github, "x-hub-signature-256")]
        {
            let is_good = |value: &str| is_authentic(provider, &[(name, value)], body);
            assert!(is_good(&format!("sha256={own}")));
            let other = sign("other", &[body]);
            for wrong in [
                own.as_str(),
                "sha256=",
                "",
                &format!("sha256={}", own.to_uppercase()),
                &own[..62],
                "sha256=é",
            ] {
                assert!(!is_good(wrong), "{wrong}");
            }
            assert!(!is_good(&format!("sha256={other}")) && !is_good(&format!("sha256={own}00")));
            assert!(!is_authentic(provider, &[(name, &format!("sha256={own}"))], b"{}"));
            assert!(!is_authentic(provider, &[], body));
        }
        let is_clickup = |value: &str| is_authentic(Provider::Clickup, &[("x-signature", value)], body);
        assert!(is_clickup(&own) && is_clickup(&own.to_uppercase()));
        assert!(!is_clickup(&format!("sha256={own}")) && !is_clickup("") && !is_clickup("zz"));
    }

    #[test]
    fn slack_signs_the_moment_too() {
        let body = b"{}";
        let is_good = |moment: &str, signed: &str| {
            let signature = format!("v0={}", sign("secret", &[b"v0:", signed.as_bytes(), b":", body]));
            let pairs = [("x-slack-signature", signature.as_str()), ("x-slack-request-timestamp", moment)];
            is_authentic(Provider::Slack, &pairs, body)
        };
        for near in [NOW, NOW - 300, NOW + 300] {
            assert!(is_good(&near.to_string(), &near.to_string()), "{near}");
        }
        for far in [NOW - 301, NOW + 301, 0] {
            assert!(!is_good(&far.to_string(), &far.to_string()), "{far}");
        }
        let now = NOW.to_string();
        assert!(!is_good(&now, &(NOW + 1).to_string()), "another moment was signed");
        for wrong in ["", "x", "-1", "1e9", "٣", "000000000000000000001800000000"] {
            assert!(!is_good(wrong, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_delivery_says_what_it_has_to() {
        let read = |provider: Provider, pairs: &[(&'static str, &str)], body: &str| {
            provider.read(&headers(pairs), body.as_bytes()).map(|delivery| (delivery.id, delivery.answer))
        };
        let id = |text: &str| Some(text.to_owned());
        let event = ("x-zenml-event", "e");
        assert_eq!(read(Provider::Custom, &[event], "{}"), Ok((None, Answer::Accepted)));
        let named = [event, ("x-zenml-delivery", "d")];
        assert_eq!(read(Provider::Custom, &named, "\u{feff}{}"), Ok((id("d"), Answer::Accepted)));
        for (pairs, body) in
            [(&[][..], "{}"), (&[event][..], "[]"), (&[event], "{"), (&[event], ""), (&[event], "{} {}")]
        {
            assert!(read(Provider::Custom, pairs, body).is_err(), "{body}");
        }
        let clickup = |body: &str| read(Provider::Clickup, &[], body);
        assert_eq!(clickup(r#"{"event": "e", "webhook_id": "w"}"#), Ok((None, Answer::Accepted)));
        let items =
            r#"{"event": "e", "webhook_id": "w", "history_items": [{"id": "b"}, {"id": 5}, {"x": 1}, 7]}"#;
        assert_eq!(clickup(items), Ok((id("w:5,b"), Answer::Accepted)));
        assert!(
            clickup(r#"{"event": "", "webhook_id": "w"}"#).is_err() && clickup(r#"{"event": "e"}"#).is_err()
        );
        let slack = |body: &str| read(Provider::Slack, &[], body);
        let callback = r#"{"type": "event_callback", "event_id": "E", "event": {"type": "message"}}"#;
        assert_eq!(slack(callback), Ok((id("E"), Answer::Ok)));
        let question = r#"{"type": "url_verification", "challenge": "c"}"#;
        assert_eq!(slack(question), Ok((None, Answer::Challenge("c".to_owned()))));
        let warning =
            r#"{"type": "app_rate_limited", "team_id": "T", "api_app_id": "A", "minute_rate_limited": 5}"#;
        assert_eq!(slack(warning), Ok((None, Answer::Ok)));
        for wrong in [
            "{}",
            r#"{"type": "x"}"#,
            r#"{"type": "event_callback", "event_id": "E"}"#,
            r#"{"type": "event_callback", "event_id": "E", "event": {}}"#,
            r#"{"type": "event_callback", "event": {"type": "message"}}"#,
            r#"{"type": "url_verification", "challenge": ""}"#,
            r#"{"type": "app_rate_limited", "team_id": "T", "api_app_id": "A", "minute_rate_limited": true}"#,
        ] {
            assert!(slack(wrong).is_err(), "{wrong}");
        }
    }
}
