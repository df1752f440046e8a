//! The keys' table, and what changes it. Whatever does waits its turn, since it goes by what the other keys are.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Order, Query};
use secrecy::{ExposeSecret, SecretString};

use crate::audit::Event;
use crate::config::SigningAlgorithm;
use crate::store::{AsStoreError, Id, Insert, Store, StoreError, Transaction};

const TABLE: &str = "zendo_signing_key";
const TURN: &str = "signing_keys";
/// For so long a retired key is listed.
const KEPT_RETIRED: TimeDelta = TimeDelta::days(365);
const SWEPT_AT_ONCE: u64 = 100;

/// A key without its parts. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, sqlx_macros::FromRow)]
pub struct KeyRow {
    pub kid: Id,
    pub algorithm: String,
    pub created_ms: i64,
    pub signs_from_ms: i64,
    pub retired_ms: Option<i64>,
}

/// The parts of a key.
#[derive(sqlx_macros::FromRow)]
pub(super) struct Parts {
    pub kid: Id,
    pub public_jwk: String,
    /// Sealed; none when nothing is signed with the key any more.
    pub private_key: Option<String>,
}

/// A key that is not in the store yet.
pub(super) struct NewKey {
    pub row: KeyRow,
    pub public_jwk: String,
    pub private_key: SecretString,
}

/// What a key does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is published, and will sign.
    Next,
    /// It signs new tokens.
    Active,
    /// It signs no more; the tokens that it has signed are good.
    Retiring,
    /// It is refused, and all tokens that it has signed.
    Retired,
}

/// What retiring a key has come to.
#[derive(Debug, PartialEq, Eq)]
pub enum Retired {
    Now,
    Before,
    /// It was the active one, and this one signs at once.
    InFavourOf(Id),
}

/// Why a key can't be retired.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    #[error("there is no signing key {0}")]
    Unknown(Id),
    #[error("the signing key {0} is the one that signs; make another one first, and retire this one then")]
    Needed(Id),
    #[error("the store can't be read or written: {0}")]
    Store(#[from] StoreError),
}

impl AsStoreError for RetireError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl KeyRow {
    /// What it does among these keys, on servers that sign with that algorithm.
    pub fn state(&self, all: &[Self], algorithm: Option<SigningAlgorithm>, now_ms: i64) -> KeyState {
        if self.retired_ms.is_some() {
            return KeyState::Retired;
        }
        if algorithm.is_none_or(|algorithm| algorithm.name() != self.algorithm) {
            return KeyState::Retiring;
        }
        if self.signs_from_ms > now_ms {
            return KeyState::Next;
        }
        let is_superseded =
            all.iter().any(|other| other.can_sign(&self.algorithm, now_ms) && other.place() > self.place());
        if is_superseded { KeyState::Retiring } else { KeyState::Active }
    }

    fn can_sign(&self, algorithm: &str, now_ms: i64) -> bool {
        self.retired_ms.is_none() && self.algorithm == algorithm && self.signs_from_ms <= now_ms
    }

    /// Of several keys that may sign, the one with the last place does.
    fn place(&self) -> (i64, Id) {
        (self.signs_from_ms, self.kid)
    }
}

/// All keys in the order in which they sign.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn list(store: &Store) -> Result<Vec<KeyRow>, StoreError> {
    store.fetch_all(&select()).await
}

/// The parts of these keys.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn parts(store: &Store, kids: &[Id]) -> Result<Vec<Parts>, StoreError> {
    let select = Query::select()
        .columns(["kid", "public_jwk", "private_key"])
        .from(TABLE)
        .and_where(Expr::col("kid").is_in(kids.iter().copied()))
        .to_owned();
    store.fetch_all(&select).await
}

/// Whether a key of that algorithm signs.
pub(super) fn has_signer(all: &[KeyRow], algorithm: SigningAlgorithm, now_ms: i64) -> bool {
    all.iter().any(|row| row.can_sign(algorithm.name(), now_ms))
}

/// Adds a key, unless another replica has made one since that signs already.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn insert_first(
    store: &Store,
    algorithm: SigningAlgorithm,
    key: &NewKey,
) -> Result<(), StoreError> {
    let insert = key.insert();
    let insert = &insert;
    store
        .write(|mut tx| async move {
            tx.lock(TURN).await?;
            let all: Vec<KeyRow> = tx.fetch_all(&select()).await?;
            if !has_signer(&all, algorithm, key.row.created_ms) {
                insert.clone().run(&mut tx).await?;
            }
            tx.commit(()).await
        })
        .await
}

