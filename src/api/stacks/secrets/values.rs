//! The values of a secret: never in a log, and wiped when they are dropped.

use std::collections::HashMap;

use secrecy::{ExposeSecret, SecretString};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::http::error::{ApiError, ApiResult};
use crate::http::values::InOrder;

/// Bytes of all names and values of a secret at most.
const LARGEST: usize = 64 * 1024;

/// Values by name, in the order in which they came. As JSON they are in the open.
#[derive(Debug, Clone, Default)]
pub struct SecretValues(Vec<(String, SecretString)>);

/// Values as they are sent: null for one that is not to be there.
pub(super) type SentValues = InOrder<Option<SecretString>>;

impl SecretValues {
    /// What was sent, without what is null.
    pub fn of(sent: &SentValues) -> Self {
        let mut values = Self::default();
        values.merge(sent);
        values
    }

    /// Adds and replaces what was sent, and removes what is null.
    pub fn merge(&mut self, sent: &SentValues) {
        let mut changes: HashMap<&str, Option<&SecretString>> =
            sent.0.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
        self.0.retain_mut(|(name, known)| match changes.remove(name.as_str()) {
            Some(Some(value)) => {
                *known = value.clone();
                true
            }
            Some(None) => false,
            None => true,
        });
        // Each name was sent once: of a repeated one the last counts.
        let added = sent
            .0
            .iter()
            .filter_map(|(name, _)| Some((name.clone(), changes.remove(name.as_str())??.clone())));
        self.0.extend(added);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &SecretString)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// None when it is no JSON object of texts.
    pub fn of_json(json: &SecretString) -> Option<Self> {
        let InOrder(values) = serde_json::from_str(json.expose_secret()).ok()?;
        Some(Self(values))
    }

    pub fn to_json(&self) -> SecretString {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    /// # Errors
    /// 400 when there is more than a secret may hold.
    pub fn check_size(&self) -> ApiResult<()> {
        let size: usize = self.0.iter().map(|(name, value)| name.len() + value.expose_secret().len()).sum();
        if size <= LARGEST {
            return Ok(());
        }
        let message = format!("The names and values of a secret have at most {LARGEST} bytes together.");
        Err(ApiError::value(message))
    }
}

impl From<Vec<(String, SecretString)>> for SecretValues {
    fn from(values: Vec<(String, SecretString)>) -> Self {
        Self(values)
    }
}

impl Serialize for SecretValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value.expose_secret())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(json: &str) -> SentValues {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_patch_adds_replaces_and_removes() {
        let mut values = SecretValues::of(&sent(r#"{"a": "1", "b": "2", "c": null}"#));
        values.merge(&sent(r#"{"b": null, "a": "3", "d": "4", "e": null}"#));
        assert_eq!(values.to_json().expose_secret(), r#"{"a":"3","d":"4"}"#);
        assert!(!format!("{values:?}").contains('3'), "{values:?}");
    }

    #[test]
    fn there_is_a_largest_secret() {
        let of_size =
            |size: usize| SecretValues::of(&sent(&format!(r#"{{"ab": "{}"}}"#, "é".repeat(size / 2))));
        assert!(of_size(LARGEST - 2).check_size().is_ok());
        assert!(of_size(LARGEST).check_size().is_err());
    }
}
