//! The handlers that are the same for every kind of resource.

use axum::Json;
use futures_util::future::BoxFuture;
use sea_query::{Expr, ExprTrait, SelectStatement};

use super::{Answer, Context, Resource, ResponseOf, find_in, find_project, refuse_held};
use crate::http::error::{ApiError, ApiResult};
use crate::http::list::{ListRequest, Page};
use crate::http::path::PathId;
use crate::http::query::Hydrate;

/// A page of what the principal may see.
///
/// # Errors
/// 400 for a page past the end; 404 for an unknown project.
pub(crate) async fn list<R: Resource>(cx: Context, list: ListRequest<R>) -> ApiResult<PageAnswer<R>> {
    list_of(&cx, &list, R::select()).await
}

/// A page as it is answered.
pub(crate) type PageAnswer<R> = Page<ResponseOf<R>>;

/// A page of these rows.
///
/// # Errors
/// As [`list`].
pub(crate) fn list_of<'a, R: Resource>(
    cx: &'a Context,
    list: &'a ListRequest<R>,
    mut select: SelectStatement,
) -> BoxFuture<'a, ApiResult<PageAnswer<R>>> {
    Box::pin(async move {
        if R::IN_PROJECT {
            let project = find_project(cx, list.project.as_deref()).await?;
            select.and_where(Expr::col("project_id").eq(project));
        }
        R::narrow(&mut select, &cx.principal);
        let mut page = list.fetch(&cx.store, &select).await?;
        let answers = R::responses(&cx.read(list.hydrate), std::mem::take(&mut page.items)).await?;
        Ok(page.with_items(answers))
    })
}

/// One thing by its id.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn get<R: Resource>(
    cx: Context,
    PathId(id): PathId,
    Hydrate(hydrate): Hydrate,
) -> Answer<R> {
    cx.answer_with::<R>(id, hydrate).await
}

/// Deletes one thing by its id.
///
/// # Errors
/// 404 when there is none; 403 when more goes with it than the token may delete; what the resource's rules refuse.
pub(crate) async fn delete<R: Resource>(cx: Context, PathId(id): PathId) -> ApiResult<Json<()>> {
    cx.find::<R>(id).await?;
    let context = &cx;
    let deleted = cx.store.write(|mut tx| async move {
        find_in::<R>(&mut tx, id).await?;
        refuse_held::<R>(context, &mut tx, id).await?;
        R::delete(&mut tx, id).await?;
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    deleted.await?;
    cx.auth.identities.forget_work();
    Ok(Json(()))
}
