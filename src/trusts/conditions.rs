//! Conditions on what a token says: each claim that a rule names has to be one of some texts, in which `*` stands for any.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::issuers::claim_at;

/// Claims of a rule, texts of a claim, characters of each, at most.
const MOST_CLAIMS: usize = 32;
const MOST_TEXTS: usize = 64;
const LONGEST_NAME: usize = 255;
const LONGEST_TEXT: usize = 1024;
/// Letters of a claim that are repeated to whoever asks why it doesn't fit.
const REPEATED: usize = 200;

/// What has to be so: for each claim, by its path, the texts that it may be. All of them have to be met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub(crate) struct Conditions(BTreeMap<String, Vec<String>>);

/// A condition that a token doesn't meet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("the token says no {0}")]
    Absent(String),
    #[error("{claim} is {found}, not {wanted}")]
    Other { claim: String, found: String, wanted: String },
}

impl TryFrom<Map<String, Value>> for Conditions {
    type Error = String;

    fn try_from(map: Map<String, Value>) -> Result<Self, String> {
        if map.len() > MOST_CLAIMS {
            return Err(format!("There are more than {MOST_CLAIMS} conditions"));
        }
        let read = |(claim, value): (String, Value)| {
            path(&claim).ok_or_else(|| {
                format!(
                    "'{claim}' is no claim: it is a name such as repository, or names with / between them"
                )
            })?;
            let texts = texts(value).ok_or_else(|| {
                format!("{claim}: Input should be a text, or a list of texts, of at most {LONGEST_TEXT} characters")
            })?;
            Ok::<_, String>((claim, texts))
        };
        map.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn texts(value: Value) -> Option<Vec<String>> {
    let all = match value {
        Value::String(text) => vec![Value::String(text)],
        Value::Array(all) => all,
        _ => return None,
    };
    let text = |value: Value| match value {
        Value::String(text) if (1..=LONGEST_TEXT).contains(&text.chars().count()) => Some(text),
        _ => None,
    };
    let texts: Vec<String> = all.into_iter().map(text).collect::<Option<_>>()?;
    (1..=MOST_TEXTS).contains(&texts.len()).then_some(texts)
}

/// The names on the way to a claim: `kubernetes.io/serviceaccount/name` are three. A slash in a name is written `~1`,
/// and a tilde `~0` (RFC 6901, section 3).
fn path(claim: &str) -> Option<Vec<String>> {
    let names: Vec<String> =
        claim.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    let is_fit = |name: &String| !name.is_empty() && !name.contains(char::is_control);
    (claim.chars().count() <= LONGEST_NAME && names.iter().all(is_fit)).then_some(names)
}

impl Conditions {
    /// Of claims that are known to be claims.
    pub(crate) fn of<'c>(conditions: impl IntoIterator<Item = (&'c str, String)>) -> Self {
        Self(conditions.into_iter().map(|(claim, text)| (claim.to_owned(), vec![text])).collect())
    }

    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(claim, texts)| (claim.as_str(), texts.as_slice()))
    }

    /// The texts that a claim may be, if there is a condition on it.
    pub(crate) fn on(&self, claim: &str) -> Option<&[String]> {
        self.0.get(claim).map(Vec::as_slice)
    }

    /// These, and the others besides, which take the place of those on the same claims.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Those that the claims don't meet.
    pub(crate) fn mismatches(&self, claims: &Map<String, Value>) -> Vec<Mismatch> {
        self.0.iter().filter_map(|(claim, texts)| mismatch(claim, texts, claims)).collect()
    }
}

fn mismatch(claim: &str, texts: &[String], claims: &Map<String, Value>) -> Option<Mismatch> {
    let found = path(claim).and_then(|path| claim_at(claims, &path)).filter(|found| !found.is_null());
    let Some(found) = found else { return Some(Mismatch::Absent(claim.to_owned())) };
    let is_one = |value: &Value| {
        let text = scalar(value);
        text.is_some_and(|text| texts.iter().any(|pattern| matches(pattern, &text)))
    };
    let is_met = match found {
        Value::Array(all) => all.iter().any(is_one),
        value => is_one(value),
    };
    let shown = |value: &Value| scalar(value).unwrap_or_else(|| value.to_string());
    (!is_met).then(|| Mismatch::Other {
        claim: claim.to_owned(),
        found: format!("'{}'", shown(found).chars().take(REPEATED).collect::<String>()),
        wanted: texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(" or "),
    })
}

