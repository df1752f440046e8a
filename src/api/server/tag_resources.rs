//! Links between tags and what they are attached to.

use std::collections::HashMap;

use axum::Json;
use indexmap::IndexSet;
use sea_query::{Expr, ExprTrait};
use serde::Deserialize;

use super::tagging::{TAG_LINK_KIND, Taggable, attach};
use super::tags::TagRow;
use crate::framework::{Context, NoResources, Response, Routes, find_in};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{JsonBody, JsonItems};
use crate::store::{Id, InIds, Stored, Transaction, Word, Words, row};

const LINKS: &str = "/api/v1/tag_resources";
const BATCH: &str = "/api/v1/tag_resources/batch";
/// Of two exclusive tags at once on things that can't share them the later one stays.
const TURN: &str = "tag_resources";

pub(crate) fn routes() -> Routes {
    Routes::of(TAG_LINK_KIND)
        .post(LINKS, attach_one)
        .delete(LINKS, detach_one)
        .post(BATCH, attach_all)
        .delete(BATCH, detach_all)
}

row! {
    struct TagResourceRow in "tag_resource" {
        id: Id,
    }
    body TagResourceBody: stamped {
        tag_id: Id,
        resource_id: Id,
        resource_type: Word<Taggable>,
    }
}

type TagResourceResponse = Response<TagResourceBody, NoResources, NoResources>;

impl TagResourceRow {
    fn response(self) -> TagResourceResponse {
        Response::nameless(self.id, self.body, None, None)
    }
}

#[derive(Debug, Deserialize)]
struct TagResourceRequest {
    tag_id: Id,
    resource_id: Id,
    resource_type: Taggable,
}

async fn attach_one(
    cx: Context,
    JsonBody(request): JsonBody<TagResourceRequest>,
) -> ApiResult<Json<TagResourceResponse>> {
    let made = link(&cx, &[request]).await?.into_iter().next();
    made.map(Json).ok_or_else(ApiError::internal)
}

/// Attaches tags, all or none; what is asked for twice is answered once.
async fn attach_all(
    cx: Context,
    JsonItems(requests): JsonItems<TagResourceRequest>,
) -> ApiResult<Json<Vec<TagResourceResponse>>> {
    link(&cx, &requests).await.map(Json)
}

async fn link(cx: &Context, requests: &[TagResourceRequest]) -> ApiResult<Vec<TagResourceResponse>> {
    let made = cx.create(|mut tx| async move {
        tx.lock(TURN).await?;
        for request in requests {
            require_thing(&mut tx, request).await?;
        }
        let mut links = IndexSet::new();
        for request in requests {
            let tag = find_in::<TagRow>(&mut tx, request.tag_id).await?;
            let link = attach(cx, &mut tx, request.resource_type, request.resource_id, &tag).await?;
            links.insert(link);
        }
        Ok((tx, links.into_iter().collect::<Vec<Id>>()))
    });
    let rows = find_all(cx, &made.await?).await?;
    Ok(rows.into_iter().map(TagResourceRow::response).collect())
}

/// 404 when the thing that a tag is to be attached to is not there.
async fn require_thing(tx: &mut Transaction, request: &TagResourceRequest) -> ApiResult<()> {
    let (kind, id) = (request.resource_type.as_str(), request.resource_id);
    match tx.id_where(kind, [Expr::col("id").eq(id)]).await? {
        Some(_) => Ok(()),
        None => Err(ApiError::key(format!("\"No {kind} with the ID '{id}' was found\""))),
    }
}

/// The links with these ids, in their order. An exclusive tag may have left its first thing for the second.
async fn find_all(cx: &Context, ids: &[Id]) -> ApiResult<Vec<TagResourceRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = TagResourceRow::all();
    query.and_where(Expr::col("id").in_ids(ids.iter().copied()));
    let mut rows: Vec<TagResourceRow> = cx.store.fetch_all(&query).await?;
    let places: HashMap<Id, usize> = ids.iter().copied().zip(0..).collect();
    rows.sort_by_key(|row| places.get(&row.id).copied());
    Ok(rows)
}

async fn detach_one(cx: Context, JsonBody(request): JsonBody<TagResourceRequest>) -> ApiResult<Json<()>> {
    unlink(&cx, &[request]).await.map(Json)
}

/// Takes tags away; what isn't attached is passed over.
async fn detach_all(cx: Context, JsonItems(requests): JsonItems<TagResourceRequest>) -> ApiResult<Json<()>> {
    unlink(&cx, &requests).await.map(Json)
}

async fn unlink(cx: &Context, requests: &[TagResourceRequest]) -> ApiResult<()> {
    let removed = cx.store.write(|mut tx| async move {
        for request in requests {
            let those = [
                Expr::col("tag_id").eq(request.tag_id),
                Expr::col("resource_id").eq(request.resource_id),
                Expr::col("resource_type").eq(request.resource_type.as_str()),
            ];
            tx.delete_where(TagResourceRow::TABLE, those).await?;
        }
        Ok::<_, ApiError>(tx.commit(()).await?)
    });
    removed.await
}
