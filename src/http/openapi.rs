//! The OpenAPI document: of ZenML 0.98.0's, made from tests/contract/openapi.json, and of zendo's
//! own, the operations that are there.

use serde_json::{Map, Value};

use super::routes::Operation;

/// ZenML 0.98.0's document, without its prose.
const CONTRACT: &str = include_str!("../../tests/contract/openapi.json");

/// What zendo has and ZenML hasn't, in the same form.
const OWN: &str = include_str!("openapi_zendo.json");

/// The document of these operations, with the schemas that they use.
///
/// # Errors
/// When the contract's text is no JSON.
pub fn document(operations: &[Operation]) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(CONTRACT)?;
    merge(&mut document, serde_json::from_str(OWN)?);
    document["info"]["title"] = "zendo".into();
    document["info"]["description"] = "ZenML's REST API, with short-lived API tokens at its heart.".into();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths.iter_mut() {
            keep(item, |method| operations.iter().any(|(m, p)| m.eq_ignore_ascii_case(method) && p == path));
        }
        paths.retain(|_, item| item.as_object().is_some_and(|methods| !methods.is_empty()));
    }
    let mut used = Map::new();
    collect(&document["paths"], &document["components"]["schemas"], &mut used);
    document["components"]["schemas"] = used.into();
    Ok(document)
}

/// Adds the fields of one document to another.
fn merge(document: &mut Value, own: Value) {
    match (document, own) {
        (Value::Object(fields), Value::Object(own)) => {
            own.into_iter().for_each(|(name, value)| merge(fields.entry(name).or_insert(Value::Null), value));
        }
        (place, own) => *place = own,
    }
}

fn keep(item: &mut Value, is_there: impl Fn(&str) -> bool) {
    if let Some(methods) = item.as_object_mut() {
        methods.retain(|method, _| is_there(method));
    }
}

/// Adds the schemas that `value` refers to, and those that they refer to.
fn collect(value: &Value, schemas: &Value, used: &mut Map<String, Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, schemas, used)),
        Value::Object(fields) => {
            let reference = fields.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|text| text.strip_prefix("#/components/schemas/"));
            if let Some(name) = name.filter(|name| !used.contains_key(*name)) {
                used.insert(name.to_owned(), schemas[name].clone());
                collect(&schemas[name], schemas, used);
            }
            fields.values().for_each(|field| collect(field, schemas, used));
        }
        _ => {}
    }
}
