//! Values of JSON bodies that are checked as they are read: a handler never sees a wrong one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use indexmap::IndexMap;
use secrecy::{ExposeSecret, SecretString};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{ApiError, ApiResult};
use super::lax::Lax;
use crate::store::{Id, text_value};

/// What a VARCHAR(255) holds.
const SHORT: usize = 255;

/// A text of 255 characters at most.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct ShortText(String);

impl TryFrom<String> for ShortText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.chars().count() {
            0..=SHORT => Ok(Self(text)),
            _ => Err(format!("String should have at most {SHORT} characters")),
        }
    }
}

impl ShortText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret of so many characters at most.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "SecretString")]
pub(crate) struct SecretOf<const MOST: usize>(SecretString);

/// A secret of 255 characters at most.
pub(crate) type ShortSecret = SecretOf<SHORT>;
/// A secret of 65535 characters at most.
pub(crate) type LongSecret = SecretOf<LONG>;

impl<const MOST: usize> TryFrom<SecretString> for SecretOf<MOST> {
    type Error = String;

    fn try_from(secret: SecretString) -> Result<Self, Self::Error> {
        match secret.expose_secret().chars().count() <= MOST {
            true => Ok(Self(secret)),
            false => Err(format!("String should have at most {MOST} characters")),
        }
    }
}

impl<const MOST: usize> SecretOf<MOST> {
    pub(crate) fn into_secret(self) -> SecretString {
        self.0
    }
}

impl<const MOST: usize> ExposeSecret<str> for SecretOf<MOST> {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A name: 1 to 255 characters, not all of them blank, none of them a control character.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "ShortText")]
pub struct Name(String);

impl TryFrom<ShortText> for Name {
    type Error = &'static str;

    fn try_from(ShortText(text): ShortText) -> Result<Self, Self::Error> {
        match text.trim() {
            "" => Err("A name needs at least 1 character that is not blank"),
            _ if text.contains(char::is_control) => Err("A name has no control characters"),
            _ => Ok(Self(text)),
        }
    }
}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_value!(ShortText, |text: ShortText| text.0);
text_value!(LongText, |text: LongText| text.0);
text_value!(Name, |name: Name| name.0);
text_value!(JsonObject, |json: JsonObject| Box::<str>::from(json.0).into());

/// What a flag is that isn't sent.
pub(crate) fn yes() -> bool {
    true
}

/// Characters that ZenML takes in no name.
const FORBIDDEN: &[char] = &['\t', '\n', '\r', '\x0b', '\x0c'];

/// Checks the characters of a name of a `kind` of thing, as ZenML writes the kind.
///
/// # Errors
/// 400 when it is empty or has a forbidden character.
pub(crate) fn check_name(kind: &str, name: &str) -> ApiResult<()> {
    let found: String = FORBIDDEN.iter().filter(|forbidden| name.contains(**forbidden)).collect();
    if name.is_empty() {
        let message = format!("The name of a {kind} needs at least 1 character.");
        return Err(ApiError::value(message));
    }
    if !found.is_empty() {
        let message = format!("The name `{name}` of the `{kind}` contains forbidden characters: {found:?}.");
        return Err(ApiError::value(message));
    }
    Ok(())
}

/// What a TEXT holds.
const LONG: usize = 65_535;

/// A text of 65535 characters at most.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct LongText(String);

impl TryFrom<String> for LongText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.chars().count() {
            0..=LONG => Ok(Self(text)),
            _ => Err(format!("String should have at most {LONG} characters")),
        }
    }
}

impl LongText {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A JSON object, kept as it was sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Box<RawValue>")]
pub struct JsonObject(Box<RawValue>);

impl TryFrom<Box<RawValue>> for JsonObject {
    type Error = &'static str;

