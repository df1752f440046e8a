//! Loading what answers are made of: each kind of related thing once for all rows of a page.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sea_query::{Expr, ExprTrait, Query as Sql};
use serde_json::value::RawValue;

use super::{Resource, ResponseOf};
use crate::app::App;
use crate::auth::Principal;
use crate::http::error::ApiResult;
use crate::resources::tags::TagRow;
use crate::resources::users::{UserResponse, find_accounts};
use crate::store::{Id, JsonText};

/// Related things by the id of what they belong to, or by their own.
pub type ById<T> = HashMap<Id, T>;

/// How answers are to be made.
#[derive(Clone, Copy)]
pub struct Read<'a> {
    pub app: &'a App,
    pub principal: &'a Principal,
    /// Whether metadata is filled.
    pub metadata: bool,
    /// Whether related things are filled; not for what is itself part of another answer.
    pub resources: bool,
}

impl Read<'_> {
    /// As things look inside another answer: their body alone.
    pub fn embedded(&self) -> Self {
        Self { metadata: false, resources: false, ..*self }
    }

    /// `value` when metadata is wanted.
    pub fn metadata<T>(&self, value: impl FnOnce() -> T) -> Option<T> {
        self.metadata.then(value)
    }

    /// `value` when related things are wanted.
    pub fn resources<T>(&self, value: impl FnOnce() -> T) -> Option<T> {
        self.resources.then(value)
    }

    /// Accounts, when related things are wanted.
    ///
    /// # Errors
    /// The store's own.
    pub async fn users(&self, ids: impl Iterator<Item = Option<Id>>) -> ApiResult<ById<Arc<UserResponse>>> {
        let ids = distinct(ids);
        if !self.resources || ids.is_empty() {
            return Ok(ById::new());
        }
        let accounts = find_accounts(&self.app.store, &ids).await?;
        Ok(accounts.into_iter().map(|account| (account.id, Arc::new(account.response(false)))).collect())
    }

    /// Things as they look inside another answer.
    ///
    /// # Errors
    /// The store's own.
    pub async fn embed<R: Resource>(
        &self,
        ids: impl Iterator<Item = Option<Id>>,
    ) -> ApiResult<ById<Arc<ResponseOf<R>>>> {
        self.embedded().load::<R>(distinct(ids)).await
    }

    /// The answers about things, by their ids.
    ///
    /// # Errors
    /// The store's own.
    pub async fn load<R: Resource>(&self, ids: Vec<Id>) -> ApiResult<ById<Arc<ResponseOf<R>>>> {
        let rows = self.rows::<R>(ids).await?;
        // Kinds of resource refer to each other in circles.
        let answers: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(R::responses(self, rows));
        Ok(answers.await?.into_iter().map(|answer| (answer.id, Arc::new(answer))).collect())
    }

    /// The rows with these ids.
    ///
    /// # Errors
    /// The store's own.
    pub async fn rows<R: Resource>(&self, ids: Vec<Id>) -> ApiResult<Vec<R>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.app.store.fetch_all(R::select().and_where(Expr::col("id").is_in(ids))).await?)
    }

    /// The tags of each of these things, in the order of their names.
    ///
    /// # Errors
    /// The store's own.
    pub async fn tags(&self, ids: &[Id]) -> ApiResult<ById<Vec<Arc<ResponseOf<TagRow>>>>> {
        let mut by_thing = ById::new();
        if ids.is_empty() {
            return Ok(by_thing);
        }
        let links = Sql::select()
            .columns([("tag_resource", "resource_id"), ("tag_resource", "tag_id")])
            .from("tag_resource")
            .inner_join("tag", Expr::col(("tag", "id")).equals(("tag_resource", "tag_id")))
            .and_where(Expr::col(("tag_resource", "resource_id")).is_in(ids.iter().copied()))
            .order_by(("tag", "name"), sea_query::Order::Asc)
            .to_owned();
        let links: Vec<(Id, Id)> = self.app.store.fetch_all(&links).await?;
        let tags = self.embed::<TagRow>(links.iter().map(|(_, tag)| Some(*tag))).await?;
        for (thing, tag) in links {
            if let Some(tag) = tags.get(&tag) {
                by_thing.entry(thing).or_insert_with(Vec::new).push(Arc::clone(tag));
            }
        }
        Ok(by_thing)
    }

    /// The run metadata of each of these things: of several values for a key the newest.
    ///
    /// # Errors
    /// The store's own.
    pub async fn run_metadata(
        &self,
        kind: &'static str,
        ids: &[Id],
    ) -> ApiResult<ById<BTreeMap<String, Arc<RawValue>>>> {
        let mut by_thing: ById<BTreeMap<String, Arc<RawValue>>> = ById::new();
        if ids.is_empty() {
            return Ok(by_thing);
        }
        let query = Sql::select()
            .column(("run_metadata_resource", "resource_id"))
            .columns([("run_metadata", "key"), ("run_metadata", "value")])
            .from("run_metadata_resource")
            .inner_join(
                "run_metadata",
                Expr::col(("run_metadata", "id")).equals(("run_metadata_resource", "run_metadata_id")),
            )
            .and_where(Expr::col(("run_metadata_resource", "resource_id")).is_in(ids.iter().copied()))
            .and_where(Expr::col(("run_metadata_resource", "resource_type")).eq(kind))
            .order_by(("run_metadata", "created"), sea_query::Order::Asc)
            .to_owned();
        for (thing, key, value) in self.app.store.fetch_all::<(Id, String, JsonText)>(&query).await? {
            by_thing.entry(thing).or_default().insert(key, value.0.into());
        }
        Ok(by_thing)
    }
}

/// Each id once; what has none is left out.
fn distinct(ids: impl Iterator<Item = Option<Id>>) -> Vec<Id> {
    ids.flatten().collect::<HashSet<Id>>().into_iter().collect()
}
