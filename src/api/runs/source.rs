//! Sources: which Python module and attribute something is made with (contract schema Source).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::http::contract::split_import_path;
use crate::store::{decode_as, text_value};

const TYPES: [&str; 7] =
    ["user", "builtin", "internal", "distribution_package", "code_repository", "notebook", "unknown"];

/// A source as JSON. What it has besides module, attribute and type is kept.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Source(Box<RawValue>);

impl Source {
    /// As it is stored.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// A stored source; old ones are import paths.
    pub fn of_stored(text: &str) -> Self {
        match serde_json::from_str::<Box<RawValue>>(text) {
            Ok(json) if json.get().starts_with('{') => Self(json),
            _ => Self::of_import_path(text),
        }
    }

    /// `package.module.attribute`; what follows an `@` is a version, which no longer counts.
    fn of_import_path(path: &str) -> Self {
        let (module, attribute) = split_import_path(path);
        Self::of_parts(module, attribute, "unknown", Map::new())
    }

    fn of_parts(module: &str, attribute: Option<&str>, kind: &str, more: Map<String, Value>) -> Self {
        let text = |text: &str| Value::from(text).to_string();
        let mut json = format!(
            r#"{{"module":{},"attribute":{},"type":{}"#,
            text(module),
            attribute.map_or("null".to_owned(), text),
            text(kind)
        );
        for (name, value) in more {
            json += &format!(",{}:{value}", text(&name));
        }
        json.push('}');
        Self(RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

decode_as!(Source, String, str, |text: &str| Ok(Self::of_stored(text)));
text_value!(Source, |source: Source| Box::<str>::from(source.0).into());

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |value| match value {
            Value::String(path) if path.is_empty() => Err("an import path is not empty"),
            Value::String(path) => Ok(Self::of_import_path(&path)),
            Value::Object(mut fields) => {
                let Some(Value::String(module)) = fields.remove("module") else {
                    return Err("a source has a module");
                };
                let attribute = match fields.remove("attribute") {
                    None | Some(Value::Null) => None,
                    Some(Value::String(attribute)) => Some(attribute),
                    Some(_) => return Err("a source's attribute is a text"),
                };
                match fields.remove("type") {
                    Some(Value::String(kind)) if TYPES.contains(&kind.as_str()) => {
                        Ok(Self::of_parts(&module, attribute.as_deref(), &kind, fields))
                    }
                    _ => Err(
                        "a source's type is user, builtin, internal, distribution_package, code_repository, \
                              notebook or unknown",
                    ),
                }
            }
            _ => Err("Input should be a valid dictionary or instance of Source"),
        };
        read(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_stored_as_zenml_stores_it() {
        for (sent, stored) in [
            (
                r#"{"type": "user", "module": "a.b", "commit": "c"}"#,
                Some(r#"{"module":"a.b","attribute":null,"type":"user","commit":"c"}"#),
            ),
            (r#""a.b.C@1""#, Some(r#"{"module":"a.b","attribute":"C","type":"unknown"}"#)),
            (r#""a""#, Some(r#"{"module":"a","attribute":null,"type":"unknown"}"#)),
            (r#""""#, None),
            (r#"{"module": "a", "type": "x"}"#, None),
            (r#"{"module": "a"}"#, None),
            ("5", None),
        ] {
            let read = serde_json::from_str::<Source>(sent).ok();
            assert_eq!(read.as_ref().map(Source::as_str), stored, "{sent}");
        }
    }

    #[test]
    fn old_sources_are_import_paths() {
        let json = r#"{"module":"a","attribute":"B","type":"user"}"#;
        assert_eq!(Source::of_stored(json).as_str(), json);
        assert_eq!(Source::of_stored("a.B").as_str(), r#"{"module":"a","attribute":"B","type":"unknown"}"#);
    }
}
