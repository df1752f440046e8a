//! When API keys, devices and API tokens were last used: kept in memory and written in batches, never by the request itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sea_query::{Cond, Expr, ExprTrait, Query};

use super::register;
use crate::store::{Id, Store, StoreError, Timestamp};

/// Rows that one statement changes at most.
const BATCH: usize = 200;
const PARTS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    ApiKey,
    Device,
    ApiToken,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Device => "auth_devices",
            Self::ApiToken => register::TABLE,
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::ApiKey | Self::Device => "last_login",
            Self::ApiToken => "last_used",
        }
    }
}

/// Moments that are not written yet, in parts by the credential, each with a lock of its own: all requests come here.
#[derive(Debug)]
pub struct LastUsed([Mutex<Moments>; PARTS]);

type Moments = HashMap<(Kind, Id), DateTime<Utc>>;

impl Default for LastUsed {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl LastUsed {
    pub fn api_key(&self, id: Id, now: DateTime<Utc>) {
        self.note(Kind::ApiKey, id, now);
    }

    pub fn device(&self, id: Id, now: DateTime<Utc>) {
        self.note(Kind::Device, id, now);
    }

    pub fn api_token(&self, id: Id, now: DateTime<Utc>) {
        self.note(Kind::ApiToken, id, now);
    }

    fn note(&self, kind: Kind, id: Id, now: DateTime<Utc>) {
        // The last bits are random in each version of UUID.
        let part = &self.0[usize::from(id.0.as_bytes()[15]) % PARTS];
        part.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, id), now);
    }

    /// Writes what was noted since the last time, each second's uses with one statement.
    ///
    /// # Errors
    /// When the database doesn't answer: what was not written is lost, which only dates a use too early.
    pub async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let take =
            |part: &Mutex<Moments>| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner));
        let noted = self.0.iter().flat_map(take);
        let mut rows: Vec<(Kind, Id, DateTime<Utc>)> =
            noted.map(|((kind, id), moment)| (kind, id, moment)).collect();
        let second = |(kind, _, moment): &(Kind, Id, DateTime<Utc>)| (*kind, moment.timestamp());
        rows.sort_unstable_by_key(second);
        for rows in rows.chunk_by(|a, b| second(a) == second(b)).flat_map(|rows| rows.chunks(BATCH)) {
            let Some(&(kind, _, _)) = rows.first() else { continue };
            let Some(moment) = rows.iter().map(|(_, _, moment)| *moment).max() else { continue };
            let moment = Timestamp::new(moment);
            let is_earlier =
                Cond::any().add(Expr::col(kind.column()).is_null()).add(Expr::col(kind.column()).lt(moment));
            let update = Query::update()
                .table(kind.table())
                .value(kind.column(), moment)
                .and_where(Expr::col("id").is_in(rows.iter().map(|(_, id, _)| *id)))
                .cond_where(is_earlier)
                .to_owned();
            store.execute(&update).await?;
        }
        Ok(())
    }
}
