//! The order in which replicas hear of each other's revocations. A place in it is a number of the store's own, never a
//! clock's: who writes a revocation takes the turn, and the turn's count is its place. The turn is kept until the commit,
//! so places become visible in their order on every node of the database, and whoever has read up to one has missed none.
//!
//! That makes revocations wait for each other, for about as long as a commit takes. An AUTO_INCREMENT would not, but its
//! numbers become visible in any order, and a TiDB or a Galera node may give out lower ones for hours.

use std::cmp::{max, min};
use std::time::{Duration, Instant};

use sea_query::{Cond, Expr, ExprTrait, Func, Query, SelectStatement, SimpleExpr};

use crate::store::{Store, StoreError, Transaction};

/// The name of the turn that counts revocations.
const TURN: &str = "revocations";
/// Places before the newest that a start reads again: another node of a cluster may know fewer than the one asked first.
const READ_AGAIN: i64 = 1000;
/// Milliseconds that the clocks of older servers may differ, which write revocations without a place.
const UNPLACED_OVERLAP_MS: i64 = 60_000;
/// For so long after the last row without a place there may be a server that writes them.
const MIXED: Duration = Duration::from_mins(10);
const READ_AGAIN_EVERY: Duration = Duration::from_secs(2);

/// Takes the next place for what this transaction revokes. It has to come before any other statement, as all turns.
pub(super) async fn take_place(tx: &mut Transaction) -> Result<(), StoreError> {
    tx.take_turn(TURN).await
}

/// The place that was taken, as a value of a statement in the same transaction.
pub(super) fn place() -> SimpleExpr {
    SimpleExpr::from(sea_query::SubQueryStatement::from(newest()))
}

/// The place that was taken.
pub(super) async fn taken_place(tx: &mut Transaction) -> Result<i64, StoreError> {
    Ok(tx.fetch_optional::<(i64,)>(&newest()).await?.map_or(0, |(place,)| place))
}

/// The newest place of the store; it is a lower one after a backup was put in the store's place.
pub(super) async fn newest_place(store: &Store) -> Result<i64, StoreError> {
    Ok(store.fetch_optional::<(i64,)>(&newest()).await?.map_or(0, |(place,)| place))
}

fn newest() -> SelectStatement {
    Query::select().column("taken").from("zendo_turn").and_where(Expr::col("name").eq(TURN)).to_owned()
}

/// Up to where one table was read.
///
/// While servers of an older version share the store, they write rows without a place. Those are read by the moments that
/// they have, and for a while after the last new one some of them again, since the older servers' clocks differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    place: i64,
    /// The newest moment of rows without a place, by the clocks of those who wrote them.
    unplaced_ms: i64,
    /// When the last new one was read, or the start.
    mixed: Instant,
    /// When some were read again.
    read_again: Instant,
}

impl Cursor {
    /// Before all that is read of a table from now on.
    pub(super) async fn start(store: &Store, table: &'static str) -> Result<Self, StoreError> {
        let place = newest_place(store).await? - READ_AGAIN;
        let last = Query::select()
            .expr(Func::max(Expr::col("revoked_ms")))
            .from(table)
            .and_where(Expr::col("position").eq(0))
            .to_owned();
        let last = store.fetch_optional::<(Option<i64>,)>(&last).await?.and_then(|(last,)| last);
        let now = Instant::now();
        let unplaced_ms = last.unwrap_or_default();
        Ok(Self { place: max(place, 0), unplaced_ms, mixed: now, read_again: now })
    }

    /// What was not read yet, where the store's newest place is this one.
    pub(super) fn unread(&self, newest: i64) -> Cond {
        let unplaced = Expr::col("position").eq(0).and(Expr::col("revoked_ms").gt(self.unplaced_ms));
        Cond::any().add(Expr::col("position").gt(min(self.place, newest))).add(unplaced)
    }

    /// What is to be read again now, if anything is.
    pub(super) fn read_again(&mut self) -> Option<Cond> {
        if self.mixed.elapsed() > MIXED || self.read_again.elapsed() < READ_AGAIN_EVERY {
            return None;
        }
        self.read_again = Instant::now();
        let since = self.unplaced_ms - UNPLACED_OVERLAP_MS;
        Some(Cond::all().add(Expr::col("position").eq(0)).add(Expr::col("revoked_ms").gte(since)))
    }

    /// Notes that rows were read up to a newest place, each row's place and moment.
    pub(super) fn note(&mut self, newest: i64, rows: impl Iterator<Item = (i64, i64)>) {
        self.place = min(self.place, newest);
        for (place, revoked_ms) in rows {
            match place {
                0 if revoked_ms > self.unplaced_ms => {
                    (self.unplaced_ms, self.mixed) = (revoked_ms, Instant::now());
                }
                0 => {}
                place => self.place = max(self.place, place),
            }
        }
    }
}
