//! Reading a row by the places of its columns.

use sqlx::{Column, ColumnIndex, Decode, Row, Type};

use super::StoreError;

/// The values of a row, one after the other. A page has thousands of them, and to look each up by its column's name
/// costs about as much as to read it.
pub struct Values<'r, R> {
    row: &'r R,
    place: usize,
}

impl<'r, R: Row> Values<'r, R>
where
    usize: ColumnIndex<R>,
{
    /// From the first column on.
    pub fn of(row: &'r R) -> Self {
        Self { row, place: 0 }
    }

    /// The next value, which has to be of the column with this name.
    ///
    /// # Errors
    /// When it isn't what `T` says.
    pub fn next<T: Decode<'r, R::Database> + Type<R::Database>>(
        &mut self,
        name: &str,
    ) -> Result<T, StoreError> {
        let place = self.place;
        self.place += 1;
        debug_assert_eq!(self.row.column(place).name(), name.trim_start_matches("r#"));
        self.row.try_get(place)
    }
}
