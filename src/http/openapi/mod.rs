//! The OpenAPI document: of ZenML 0.98.0's, made from contract/openapi.json, the operations that are there, and
//! what zendo has beyond it, as it is said beside its handlers, corrected where ZenML's doesn't say what is answered.

mod corrections;
pub(crate) mod lists;
pub(crate) mod shapes;

use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use crate::http::Operation;
use crate::packed::{Packed, packed};

/// ZenML 0.98.0's document, without its prose.
pub(super) const CONTRACT: Packed = packed!("openapi.json");

/// The document of these operations, with the schemas that they use.
///
/// # Errors
/// When the contract's text is no JSON.
pub(crate) fn document(operations: &[Operation], own: &OpenApi) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_slice(&CONTRACT.bytes().map_err(serde_json::Error::io)?)?;
    add_own(&mut document, serde_json::to_value(own)?);
    document["info"]["title"] = "zendo".into();
    document["info"]["description"] = "ZenML's REST API, with short-lived API tokens at its heart.".into();
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths.iter_mut() {
            keep(item, |method| operations.iter().any(|(m, p)| m.eq_ignore_ascii_case(method) && p == path));
        }
        paths.retain(|_, item| item.as_object().is_some_and(|methods| !methods.is_empty()));
    }
    corrections::apply(&mut document);
    let mut used = Map::new();
    collect(&document["paths"], &document["components"]["schemas"], &mut used);
    document["components"]["schemas"] = used.into();
    Ok(document)
}

/// Adds what zendo has: operations of its own, and to ZenML's what is said of them besides.
fn add_own(document: &mut Value, own: Value) {
    for (path, item) in fields(&own["paths"]) {
        for (method, operation) in fields(item) {
            let known = &mut document["paths"][path][method];
            match path.starts_with("/api/") && known.is_object() {
                true => extend(known, operation),
                false => *known = operation.clone(),
            }
        }
    }
    for kind in ["schemas", "securitySchemes"] {
        for (name, one) in fields(&own["components"][kind]) {
            add_schema(&mut document["components"][kind][name], one);
        }
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// One that ZenML has keeps the properties that zendo doesn't describe.
fn add_schema(known: &mut Value, own: &Value) {
    if known.is_null() {
        *known = own.clone();
    }
    for (name, property) in fields(&own["properties"]) {
        known["properties"][name] = property.clone();
    }
    for word in ["description", "required"] {
        if known[word].is_null() && !own[word].is_null() {
            known[word] = own[word].clone();
        }
    }
}

/// Adds the parameters and answers that ZenML's operation doesn't have.
fn extend(known: &mut Value, own: &Value) {
    if known["parameters"].is_null() {
        known["parameters"] = Value::Array(Vec::new());
    }
    if let Some(parameters) = known["parameters"].as_array_mut() {
        parameters.extend(own["parameters"].as_array().into_iter().flatten().cloned());
    }
    for (status, response) in fields(&own["responses"]) {
        known["responses"][status] = response.clone();
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
