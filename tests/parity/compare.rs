//! What differs between two answers, apart from what differs each time: ids, times, secrets.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::support::Answer;

/// Compared by value.
const HEADERS: [&str; 18] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-security-policy",
    "content-type",
    "location",
    "permissions-policy",
    "referrer-policy",
    "retry-after",
    "strict-transport-security",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
];
/// How moments begin that no clock shows: they were sent, or follow from what was.
const FAR: [&str; 2] = ["208", "209"];
/// Tells a missing value from null.
const ABSENT: &str = "(absent)";

/// Compares, and remembers which id of the one server is which of the other: what belongs together there has to
/// belong together here.
#[derive(Default)]
pub struct Comparison {
    ids: HashMap<Uuid, Uuid>,
    bound: HashMap<Uuid, Uuid>,
    differences: Vec<String>,
}

impl Comparison {
    /// Each difference as `place: reference | zendo`.
    pub fn differences(&mut self, reference: &Answer, zendo: &Answer) -> Vec<String> {
        self.headers(reference, zendo);
        if reference.status == zendo.status {
            self.bodies(reference, zendo);
        } else {
            // With another status everything in the body is another thing too.
            self.note("status", reference.status, zendo.status);
        }
        std::mem::take(&mut self.differences)
    }

    fn note(&mut self, place: &str, reference: impl std::fmt::Display, zendo: impl std::fmt::Display) {
        self.differences.push(format!("{place}: {reference} | {zendo}"));
    }

    fn headers(&mut self, reference: &Answer, zendo: &Answer) {
        for name in HEADERS {
            let of = |answer: &Answer| {
                answer.header(name).map_or_else(|| ABSENT.to_owned(), |text| words(name, text))
            };
            let (expected, found) = (of(reference), of(zendo));
            // Another status has another body.
            let follows_from_the_status = reference.status != zendo.status && name == "content-type";
            if expected != found && !follows_from_the_status {
                self.note(&format!("header {name}"), expected, found);
            }
        }
        let cookies = |answer: &Answer| {
            let all = answer.headers.get_all("set-cookie").iter();
            let all: BTreeSet<String> = all.map(|cookie| cookie_shape(cookie.to_str().unwrap())).collect();
            all.into_iter().collect::<Vec<_>>().join(", ")
        };
        if cookies(reference) != cookies(zendo) {
            self.note("header set-cookie", cookies(reference), cookies(zendo));
        }
        if reference.header("x-request-id").is_some() && zendo.header("x-request-id").is_none() {
            self.note("header x-request-id", "there", ABSENT);
        }
    }

    fn bodies(&mut self, reference: &Answer, zendo: &Answer) {
        let parse = |answer: &Answer| serde_json::from_str::<Value>(&answer.text).ok();
        match (parse(reference), parse(zendo)) {
            (Some(expected), Some(found)) if reference.status == 422 => self.refusals(&expected, &found),
            (Some(expected), Some(found)) => self.values("body", &sorted(expected), &sorted(found)),
            _ if reference.text == zendo.text => {}
            _ => self.note("body", short(&reference.text), short(&zendo.text)),
        }
    }

    /// Of failed validations, what was wrong where; the lines after it tell of the reference's source.
    fn refusals(&mut self, expected: &Value, found: &Value) {
        let (Some(mut of_reference), Some(mut of_zendo)) = (violations(expected), violations(found)) else {
            return self.values("body", expected, found);
        };
        for all in [&mut of_reference, &mut of_zendo] {
            all.sort_by(|one, other| one.place.cmp(&other.place));
        }
        let of_query = |one: &Violation| one.place.starts_with("'query'");
        let is_found = |one: &Violation| of_reference.iter().any(|other| other.place == one.place);
        if of_reference.iter().all(of_query) || !of_zendo.iter().all(is_found) {
            if of_reference != of_zendo {
                self.note("violations", format!("{of_reference:?}"), format!("{of_zendo:?}"));
            }
            return;
        }
        if of_reference.len() != of_zendo.len() {
            self.note("number of violations", of_reference.len(), of_zendo.len());
        }
        for found in &of_zendo {
            let expected = of_reference.iter().find(|other| other.place == found.place).unwrap();
            if expected != found {
                self.note("words of a violation", format!("{expected:?}"), format!("{found:?}"));
            }
        }
    }

