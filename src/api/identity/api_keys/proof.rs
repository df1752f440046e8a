//! What proves an API key: ZenML's bcrypt hash, and the keyed hash that vouches for it.

use chrono::DateTime;
use sea_query::{Alias, Expr, ExprTrait, JoinType, Query as Sql};
use secrecy::{ExposeSecret, SecretString};
use sqlx::FromRow;

use super::ApiKeyRow;
use crate::app::App;
use crate::auth::api_key::ApiKey;
use crate::auth::{Principal, VerifiedToken};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Transaction, is_duplicate, select_computed};

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
    let query = select_computed::<ApiKeyRow>(&[("expires", Expr::col(("current", "expires")))])
        .expr_as(Expr::col(("user", "name")), "account_name")
        .expr_as(Expr::col(("user", "active")), "account_active")
        .expr_as(Expr::col(("current", "digest")), "digest")
        .expr_as(Expr::col(("previous", "digest")), "previous_digest")
        .expr_as(Expr::col(("current", "made_with")), "made_with")
        .expr_as(Expr::col(("previous", "made_with")), "previous_made_with")
        .inner_join("user", Expr::col(("user", "id")).equals(column("service_account_id")))
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

fn new_digest(id: Id, key_hash: &str, digest: &str) -> Insert {
    Insert::into("zendo_api_key_digest").set("key_hash", key_hash).set("digest", digest).set("api_key_id", id)
}

/// The API token that a key is made with, and ends with.
pub(super) struct MadeWith {
    id: Id,
    note: String,
    expires: Option<Timestamp>,
}

impl MadeWith {
    /// What the key ends with that this principal makes; nothing for somebody who is signed in.
    ///
    /// # Errors
    /// 403 for a token that has as many ancestors as one may have.
    pub(super) fn of(principal: &Principal) -> ApiResult<Option<Self>> {
        let Some(token) = principal.programs_token() else { return Ok(None) };
        token.parents_of_child().map_err(|error| ApiError::insufficient_scope(error.to_string(), None))?;
        let note = token.to_note().map_err(|error| {
            tracing::error!(%error, "an API key could not be made");
            ApiError::internal()
        })?;
        let expires = token.claims.exp.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        Ok(Some(Self { id: Id(token.id), note, expires: expires.map(Timestamp::new) }))
    }
}

/// A new secret for a key, in the three forms it has.
pub(super) struct NewSecret {
    pub(super) key: ApiKey,
    /// For ZenML's column.
    pub(super) hash: SecretString,
    pub(super) digest: String,
}

impl NewSecret {
    pub(super) async fn make(app: &App, id: Id) -> ApiResult<Self> {
        let key = ApiKey::generate(id, &*app.env.random);
        let hash = app.auth.passwords.hash(key.secret.clone()).await?;
        let digest = app.auth.api_key_digests.digest(&key.secret);
        Ok(Self { key, hash, digest })
    }

    /// Keeps its digest, and the API token that it ends with.
    pub(super) async fn keep_digest(
        &self,
        tx: &mut Transaction,
        maker: Option<&MadeWith>,
    ) -> Result<(), StoreError> {
        let digest = new_digest(self.key.id, self.hash.expose_secret(), &self.digest);
        let digest = match maker {
            Some(maker) => digest
                .set("made_with_id", maker.id)
                .set("made_with", maker.note.as_str())
                .set("expires", maker.expires),
            None => digest,
        };
        digest.run(tx).await
    }
}

/// Deletes digests that stand for no hash of a key: another server has rotated or deleted it.
///
/// # Errors
/// When the database doesn't answer.
pub async fn sweep_digests(store: &Store) -> Result<(), StoreError> {
    let digest = |name: &'static str| Expr::col(("zendo_api_key_digest", name));
    let key = |name: &'static str| Expr::col(("api_key", name));
    let vouched_for = Sql::select()
        .expr(Expr::val(1))
        .from("api_key")
        .and_where(key("id").eq(digest("api_key_id")))
        .and_where(key("key").eq(digest("key_hash")).or(key("previous_key").eq(digest("key_hash"))))
        .to_owned();
    let is_over = Expr::exists(vouched_for).not();
    store.sweep_all("zendo_api_key_digest", "key_hash", &is_over, SWEPT_AT_ONCE).await
}

/// Deletes the digests of a key that stand for neither of its hashes.
pub(super) async fn delete_old_digests(tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
    let hashes = Sql::select()
        .columns(["key", "previous_key"])
        .from("api_key")
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    let Some((key, previous)) = tx.fetch_optional::<(String, Option<String>)>(&hashes).await? else {
        return Ok(());
    };
    let old = Sql::delete()
        .from_table("zendo_api_key_digest")
        .and_where(Expr::col("api_key_id").eq(id))
        .and_where(Expr::col("key_hash").is_not_in([Some(key), previous].into_iter().flatten()))
        .to_owned();
    tx.execute(&old).await.map(drop)
}
