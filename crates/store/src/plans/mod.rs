//! How an engine means to answer each read, for the suite: a read that would get slower as its table grows is refused.
//!
//! Both engines are made to believe that tables which grow have a million rows. What each of them then says of a statement
//! (EXPLAIN) is judged by its numbers; which tables those are, and the statements that are let through with the reason,
//! are in a file.

mod constants;
mod mysql;
mod rules;
mod sqlite;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_query::Value;

use self::rules::Rules;
use super::{Location, StoreError};

/// By the file, and by MySQL's server. What has passed in one store passes in the others with the same tables, which the
/// suite opens by the thousand.
static READ: Mutex<BTreeMap<(PathBuf, String), Arc<Plans>>> = Mutex::new(BTreeMap::new());

/// More rows than this are no page.
const MANY: u64 = 2_000;

/// What may be read, and the statements that were found to be so.
#[derive(Debug)]
pub(super) struct Plans {
    rules: Rules,
    passed: Mutex<HashSet<String>>,
}

impl Plans {
    /// # Errors
    /// When the file can't be read.
    pub(super) fn of(path: &Path, location: &Location) -> Result<Arc<Self>, StoreError> {
        let server = match location {
            Location::Sqlite { .. } => String::new(),
            Location::MySql(server) => format!("{}:{}", server.host, server.port),
        };
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (path.to_owned(), server);
        if let Some(plans) = read.get(&key) {
            return Ok(Arc::clone(plans));
        }
        let plans = Arc::new(Self::read(path)?);
        read.insert(key, Arc::clone(&plans));
        Ok(plans)
    }

    fn read(path: &Path) -> Result<Self, StoreError> {
        let text = std::fs::read_to_string(path)?;
        let rules = Rules::read(&text)
            .map_err(|error| StoreError::Protocol(format!("{}: {error}", path.display())))?;
        Ok(Self { rules, passed: Mutex::default() })
    }

    /// What is to be judged of this statement, unless it was judged before, and has passed.
    pub(super) fn new_to(&self, sql: &str, values: &[Value]) -> Option<String> {
        let decided = sql.starts_with("SELECT").then(|| constants::decided(sql, values))?;
        (!constants::finds_nothing(&decided) && !self.passed().contains(&decided)).then_some(decided)
    }

    fn passed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// What is wrong with the plan, unless it is let through.
    pub(super) fn judge(&self, sql: &str, faults: Vec<String>) -> Result<(), StoreError> {
        if !faults.is_empty() {
            tracing::debug!(?faults, sql, "a plan that may be let through");
        }
        match faults.into_iter().find(|fault| !self.rules.lets_through(sql, fault)) {
            None => {
                self.passed().insert(sql.to_owned());
                Ok(())
            }
            Some(fault) => {
                tracing::error!(fault, sql, "this statement gets slower as its table grows");
                Err(StoreError::Protocol(format!("a statement's plan: {fault}: {sql}")))
            }
        }
    }
}

pub(super) use mysql::faults as mysql_faults;
pub(super) use sqlite::faults as sqlite_faults;
