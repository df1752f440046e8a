//! All ids of a table, each with a number, by the million. A row costs many times what it holds on its way through an
//! engine's driver, so some thousands of them come as one text; and a large table is read in several ranges at once.

use std::cmp::{max, min};
use std::thread::available_parallelism;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement, SimpleExpr};
use uuid::Uuid;

use super::{Engine, Store, StoreError, number_of_rows};

/// Rows of one text, which is far below the mebibyte to which MariaDB, and MySQL as it is told, cut one off.
const AT_ONCE: u64 = 4_096;
/// Rows from which a table is read in ranges. Each takes a connection, with the memory of its pages.
const LARGE: u64 = 100_000;
const MOST_RANGES: u64 = 4;
/// Is added to each number, so that all have as many digits.
const BASE: u64 = 10_000_000_000_000;
const HEX: usize = 32;
const ENTRY: usize = HEX + 14;
/// Hexadecimal digits by which a range of ids is cut.
const DIGITS: usize = 15;

/// Which ids, and which numbers.
#[derive(Debug, Clone)]
pub struct NumberedIds {
    pub table: &'static str,
    /// The column of the ids, which is the table's key.
    pub id: &'static str,
    /// At least 0, and below [`NumberedIds::TOO_LARGE`].
    pub number: SimpleExpr,
}

impl NumberedIds {
    pub const TOO_LARGE: i64 = 9 * BASE.cast_signed();
}

/// Rows behind `after`, up to and with `until`.
#[derive(Debug, Clone, Default)]
struct Range {
    after: Option<String>,
    until: Option<String>,
    at_once: u64,
}

/// The last row's place, how many they are, and the text.
type Piece = (Option<String>, i64, Option<String>);

impl Store {
    /// How many rows a table has.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn count_rows(&self, table: &'static str) -> Result<u64, StoreError> {
        let count = Query::select().expr(number_of_rows()).from(table).to_owned();
        Ok(self.fetch_optional::<(i64,)>(&count).await?.map_or(0, |(count,)| count.unsigned_abs()))
    }

    /// Gives each of the ids with its number to `take`, in any order. `rows` says about how many there are.
    ///
    /// # Errors
    /// When the database doesn't answer, or a number is too large.
    pub async fn each_numbered(
        &self,
        ids: &NumberedIds,
        rows: u64,
        mut take: impl FnMut(Uuid, u64) + Send,
    ) -> Result<(), StoreError> {
        let ranges = self.ranges(ids, rows).await?;
        let mut reading: FuturesUnordered<_> =
            ranges.into_iter().map(|range| self.piece(ids, range)).collect();
        while let Some(read) = reading.next().await {
            let (mut range, (last, count, text)) = read?;
            let (count, text) = (count.unsigned_abs(), text.unwrap_or_default());
            if text.len() as u64 != count * ENTRY as u64 {
                if range.at_once <= 1 {
                    return Err(StoreError::Protocol("a number or a text was cut off".into()));
                }
                // A server that cuts texts off earlier gives less at once.
                range.at_once = max(range.at_once / 8, 1);
                reading.push(self.piece(ids, range));
                continue;
            }
            if count == range.at_once {
                reading.push(self.piece(ids, Range { after: last, ..range }));
            }
            for entry in text.as_bytes().chunks_exact(ENTRY) {
                let (id, number) = read_entry(entry).ok_or_else(unreadable)?;
                take(id, number);
            }
        }
        Ok(())
    }

    async fn piece(&self, ids: &NumberedIds, range: Range) -> Result<(Range, Piece), StoreError> {
        let piece = self.fetch_optional(&select_piece(self.engine(), ids, &range)).await?;
        Ok((range, piece.unwrap_or_default()))
    }

    async fn ranges(&self, ids: &NumberedIds, rows: u64) -> Result<Vec<Range>, StoreError> {
        let all = Range { at_once: AT_ONCE, ..Range::default() };
        let cores = min(available_parallelism().map_or(1, |cores| cores.get() as u64), MOST_RANGES);
        if rows < LARGE || cores == 1 {
            return Ok(vec![all]);
        }
        // Apart, since only the end of an index that is asked for alone is found without reading all of it.
        let (first, last) = (self.end_of(ids, Order::Asc).await?, self.end_of(ids, Order::Desc).await?);
        let (Some(first), Some(last)) = (first, last) else { return Ok(vec![all]) };
        let cuts = (1..cores).filter_map(|cut| place_between(self.engine(), &first, &last, (cut, cores)));
        let cuts: Vec<Option<String>> = cuts.map(Some).collect();
        let befores = std::iter::once(None).chain(cuts.iter().cloned());
        let ends = cuts.iter().cloned().chain(std::iter::once(None));
        Ok(befores.zip(ends).map(|(after, until)| Range { after, until, ..all.clone() }).collect())
    }

    async fn end_of(&self, ids: &NumberedIds, order: Order) -> Result<Option<String>, StoreError> {
        let key = key(self.engine(), ids);
        let end = Query::select()
            .expr(Expr::col(key).cast_as("CHAR"))
            .from(ids.table)
            .order_by(key, order)
            .limit(1)
            .to_owned();
        Ok(self.fetch_optional::<(String,)>(&end).await?.map(|(end,)| end))
    }
}

/// What the table's rows lie by, one after the other.
fn key(engine: Engine, ids: &NumberedIds) -> &'static str {
    match engine {
        Engine::Sqlite => "rowid",
        Engine::MySql => ids.id,
    }
}

