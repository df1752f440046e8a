//! Loading what answers are made of: each kind of related thing once for all rows of a page.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Answers, Context, Logged, Resource, Response, ResponseOf};
use crate::accounts::users::{UserResponse, UserRow, find_accounts};
use crate::http::error::ApiResult;
use crate::store::{Id, InIds, JoinById, JsonText, Owned};

/// Related things by the id of what they belong to, or by their own.
pub(crate) type ById<T> = HashMap<Id, T>;

/// The thing that an id refers to, if it refers to any.
pub(crate) fn pick<T: Clone>(things: &ById<T>, id: Option<Id>) -> Option<T> {
    id.and_then(|id| things.get(&id).cloned())
}

/// Things by what they belong to, in their order.
pub(crate) fn grouped<T>(things: impl IntoIterator<Item = (Id, T)>) -> ById<Vec<T>> {
    let mut by_owner = ById::new();
    for (owner, thing) in things {
        by_owner.entry(owner).or_insert_with(Vec::new).push(thing);
    }
    by_owner
}

/// The related things of what is related to its owner alone.
#[derive(Debug, Serialize)]
pub(crate) struct Owner {
    user: Option<Arc<UserResponse>>,
}

/// How answers are to be made.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    context: &'a Context,
    /// Whether metadata is filled.
    pub metadata: bool,
    /// Whether related things are filled; not for what is itself part of another answer.
    pub resources: bool,
}

impl Deref for Loader<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        self.context
    }
}

impl<'a> Loader<'a> {
    pub(crate) fn new(context: &'a Context, metadata: bool) -> Self {
        Self { context, metadata, resources: true }
    }

    /// As things look inside another answer: their body alone.
    pub(crate) fn embedded(&self) -> Self {
        Self { metadata: false, resources: false, ..*self }
    }

    /// `value` when metadata is wanted.
    pub(crate) fn metadata<T>(&self, value: impl FnOnce() -> T) -> Option<T> {
        self.metadata.then(value)
    }

    /// `value` when related things are wanted.
    pub(crate) fn resources<T>(&self, value: impl FnOnce() -> T) -> Option<T> {
        self.resources.then(value)
    }

