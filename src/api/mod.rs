//! The REST API, by domain.

pub mod artifacts;
pub mod identity;
pub mod models;
pub mod oauth;
pub mod runs;
pub mod server;
pub mod stacks;

use serde_json::value::RawValue;

/// Stored JSON as it is, byte for byte; nothing and `null` are an empty object in answers.
pub fn object_or_empty(json: Option<&str>) -> Box<RawValue> {
    let stored = json.filter(|text| *text != "null").map(str::to_owned).map(RawValue::from_string);
    match stored {
        Some(Ok(value)) => value,
        _ => empty_object(),
    }
}

pub fn empty_object() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
