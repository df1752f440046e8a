//! The OpenAPI document: of ZenML 0.98.0's, made from tests/contract/openapi.json, the operations that are there, and
//! zendo's own.

use serde_json::{Map, Value};

use super::routes::Operation;

/// ZenML 0.98.0's document, without its prose.
const CONTRACT: &str = include_str!("../../tests/contract/openapi.json");

/// The operations that ZenML has not, with their schemas.
const OWN: &str = include_str!("openapi_zendo.json");

/// The document of these operations, with the schemas that they use.
///
/// # Errors
/// When the text of either part is no JSON.
pub fn document(operations: &[Operation]) -> serde_json::Result<Value> {
    let mut document: Value = serde_json::from_str(CONTRACT)?;
    document["info"]["title"] = "zendo".into();
    document["info"]["description"] = "ZenML's REST API, with short-lived API tokens at its heart.".into();
    let own: Value = serde_json::from_str(OWN)?;
    for part in ["/paths", "/components/schemas"] {
        let own = own.pointer(part).and_then(Value::as_object).into_iter().flatten();
        if let Some(all) = document.pointer_mut(part).and_then(Value::as_object_mut) {
            all.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
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
