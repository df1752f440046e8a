//! What the REST API keeps: one file a kind.

use serde_json::value::RawValue;

pub mod projects;
pub mod server_settings;
pub mod stacks;
pub mod users;

/// Stored JSON as it is, byte for byte; nothing and `null` are an empty object in answers.
fn object_or_empty(json: Option<&str>) -> Box<RawValue> {
    let stored = json.filter(|text| *text != "null").map(str::to_owned).map(RawValue::from_string);
    match stored {
        Some(Ok(value)) => value,
        _ => empty_object(),
    }
}

fn empty_object() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
