//! The built-in flavors with what each field of their configuration is for, in few words. Many fields recur, so a field is
//! described by its name, and where that means something else, by its flavor or by the part of the schema that it is in.

use indexmap::IndexMap;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Result, Value};

/// An object's parts, in their order and as they are written.
type Parts = IndexMap<String, Box<RawValue>>;

/// The flavors of contract/flavors.json, each with its schema once more as `described_schema`: a text.
pub(crate) fn described(flavors: &[u8], descriptions: &[u8]) -> Result<Vec<u8>> {
    let descriptions: Value = serde_json::from_slice(descriptions)?;
    let mut flavors: Vec<Parts> = serde_json::from_slice(flavors)?;
    for flavor in &mut flavors {
        let text = |part: &str| serde_json::from_str::<String>(flavor[part].get());
        let own = &descriptions["flavors"][format!("{}/{}", text("type")?, text("name")?)];
        let schema = describe(&flavor["config_schema"], own, &descriptions)?;
        flavor.insert("described_schema".to_owned(), to_raw_value(schema.get())?);
    }
    serde_json::to_vec(&flavors)
}

fn describe(schema: &RawValue, own: &Value, descriptions: &Value) -> Result<Box<RawValue>> {
    let of_flavor = |field: &str| own[field].as_str().or_else(|| descriptions["fields"][field].as_str());
    with_each(schema, |key, part| match key {
        "properties" => describe_all(part, of_flavor),
        "$defs" => with_each(part, |name, definition| {
            let fields = &descriptions["definitions"][name];
            with_each(definition, |key, part| match key {
                "properties" => describe_all(part, |field| fields[field].as_str()),
                _ => Ok(part.to_owned()),
            })
        }),
        _ => Ok(part.to_owned()),
    })
}

fn describe_all<'d>(
    fields: &RawValue,
    description: impl Fn(&str) -> Option<&'d str>,
) -> Result<Box<RawValue>> {
    with_each(fields, |field, schema| {
        let Some(description) = description(field) else { return Ok(schema.to_owned()) };
        let mut parts: Parts = serde_json::from_str(schema.get())?;
        parts.insert("description".to_owned(), to_raw_value(description)?);
        to_raw_value(&parts)
    })
}

/// An object with each of its parts as `change` makes it.
fn with_each(
    object: &RawValue,
    change: impl Fn(&str, &RawValue) -> Result<Box<RawValue>>,
) -> Result<Box<RawValue>> {
    let mut parts: Parts = serde_json::from_str(object.get())?;
    for (key, part) in &mut parts {
        *part = change(key, part)?;
    }
    to_raw_value(&parts)
}
