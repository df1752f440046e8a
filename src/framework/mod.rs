//! The resource framework: what the kinds of resource share. A resource is a file or folder in `src/api/` that says what
//! its rows, answers, filters and rules are; lists, reads and deletions are here.
//!
//! # Making things
//!
//! A handler that makes something calls [`Context::create_row`] with a closure that takes the transaction and gives it
//! back with the id of what was made, which is then answered about; [`Context::create`] where several things are made, or
//! the answer needs more (anything that serde can write and loader):
//!
//! ```ignore
//! cx.create_row::<TagRow, _, _>(|mut tx| async move {
//!     refuse_taken_name::<TagRow>(&mut tx, None, name, None).await?;
//!     cx.insert("tag", id).set("name", name).run(&mut tx).await?;
//!     Ok((tx, id))
//! })
//! .await
//! ```
//!
//! A row whose name has to be free and nothing else takes [`Context::create_named`] and no closure.
//!
//! The transaction is committed by `create`, together with a note of what the request has made. So a client that lost
//! the answer and sends the request again with its `Idempotency-Key` doesn't make a second one ([`crate::idempotency`]). A
//! handler calls it once. Changes and deletions, which may be done twice, go through [`Context::change_row`],
//! [`Context::change`] and [`Store::write`](crate::store::Store::write).

mod any_handler;
mod context;
mod dependents;
mod described;
mod handlers;
mod held;
mod project;
mod read;
mod routes;

use axum::Json;
use sea_query::{Expr, ExprTrait, SelectStatement};
use serde::Serialize;

use crate::auth::Principal;
use crate::http::error::{ApiError, ApiResult, if_taken};
use crate::http::fields::Listed;
use crate::store::{Id, Insert, Store, StoreError, Stored, Transaction, Update, ids_where};

pub(crate) use crate::http::envelope::{Logged, NoResources, Response, ShownSecret, WithRunMetadata};
pub(crate) use context::Context;
pub(crate) use dependents::delete_dependents;
pub(crate) use handlers::{PageAnswer, delete, get, list, list_of};
pub(crate) use held::{Held, refuse_held};
pub(crate) use project::{
    NamedProject, find_project, named_project, not_in_project, require, require_project,
};
pub(crate) use read::{ById, Loader, Owner, Versions, grouped, pick};
pub(crate) use routes::{Operation, Route, RouteTable, Routes};

/// A kind of thing that the REST API keeps, by its row.
pub(crate) trait Resource: Stored + Listed + Sync + 'static {
    /// What people call it, in errors.
    const NAME: &'static str;
    /// Whether tags can be attached. What is deleted loses them, and what else hangs on it without a foreign key.
    const TAGGABLE: bool = false;
    /// Things of other kinds that go when one of these is deleted, which takes their scope too.
    const HOLDS: &'static [Held] = &[];
    type Body: Serialize + Send + Sync;
    type Metadata: Serialize + Send + Sync;
    type Resources: Serialize + Send + Sync;

    /// All rows.
    fn select() -> SelectStatement {
        Self::all()
    }

    /// Leaves out what the principal may not see.
    fn narrow(_select: &mut SelectStatement, _principal: &Principal) {}

    /// The answers for rows, in their order. Each kind of related thing is loaded once for all of them, so that a
    /// page costs the same number of queries whatever its size.
    fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> impl Future<Output = Answers<Self>> + Send;

    /// Deletes the row; what refers to it goes by the schema's rules.
    fn delete(tx: &mut Transaction, id: Id) -> impl Future<Output = ApiResult<()>> + Send {
        delete_row::<Self>(tx, id)
    }
}

/// The answer about a resource.
pub(crate) type ResponseOf<R> =
    Response<<R as Resource>::Body, <R as Resource>::Metadata, <R as Resource>::Resources>;

/// What a handler says that answers about one resource.
pub(crate) type Answer<R> = ApiResult<Json<ResponseOf<R>>>;

/// The answers about a page of rows.
pub(crate) type Answers<R> = ApiResult<Vec<ResponseOf<R>>>;

