//! Attributes of configurations.

use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::config::{Flag, Setting};

/// What a method's configuration may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub name: &'static str,
    /// A label.
    pub title: &'static str,
    pub description: Option<&'static str>,
    pub kind: AttributeKind,
    pub is_required: bool,
    /// Why a text of it is wrong; it doesn't repeat the text.
    pub check: Option<fn(&str) -> Result<(), &'static str>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum AttributeKind {
    Text,
    Secret,
    Uuid,
    Flag { default: bool },
    Word { name: &'static str, words: &'static [&'static str], default: &'static str },
    Texts,
    /// Texts by their names, some of which may not be given.
    TextsByName { reserved: &'static [&'static str] },
}

/// A value as it is kept.
pub(super) enum Read {
    Plain(Value),
    Secret(SecretString),
}

impl Attribute {
    const fn of(name: &'static str, title: &'static str, kind: AttributeKind) -> Self {
        Self { name, title, description: None, kind, is_required: false, check: None }
    }

    pub(super) const fn text(name: &'static str, title: &'static str) -> Self {
        Self::of(name, title, AttributeKind::Text)
    }

    pub(super) const fn secret(name: &'static str, title: &'static str) -> Self {
        Self::of(name, title, AttributeKind::Secret)
    }

    pub(super) const fn uuid(name: &'static str, title: &'static str) -> Self {
        Self::of(name, title, AttributeKind::Uuid)
    }

    pub(super) const fn flag(name: &'static str, title: &'static str, default: bool) -> Self {
        Self::of(name, title, AttributeKind::Flag { default })
    }

    pub(super) const fn texts(name: &'static str, title: &'static str) -> Self {
        Self::of(name, title, AttributeKind::Texts)
    }

    pub(super) const fn texts_by_name(
        name: &'static str,
        title: &'static str,
        reserved: &'static [&'static str],
    ) -> Self {
        Self::of(name, title, AttributeKind::TextsByName { reserved })
    }

    /// The first of the words is meant where none is given.
    pub(super) const fn word(
        name: &'static str,
        title: &'static str,
        of: &'static str,
        words: &'static [&'static str],
    ) -> Self {
        Self::of(name, title, AttributeKind::Word { name: of, words, default: words[0] })
    }

    pub(super) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(super) const fn described(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    pub(super) const fn checked(self, check: fn(&str) -> Result<(), &'static str>) -> Self {
        Self { check: Some(check), ..self }
    }

    pub(crate) const fn is_secret(&self) -> bool {
        matches!(self.kind, AttributeKind::Secret)
    }

    /// Reads a value that was sent. None for what means nothing: an empty text where there can't be one.
    ///
    /// # Errors
    /// What it has to be; nothing that was sent.
    pub(super) fn read(&self, value: Value) -> Result<Option<Read>, String> {
        let is_blank = value.as_str().is_some_and(|text| text.trim().is_empty());
        if is_blank && !self.is_required && !matches!(self.kind, AttributeKind::Text | AttributeKind::Secret) {
            return Ok(None);
        }
        let read = match (self.kind, value) {
            (AttributeKind::Text, Value::String(text)) => {
                self.check(&text)?;
                Read::Plain(text.into())
            }
            (AttributeKind::Secret, Value::String(text)) => {
                self.check(&text)?;
                Read::Secret(text.into())
            }
            (AttributeKind::Uuid, Value::String(text)) => match Uuid::try_parse(text.trim()) {
                Ok(uuid) => Read::Plain(uuid.to_string().into()),
                Err(_) => return Err("has to be a UUID".to_owned()),
            },
            (AttributeKind::Flag { .. }, value) => match flag(&value) {
                Some(flag) => Read::Plain(flag.into()),
                None => return Err("has to be true or false".to_owned()),
            },
            (AttributeKind::Word { words, .. }, value) => {
                let known = value.as_str().is_some_and(|text| words.contains(&text));
                known.then_some(Read::Plain(value)).ok_or_else(|| format!("has to be {}", words.join(" or ")))?
            }
            (AttributeKind::Texts, value) => {
                let texts = texts(value).ok_or("has to be a list of texts")?;
                if self.is_required && texts.is_empty() {
                    return Err("has to have something in it".to_owned());
                }
                Read::Plain(Value::Array(texts))
            }
            (AttributeKind::TextsByName { reserved }, value) => {
                let texts = texts_by_name(value).ok_or("has to be an object of texts")?;
                let is_reserved =
                    |name: &&String| reserved.iter().any(|reserved| name.eq_ignore_ascii_case(reserved));
                match texts.keys().find(is_reserved) {
                    Some(_) => return Err(format!("can't set {}", reserved.join(", "))),
                    None => Read::Plain(Value::Object(texts)),
                }
            }
            (AttributeKind::Text | AttributeKind::Uuid, _) => return Err("has to be a text".to_owned()),
            (AttributeKind::Secret, _) => return Err("is a secret, and has to be a text".to_owned()),
        };
        Ok(Some(read))
    }

    fn check(&self, text: &str) -> Result<(), &'static str> {
        self.check.map_or(Ok(()), |check| check(text))
    }
}

/// A flag in the spellings that ZenML reads.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => Flag::read(text).map(|Flag(flag)| flag),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        _ => None,
    }
}

/// A list; as a text it is JSON, or its parts are separated by commas.
fn texts(value: Value) -> Option<Vec<Value>> {
    let list = match value {
        Value::Array(list) => list,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Array(list)) => list,
            Ok(_) => return None,
            Err(_) => text.split(',').map(|part| part.trim().into()).collect(),
        },
        _ => return None,
    };
    list.iter().all(Value::is_string).then_some(list)
}

/// An object; a text is JSON.
fn texts_by_name(value: Value) -> Option<Map<String, Value>> {
    let object = match value {
        Value::Object(object) => object,
        Value::String(text) => serde_json::from_str(&text).ok()?,
        _ => return None,
    };
    object.values().all(Value::is_string).then_some(object)
}