fn select_piece(engine: Engine, ids: &NumberedIds, range: &Range) -> SelectStatement {
    let key = key(engine, ids);
    let mut rows = Query::select();
    rows.expr_as(Expr::col(key), "place")
        .expr_as(Expr::col(ids.id), "id")
        .expr_as(Expr::val(BASE.cast_signed()).add(ids.number.clone()), "number")
        .from(ids.table)
        .order_by(key, Order::Asc)
        .limit(range.at_once);
    if let Some(after) = &range.after {
        rows.and_where(Expr::col(key).gt(after.as_str()));
    }
    if let Some(until) = &range.until {
        rows.and_where(Expr::col(key).lte(until.as_str()));
    }
    let text = match engine {
        Engine::Sqlite => "GROUP_CONCAT(id || number, '')",
        Engine::MySql => "GROUP_CONCAT(id, number SEPARATOR '')",
    };
    Query::select()
        .expr(Expr::cust("CAST(MAX(place) AS CHAR)"))
        .expr(number_of_rows())
        .expr(Expr::cust(text))
        .from_subquery(rows, "piece")
        .to_owned()
}

/// The place at so much of the way from the first to the last one; none where they are of an unknown form.
fn place_between(engine: Engine, first: &str, last: &str, (part, of): (u64, u64)) -> Option<String> {
    let read = |place: &str| match engine {
        Engine::Sqlite => place.parse().ok(),
        Engine::MySql => i64::from_str_radix(place.get(..DIGITS)?, 16).ok(),
    };
    let (first, last): (i64, i64) = (read(first)?, read(last)?);
    let way = i128::from(last) - i128::from(first);
    let place = i128::from(first) + way * i128::from(part) / i128::from(of);
    Some(match engine {
        Engine::Sqlite => place.to_string(),
        Engine::MySql => format!("{place:0DIGITS$x}"),
    })
}

fn read_entry(entry: &[u8]) -> Option<(Uuid, u64)> {
    let (id, number) = entry.split_at_checked(HEX)?;
    let number: u64 = str::from_utf8(number).ok()?.parse().ok()?;
    Some((Uuid::try_parse_ascii(id).ok()?, number.checked_sub(BASE)?))
}

fn unreadable() -> StoreError {
    StoreError::Protocol("an id can't be read".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::unmigrated;
    use crate::{BatchRow, Cells, Id};

    struct Revoked(u64, i64);

    impl BatchRow for Revoked {
        const TABLE: &'static str = "zendo_revoked_token";
        const COLUMNS: &'static [&'static str] = &["jti", "expires", "revoked_ms"];

        fn put(&self, cells: &mut Cells) {
            cells.id(id(self.0));
            cells.integer(self.1);
            cells.integer(0);
        }
    }

    /// Not in the order in which they are made.
    fn id(number: u64) -> Id {
        Id(Uuid::from_u128(u128::from(number) * 7919 % 1_000_003))
    }

    /// What is read of a table with these rows, whose number is thought to be another one.
    async fn read(rows: &[Revoked], about: u64) -> Result<BTreeMap<Uuid, u64>, StoreError> {
        let (store, _folder) = unmigrated().await;
        store.migrate().await.unwrap();
        store.insert_rows(rows).await.unwrap();
        assert_eq!(store.count_rows("zendo_revoked_token").await.unwrap(), rows.len() as u64);
        let ids = NumberedIds { table: "zendo_revoked_token", id: "jti", number: Expr::col("expires") };
        let mut all = BTreeMap::new();
        let mut taken = 0;
        let take = |id, number| {
            all.insert(id, number);
            taken += 1;
        };
        store.each_numbered(&ids, about, take).await?;
        assert_eq!(taken, all.len(), "each is read once");
        Ok(all)
    }

    #[tokio::test]
    async fn each_row_is_read_once_in_one_range_and_in_several() {
        for (count, about) in [(0, LARGE), (1, 1), (AT_ONCE, AT_ONCE), (AT_ONCE + 1, 0), (AT_ONCE * 5, LARGE)]
        {
            let rows: Vec<_> = (0..count).map(|number| Revoked(number, number.cast_signed())).collect();
            let expected = (0..count).map(|number| (id(number).0, number)).collect();
            assert_eq!(read(&rows, about).await.unwrap(), expected, "{count} {about}");
        }
    }

    #[tokio::test]
    async fn a_number_that_is_too_large_is_no_end_of_the_table() {
        let last = Revoked(2, NumberedIds::TOO_LARGE - 1);
        assert_eq!(read(&[Revoked(1, 0), last], 2).await.unwrap().len(), 2);
        for number in [NumberedIds::TOO_LARGE, -1] {
            read(&[Revoked(1, 0), Revoked(2, number)], 2).await.unwrap_err();
        }
    }

    #[test]
    fn ranges_are_cut_between_the_ends() {
        let mysql = |part| place_between(Engine::MySql, &"0".repeat(32), &"f".repeat(32), (part, 4));
        assert_eq!(mysql(2).as_deref(), Some("7ffffffffffffff"));
        assert_eq!(mysql(1).as_deref(), Some("3ffffffffffffff"));
        assert_eq!(place_between(Engine::Sqlite, "1", "1001", (1, 2)).as_deref(), Some("501"));
        assert_eq!(place_between(Engine::MySql, "", "f", (1, 2)), None);
    }
}
