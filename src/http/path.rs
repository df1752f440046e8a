//! The ids and names in a route's path.

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use uuid::Uuid;

use super::error::{ApiError, ApiResult};
use super::query::{Violation, reject};
use crate::store::Id;

/// The first parameter of the path, as an id in any of the forms that Python reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathId(pub Id);

/// The id of what owns a thing, and the name or id of the thing: the first two parameters of the path.
#[derive(Debug, Clone)]
pub(crate) struct PathIdAndName(pub Id, pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut parameters = parameters(parts, state).await;
        id(parts, parameters.next().unwrap_or_default()).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathIdAndName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut parameters = parameters(parts, state).await;
        let id = id(parts, parameters.next().unwrap_or_default())?;
        let (_, name_or_id) = parameters.next().unwrap_or_default();
        Ok(Self(id, name_or_id))
    }
}

/// The first parameter of the path, as text.
#[derive(Debug, Clone)]
pub(crate) struct PathName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match parameters(parts, state).await.next() {
            Some((_, name)) => Ok(Self(name)),
            // Bytes that are no text name nothing.
            None => Err(ApiError::plain(StatusCode::NOT_FOUND, "Not Found")),
        }
    }
}

/// The ids of two things: the first two parameters of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathIds(pub Id, pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut parameters = parameters(parts, state).await;
        let first = id(parts, parameters.next().unwrap_or_default())?;
        Ok(Self(first, id(parts, parameters.next().unwrap_or_default())?))
    }
}

/// The name or id of a project, and the id of a thing in it: the first two parameters of the path.
#[derive(Debug, Clone)]
pub(crate) struct PathNameAndId(pub String, pub Id);

impl<S: Send + Sync> FromRequestParts<S> for PathNameAndId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let mut parameters = parameters(parts, state).await;
        let (_, name) = parameters.next().unwrap_or_default();
        Ok(Self(name, id(parts, parameters.next().unwrap_or_default())?))
    }
}

/// The project that an older path names: its name or id.
#[derive(Debug, Clone)]
pub(crate) struct PathProject(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for PathProject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        if !parts.uri.path().contains("/workspaces/") {
            return Ok(Self(None));
        }
        let mut parameters = parameters(parts, state).await;
        Ok(Self(parameters.find(|(name, _)| name == "project_name_or_id").map(|(_, project)| project)))
    }
}

/// Names and values in the path's order.
async fn parameters<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> impl Iterator<Item = (String, String)> + use<S> {
    let parameters = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
    parameters.map_or_else(|_| Vec::new(), |Path(parameters)| parameters).into_iter()
}

fn id(parts: &Parts, (field, text): (String, String)) -> ApiResult<Id> {
    Uuid::try_parse(&text).map(Id).map_err(|error| {
        let message = format!("Input should be a valid UUID, {error}");
        let violation = Violation { place: "path", field, kind: "uuid_parsing", message, input: text };
        reject(parts.method.as_str(), parts.uri.path(), &[violation])
    })
}
