//! Rows as an engine has given them. What a row means is read from them afterwards, so that asking is compiled once, and
//! not for each type of row.

use sqlx::FromRow;
use sqlx::mysql::MySqlRow;
use sqlx::sqlite::SqliteRow;

use super::{Row, StoreError};

pub(super) enum Rows {
    Sqlite(Vec<SqliteRow>),
    MySql(Vec<MySqlRow>),
}

impl Rows {
    /// # Errors
    /// When one is not of the shape `R` says.
    pub(crate) fn all<R: Row>(self) -> Result<Vec<R>, StoreError> {
        match self {
            Self::Sqlite(rows) => read(rows),
            Self::MySql(rows) => read(rows),
        }
    }

    /// # Errors
    /// As [`Rows::all`].
    pub(crate) fn first<R: Row>(self) -> Result<Option<R>, StoreError> {
        Ok(self.all()?.pop())
    }
}

/// Each row is given up as soon as it is read: a page may be large.
fn read<R: for<'r> FromRow<'r, E>, E: sqlx::Row>(rows: Vec<E>) -> Result<Vec<R>, StoreError> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(R::from_row(&row)?);
    }
    Ok(all)
}
