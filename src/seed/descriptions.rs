//! What the fields of flavors' configurations are for, in few words. Many fields recur, so a field is described by its
//! name, and where that means something else, by its flavor or by the part of the schema that it is in.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::packed::{Packed, packed};

const DESCRIPTIONS: Packed = packed!("field_descriptions.json");

type ByField = HashMap<String, String>;

#[derive(Debug, Deserialize)]
pub(super) struct Descriptions {
    fields: ByField,
    /// By `type/name`.
    flavors: HashMap<String, ByField>,
    /// By the name of a definition within schemas.
    definitions: HashMap<String, ByField>,
}

/// A schema's parts, in their order.
type Parts<'a> = IndexMap<&'a str, &'a RawValue>;

impl Descriptions {
    /// # Errors
    /// When the program was built wrongly.
    pub(super) fn read() -> serde_json::Result<Self> {
        serde_json::from_slice(&DESCRIPTIONS.bytes().map_err(serde_json::Error::io)?)
    }

    /// The schema of the flavor, given as `type/name`, with a description in each field.
    ///
    /// # Errors
    /// When it is no schema.
    pub(super) fn describe(&self, flavor: &str, schema: &RawValue) -> serde_json::Result<String> {
        let own = self.flavors.get(flavor);
        let of_flavor = |field: &str| own.and_then(|own| own.get(field)).or_else(|| self.fields.get(field));
        with_each(schema, |key, part| match key {
            "properties" => describe_all(part, of_flavor),
            "$defs" => with_each(part, |name, definition| {
                let fields = self.definitions.get(name);
                with_each(definition, |key, part| match key {
                    "properties" => describe_all(part, |field| fields?.get(field)),
                    _ => Ok(part.get().to_owned()),
                })
            }),
            _ => Ok(part.get().to_owned()),
        })
    }
}

fn describe_all<'d>(
    properties: &RawValue,
    description: impl Fn(&str) -> Option<&'d String>,
) -> serde_json::Result<String> {
    with_each(properties, |field, schema| {
        let Some(description) = description(field) else { return Ok(schema.get().to_owned()) };
        let mut parts: Parts<'_> = serde_json::from_str(schema.get())?;
        let description = serde_json::value::to_raw_value(description)?;
        parts.insert("description", &description);
        serde_json::to_string(&parts)
    })
}

/// An object with each of its parts as `change` makes it.
fn with_each(
    object: &RawValue,
    change: impl Fn(&str, &RawValue) -> serde_json::Result<String>,
) -> serde_json::Result<String> {
    let parts: Parts<'_> = serde_json::from_str(object.get())?;
    let changed = parts.into_iter().map(|(key, part)| Ok((key, RawValue::from_string(change(key, part)?)?)));
    serde_json::to_string(&changed.collect::<serde_json::Result<IndexMap<_, _>>>()?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;
    use crate::seed::{FLAVORS, built_in_flavors};

    /// The fields of a schema and of its definitions, with their descriptions.
    fn fields(schema: &Value) -> Vec<(String, String)> {
        let definitions = schema["$defs"].as_object().into_iter().flatten().map(|(_, definition)| definition);
        let described = |(name, field): (&String, &Value)| {
            (name.clone(), field["description"].as_str().unwrap_or_default().trim().to_owned())
        };
        let all = std::iter::once(schema).chain(definitions);
        all.flat_map(|part| part["properties"].as_object().into_iter().flatten().map(described)).collect()
    }

    #[test]
    fn every_field_of_every_flavor_is_described_and_nothing_else_changes() {
        let json = FLAVORS.bytes().unwrap();
        let flavors = built_in_flavors(&json).unwrap();
        assert_eq!(flavors.len(), 82);
        let mut number = 0;
        for flavor in &flavors {
            let bare: Value = serde_json::from_str(flavor.config_schema.get()).unwrap();
            let mut described: Value = serde_json::from_str(&flavor.described_schema).unwrap();
            for (field, description) in fields(&described) {
                assert!(!description.is_empty(), "{}/{}: {field}", flavor.r#type, flavor.name);
                number += 1;
            }
            for part in ["properties", "$defs"] {
                without_descriptions(&mut described[part]);
            }
            let described: Value = serde_json::from_str(&described.to_string()).unwrap();
            for (key, value) in bare.as_object().unwrap() {
                assert_eq!(&described[key], value, "{}/{}: {key}", flavor.r#type, flavor.name);
            }
        }
        assert_eq!(number, 1074);
    }

    fn without_descriptions(parts: &mut Value) {
        for part in parts.as_object_mut().into_iter().flatten().map(|(_, part)| part) {
            if part["description"].is_string() {
                part.as_object_mut().unwrap().remove("description");
            }
            if part["properties"].is_object() {
                without_descriptions(&mut part["properties"]);
            }
        }
    }

    #[test]
    fn no_description_is_of_a_field_that_is_not_there() {
        let json = FLAVORS.bytes().unwrap();
        let flavors = built_in_flavors(&json).unwrap();
        let descriptions = Descriptions::read().unwrap();
        let schemas: Vec<(String, Value)> = flavors
            .iter()
            .map(|flavor| {
                let schema = serde_json::from_str(flavor.config_schema.get()).unwrap();
                (format!("{}/{}", flavor.r#type, flavor.name), schema)
            })
            .collect();
        let all: HashSet<&str> = schemas
            .iter()
            .flat_map(|(_, schema)| schema["properties"].as_object().into_iter().flatten())
            .map(|(name, _)| name.as_str())
            .collect();
        let unknown = descriptions.fields.keys().find(|name| !all.contains(name.as_str()));
        assert_eq!(unknown, None);
        for (flavor, own) in &descriptions.flavors {
            let (_, schema) = schemas.iter().find(|(name, _)| name == flavor).expect(flavor);
            let unknown = own.keys().find(|name| schema["properties"].get(name.as_str()).is_none());
            assert_eq!(unknown, None, "{flavor}");
        }
    }
}