    /// Accounts, when related things are wanted.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn users(
        &self,
        ids: impl Iterator<Item = Option<Id>>,
    ) -> ApiResult<ById<Arc<UserResponse>>> {
        if !self.resources {
            return Ok(ById::new());
        }
        let ids = distinct(ids);
        // Most of what people look at is their own, and who they are was just looked up.
        let own: &UserRow = &self.principal.user;
        let (mine, others): (Vec<Id>, Vec<Id>) = ids.into_iter().partition(|id| *id == own.id);
        let mut accounts = find_accounts(&self.store, &others).await?;
        accounts.extend(mine.first().map(|_| own.clone()));
        Ok(accounts.into_iter().map(|account| (account.id, Arc::new(account.response(false)))).collect())
    }

    /// The answers about rows that are related to their owner alone.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn owned<R: Resource<Resources = Owner> + Owned>(
        &self,
        rows: Vec<R>,
        mut answer: impl FnMut(R) -> ResponseOf<R>,
    ) -> Answers<R> {
        let users = self.users(rows.iter().map(R::owner)).await?;
        let answers = rows.into_iter().map(|row| {
            let resources = self.resources(|| Owner { user: pick(&users, row.owner()) });
            Response { resources, ..answer(row) }
        });
        Ok(answers.collect())
    }

    /// Things as they look inside another answer.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn embed<R: Resource>(
        &self,
        ids: impl Iterator<Item = Option<Id>>,
    ) -> ApiResult<ById<Arc<ResponseOf<R>>>> {
        self.embedded().load::<R>(distinct(ids)).await
    }

    /// The rows of a select as they look inside another answer, by what each of them belongs to.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn embed_with<R: Resource, T: From<ResponseOf<R>>>(
        &self,
        rows: &SelectStatement,
        owner: impl Fn(&R) -> Option<Id>,
    ) -> ApiResult<ById<Vec<T>>> {
        self.embed_rows(self.store.fetch_all(rows).await?, owner).await
    }

    /// Rows as they look inside another answer, by what each of them belongs to.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn embed_rows<R: Resource, T: From<ResponseOf<R>>>(
        &self,
        rows: Vec<R>,
        owner: impl Fn(&R) -> Option<Id>,
    ) -> ApiResult<ById<Vec<T>>> {
        let owners: Vec<Option<Id>> = rows.iter().map(owner).collect();
        let answers = R::responses(&self.embedded(), rows).await?;
        let owned = owners.into_iter().zip(answers);
        Ok(grouped(owned.filter_map(|(owner, answer)| Some((owner?, answer.into())))))
    }

    /// The answers about things, by their ids.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn load<R: Resource>(&self, ids: Vec<Id>) -> ApiResult<ById<Arc<ResponseOf<R>>>> {
        let rows = self.rows::<R>(ids).await?;
        // Kinds of resource refer to each other in circles.
        let answers: BoxFuture<'_, _> = Box::pin(R::responses(self, rows));
        Ok(answers.await?.into_iter().map(|answer| (answer.id, Arc::new(answer))).collect())
    }

    /// The rows with these ids.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn rows<R: Resource>(&self, ids: Vec<Id>) -> ApiResult<Vec<R>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.store.fetch_all(R::select().and_where(Expr::col("id").in_ids(ids))).await?)
    }

    /// The run metadata of each of these things: of several values for a key the newest, or all of them in one if each
    /// is an object.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn run_metadata(&self, kind: &'static str, ids: &[Id]) -> ApiResult<ById<Logged>> {
        if !self.metadata || ids.is_empty() {
            return Ok(ById::new());
        }
        let mut by_thing: ById<BTreeMap<String, LoggedValues>> = ById::new();
        let query = Sql::select()
            .column(("run_metadata_resource", "resource_id"))
            .columns([("run_metadata", "key"), ("run_metadata", "value")])
            .from("run_metadata_resource")
            .join_by_id("run_metadata", ("run_metadata_resource", "run_metadata_id"))
            .and_where(Expr::col(("run_metadata_resource", "resource_id")).in_ids(ids.iter().copied()))
            .and_where(Expr::col(("run_metadata_resource", "resource_type")).eq(kind))
            .order_by(("run_metadata", "created"), sea_query::Order::Asc)
            .order_by(("run_metadata", "id"), sea_query::Order::Asc)
            .to_owned();
        for (thing, key, value) in self.store.fetch_all::<(Id, String, JsonText)>(&query).await? {
            by_thing.entry(thing).or_default().entry(key).or_default().add(value.0);
        }
        let values = |logged: BTreeMap<String, LoggedValues>| {
            logged.into_iter().filter_map(|(key, logged)| Some((key, logged.value()?.into()))).collect()
        };
        Ok(by_thing.into_iter().map(|(thing, logged)| (thing, values(logged))).collect())
    }

    /// Of each of these things the id and the name of its newest version: the first by this order.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn newest(
        &self,
        versions: Versions,
        things: impl Iterator<Item = Id>,
    ) -> ApiResult<ById<(Id, String)>> {
        let things: Vec<Id> = things.collect();
        if !self.resources || things.is_empty() {
            return Ok(ById::new());
        }
        let Versions { of, table, thing, name, order } = versions;
        let newest = Sql::select()
            .column(("newer", "id"))
            .from_as(table, "newer")
            .and_where(Expr::col(("newer", thing)).equals((of, "id")))
            .order_by_columns(order.iter().map(|column| (("newer", *column), sea_query::Order::Desc)))
            .limit(1)
            .to_owned();
        // Asked once for each thing, not for each of its versions: of those there may be thousands.
        let ids = Sql::select()
            .expr(SimpleExpr::from(newest))
            .from(of)
            .and_where(Expr::col((of, "id")).in_ids(things))
            .to_owned();
        let query = Sql::select()
            .columns([(table, thing), (table, "id"), (table, name)])
            .from(table)
            .and_where(Expr::col((table, "id")).in_subquery(ids))
            .to_owned();
        let newest: Vec<(Id, Id, String)> = self.store.fetch_all(&query).await?;
        Ok(newest.into_iter().map(|(thing, id, name)| (thing, (id, name))).collect())
    }
}

/// Where the versions of a kind of thing are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versions {
    /// The table of what has versions.
    pub of: &'static str,
    pub table: &'static str,
    /// The column that says whose version it is.
    pub thing: &'static str,
    pub name: &'static str,
    /// Columns that the newest version is the greatest by.
    pub order: &'static [&'static str],
}

/// What was logged under one key, each value read once however many there are.
#[derive(Default)]
struct LoggedValues {
    newest: Option<Box<RawValue>>,
    /// The entries of all objects since the last value that was none; there when there are several.
    entries: Option<BTreeMap<String, Box<RawValue>>>,
}

impl LoggedValues {
    /// Adds a newer value: with an older one that is an object too it is one object, in which the newer entries count.
    fn add(&mut self, newer: Box<RawValue>) {
        let object =
            |json: &RawValue| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json.get()).ok();
        let older = self.entries.take().or_else(|| self.newest.as_deref().and_then(object));
        if let Some(mut entries) = older
            && let Some(newest) = object(&newer)
        {
            entries.extend(newest);
            self.entries = Some(entries);
        }
        self.newest = Some(newer);
    }

    fn value(self) -> Option<Box<RawValue>> {
        let merged = self.entries.and_then(|entries| serde_json::value::to_raw_value(&entries).ok());
        merged.or(self.newest)
    }
}

/// Each id once; what has none is left out.
fn distinct(ids: impl Iterator<Item = Option<Id>>) -> Vec<Id> {
    ids.flatten().collect::<HashSet<Id>>().into_iter().collect()
}