    fn try_from(json: Box<RawValue>) -> Result<Self, Self::Error> {
        if json.get().starts_with('{') { Ok(Self(json)) } else { Err("Input should be a valid dictionary") }
    }
}

impl Default for JsonObject {
    fn default() -> Self {
        Self(RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl JsonObject {
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }
}

/// A JSON object whose fields are of one type, in the order in which they were sent; of a repeated one the last counts.
#[derive(Debug, Clone, Default)]
pub struct InOrder<T>(pub Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = InOrder<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a valid dictionary")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<T>, A::Error> {
                let mut fields: Vec<(String, T)> = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(InOrder(last_of_each(fields)))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// The last value of each name, in the order of these.
fn last_of_each<T>(mut fields: Vec<(String, T)>) -> Vec<(String, T)> {
    let mut met = std::collections::HashSet::new();
    let is_last: Vec<bool> = fields.iter().rev().map(|(name, _)| met.insert(name.as_str())).collect();
    let mut is_last = is_last.into_iter().rev();
    fields.retain(|_| is_last.next().unwrap_or(true));
    fields
}

/// A text, or an object in its place.
#[derive(Debug)]
pub(crate) enum TextOr<S, T> {
    Text(S),
    Object(T),
}

impl<'de, S: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for TextOr<S, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<S, T>(PhantomData<(S, T)>);
        impl<'de, S: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for Either<S, T> {
            type Value = TextOr<S, T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or an object")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                S::deserialize(StrDeserializer::new(text)).map(TextOr::Text)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Object)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// A whole number or a text, as a version is given. A flag and a number with nothing after its point are whole numbers
/// too; a text never is.
#[derive(Debug)]
pub(crate) enum NumberOrText {
    Number(i64),
    Text(ShortText),
}

impl NumberOrText {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.as_str().to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for NumberOrText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => ShortText::try_from(text).map(Self::Text),
            value => i64::deserialize(Lax(value)).map(Self::Number).map_err(|error| error.to_string()),
        };
        read.map_err(serde::de::Error::custom)
    }
}

/// What has a number of things in it, each of which costs a statement or more.
pub(crate) trait Counted {
    fn number(&self) -> usize;
}

impl<T> Counted for Vec<T> {
    fn number(&self) -> usize {
        self.len()
    }
}

impl<T: Ord> Counted for BTreeSet<T> {
    fn number(&self) -> usize {
        self.len()
    }
}

impl Counted for Id {
    fn number(&self) -> usize {
        1
    }
}

impl Counted for Box<RawValue> {
    fn number(&self) -> usize {
        1
    }
}

impl<T: Counted> Counted for Option<T> {
    fn number(&self) -> usize {
        self.as_ref().map_or(0, T::number)
    }
}

impl<T: Counted> Counted for BTreeMap<String, T> {
    fn number(&self) -> usize {
        self.len().max(self.values().map(T::number).sum())
    }
}

impl<T: Counted> Counted for IndexMap<String, T> {
    fn number(&self) -> usize {
        self.len().max(self.values().map(T::number).sum())
    }
}

/// Reads what has so many things in it at most.
///
/// # Errors
/// When there are more, or it is none.
pub(crate) fn at_most<'de, const MOST: usize, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Counted,
    D: Deserializer<'de>,
{
    let read = T::deserialize(deserializer)?;
    match read.number() <= MOST {
        true => Ok(read),
        false => Err(serde::de::Error::custom(format_args!("There are more than {MOST} of them"))),
    }
}

/// A JSON object of texts.
pub(crate) type TextObject = InOrder<String>;

impl TextObject {
    /// As JSON.
    pub fn to_json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let fields: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{}:{}", text(name), text(value))).collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// A field that has to be there, though it may be null.
///
/// # Errors
/// When it is not there, or neither null nor a `T`.
pub(crate) fn required<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer)
}

/// Tells null from absent: for a field of type `Option<Option<T>>` with `#[serde(default)]`.
///
/// # Errors
/// When what is given is neither null nor a `T`.
pub(crate) fn nullable<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        name: Option<Name>,
        text: Option<ShortText>,
        object: Option<JsonObject>,
        #[serde(default, deserialize_with = "nullable")]
        nullable: Option<Option<ShortText>>,
    }

    fn read(body: &str) -> Result<Body, String> {
        serde_json::from_str(body).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn wrong_values_are_refused() {
        let long = format!(r#"{{"text": "{}"}}"#, "é".repeat(256));
        for (body, reason) in [
            (r#"{"name": ""}"#, "at least 1"),
            (r#"{"name": " "}"#, "at least 1"),
            (r#"{"name": "a\nb"}"#, "control"),
            (r#"{"object": []}"#, "dictionary"),
            (long.as_str(), "at most 255"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn texts_by_name_keep_their_order_and_the_last_of_a_name_counts() {
        let read = |json: &str| serde_json::from_str::<TextObject>(json).map(|texts| texts.to_json());
        assert_eq!(read(r#"{"b": "1", "a": "\"é", "b": "2"}"#).unwrap(), r#"{"a":"\"é","b":"2"}"#);
        for wrong in [r#"{"a": 1}"#, r#"["a"]"#, r#"{"a": null}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_may_be_a_text_or_an_object_is_one_of_them() {
        type Part = TextOr<Id, BTreeMap<String, bool>>;
        let read = |json: &str| crate::http::lax::from_str::<Part>(json);
        let id = "6f9619ff-8b86-d011-b42d-00cf4fc964f0";
        assert!(matches!(read(&format!("\"{id}\"")), Ok(TextOr::Text(Id(text))) if text.to_string() == id));
        assert!(matches!(read(r#"{"a": "yes"}"#), Ok(TextOr::Object(object)) if object["a"]));
        for wrong in ["5", "true", "null", "[]", r#"[{"a": true}]"#, r#""x""#, r#"{"a": 2}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let version = |json: &str| crate::http::lax::from_str::<NumberOrText>(json).map(|read| read.text());
        for (json, text) in [("7", "7"), ("7.0", "7"), ("true", "1"), (r#""7.0""#, "7.0"), (r#""""#, "")] {
            assert_eq!(version(json).unwrap(), text, "{json}");
        }
        for wrong in ["7.5", "1e20", "[]", "{}", "null"] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn right_values_are_kept_and_null_is_not_absent() {
        let body = read(r#"{"name": "Zoë", "text": "", "object": {"a": 1.0}, "nullable": null}"#).unwrap();
        assert_eq!(body.name.unwrap().as_str(), "Zoë");
        assert_eq!(body.text.unwrap().as_str(), "");
        assert_eq!(body.object.unwrap().as_str(), r#"{"a": 1.0}"#);
        assert!(matches!(body.nullable, Some(None)));
        assert!(read("{}").unwrap().nullable.is_none());
    }
}
