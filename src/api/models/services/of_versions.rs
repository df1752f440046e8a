//! The services of model versions, for the answers about these.

use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Query as Sql};
use sqlx_macros::FromRow;

use super::ServiceRow;
use crate::framework::{ById, Context, Loader, ResponseOf};
use crate::http::error::ApiResult;
use crate::http::list::Page;
use crate::store::{Id, InIds};

/// Services that an answer about a version has.
const SHOWN: u64 = 5;

/// The first page of a version's services.
pub(crate) type Services = Page<Arc<ResponseOf<ServiceRow>>>;

/// A service among those of its version.
#[derive(Debug, FromRow)]
struct Place {
    id: Id,
    model_version_id: Id,
    of_all: i64,
}

/// Of each of these versions that has services the first page of them, when related things are wanted. They are whole,
/// as in a list that is hydrated.
///
/// # Errors
/// The store's own.
pub(crate) async fn of_versions(loader: &Loader<'_>, versions: &[Id]) -> ApiResult<ById<Services>> {
    let mut pages = ById::new();
    if !loader.resources || versions.is_empty() {
        return Ok(pages);
    }
    let of_version = "OVER (PARTITION BY `model_version_id`";
    let all = Sql::select()
        .columns(["id", "model_version_id"])
        .expr_as(Expr::cust(format!("ROW_NUMBER() {of_version} ORDER BY `created`, `id`)")), "place")
        .expr_as(Expr::cust(format!("COUNT(*) {of_version})")), "of_all")
        .from("service")
        .and_where(Expr::col("model_version_id").in_ids(versions.iter().copied()))
        .to_owned();
    let shown = Sql::select()
        .columns(["id", "model_version_id", "of_all"])
        .from_subquery(all, "placed")
        .and_where(Expr::col("place").lte(SHOWN))
        .order_by("place", sea_query::Order::Asc)
        .to_owned();
    let shown: Vec<Place> = loader.store.fetch_all(&shown).await?;
    let context: &Context = loader;
    let services = context
        .read(loader.metadata)
        .load::<ServiceRow>(shown.iter().map(|place| place.id).collect())
        .await?;
    for Place { id, model_version_id, of_all } in shown {
        let Some(service) = services.get(&id) else { continue };
        let page = pages.entry(model_version_id).or_insert_with(|| {
            let total = of_all.unsigned_abs();
            Page { total, total_pages: total.div_ceil(SHOWN), ..none() }
        });
        page.items.push(Arc::clone(service));
    }
    Ok(pages)
}

/// What a version without services has.
pub(crate) fn none() -> Services {
    Page::empty(SHOWN)
}
