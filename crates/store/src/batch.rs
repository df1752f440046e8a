//! Many rows with few statements: what a queue has gathered (see [`super::WriteBehind`]).

use std::fmt::Write;
use std::sync::Arc;

use sqlx::mysql::MySqlArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Encode, MySql, Sqlite, Type};

use super::transaction::OnEngine;
use super::types::WRITTEN;
use super::{Engine, Id, Store, StoreError, Timestamp, Transaction};

/// Rows of one statement. Few different sizes, so that each statement stays prepared on its connection; the largest
/// stays below SQLite's 32,766 parameters up to 127 columns.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// A row that is inserted together with others of its kind.
pub trait BatchRow: Sized + Send + Sync + 'static {
    const TABLE: &'static str;
    const COLUMNS: &'static [&'static str];
    /// Other tables that tell of the same, and are written in the same transaction.
    const BESIDE: &'static [Beside<Self>] = &[];

    /// Puts a value for each of the columns, in their order.
    fn put(&self, cells: &mut Cells);
}

/// A row of another table that is made of the same.
pub struct Beside<R: ?Sized> {
    pub table: &'static str,
    pub columns: &'static [&'static str],
    pub put: fn(&R, &mut Cells),
}

/// Values of rows on their way to the store, each written once.
pub struct Cells {
    arguments: EngineArguments,
    failure: Option<sqlx::error::BoxDynError>,
}

enum EngineArguments {
    Sqlite(SqliteArguments, TextsAbove),
    MySql(MySqlArguments),
}

/// Each column's last text: rows that come together have much in common, and a text that stays is shared.
struct TextsAbove {
    columns: Vec<Arc<str>>,
}

impl TextsAbove {
    /// The text as a value of the cell of this number.
    fn shared(&mut self, cell: usize, text: &str) -> Arc<str> {
        let column = cell % self.columns.len();
        let above = &mut self.columns[column];
        if **above != *text {
            *above = text.into();
        }
        Arc::clone(above)
    }
}

impl Cells {
    fn new(engine: Engine, rows: usize, columns: usize) -> Self {
        let count = rows * columns;
        let arguments = match engine {
            Engine::Sqlite => {
                let mut arguments = SqliteArguments::default();
                arguments.reserve(count, 0);
                EngineArguments::Sqlite(arguments, TextsAbove { columns: vec!["".into(); columns] })
            }
            Engine::MySql => {
                let mut arguments = MySqlArguments::default();
                arguments.reserve(count, count * 24);
                EngineArguments::MySql(arguments)
            }
        };
        Self { arguments, failure: None }
    }

    pub fn text(&mut self, text: &str) {
        match &mut self.arguments {
            EngineArguments::Sqlite(arguments, above) => {
                let text = above.shared(arguments.len(), text);
                self.add(text);
            }
            EngineArguments::MySql(_) => self.add(text),
        }
    }

    pub fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.add(text),
        }
    }

    pub fn integer(&mut self, number: i64) {
        self.add(number);
    }

    pub fn maybe_integer(&mut self, number: Option<i64>) {
        self.add(number);
    }

    pub fn flag(&mut self, flag: bool) {
        self.add(flag);
    }

    pub fn id(&mut self, id: Id) {
        self.text(id.0.simple().encode_lower(&mut [0; 32]));
    }

    pub fn maybe_id(&mut self, id: Option<Id>) {
        match id {
            Some(id) => self.id(id),
            None => self.maybe_text(None),
        }
    }

    pub fn timestamp(&mut self, moment: Timestamp) {
        match moment.write_stored(&mut [0; WRITTEN]) {
            Some(text) => self.text(text),
            None => self.add(moment.stored()),
        }
    }

    pub fn maybe_timestamp(&mut self, moment: Option<Timestamp>) {
        match moment {
            Some(moment) => self.timestamp(moment),
            None => self.maybe_text(None),
        }
    }

    fn add<'v, V>(&mut self, value: V)
    where
        V: Encode<'v, Sqlite> + Type<Sqlite> + Encode<'v, MySql> + Type<MySql>,
    {
        let added = match &mut self.arguments {
            EngineArguments::Sqlite(arguments, _) => Arguments::add(arguments, value),
            EngineArguments::MySql(arguments) => Arguments::add(arguments, value),
        };
        if let Err(error) = added {
            self.failure.get_or_insert(error);
        }
    }
}

impl Transaction {
    /// Inserts the rows. A row whose key is there already is left out, so that a batch whose answer was lost can be
    /// sent again.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn insert_rows<R: BatchRow>(&mut self, rows: &[R]) -> Result<(), StoreError> {
        self.insert_into(&Beside { table: R::TABLE, columns: R::COLUMNS, put: R::put }, rows).await?;
        for beside in R::BESIDE {
            self.insert_into(beside, rows).await?;
        }
        Ok(())
    }

    async fn insert_into<R: BatchRow>(&mut self, table: &Beside<R>, rows: &[R]) -> Result<(), StoreError> {
        let mut rest = rows;
        for size in SIZES {
            let (whole, remainder) = rest.split_at(rest.len() - rest.len() % size);
            for rows in whole.chunks(size) {
                self.insert_chunk(table, rows).await?;
            }
            rest = remainder;
        }
        Ok(())
    }

    async fn insert_chunk<R: BatchRow>(&mut self, table: &Beside<R>, rows: &[R]) -> Result<(), StoreError> {
        let mut cells = Cells::new(self.engine(), rows.len(), table.columns.len());
        for row in rows {
            (table.put)(row, &mut cells);
        }
        if let Some(failure) = cells.failure {
            return Err(StoreError::Encode(failure));
        }
        let sql = insertion(self.engine(), table.table, table.columns, rows.len());
        let touched = match (&mut self.on, cells.arguments) {
            (OnEngine::Sqlite(tx), EngineArguments::Sqlite(arguments, _)) => {
                tx.execute(sql, arguments).await?
            }
            (OnEngine::MySql(tx), EngineArguments::MySql(arguments)) => tx.execute(sql, arguments).await?,
            _ => return Err(StoreError::Protocol("a batch was made for another engine".into())),
        };
        self.has_written |= touched > 0;
        Ok(())
    }

    pub(super) fn engine(&self) -> Engine {
        match &self.on {
            OnEngine::Sqlite(_) => Engine::Sqlite,
            OnEngine::MySql(_) => Engine::MySql,
        }
    }
}

impl Store {
    /// Inserts the rows in a transaction of their own, as [`Transaction::insert_rows`].
    ///
    /// # Errors
    /// When the database doesn't answer; then none of them is there.
    pub async fn insert_rows<R: BatchRow>(&self, rows: &[R]) -> Result<(), StoreError> {
        self.write(|mut tx| async move {
            tx.insert_rows(rows).await?;
            tx.commit(()).await
        })
        .await
    }
}

fn insertion(engine: Engine, table: &str, columns: &[&str], rows: usize) -> String {
    let (verb, quote) = match engine {
        Engine::Sqlite => ("INSERT OR IGNORE", '"'),
        Engine::MySql => ("INSERT IGNORE", '`'),
    };
    let mut sql = format!("{verb} INTO {table} (");
    for (position, column) in columns.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        // Writing to a String doesn't fail.
        let _ = write!(sql, "{comma}{quote}{column}{quote}");
    }
    sql.push_str(") VALUES ");
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    sql.push_str(&vec![row.as_str(); rows].join(","));
    sql
}