    fn values(&mut self, place: &str, expected: &Value, found: &Value) {
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => self.objects(place, expected, found),
            (Value::Array(expected), Value::Array(found)) => match (&expected[..], &found[..]) {
                // A refusal: the exception's name, and words about it.
                ([Value::String(name), Value::String(text)], [Value::String(same), Value::String(other)])
                    if name == same && (place == "body.detail" || place == "body") =>
                {
                    if self.masked(text) != self.masked(other) {
                        self.note(&format!("text of {name}"), text, other);
                    }
                }
                (expected, found) if expected.len() == found.len() => {
                    for (number, (expected, found)) in expected.iter().zip(found).enumerate() {
                        self.values(&format!("{place}[{number}]"), expected, found);
                    }
                }
                (expected, found) => {
                    self.note(&format!("length of {place}"), expected.len(), found.len());
                }
            },
            // Random, and signed another way.
            (Value::String(_), Value::String(_)) if place == "body.csrf_token" => {}
            (Value::String(expected), Value::String(found)) => self.texts(place, expected, found),
            (Value::Number(_), Value::Number(_)) if place.ends_with(".threads") => {}
            _ if expected == found => {}
            _ => self.note(place, short(&expected.to_string()), short(&found.to_string())),
        }
    }

    fn objects(&mut self, place: &str, expected: &Map<String, Value>, found: &Map<String, Value>) {
        let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        for key in keys {
            let place = format!("{place}.{key}");
            match (expected.get(key), found.get(key)) {
                (Some(expected), Some(found)) => self.values(&place, expected, found),
                (Some(expected), None) => self.note(&place, short(&expected.to_string()), ABSENT),
                (None, Some(found)) => self.note(&place, ABSENT, short(&found.to_string())),
                (None, None) => unreachable!(),
            }
        }
    }

    fn texts(&mut self, place: &str, expected: &str, found: &str) {
        if let (Ok(id), Ok(other)) = (Uuid::try_parse(expected), Uuid::try_parse(found))
            && expected.contains('-')
        {
            let known = (*self.ids.entry(id).or_insert(other), *self.bound.entry(other).or_insert(id));
            if known != (other, id) {
                self.note(place, "an id met before", "the id of something else");
            }
        } else if let (Some(expected), Some(found)) = (opened(expected), opened(found)) {
            self.values(&format!("{place}.(opened)"), &expected, &found);
        } else if self.masked(expected) != self.masked(found) {
            self.note(place, short(expected), short(found));
        }
    }

    /// The text without what differs each time.
    fn masked(&self, text: &str) -> String {
        if is_time(text) && !FAR.iter().any(|far| text.starts_with(far)) {
            return if text.ends_with('Z') { "<time in UTC>".to_owned() } else { "<time>".to_owned() };
        }
        let mut masked = String::new();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let mut rest = text;
        while !rest.is_empty() {
            let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            masked += match word.len() {
                36 if Uuid::try_parse(word).is_ok() => "<id>",
                32 | 64 if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => "<secret>",
                _ => word,
            };
            let mut letters = after.chars();
            masked.extend(letters.next());
            rest = letters.as_str();
        }
        masked
    }
}

/// A list of words is a set: ZenML's comes in another order each time.
fn sorted(mut body: Value) -> Value {
    if let Value::Array(items) = &mut body
        && items.iter().all(|item| item.as_str().is_some_and(|word| !word.contains(' ')))
    {
        items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    }
    body
}

