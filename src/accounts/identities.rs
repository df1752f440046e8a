//! Whom a provider knows as which account: a person is an issuer and a subject (OpenID Connect Core 1.0, section 5.7),
//! and never a name or an e-mail address, which may be given to somebody else.

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use sha2::{Digest, Sha256};
use sqlx_macros::FromRow;

use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Transaction, is_duplicate};

pub(crate) const TABLE: &str = "zendo_identity";
const COLUMNS: [&str; 8] =
    ["id", "person", "issuer", "subject", "email", "user_id", "created", "last_sign_in"];
/// Characters of a subject at most (OpenID Connect Core 1.0, section 2).
pub(crate) const LONGEST_SUBJECT: usize = 255;

/// One person's digest: databases compare texts in more ways than one.
pub(crate) fn digest(issuer: &str, subject: &str) -> String {
    hex::encode(Sha256::new().chain_update(issuer).chain_update([0]).chain_update(subject).finalize())
}

/// A person of a provider, and the account that is theirs.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct IdentityRow {
    pub id: Id,
    /// The [`digest`] of issuer and subject.
    pub person: String,
    pub issuer: String,
    pub subject: String,
    /// As the provider last told it.
    pub email: Option<String>,
    pub user_id: Id,
    pub created: Timestamp,
    pub last_sign_in: Option<Timestamp>,
}

/// A person who is to be an account's.
#[derive(Debug)]
pub(crate) struct NewIdentity<'a> {
    pub id: Id,
    pub issuer: &'a str,
    pub subject: &'a str,
    pub email: Option<&'a str>,
    pub user_id: Id,
    pub now: Timestamp,
    /// Whether they have just signed in.
    pub is_here: bool,
}

fn select() -> SelectStatement {
    Sql::select().columns(COLUMNS).from(TABLE).to_owned()
}

/// Those of an account, by its id.
pub(crate) fn of_user(user_id: SimpleExpr) -> SelectStatement {
    Sql::select()
        .column((TABLE, "id"))
        .from(TABLE)
        .and_where(Expr::col((TABLE, "user_id")).eq(user_id))
        .to_owned()
}

/// The identity of a person, by their digest.
///
/// # Errors
/// When the database doesn't answer; so do the others.
pub(crate) async fn find_person(
    tx: &mut Transaction,
    person: &str,
) -> Result<Option<IdentityRow>, StoreError> {
    tx.fetch_optional(select().and_where(Expr::col("person").eq(person))).await
}

/// Which provider knows that person.
pub(crate) async fn issuer_of(store: &Store, person: &str) -> Result<Option<String>, StoreError> {
    let query =
        Sql::select().column("issuer").from(TABLE).and_where(Expr::col("person").eq(person)).to_owned();
    Ok(store.fetch_optional::<(String,)>(&query).await?.map(|(issuer,)| issuer))
}

/// All of an account, the oldest first.
pub(crate) async fn list(store: &Store, user_id: Id) -> Result<Vec<IdentityRow>, StoreError> {
    let mut query = select();
    query.and_where(Expr::col("user_id").eq(user_id)).order_by("id", sea_query::Order::Asc);
    store.fetch_all(&query).await
}

impl NewIdentity<'_> {
    /// Makes the person the account's.
    ///
    /// # Errors
    /// 409 for a person who is an account's already, or an account that is another person's of the same provider.
    pub(crate) async fn insert(&self, tx: &mut Transaction) -> ApiResult<()> {
        let of_provider = select()
            .and_where(Expr::col("user_id").eq(self.user_id))
            .and_where(Expr::col("issuer").eq(self.issuer))
            .to_owned();
        if tx.fetch_optional::<IdentityRow>(&of_provider).await?.is_some() {
            return Err(ApiError::exists(
                "This account is linked to a person of this provider already; unlink it first.",
            ));
        }
        let insert = Insert::into(TABLE)
            .set("id", self.id)
            .set("person", digest(self.issuer, self.subject))
            .set("issuer", self.issuer)
            .set("subject", self.subject)
            .set("email", self.email)
            .set("user_id", self.user_id)
            .set("created", self.now)
            .set("last_sign_in", self.is_here.then_some(self.now));
        match insert.run(tx).await {
            Err(error) if is_duplicate(&error) => Err(ApiError::exists(
                "This person is linked to an account here already; unlink it there first.",
            )),
            inserted => Ok(inserted?),
        }
    }
}

/// Notes that the person has signed in, and their address now.
pub(crate) async fn note_sign_in(
    tx: &mut Transaction,
    id: Id,
    email: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let update = Sql::update()
        .table(TABLE)
        .value("last_sign_in", now)
        .value("email", email)
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    tx.execute(&update).await.map(drop)
}

/// Parts a person from the account; 0 when it isn't there.
pub(crate) async fn delete(tx: &mut Transaction, id: Id, user_id: Id) -> Result<u64, StoreError> {
    tx.delete_where(TABLE, [Expr::col("id").eq(id), Expr::col("user_id").eq(user_id)]).await
}

/// Parts all persons from an account that goes.
pub(crate) async fn delete_all(tx: &mut Transaction, user_id: Id) -> Result<(), StoreError> {
    tx.delete_where(TABLE, [Expr::col("user_id").eq(user_id)]).await.map(drop)
}

/// Forgets those of accounts that are gone.
pub(crate) async fn sweep(store: &Store) -> Result<(), StoreError> {
    const AT_ONCE: u64 = 500;
    let account = Sql::select()
        .column(("user", "id"))
        .from("user")
        .and_where(Expr::col(("user", "id")).equals((TABLE, "user_id")))
        .to_owned();
    store.sweep_all(TABLE, "id", &Expr::exists(account).not(), AT_ONCE).await
}
