//! The tables `api_transaction` and `api_transaction_result`, as ZenML keeps them: an answer is gzip of base64 of JSON.
//! Of a request that isn't `completed`, the result is what it has made, as JSON.

use std::collections::HashMap;
use std::io::{Read, Write};

use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sea_query::{Expr, ExprTrait, Query as Sql};

use super::Attempt;
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Transaction, is_duplicate};

/// What is known of a key.
pub(super) enum Found {
    Nothing,
    /// The request's whole answer.
    Answer(Bytes),
    /// What the request has made, as JSON; its answer isn't there yet.
    Made(Vec<u8>),
    /// Another user or another request has the key.
    Anothers,
}

#[derive(sqlx_macros::FromRow)]
struct Record {
    user_id: Id,
    method: String,
    url: String,
    completed: bool,
    result: Option<Vec<u8>>,
}

/// Whose a key is.
type Owner = (Id, String, String);

impl Attempt {
    fn is_of(&self, (user, method, url): &Owner) -> bool {
        self.user == *user && self.method == method.as_str() && self.url == *url
    }
}

pub(super) async fn find(store: &Store, attempt: &Attempt) -> Result<Found, StoreError> {
    const OWN: &str = "api_transaction";
    const RESULT: &str = "api_transaction_result";
    let query = Sql::select()
        .columns([(OWN, "user_id"), (OWN, "method"), (OWN, "url"), (OWN, "completed")])
        .column((RESULT, "result"))
        .from(OWN)
        .left_join(RESULT, Expr::col((RESULT, "id")).equals((OWN, "id")))
        .and_where(Expr::col((OWN, "id")).eq(attempt.key))
        .to_owned();
    let Some(row) = store.fetch_optional::<Record>(&query).await? else { return Ok(Found::Nothing) };
    let Record { user_id, method, url, completed, result } = row;
    if !attempt.is_of(&(user_id, method, url)) {
        return Ok(Found::Anothers);
    }
    Ok(match (completed, result) {
        (true, Some(packed)) => unpack(&packed).map_or(Found::Anothers, Found::Answer),
        (true, None) => Found::Answer(Bytes::from_static(b"null")),
        (false, Some(made)) => Found::Made(made),
        (false, None) => Found::Nothing,
    })
}

/// Takes the key for a request; false when it is taken.
pub(super) async fn begin(
    tx: &mut Transaction,
    attempt: &Attempt,
    now: Timestamp,
    expires: Timestamp,
) -> Result<bool, StoreError> {
    match transaction(attempt, now, expires, false).run(tx).await {
        Ok(()) => Ok(true),
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Notes what the request has made.
pub(super) async fn note(tx: &mut Transaction, attempt: &Attempt, made: Vec<u8>) -> Result<(), StoreError> {
    result(attempt.key, made).run(tx).await
}

/// Writes whole answers; a key that is another's by now is left alone.
pub(super) async fn write(
    store: &Store,
    answers: &[(Attempt, Bytes)],
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    let packed: Vec<(&Attempt, Vec<u8>)> =
        answers.iter().filter_map(|(attempt, body)| Some((attempt, pack(body)?))).collect();
    let packed = &packed;
    let keys = || packed.iter().map(|(attempt, _)| attempt.key);
    let owners = Sql::select()
        .columns(["id", "user_id", "method", "url"])
        .from("api_transaction")
        .and_where(Expr::col("id").is_in(keys()))
        .to_owned();
    let owners = &owners;
    store
        .write(|mut tx| async move {
            let found: Vec<(Id, Id, String, String)> = tx.fetch_all(owners).await?;
            let owners: HashMap<Id, Owner> =
                found.into_iter().map(|(id, user, method, url)| (id, (user, method, url))).collect();
            for (attempt, packed) in packed {
                match owners.get(&attempt.key) {
                    None => transaction(attempt, now, expires, true).run(&mut tx).await?,
                    Some(owner) if attempt.is_of(owner) => {
                        complete(&mut tx, attempt.key, now, expires).await?;
                    }
                    Some(_) => continue,
                }
                result(attempt.key, packed.clone()).run(&mut tx).await?;
            }
            tx.commit(()).await
        })
        .await
}

async fn complete(
    tx: &mut Transaction,
    key: Id,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), StoreError> {
    let update = Sql::update()
        .table("api_transaction")
        .values([("completed", true.into()), ("updated", now.into()), ("expired", expires.into())])
        .and_where(Expr::col("id").eq(key))
        .to_owned();
    tx.execute(&update).await?;
    tx.delete_where("api_transaction_result", [Expr::col("id").eq(key)]).await.map(drop)
}

/// Deletes keys that have expired, a number of them at most, and returns how many it did.
pub(super) async fn sweep(store: &Store, now: Timestamp, most: u64) -> Result<u64, StoreError> {
    // Both states, so that the index over them is of use.
    let has_a_state = Expr::col("completed").is_in([true, false]);
    store.sweep("api_transaction", "id", &has_a_state.and(Expr::col("expired").lt(now)), most).await
}

fn transaction(attempt: &Attempt, now: Timestamp, expires: Timestamp, completed: bool) -> Insert {
    let Attempt { key, user, method, url } = attempt;
    Insert::into("api_transaction")
        .stamped(*key, now)
        .set("user_id", *user)
        .set("method", Method::as_str(method))
        .set("url", url.as_str())
        .set("completed", completed)
        .set("expired", expires)
}

fn result(key: Id, result: Vec<u8>) -> Insert {
    Insert::into("api_transaction_result").set("id", key).set("result", result)
}

fn pack(json: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(STANDARD.encode(json).as_bytes()).ok()?;
    encoder.finish().ok()
}

/// None when it isn't in this form.
fn unpack(packed: &[u8]) -> Option<Bytes> {
    let mut text = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut text).ok()?;
    Some(STANDARD.decode(text).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_PYTHON: &str = "1f8b08000000000002034badf4caf0cccaaf480bb4b50500cf31cf480c000000";

    #[test]
    fn an_answer_is_packed_as_zenml_packs_it() {
        let packed = pack(b"{\"a\":1}").unwrap();
        assert_eq!(packed[..2], [0x1f, 0x8b], "gzip");
        assert_eq!(unpack(&packed).unwrap(), b"{\"a\":1}".as_slice());
        // Python's gzip.compress(base64.b64encode(b'{"a":1}'), mtime=0).
        let of_python: Vec<u8> = (0..OF_PYTHON.len() / 2)
            .map(|at| u8::from_str_radix(&OF_PYTHON[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        assert_eq!(unpack(&of_python).unwrap(), b"{\"a\":1}".as_slice());
        assert!(unpack(b"no gzip").is_none());
    }
}
