//! New secrets of API keys, and the API token that a key ends with.

use chrono::DateTime;
use sea_query::{Expr, ExprTrait, Query as Sql};
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::auth::Principal;
use crate::auth::api_key::ApiKey;
use crate::auth::key_proof::new_digest;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, StoreError, Timestamp, Transaction};

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

impl MadeWith {
    /// When it ends by its own time.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.expires
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
    let those = [
        Expr::col("api_key_id").eq(id),
        Expr::col("key_hash").is_not_in([Some(key), previous].into_iter().flatten()),
    ];
    tx.delete_where("zendo_api_key_digest", those).await.map(drop)
}
