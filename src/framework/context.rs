//! Who asks, and the application that answers: a handler's first argument.

use std::ops::Deref;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, Loader, Resource, change_named, find_in, insert_named, not_found};
use crate::app::AppState;
use crate::auth::permissions::Permission;
use crate::auth::policy::Policy;
use crate::auth::{AuthenticationError, Principal, Scope};
use crate::http::error::{ApiError, ApiResult};
use crate::idempotency::{Make, Once, make_anew};
use crate::store::{
    AsStoreError, Id, Insert, StoreError, Timestamp, Transaction, Update, is_duplicate, is_lost_race,
};

/// The principal of one request. What it needs of the application is by its name here: `cx.store`, `cx.audit`.
#[derive(Clone)]
pub(crate) struct Context {
    app: AppState,
    pub principal: Principal,
    /// There when the request has an `Idempotency-Key`.
    once: Option<Arc<Once>>,
    /// There when its token was narrowed, and the route may do more than it is for.
    policy: Option<Arc<Policy>>,
}

impl Deref for Context {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.app
    }
}

impl FromRequestParts<AppState> for Context {
    type Rejection = AuthenticationError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Self::Rejection> {
        let principal = Principal::from_request_parts(parts, app).await?;
        let once = parts.extensions.get().map(Arc::clone);
        let policy = parts.extensions.get().map(Arc::clone);
        Ok(Self { app: app.clone(), principal, once, policy })
    }
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::new(self.env.clock.now())
    }

    pub(crate) fn new_id(&self) -> Id {
        self.env.random.id_in_time(self.env.clock.now())
    }

    pub(crate) fn user_id(&self) -> Id {
        self.principal.user.id
    }

    /// Checks that the request's token may do this too, which its route says that it may do ([`Routes::also`]).
    ///
    /// # Errors
    /// 403 with what is missing.
    ///
    /// [`Routes::also`]: super::Routes::also
    pub(crate) fn require(&self, needs: Permission) -> ApiResult<()> {
        let is_downscoped = self.principal.scope().is_some_and(Scope::is_downscoped);
        let said = self.policy.as_ref().map_or(&[][..], |policy| &policy.also);
        if is_downscoped && !said.iter().any(|also| also.needs == needs) {
            tracing::error!(%needs, "a route does more than it declares");
        }
        self.principal.require(needs)
    }

    /// How answers are made: with metadata when hydrated, and with what they are related to.
    pub(crate) fn read(&self, hydrate: bool) -> Loader<'_> {
        Loader::new(self, hydrate)
    }

    /// The hydrated answer about one row that the principal may see.
    ///
    /// # Errors
    /// 404 when there is none; the store's own.
    pub(crate) fn answer<R: Resource>(&self, id: Id) -> BoxFuture<'_, Answer<R>> {
        self.answer_with::<R>(id, true)
    }

    /// The answer about one row that the principal may see.
    ///
    /// # Errors
    /// 404 when there is none; the store's own.
    pub(crate) fn answer_with<R: Resource>(&self, id: Id, hydrate: bool) -> BoxFuture<'_, Answer<R>> {
        Box::pin(async move {
            let row = self.find::<R>(id).await?;
            let answers = R::responses(&self.read(hydrate), vec![row]).await?;
            answers.into_iter().next().map(Json).ok_or_else(|| not_found::<R>(id))
        })
    }

    /// The row with that id, if the principal may see it.
    ///
    /// # Errors
    /// 404 when there is none; the store's own.
    pub(crate) async fn find<R: Resource>(&self, id: Id) -> ApiResult<R> {
        use sea_query::{Expr, ExprTrait};
        let mut select = R::select();
        R::narrow(&mut select, &self.principal);
        let row = self.store.fetch_optional(select.and_where(Expr::col("id").eq(id))).await?;
        row.ok_or_else(|| not_found::<R>(id))
    }

    /// Makes something in a transaction: `make` gives that back with what is needed to answer about what was made, an
    /// id or several. A request that was sent before with its `Idempotency-Key` gets what it made then, and `make`
    /// doesn't run.
    ///
    /// `make` may run several times ([`Store::write`](crate::store::Store::write)), and a request makes things in
    /// one transaction only.
    ///
    /// # Errors
    /// What `make` returns; the store's own.
    pub(crate) fn create<'a, T, W, F>(&'a self, make: W) -> BoxFuture<'a, ApiResult<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
        W: Fn(Transaction) -> F + Send + Sync + 'a,
        F: Future<Output = ApiResult<(Transaction, T)>> + Send + 'a,
    {
        let make = move |transaction| -> BoxFuture<'a, _> { Box::pin(make(transaction)) };
        Box::pin(self.create_in_box(Box::new(make)))
    }

    async fn create_in_box<'a, T>(&'a self, make: Box<Make<'a, T>>) -> ApiResult<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
    {
        match &self.once {
            Some(once) => once.make(&self.store, self.now(), &*make).await,
            None => make_anew(&self.store, &*make).await,
        }
    }

    /// Makes one row in a transaction, as [`Context::create`] does, and answers about it.
    ///
    /// # Errors
    /// As [`Context::create`].
    pub(crate) async fn create_row<R, W, F>(&self, make: W) -> Answer<R>
    where
        R: Resource,
        W: Fn(Transaction) -> F + Send + Sync,
        F: Future<Output = ApiResult<(Transaction, Id)>> + Send,
    {
        let id = self.create(make).await?;
        self.answer::<R>(id).await
    }

    /// Makes one row whose name has to be free, in its project or everywhere, and answers about it.
    ///
    /// # Errors
    /// As [`insert_named`]; the store's own.
    pub(crate) async fn create_named<R: Resource>(
        &self,
        (id, project): (Id, Option<Id>),
        name: &str,
        row: &Insert,
    ) -> Answer<R> {
        let make = |mut tx| async move {
            insert_named::<R>(&mut tx, project, name, row).await?;
            Ok((tx, id))
        };
        self.create_row::<R, _, _>(make).await
    }

    /// A new row of the principal's, with that id.
    pub(crate) fn insert(&self, table: &'static str, id: Id) -> Insert {
        Insert::into(table).stamped(id, self.now()).set("user_id", self.user_id())
    }

    /// Changes the row with that id in a transaction, which `change` gives back, and answers about it. `change` may run
    /// several times ([`Store::write`](crate::store::Store::write)).
    ///
    /// # Errors
    /// What `change` returns; the store's own.
    pub(crate) async fn change<R, W, F>(&self, id: Id, change: W) -> Answer<R>
    where
        R: Resource,
        W: Fn(Transaction) -> F + Send + Sync,
        F: Future<Output = ApiResult<Transaction>> + Send,
    {
        let change = &change;
        let changed = self
            .store
            .write_sharing(|tx| async move { Ok::<_, ApiError>(change(tx).await?.commit(()).await?) });
        changed.await?;
        self.answer::<R>(id).await
    }

    /// As [`Context::change`], with the row as it is before.
    ///
    /// # Errors
    /// 404 when there is none; what `change` returns; the store's own.
    pub(crate) async fn change_row<R, W, F>(&self, id: Id, change: W) -> Answer<R>
    where
        R: Resource,
        W: Fn(Transaction, R) -> F + Send + Sync,
        F: Future<Output = ApiResult<Transaction>> + Send,
    {
        let change = &change;
        let find_and_change = |mut tx| async move {
            let row = find_in::<R>(&mut tx, id).await?;
            change(tx, row).await
        };
        self.change::<R, _, _>(id, find_and_change).await
    }

    /// Changes columns of a row, whose name, if it gets another, has to be free, and answers about it.
    ///
    /// # Errors
    /// 404 when there is none; as [`change_named`]; the store's own.
    pub(crate) async fn change_named<R: Resource>(
        &self,
        id: Id,
        name: Option<&str>,
        change: &Update,
    ) -> Answer<R> {
        let change = |mut tx, row: R| async move {
            change_named(&mut tx, &row, name, change.clone()).await?;
            Ok(tx)
        };
        self.change_row(id, change).await
    }

    /// Makes something that is given a number which must not repeat: as [`Context::create`], and again when somebody
    /// else was given the number first, so that the schema's unique key has refused it.
    ///
    /// # Errors
    /// As [`Context::create`]; the store's own after the last attempt.
    pub(crate) async fn create_numbered<T, W, F>(&self, make: W) -> ApiResult<T>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        W: Fn(Transaction) -> F + Send + Sync,
        F: Future<Output = ApiResult<(Transaction, T)>> + Send,
    {
        const ATTEMPTS: usize = 10;
        let mut attempt = 1;
        loop {
            match self.create(&make).await {
                Err(error) if attempt < ATTEMPTS && error.as_store_error().is_some_and(is_lost_number) => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

fn is_lost_number(error: &StoreError) -> bool {
    is_duplicate(error) || is_lost_race(error)
}
