//! What bounds the revocations: those of tokens that are over by themselves are deleted, and so are an account's when it
//! is gone. Tokens without an end, which a sign-in makes where `ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES` is not set, would
//! stay for ever: whoever holds a key signs in and out a thousand times a second. Of each account so many are kept; when
//! there are more, the older half of them becomes one row that says: all endless tokens of this account up to this one
//! are over. That never brings a revoked token back. It may end a session that was not revoked, if it is older than
//! thousands that were, or what was made in one; its holder signs in again, as its account does all the time.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, OnConflict, Order, Query, SimpleExpr};
use uuid::Uuid;

use super::stream::{self, Cursor};
use super::{ACCOUNTS, KEPT_AFTER_END, Revocations, TOKENS};
use crate::store::{Id, Insert, Store, StoreError, Transaction, number_of_rows};

pub(super) const UP_TO: &str = "zendo_revoked_up_to";
/// Revocations of endless tokens that are kept of each account.
const ENDLESS_KEPT: u64 = 10_000;
/// Rows that are deleted at once.
const BATCH: u64 = 1000;

type UpToRow = (Id, Id, i64, i64);

impl Revocations {
    /// Sweeps revocations that are no longer needed, some at a time.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let over = now.timestamp() - KEPT_AFTER_END;
        self.store.sweep_all(TOKENS, "jti", &Expr::col("expires").lt(over), BATCH).await?;
        {
            let mut known = self.known();
            known.ids.trees.sweep(over);
            known.ids.signed_out.sweep(over);
        }
        self.collapse(now).await?;
        for (table, key) in [(TOKENS, "jti"), (ACCOUNTS, "user_id"), (UP_TO, "user_id")] {
            self.store.sweep_all(table, key, &is_of_nobody(table), BATCH).await?;
        }
        if self.is_outdated.swap(false, Ordering::Relaxed) {
            self.load_tokens().await.inspect_err(|_| self.is_outdated.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    }

    async fn collapse(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let crowded = Query::select()
            .column("user_id")
            .from(TOKENS)
            .and_where(Expr::col("user_id").is_not_null())
            .group_by_col("user_id")
            .and_having(number_of_rows().gt(ENDLESS_KEPT))
            .to_owned();
        let crowded: Vec<(Id,)> = self.store.fetch_all(&crowded).await?;
        for (user_id,) in crowded {
            self.collapse_account(user_id, now).await?;
        }
        Ok(())
    }

    async fn collapse_account(&self, user_id: Id, now: DateTime<Utc>) -> Result<(), StoreError> {
        let last = Query::select()
            .column("jti")
            .from(TOKENS)
            .and_where(Expr::col("user_id").eq(user_id))
            .order_by("jti", Order::Desc)
            .offset(ENDLESS_KEPT / 2)
            .limit(1)
            .to_owned();
        let Some((last,)) = self.store.fetch_optional::<(Id,)>(&last).await? else { return Ok(()) };
        let last = self
            .store
            .write(|mut tx| async move {
                let last = write_up_to(&mut tx, user_id, last, now).await?;
                tx.commit(last).await
            })
            .await?;
        self.note_up_to(&[(user_id, last)]);
        let is_over = Expr::col("user_id").eq(user_id).and(Expr::col("jti").lte(last));
        self.store.sweep_all(TOKENS, "jti", &is_over, BATCH).await
    }

    /// Reads what other replicas have made one row of.
    pub(super) async fn read_up_to(&self, cursor: &mut Cursor, newest: i64) -> Result<(), StoreError> {
        let rows = select_up_to(&self.store, Some((cursor, newest))).await?;
        self.note_up_to(&rows.iter().map(|(user_id, last, ..)| (*user_id, *last)).collect::<Vec<_>>());
        cursor.note(newest, rows.iter().map(|(_, _, place, ms)| (*place, *ms)));
        Ok(())
    }

    pub(super) async fn load_up_to(&self) -> Result<(), StoreError> {
        let rows = select_up_to(&self.store, None).await?;
        let mut known = self.known();
        for (Id(user_id), Id(last), ..) in &rows {
            known.note_up_to(*user_id, *last);
        }
        Ok(())
    }

    fn note_up_to(&self, rows: &[(Id, Id)]) {
        if rows.is_empty() {
            return;
        }
        let mut known = self.known();
        let mut is_new = false;
        for (Id(user_id), Id(last)) in rows {
            is_new |= known.note_up_to(*user_id, *last);
        }
        if is_new {
            // The next sweep forgets what they stand for.
            self.is_outdated.store(true, Ordering::Relaxed);
        }
    }
}

impl super::Known {
    fn note_up_to(&mut self, user_id: Uuid, last: Uuid) -> bool {
        let noted = self.up_to.insert(user_id, last);
        if let Some(noted) = noted.filter(|noted| *noted > last) {
            self.up_to.insert(user_id, noted);
        }
        noted.is_none_or(|noted| noted < last)
    }
}

async fn select_up_to(store: &Store, unread: Option<(&Cursor, i64)>) -> Result<Vec<UpToRow>, StoreError> {
    let mut select = Query::select();
    select.columns(["user_id", "jti", "position", "revoked_ms"]).from(UP_TO);
    if let Some((cursor, newest)) = unread {
        select.cond_where(cursor.unread(newest));
    }
    store.fetch_all(&select).await
}

/// Writes the last one that is over of an account, which never goes back, and says which it is.
async fn write_up_to(
    tx: &mut Transaction,
    user_id: Id,
    last: Id,
    now: DateTime<Utc>,
) -> Result<Id, StoreError> {
    stream::take_place(tx).await?;
    let noted =
        Query::select().column("jti").from(UP_TO).and_where(Expr::col("user_id").eq(user_id)).to_owned();
    let noted: Option<(Id,)> = tx.fetch_optional(&noted).await?;
    let last = noted.map_or(last, |(noted,)| std::cmp::max(noted, last));
    let mut insert = Insert::into(UP_TO)
        .set("user_id", user_id)
        .set("jti", last)
        .set("position", stream::place())
        .set("revoked_ms", now.timestamp_millis())
        .statement();
    let changed = ["jti", "position", "revoked_ms"];
    insert.on_conflict(OnConflict::column("user_id").update_columns(changed).to_owned());
    tx.execute(&insert).await?;
    Ok(last)
}

/// Whether an account's row is of an account that is gone, whose tokens are all over.
fn is_of_nobody(table: &'static str) -> SimpleExpr {
    let account = Query::select()
        .expr(Expr::val(1))
        .from("user")
        .and_where(Expr::col(("user", "id")).eq(Expr::col((table, "user_id"))))
        .to_owned();
    Expr::col((table, "user_id")).is_not_null().and(Expr::exists(account).not())
}
