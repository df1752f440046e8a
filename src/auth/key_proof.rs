//! What proves an API key: ZenML's bcrypt hash, and the keyed hash that vouches for it.

use sea_query::{Alias, Expr, ExprTrait, JoinType, Query as Sql};
use sqlx_macros::FromRow;

use super::VerifiedToken;
use crate::accounts::api_keys::{self, ApiKeyRow};
use crate::accounts::key_bounds;
use crate::store::{Id, Insert, JoinById, Store, StoreError, is_duplicate};

/// Digests that one statement deletes at most.
const SWEPT_AT_ONCE: u64 = 500;

/// A key for authentication: what its bearer's secret is compared with, and whose it is.
#[derive(Clone, FromRow)]
pub struct KeyToProve {
    #[sqlx(flatten)]
    pub key: ApiKeyRow,
    pub account_name: String,
    pub account_active: bool,
    /// The keyed hash that stands for `key.key`, if there is one yet.
    pub digest: Option<String>,
    /// The keyed hash that stands for `key.previous_key`.
    pub previous_digest: Option<String>,
    /// What the API token says that the secret was made with ([`VerifiedToken::to_note`]), if it was made with one.
    pub made_with: Option<String>,
    pub previous_made_with: Option<String>,
}

impl KeyToProve {
    /// The API token that the secret of this generation was made with and ends with; none for one without an end.
    ///
    /// # Errors
    /// When the note of it can't be read.
    pub fn maker(&self, generation: i64) -> Result<Option<VerifiedToken>, serde_json::Error> {
        let is_current = generation == self.key.key_generation;
        let note = if is_current { &self.made_with } else { &self.previous_made_with };
        note.as_deref().map(VerifiedToken::of_note).transpose()
    }
}

/// The key with that id, for authentication.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_for_authentication(store: &Store, id: Id) -> Result<Option<KeyToProve>, StoreError> {
    let column = |column: &'static str| ("api_key", column);
    let vouches_for = |digest: &'static str, hash: &'static str| {
        Expr::col((digest, "api_key_id"))
            .equals(column("id"))
            .and(Expr::col((digest, "key_hash")).equals(column(hash)))
    };
    let query = api_keys::select(Expr::col(("current", "expires")))
        .expr_as(Expr::col(("user", "name")), "account_name")
        .expr_as(Expr::col(("user", "active")), "account_active")
        .expr_as(Expr::col(("current", "digest")), "digest")
        .expr_as(Expr::col(("previous", "digest")), "previous_digest")
        .expr_as(Expr::col(("current", "made_with")), "made_with")
        .expr_as(Expr::col(("previous", "made_with")), "previous_made_with")
        .join_by_id("user", column("service_account_id"))
        .join_as(
            JoinType::LeftJoin,
            "zendo_api_key_digest",
            Alias::new("current"),
            vouches_for("current", "key"),
        )
        .join_as(
            JoinType::LeftJoin,
            "zendo_api_key_digest",
            Alias::new("previous"),
            vouches_for("previous", "previous_key"),
        )
        .and_where(Expr::col(column("id")).eq(id))
        .to_owned();
    store.fetch_optional(&query).await
}

/// Keeps the digest of a secret that bcrypt has just proven, so that it need not be asked again.
///
/// # Errors
/// When the database doesn't answer.
pub async fn upgrade(store: &Store, id: Id, key_hash: &str, digest: &str) -> Result<(), StoreError> {
    match store.execute(&new_digest(id, key_hash, digest).statement()).await {
        // Another replica was faster.
        Err(error) if is_duplicate(&error) => Ok(()),
        done => done.map(drop),
    }
}

/// The note of a digest.
pub(crate) fn new_digest(id: Id, key_hash: &str, digest: &str) -> Insert {
    Insert::into("zendo_api_key_digest").set("key_hash", key_hash).set("digest", digest).set("api_key_id", id)
}

/// Deletes digests that stand for no hash of a key, and bounds of no key: another server has rotated or deleted it.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep_digests(store: &Store) -> Result<(), StoreError> {
    let digest = |name: &'static str| Expr::col(("zendo_api_key_digest", name));
    let key = |name: &'static str| Expr::col(("api_key", name));
    let vouched_for = Sql::select()
        .expr(Expr::val(1))
        .from("api_key")
        .and_where(key("id").eq(digest("api_key_id")))
        .and_where(key("key").eq(digest("key_hash")).or(key("previous_key").eq(digest("key_hash"))))
        .to_owned();
    let is_over = Expr::exists(vouched_for).not();
    store.sweep_all("zendo_api_key_digest", "key_hash", &is_over, SWEPT_AT_ONCE).await?;
    key_bounds::sweep(store).await
}
