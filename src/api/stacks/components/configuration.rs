//! Whether a component's configuration fits its flavor.
//!
//! ZenML loads the flavor's Python class for that. zendo goes by the flavor's JSON schema: fields that aren't known
//! or are missing are refused, and what is no text where only a text can be. Custom flavors take anything, as in
//! ZenML, whose server can't load their classes.

use serde_json::{Map, Value};

use crate::api::stacks::flavors::FlavorRow;
use crate::http::error::{ApiError, ApiResult};
use crate::http::values::JsonObject;

/// Checks a configuration.
///
/// # Errors
/// 400 for fields that the flavor doesn't have, 422 for what is missing or of the wrong type.
pub(crate) fn check(flavor: &FlavorRow, configuration: &JsonObject) -> ApiResult<()> {
    let schema: Value = serde_json::from_str(flavor.metadata.config_schema.0.get()).unwrap_or_default();
    let Some(properties) = schema["properties"].as_object().filter(|_| !flavor.body.is_custom) else {
        return Ok(());
    };
    let configuration: Map<String, Value> = serde_json::from_str(configuration.as_str())
        .map_err(|error| ApiError::unprocessable(error.to_string()))?;
    let unknown: Vec<&str> =
        configuration.keys().map(String::as_str).filter(|key| !properties.contains_key(*key)).collect();
    if !unknown.is_empty() {
        let (keys, name, kind) = (unknown.join(", "), &flavor.name, &flavor.body.r#type);
        let message =
            format!("The flavor '{name}' of {kind} has no configuration fields of the names: {keys}.");
        return Err(ApiError::value(message));
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for field in required {
        if !configuration.contains_key(field) {
            return Err(ApiError::unprocessable(format!("The configuration needs the field '{field}'.")));
        }
    }
    for (field, value) in &configuration {
        if is_text_only(&properties[field]) && !value.is_string() && !is_null_for(&properties[field], value) {
            return Err(ApiError::unprocessable(format!("The configuration's field '{field}' is a text.")));
        }
    }
    Ok(())
}

/// A text, or a text or null.
fn is_text_only(schema: &Value) -> bool {
    match schema["anyOf"].as_array() {
        None => schema["type"] == "string",
        Some(kinds) => kinds.iter().all(|kind| kind["type"] == "string" || kind["type"] == "null"),
    }
}

fn is_null_for(schema: &Value, value: &Value) -> bool {
    let may_be_null =
        schema["anyOf"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["type"] == "null"));
    value.is_null() && may_be_null
}
