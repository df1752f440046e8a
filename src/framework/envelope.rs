//! The shape that all answers share.

use serde::Serialize;

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
