//! Turns: writes that must not pass each other, though they touch different rows.

use sea_query::{Expr, ExprTrait, OnConflict, Query, SimpleExpr};

use super::{Engine, StoreError, Transaction};

impl Transaction {
    /// Waits until no other transaction has the turn of that name, and keeps it until this one ends. It has to come before
    /// any other statement, as [`Transaction::take_turn`].
    ///
    /// # Errors
    /// When the database doesn't answer, or the wait was too long.
    pub async fn lock(&mut self, name: &str) -> Result<(), StoreError> {
        match self.is_alone() {
            true => Ok(()),
            false => self.take_turn(name).await,
        }
    }

    /// Keeps rows that meet all of these conditions from being changed by others, by a change that changes nothing, until
    /// this transaction ends. It has to come before any other statement; the table has a column `name`.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub async fn lock_where(
        &mut self,
        table: &'static str,
        conditions: impl IntoIterator<Item = SimpleExpr> + Send,
    ) -> Result<(), StoreError> {
        match self.is_alone() {
            true => Ok(()),
            false => self.set_where(table, ("name", Expr::col("name")), conditions).await.map(drop),
        }
    }

    /// SQLite has one writer, which needs no lock but its own.
    fn is_alone(&self) -> bool {
        self.engine() == Engine::Sqlite
    }

    /// As [`Transaction::lock`], and counts how often that turn was taken.
    ///
    /// It has to come before any other statement: a MySQL that logs statements shows a transaction the rows as they
    /// were when it first read. The row really changes, so that a cluster, whose nodes lock nothing for each other,
    /// refuses one of two transactions that had the turn at once.
    ///
    /// # Errors
    /// As [`Transaction::lock`].
    pub async fn take_turn(&mut self, name: &str) -> Result<(), StoreError> {
        let next = Expr::col(("zendo_turn", "taken")).add(1);
        let statement = Query::insert()
            .into_table("zendo_turn")
            .columns(["name", "taken"])
            .values_panic([name.into(), 1.into()])
            .on_conflict(OnConflict::column("name").value("taken", next).to_owned())
            .to_owned();
        self.execute(&statement).await.map(drop)
    }
}