/// `2026-01-02T03:04:05.678901`; the fraction is left out when it is zero, and `Z` may follow.
fn is_time(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").is_ok()
        && [0, 7].contains(&text.len().saturating_sub(19))
}

/// What is in a token or an API key, with lifetimes in the place of times.
fn opened(text: &str) -> Option<Value> {
    if let Some(key) = text.strip_prefix("ZENKEY_") {
        return serde_json::from_slice(&STANDARD.decode(key).ok()?).ok();
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, _] = parts[..] else { return None };
    let decode = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (header, mut claims) = (decode(header)?, decode(claims)?);
    let claims_map = claims.as_object_mut()?;
    let issued = claims_map.insert("iat".to_owned(), json!("<time>"))?.as_f64()?;
    if let Some(end) = claims_map.get("exp").and_then(Value::as_f64) {
        // A token may be made over the edge of a second.
        claims_map.insert("exp".to_owned(), json!(format!("<{} minutes>", ((end - issued) / 60.0).round())));
    }
    Some(json!({"header": header, "claims": claims}))
}

/// A list in a header has no order that matters.
fn words(name: &str, text: &str) -> String {
    if !["allow", "access-control-allow-methods", "access-control-allow-headers"].contains(&name) {
        return text.to_owned();
    }
    let words: BTreeSet<String> = text.split(',').map(|word| word.trim().to_ascii_lowercase()).collect();
    words.into_iter().collect::<Vec<_>>().join(", ")
}

/// `zenml-server-<id>=<token>; HttpOnly; Path=/; SameSite=lax`, with the attributes in order.
fn cookie_shape(cookie: &str) -> String {
    let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let name = name
        .rsplit_once("server-")
        .map_or_else(|| name.to_owned(), |(prefix, _)| format!("{prefix}server-<id>"));
    let value = if value.trim_matches('"').is_empty() { "" } else { "<token>" };
    let attributes: BTreeSet<String> = attributes
        .split(';')
        .map(|attribute| match attribute.trim().split_once('=') {
            Some((name, _)) if name.eq_ignore_ascii_case("expires") => "expires=<time>".to_owned(),
            _ => attribute.trim().to_ascii_lowercase(),
        })
        .collect();
    format!("{name}={value}; {}", attributes.into_iter().collect::<Vec<_>>().join("; "))
}

/// One thing that a validation found.
#[derive(PartialEq)]
struct Violation {
    kind: String,
    place: String,
    message: String,
}

impl std::fmt::Debug for Violation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "({}) {} {}", self.place, self.kind, self.message)
    }
}

/// From `["ValueError", "2 validation errors:\n  {'type': ..., 'loc': (...), 'msg': ..., ...}\n ..."]`.
fn violations(body: &Value) -> Option<Vec<Violation>> {
    let text = body.as_array()?.get(1)?.as_str()?;
    let between = |line: &str, start: &str, ends: &[&str]| {
        let (_, rest) = line.split_once(start)?;
        let end = ends.iter().filter_map(|end| rest.find(end)).min()?;
        Some(rest[..end].trim_matches(['\'', '"', ',']).to_owned())
    };
    let found = text.lines().filter(|line| line.starts_with("  {'type': ")).map(|line| {
        let kind = between(line, "'type': ", &[", 'loc'"])?;
        let message = between(line, "'msg': ", &[", 'input'", ", 'ctx'", "}"])?;
        let place = between(line, "'loc': (", &["), 'msg'"])?;
        Some(Violation {
            // Of what is no JSON at all the reference tells the character.
            place: if kind == "json_invalid" { "'body'".to_owned() } else { format!("'{place}'") },
            // The rest is the parser's.
            message: if kind == "uuid_parsing" { message.split(',').next()?.to_owned() } else { message },
            kind,
        })
    });
    found.collect()
}

fn short(text: &str) -> String {
    if text.chars().count() <= 200 {
        text.to_owned()
    } else {
        text.chars().take(200).chain("...".chars()).collect()
    }
}
