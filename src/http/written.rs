//! How columns are written into answers that say more, or less, than the store: for `serialize_with`.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::envelope::NoResources;
use crate::store::Base64Json;

/// Writes stored JSON as it is, byte for byte; nothing and `null` are an empty object in answers.
pub(crate) fn as_object<S: Serializer>(json: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match json.as_deref().filter(|text| *text != "null").map(serde_json::from_str::<&RawValue>) {
        Some(Ok(json)) => json.serialize(serializer),
        _ => NoResources {}.serialize(serializer),
    }
}

/// Writes what isn't there as an empty object.
pub(crate) fn or_empty_object<S: Serializer>(
    json: &Option<Base64Json>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match json {
        Some(Base64Json(Some(json))) => json.serialize(serializer),
        _ => NoResources {}.serialize(serializer),
    }
}

/// Writes what isn't there as an empty text.
pub(crate) fn or_empty_text<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_deref().unwrap_or_default())
}
