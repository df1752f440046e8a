//! The id in a route's path.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use super::error::ApiError;
use super::query::{Violation, reject};
use crate::store::Id;

/// The first parameter of the path, as an id in any of the forms that Python reads.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let parameters = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let parameters = parameters.map_or_else(|_| HashMap::new(), |Path(parameters)| parameters);
        let (field, text) = parameters.into_iter().next().unwrap_or_default();
        Uuid::try_parse(&text).map(|id| Self(Id(id))).map_err(|error| {
            let message = format!("Input should be a valid UUID, {error}");
            let violation = Violation { place: "path", field, kind: "uuid_parsing", message, input: text };
            reject(parts.method.as_str(), parts.uri.path(), &[violation])
        })
    }
}
