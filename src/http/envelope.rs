//! The shape that all answers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::store::Id;

/// An answer about one thing. `metadata` is there when the caller asked to hydrate; `resources` is not there for
/// what is itself part of another answer.
#[derive(Debug, Serialize)]
pub struct Response<B, M, R> {
    pub body: Option<B>,
    pub metadata: Option<M>,
    pub resources: Option<R>,
    pub id: Id,
    pub permission_denied: bool,
    /// None for kinds of thing without a name; a name that may be null is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
}

impl<B, M, R> Response<B, M, R> {
    /// An answer with a name.
    pub fn named(id: Id, name: String, body: B, metadata: Option<M>, resources: Option<R>) -> Self {
        Self::maybe_named(id, Some(name), body, metadata, resources)
    }

    /// An answer whose name may be null.
    pub fn maybe_named(
        id: Id,
        name: Option<String>,
        body: B,
        metadata: Option<M>,
        resources: Option<R>,
    ) -> Self {
        Self { name: Some(name), ..Self::nameless(id, body, metadata, resources) }
    }

    /// An answer about something that has no name.
    pub fn nameless(id: Id, body: B, metadata: Option<M>, resources: Option<R>) -> Self {
        Self { body: Some(body), metadata, resources, id, permission_denied: false, name: None }
    }
}

/// For kinds whose answers never have resources or metadata: an empty object.
#[derive(Debug, Serialize)]
pub struct NoResources {}

/// A secret that its answer shows, and nothing else.
#[derive(Debug, Clone)]
pub(crate) struct ShownSecret(pub SecretString);

impl Serialize for ShownSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

/// Values that were logged, by their keys.
pub(crate) type Logged = BTreeMap<String, Arc<RawValue>>;

/// The metadata of what values are logged for.
#[derive(Debug, Serialize)]
pub(crate) struct WithRunMetadata<M> {
    #[serde(flatten)]
    pub columns: M,
    pub run_metadata: Logged,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SecretText;

    #[test]
    fn a_secret_is_shown_in_its_answer_and_nowhere_else() {
        let shown = ShownSecret("open sesame".into());
        assert_eq!(serde_json::to_value(&shown).unwrap(), "open sesame");
        for debug in [format!("{shown:?}"), format!("{:?}", SecretText("open sesame".into()))] {
            assert!(!debug.contains("sesame"), "{debug}");
        }
    }
}