/// A text, a number or a flag as it is compared.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Whether a text is the pattern's, in which each `*` stands for any text, none too.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_suffix(last) else { return false };
    // The first place of each part leaves most for the others.
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn conditions(json: Value) -> Result<Conditions, String> {
        serde_json::from_value(json).map_err(|error: serde_json::Error| error.to_string())
    }

    fn are_met(wanted: Value, claims: Value) -> bool {
        let Value::Object(claims) = claims else { panic!("claims are an object") };
        conditions(wanted).unwrap().mismatches(&claims).is_empty()
    }

    #[test]
    fn a_star_stands_for_any_text_and_nothing_else_does() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*", "a/b:c"),
            ("a*", "a"),
            ("*a", "ba"),
            ("a*b*c", "abc"),
            ("a*b*c", "a-b-b-c"),
            ("refs/heads/*", "refs/heads/release/1"),
            ("**", "x"),
            ("a?", "a?"),
            ("a.c", "a.c"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "A"),
            ("a", "a "),
            ("", "a"),
            ("a*", "ba"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("a?", "ab"),
            ("a.c", "abc"),
            ("acme/*", "acme-evil/x"),
            ("repo:acme/app:*", "repo:acme/application:x"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    proptest! {
        /// As a regular expression of the same meaning.
        #[test]
        fn patterns_match_as_regular_expressions_do(pattern in "[ab/:.+?*\\n\u{e4}]{0,8}", text in "[ab/:.+?*\\n\u{e4}]{0,10}") {
            let parts: Vec<String> = pattern.split('*').map(regex::escape).collect();
            let expression = regex::Regex::new(&format!("^(?s:{})$", parts.join(".*"))).unwrap();
            prop_assert_eq!(matches(&pattern, &text), expression.is_match(&text));
        }
    }

    #[test]
    fn each_condition_is_met_by_one_of_its_texts() {
        let claims = json!({
            "repository": "acme/app", "ref_protected": "true", "id": 7, "flag": true, "none": null,
            "groups": ["dev", "ops"], "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "runner"}},
            "https://a.example/x": {"a/b": "c"}, "nested": {"repository": "evil/app"},
        });
        for met in [
            json!({"repository": "acme/app"}),
            json!({"repository": ["evil/*", "acme/*"], "id": "7", "flag": "true"}),
            json!({"groups": "ops"}),
            json!({"kubernetes.io/namespace": "ci", "kubernetes.io/serviceaccount/name": "run*"}),
            json!({"https:~1~1a.example~1x/a~1b": "c"}),
        ] {
            assert!(are_met(met.clone(), claims.clone()), "{met}");
        }
        for unmet in [
            json!({"repository": "acme/app", "ref": "x"}),
            json!({"repository": "acme"}),
            json!({"repository": "*", "environment": "*"}),
            json!({"none": "*"}),
            json!({"none": "null"}),
            json!({"groups": "*root"}),
            json!({"kubernetes.io": "*"}),
            json!({"kubernetes.io/serviceaccount": "*"}),
            json!({"repository/name": "*"}),
            json!({"namespace": "ci"}),
        ] {
            assert!(!are_met(unmet.clone(), claims.clone()), "{unmet}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for wrong in [
            json!({"": "a"}),
            json!({"a//b": "c"}),
            json!({"/a": "b"}),
            json!({"a": ""}),
            json!({"a": []}),
            json!({"a": [1]}),
            json!({"a": null}),
            json!({"a": {"b": "c"}}),
            json!({"a": "x".repeat(1025)}),
            json!({"a".repeat(256): "x"}),
            json!((0..33).map(|n| (n.to_string(), json!("x"))).collect::<Map<_, _>>()),
            json!([]),
        ] {
            assert!(conditions(wrong.clone()).is_err(), "{wrong:.60}");
        }
        assert!(conditions(json!({"a": "x".repeat(1024)})).is_ok());
    }
}
