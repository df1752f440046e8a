//! Which project a list is of.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_query::{Expr, ExprTrait, Query as Sql};

use super::{Context, Resource};
use crate::http::error::{ApiError, ApiResult};
use crate::http::filter::by_name_or_id;
use crate::http::path::PathProject;
use crate::http::query::QueryParams;
use crate::store::{Id, Store, StoreError, Transaction};

/// The project with that name or id; without one the server's default project. Every request that names a project, or
/// means the default one, finds it here.
///
/// # Errors
/// 404 when it isn't there, 400 when there is no default project either, and 403 for a token that is for others.
pub(crate) async fn find_project(cx: &Context, name_or_id: Option<&str>) -> ApiResult<Id> {
    let found = match name_or_id {
        Some(asked) => named_project(&cx.store, asked).await?,
        None => find_by_name_or_id(&cx.store, &cx.server.default_project)
            .await?
            .ok_or_else(|| ApiError::value("Project scope missing from the filter"))?,
    };
    cx.principal.require_project(found)?;
    Ok(found)
}

/// The project with that name or id, whoever asks.
///
/// # Errors
/// 404 when it isn't there.
pub(crate) async fn named_project(store: &Store, name_or_id: &str) -> ApiResult<Id> {
    find_by_name_or_id(store, name_or_id).await?.ok_or_else(|| {
        let message = format!("\"No project with the name or ID '{name_or_id}' was found\"");
        ApiError::key(message)
    })
}

async fn find_by_name_or_id(store: &Store, name_or_id: &str) -> Result<Option<Id>, StoreError> {
    let mut select = Sql::select();
    select.column("id").from("project").and_where(by_name_or_id(name_or_id));
    Ok(store.fetch_optional::<(Id,)>(&select).await?.map(|(id,)| id))
}

/// The project that the path or the query names for what a request makes; it goes before the one in the body.
#[derive(Debug)]
pub(crate) struct NamedProject(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for NamedProject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let PathProject(of_path) = PathProject::from_request_parts(parts, state).await?;
        let of_query = || QueryParams::of(parts).text("project_name_or_id").map(str::to_owned);
        Ok(Self(of_path.or_else(of_query).filter(|project| !project.is_empty())))
    }
}

impl NamedProject {
    /// The project's id; without a name that of the body.
    ///
    /// # Errors
    /// 404 when there is no such project.
    pub(crate) async fn or(&self, cx: &Context, of_body: Id) -> ApiResult<Id> {
        match &self.0 {
            Some(project) => find_project(cx, Some(project)).await,
            None => Ok(of_body),
        }
    }
}

/// Checks that a project is there.
///
/// # Errors
/// 404 when it isn't; the store's own.
pub(crate) async fn require_project(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    match tx.id_where("project", [Expr::col("id").eq(id)]).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::key(format!("\"No project with the ID '{id}' was found\""))),
    }
}

/// Checks that what something in the project refers to is there, and in the same project if it is in any.
///
/// # Errors
/// 404 when it isn't; the store's own.
pub(crate) async fn require<R: Resource>(tx: &mut Transaction, id: Option<Id>, project: Id) -> ApiResult<()> {
    let Some(id) = id else { return Ok(()) };
    let is_in_project = R::IN_PROJECT.then(|| Expr::col("project_id").eq(project));
    match tx.id_where(R::TABLE, [Expr::col("id").eq(id)].into_iter().chain(is_in_project)).await? {
        Some(_) => Ok(()),
        None => Err(not_in_project(R::NAME, id)),
    }
}

/// 404 for what something in a project refers to, and isn't there.
pub(crate) fn not_in_project(kind: &str, id: Id) -> ApiError {
    ApiError::key(format!("\"The {kind} with the ID '{id}' was not found in the project.\""))
}
