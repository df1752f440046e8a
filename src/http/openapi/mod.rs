//! The OpenAPI document: of ZenML 0.98.0's, made from tests/contract/openapi.json, the operations that are there, and
//! zendo's own from openapi_zendo.json, corrected where ZenML's doesn't say what is answered.

mod corrections;

use serde_json::{Map, Value};

use crate::http::Operation;
use crate::packed::{Packed, packed};

/// ZenML 0.98.0's document, without its prose.
pub(super) const CONTRACT: Packed = packed!("openapi.json");

/// What zendo has beyond it or answers otherwise: parameters and answers of ZenML's operations, and operations with
/// their schemas.
const OWN: &str = include_str!("../openapi_zendo.json");

/// The document of these operations, with the schemas that they use.
///
/// # Errors
/// When the contract's text is no JSON.
pub fn document(operations: &[Operation]) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_slice(&CONTRACT.bytes().map_err(serde_json::Error::io)?)?;
    add_own(&mut document, serde_json::from_str(OWN)?);
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

fn add_own(document: &mut Value, own: Value) {
    for (path, methods) in own["parameters"].as_object().into_iter().flatten() {
        for (method, parameters) in methods.as_object().into_iter().flatten() {
            let known = &mut document["paths"][path][method]["parameters"];
            if known.is_null() {
                *known = Value::Array(Vec::new());
            }
            if let Some(known) = known.as_array_mut() {
                known.extend(parameters.as_array().into_iter().flatten().cloned());
            }
        }
    }
    for (path, methods) in own["responses"].as_object().into_iter().flatten() {
        for (method, responses) in methods.as_object().into_iter().flatten() {
            for (status, response) in responses.as_object().into_iter().flatten() {
                document["paths"][path][method]["responses"][status] = response.clone();
            }
        }
    }
    for (path, item) in own["paths"].as_object().into_iter().flatten() {
        document["paths"][path] = item.clone();
    }
    for kind in ["schemas", "securitySchemes"] {
        for (name, one) in own[kind].as_object().into_iter().flatten() {
            document["components"][kind][name] = one.clone();
        }
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
