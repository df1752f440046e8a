//! The database's clock. Nothing goes by it, but an operator should know when a server's own is another one: tokens have
//! times.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query, SimpleExpr};

use super::{Engine, Id, Store, StoreError};

impl Store {
    /// How far a clock is ahead of the database's, to about the time of a query. SQLite's is the machine's.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn clock_ahead(&self, now: impl Fn() -> DateTime<Utc>) -> Result<TimeDelta, StoreError> {
        if self.engine() == Engine::Sqlite {
            return Ok(TimeDelta::zero());
        }
        let micros = Expr::cust("CAST(UNIX_TIMESTAMP(CURRENT_TIMESTAMP(6)) * 1000000 AS SIGNED)");
        let query = Query::select().expr(micros).to_owned();
        let before = now();
        let there = self.fetch_optional::<(i64,)>(&query).await?;
        let here = before + (now() - before) / 2;
        let there = there.and_then(|(micros,)| DateTime::from_timestamp_micros(micros));
        Ok(there.map_or(TimeDelta::zero(), |there| here - there))
    }

    /// Whether a row of the audit came into the store within so long, by the database's clock. SQLite's is the machine's,
    /// which says `now` and which the ids go by.
    pub fn audited_within(&self, span: Duration, now: DateTime<Utc>) -> SimpleExpr {
        match self.engine() {
            Engine::Sqlite => Expr::col("id").gte(Id::first_of(now - span)),
            Engine::MySql => {
                let micros = span.as_micros();
                Expr::cust(format!("`stored` >= CURRENT_TIMESTAMP(6) - INTERVAL {micros} MICROSECOND"))
            }
        }
    }
}