/// Deletes a row with what hangs on it without a foreign key.
///
/// # Errors
/// The store's own.
pub(crate) async fn delete_row<R: Resource>(tx: &mut Transaction, id: Id) -> ApiResult<()> {
    if R::TAGGABLE {
        let own = ids_where(R::TABLE, [Expr::col("id").eq(id)]);
        delete_dependents(tx, &own).await?;
    }
    tx.delete_where(R::TABLE, [Expr::col("id").eq(id)]).await?;
    Ok(())
}

/// The row with that id, as the transaction sees it.
///
/// # Errors
/// 404 when there is none; the store's own.
pub(crate) async fn find_in<R: Resource>(tx: &mut Transaction, id: Id) -> ApiResult<R> {
    let row = tx.fetch_optional(R::select().and_where(Expr::col("id").eq(id))).await?;
    row.ok_or_else(|| not_found::<R>(id))
}

/// The row with that id, whoever asks.
///
/// # Errors
/// 404 when there is none; the store's own.
pub(crate) async fn find_stored<R: Resource>(store: &Store, id: Id) -> ApiResult<R> {
    let row = store.fetch_optional(R::select().and_where(Expr::col("id").eq(id))).await?;
    row.ok_or_else(|| not_found::<R>(id))
}

/// The row with that id or name, if it is there; in a project when the resource is.
///
/// # Errors
/// The store's own.
pub(crate) async fn find_named<R: Resource>(
    tx: &mut Transaction,
    project: Option<Id>,
    name: &str,
) -> Result<Option<R>, StoreError> {
    let mut select = R::select();
    select.and_where(Expr::col("name").eq(name));
    if let Some(project) = project {
        select.and_where(Expr::col("project_id").eq(project));
    }
    tx.fetch_optional(&select).await
}

/// 409 when another row of the resource (of the project) has the name, if one is given.
///
/// # Errors
/// 409; the store's own.
pub(crate) async fn refuse_taken_name<R: Resource>(
    tx: &mut Transaction,
    project: Option<Id>,
    name: impl Into<Option<&str>>,
    own: Option<Id>,
) -> ApiResult<()> {
    let Some(name) = name.into() else { return Ok(()) };
    match find_named::<R>(tx, project, name).await? {
        Some(row) if Some(row.id()) != own => Err(taken::<R>(name)),
        _ => Ok(()),
    }
}

/// Inserts a row whose name has to be free: in its project, which has to be there, or everywhere.
///
/// # Errors
/// 404 without the project; 409; the store's own.
pub(crate) async fn insert_named<R: Resource>(
    tx: &mut Transaction,
    project: Option<Id>,
    name: &str,
    row: &Insert,
) -> ApiResult<()> {
    if let Some(project) = project {
        require_project(tx, project).await?;
    }
    refuse_taken_name::<R>(tx, project, name, None).await?;
    row.clone().run(tx).await.map_err(or_taken::<R>(name))
}

/// Changes a row, whose name, if it gets another, has to be free: in its project, or everywhere.
///
/// # Errors
/// 409; the store's own.
pub(crate) async fn change_named<R: Resource>(
    tx: &mut Transaction,
    row: &R,
    name: Option<&str>,
    change: Update,
) -> ApiResult<()> {
    refuse_taken_name::<R>(tx, row.project(), name, Some(row.id())).await?;
    change.run(tx).await.map_err(or_taken::<R>(name))
}

/// What becomes of a row that can't be written: 409 when a unique key has refused its name.
pub(crate) fn or_taken<'a, R: Resource>(
    name: impl Into<Option<&'a str>>,
) -> impl FnOnce(StoreError) -> ApiError {
    if_taken(name.into(), taken::<R>)
}

/// 404 for an id that nothing has.
pub(crate) fn not_found<R: Resource>(id: Id) -> ApiError {
    let name = R::NAME;
    let message = format!("\"Unable to get {name} with ID '{id}': No {name} with this ID found\"");
    ApiError::key(message)
}

/// 409 for a name that another one has.
pub(crate) fn taken<R: Resource>(name: &str) -> ApiError {
    let message = format!("A {} with the name '{name}' already exists.", R::NAME);
    ApiError::exists(message)
}
