//! The tags of things, for answers about them.

use std::sync::Arc;

use sea_query::{Expr, Query as Sql};

use super::tagging::Tags;
use super::tags::TagRow;
use crate::framework::{ById, Loader, Resource, grouped};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, JoinById, Stored};

impl Loader<'_> {
    /// The tags of each of these things, when related things are wanted.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn tags_of<R: Resource>(&self, rows: &[R]) -> ApiResult<ById<Tags>> {
        let ids: Vec<Id> = rows.iter().filter(|_| self.resources).map(Stored::id).collect();
        self.tags(&ids).await
    }

    /// The tags of each of these things, in the order of their names.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn tags(&self, ids: &[Id]) -> ApiResult<ById<Tags>> {
        if ids.is_empty() {
            return Ok(ById::new());
        }
        let query = Sql::select()
            .columns(TagRow::columns().into_iter().map(|column| ("tag", column)))
            .column(("tag_resource", "resource_id"))
            .from("tag_resource")
            .join_by_id("tag", ("tag_resource", "tag_id"))
            .and_where(Expr::col(("tag_resource", "resource_id")).in_ids(ids.iter().copied()))
            .order_by(("tag", "name"), sea_query::Order::Asc)
            .to_owned();
        let tagged: Vec<Tagged> = self.store.fetch_all(&query).await?;
        let (things, tags): (Vec<Id>, Vec<TagRow>) =
            tagged.into_iter().map(|tagged| (tagged.resource_id, tagged.tag)).unzip();
        let tags = TagRow::responses(&self.embedded(), tags).await?;
        Ok(grouped(things.into_iter().zip(tags.into_iter().map(Arc::new))))
    }
}

/// A tag with what it is attached to.
#[derive(Debug, sqlx_macros::FromRow)]
struct Tagged {
    resource_id: Id,
    #[sqlx(flatten)]
    tag: TagRow,
}