/// Adds a key that takes over from the one that signs. The private parts of those before that are of no use to
/// anybody but a thief.
///
/// # Errors
/// When the database doesn't answer.
pub(super) async fn insert_next(
    store: &Store,
    algorithm: SigningAlgorithm,
    key: &NewKey,
    event: &Event,
) -> Result<(), StoreError> {
    let insert = key.insert();
    let insert = &insert;
    store
        .write(|mut tx| async move {
            tx.lock(TURN).await?;
            let all: Vec<KeyRow> = tx.fetch_all(&select()).await?;
            let state = |row: &KeyRow| row.state(&all, Some(algorithm), key.row.created_ms);
            for row in
                all.iter().filter(|row| row.algorithm == algorithm.name() && state(row) == KeyState::Retiring)
            {
                forget_private_key(&mut tx, row.kid).await?;
            }
            insert.clone().run(&mut tx).await?;
            event.commit(tx, ()).await
        })
        .await
}

/// Retires a key for good. `algorithm` is what servers sign with: they are not left without a key.
///
/// # Errors
/// [`RetireError`]; nothing was changed then.
pub(super) async fn retire(
    store: &Store,
    kid: Id,
    algorithm: Option<SigningAlgorithm>,
    event: &Event,
    now_ms: i64,
) -> Result<Retired, RetireError> {
    store
        .write(|mut tx| async move {
            tx.lock(TURN).await?;
            let all: Vec<KeyRow> = tx.fetch_all(&select()).await?;
            let row = all.iter().find(|row| row.kid == kid).ok_or(RetireError::Unknown(kid))?;
            let outcome = match row.state(&all, algorithm, now_ms) {
                KeyState::Retired => return Ok(tx.commit(Retired::Before).await?),
                KeyState::Next | KeyState::Retiring => Retired::Now,
                KeyState::Active => {
                    let is_next = |other: &&KeyRow| other.state(&all, algorithm, now_ms) == KeyState::Next;
                    let next = all.iter().find(is_next).ok_or(RetireError::Needed(kid))?;
                    set(&mut tx, next.kid, "signs_from_ms", now_ms).await?;
                    Retired::InFavourOf(next.kid)
                }
            };
            set(&mut tx, kid, "retired_ms", now_ms).await?;
            forget_private_key(&mut tx, kid).await?;
            Ok(event.commit(tx, outcome).await?)
        })
        .await
}

/// Forgets keys that were retired long ago: what they have signed is refused as that of a key that never was.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    let is_over = Expr::col("retired_ms").lt((now - KEPT_RETIRED).timestamp_millis());
    store.sweep_all(TABLE, "kid", &is_over, SWEPT_AT_ONCE).await
}

impl NewKey {
    fn insert(&self) -> Insert {
        Insert::into(TABLE)
            .set("kid", self.row.kid)
            .set("algorithm", self.row.algorithm.as_str())
            .set("public_jwk", self.public_jwk.as_str())
            .set("private_key", self.private_key.expose_secret())
            .set("created_ms", self.row.created_ms)
            .set("signs_from_ms", self.row.signs_from_ms)
    }
}

fn select() -> sea_query::SelectStatement {
    Query::select()
        .columns(["kid", "algorithm", "created_ms", "signs_from_ms", "retired_ms"])
        .from(TABLE)
        .order_by("signs_from_ms", Order::Asc)
        .order_by("kid", Order::Asc)
        .to_owned()
}

async fn set(tx: &mut Transaction, kid: Id, column: &'static str, value: i64) -> Result<(), StoreError> {
    let update =
        Query::update().table(TABLE).value(column, value).and_where(Expr::col("kid").eq(kid)).to_owned();
    tx.execute(&update).await.map(drop)
}

async fn forget_private_key(tx: &mut Transaction, kid: Id) -> Result<(), StoreError> {
    let update = Query::update()
        .table(TABLE)
        .value("private_key", None::<String>)
        .and_where(Expr::col("kid").eq(kid))
        .to_owned();
    tx.execute(&update).await.map(drop)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn row(kid: u128, algorithm: SigningAlgorithm, signs_from_ms: i64, retired_ms: Option<i64>) -> KeyRow {
        let kid = Id(Uuid::from_u128(kid));
        KeyRow { kid, algorithm: algorithm.name().to_owned(), created_ms: 0, signs_from_ms, retired_ms }
    }

    #[test]
    fn of_the_keys_that_may_sign_the_newest_does() {
        use KeyState::{Active, Next, Retired, Retiring};
        use SigningAlgorithm::{ES256, EdDSA};
        let all = [
            row(1, EdDSA, 10, Some(15)),
            row(2, EdDSA, 20, None),
            row(3, ES256, 25, None),
            row(4, EdDSA, 30, None),
            row(5, EdDSA, 30, None),
            row(6, EdDSA, 40, Some(35)),
        ];
        let states = |algorithm, now| all.each_ref().map(|row| row.state(&all, algorithm, now));
        assert_eq!(states(Some(EdDSA), 29), [Retired, Active, Retiring, Next, Next, Retired]);
        assert_eq!(states(Some(EdDSA), 30), [Retired, Retiring, Retiring, Retiring, Active, Retired]);
        assert_eq!(states(Some(ES256), 24), [Retired, Retiring, Next, Retiring, Retiring, Retired]);
        assert_eq!(states(None, 50), [Retired, Retiring, Retiring, Retiring, Retiring, Retired]);
    }
}
