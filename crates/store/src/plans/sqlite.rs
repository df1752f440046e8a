//! SQLite's plans: `EXPLAIN QUERY PLAN`, read with the statistics that the planner has (`sqlite_stat1`).

use std::collections::HashMap;

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::MANY;
use crate::StoreError;

/// All rows, and not those alone that are alike by what an index sorts.
const SORTS: &str = "USE TEMP B-TREE FOR ORDER BY";

/// A line of a plan, and the one that it is a part of.
#[derive(Debug, Clone)]
struct Line {
    parent: i64,
    id: i64,
    text: String,
}

/// How many rows of an index share the values of its first columns, from none of them (the rows of the table) on.
type Shared = HashMap<String, Vec<u64>>;

/// What is wrong with the plan of a statement.
///
/// # Errors
/// The store's own.
pub(crate) async fn faults(
    connection: &mut SqliteConnection,
    sql: &str,
    arguments: SqliteArguments,
) -> Result<Vec<String>, StoreError> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = sqlx::query_with(explain, arguments).fetch_all(&mut *connection).await?;
    let line = |row: &sqlx::sqlite::SqliteRow| {
        Ok(Line { id: row.try_get(0)?, parent: row.try_get(1)?, text: row.try_get(3)? })
    };
    let lines = rows.iter().map(line).collect::<Result<Vec<_>, StoreError>>()?;
    let known: Vec<(String, String, String)> =
        sqlx::query_as("SELECT tbl, COALESCE(idx, ''), stat FROM sqlite_stat1").fetch_all(connection).await?;
    let mut shared = Shared::new();
    for (table, index, stat) in known {
        let numbers: Vec<u64> = stat.split(' ').map_while(|number| number.parse().ok()).collect();
        shared.insert(table, numbers.iter().take(1).copied().collect());
        shared.insert(index, numbers);
    }
    Ok(judged(sql, &lines, &shared))
}

fn judged(sql: &str, lines: &[Line], shared: &Shared) -> Vec<String> {
    let mut faults = Vec::new();
    let has_limit = sql.contains(" LIMIT ");
    // The greatest is the last of an index.
    let is_count = sql.starts_with("SELECT COUNT(") || sql.starts_with("SELECT MAX(");
    for line in lines {
        let beside = || lines.iter().filter(|other| other.parent == line.parent);
        let is_sorted = || beside().any(|other| other.text == SORTS);
        let is_outer = beside().find(|other| is_loop(&other.text)).is_some_and(|first| first.id == line.id);
        let rows = rows_of(sql, &line.text, shared);
        if line.text.contains("AUTOMATIC") && table_rows(sql, &line.text, shared) > MANY {
            faults.push(format!("makes an index for itself: {}", line.text));
        }
        if rows <= MANY {
            continue;
        }
        // A count is remembered, and those that are long are made apart.
        let ends_early = is_count || (has_limit && !is_sorted());
        if line.parent != 0 && is_outer && !has_limit_inside(lines, line, sql) {
            faults.push(format!("reads {rows} rows for a part: {}", line.text));
        } else if line.parent == 0 && !ends_early {
            let sorts = if is_sorted() { "sorts" } else { "reads" };
            faults.push(format!("{sorts} {rows} rows: {}", line.text));
        } else if line.parent != 0 && !is_outer {
            faults.push(format!("reads {rows} rows for each: {}", line.text));
        }
    }
    faults
}

fn is_loop(text: &str) -> bool {
    text.starts_with("SCAN ") || text.starts_with("SEARCH ")
}

/// A part that ends early: what asks whether there is any, or for the first.
fn has_limit_inside(lines: &[Line], line: &Line, sql: &str) -> bool {
    let part = lines.iter().find(|part| part.id == line.parent);
    let is_sorted = lines.iter().any(|other| other.parent == line.parent && other.text == SORTS);
    // Each of several indexes for what is joined by OR: as far as the page needs it.
    if part.is_some_and(|part| part.text.starts_with("INDEX ")) {
        return true;
    }
    let is_single = part.is_some_and(|part| part.text.contains("SCALAR SUBQUERY"));
    let is_bounded = part.is_some_and(|part| {
        (part.text.starts_with("CO-ROUTINE") || part.text.starts_with("MATERIALIZE"))
            && sql.contains(" LIMIT ")
    });
    (is_single || is_bounded) && !is_sorted
}

/// How many rows a loop reads each time, by the statistics.
fn rows_of(sql: &str, text: &str, shared: &Shared) -> u64 {
    if !is_loop(text) || text.contains("(rowid=?)") || text.contains("PRIMARY KEY") {
        return 0;
    }
    let words: Vec<&str> = text.split(' ').collect();
    let index = words.iter().position(|word| *word == "INDEX").and_then(|at| words.get(at + 1));
    // Of a column that it skips it looks at each value: there are few, or it wouldn't.
    let equal = text.matches("=?").count() + text.matches("ANY(").count();
    let is_range = text.contains(">?") || text.contains("<?");
    match index.and_then(|index| shared.get(*index)) {
        Some(numbers) => {
            let rows = numbers.get(equal).or(numbers.last()).copied().unwrap_or(0);
            // A range is as wide as whoever asks wants it.
            if is_range { rows / 4 } else { rows }
        }
        None => table_rows(sql, text, shared),
    }
}

fn table_rows(sql: &str, text: &str, shared: &Shared) -> u64 {
    let name = text.split(' ').nth(1).unwrap_or_default();
    shared.get(table_of(sql, name)).and_then(|rows| rows.first()).copied().unwrap_or(0)
}

/// The table that has this name in the statement.
fn table_of<'a>(sql: &'a str, name: &'a str) -> &'a str {
    let renamed = format!("\" AS \"{name}\"");
    let Some((before, _)) = sql.split_once(&renamed) else { return name };
    before.rsplit_once('"').map_or(name, |(_, table)| table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(sql: &str, plan: &[(i64, i64, &str)]) -> Vec<String> {
        let line = |(id, parent, text): &(i64, i64, &str)| Line {
            id: *id,
            parent: *parent,
            text: (*text).to_owned(),
        };
        let lines: Vec<Line> = plan.iter().map(line).collect();
        let shared = [
            ("run", vec![1_000_000]),
            ("user", vec![1_000]),
            ("by_time", vec![1_000_000, 1_000_000, 3, 1]),
            ("by_parent", vec![1_000_000, 10]),
        ];
        judged(sql, &lines, &shared.map(|(name, numbers)| (name.to_owned(), numbers)).into())
    }

    #[test]
    fn a_page_is_an_index_walk() {
        let walk = (1, 0, "SEARCH run USING INDEX by_time (project_id=?)");
        let sort = (2, 0, "USE TEMP B-TREE FOR ORDER BY");
        assert!(faults_of("SELECT 1 FROM run LIMIT ?", &[walk]).is_empty());
        assert_eq!(faults_of("SELECT 1 FROM run LIMIT ?", &[walk, sort]).len(), 1);
        assert_eq!(faults_of("SELECT 1 FROM run", &[walk]).len(), 1);
        assert!(faults_of("SELECT COUNT(id) FROM run", &[walk]).is_empty());
        assert_eq!(faults_of("SELECT 1 FROM run LIMIT ?", &[(1, 0, "SCAN run"), sort]).len(), 1);
        assert_eq!(faults_of("SELECT 1 FROM \"run\" AS \"r\"", &[(1, 0, "SCAN r")]).len(), 1);
        let narrow = (1, 0, "SEARCH run USING INDEX by_parent (parent_id=?)");
        assert!(faults_of("SELECT 1 FROM run", &[narrow, sort]).is_empty());
        assert!(faults_of("SELECT 1 FROM user", &[(1, 0, "SCAN user"), sort]).is_empty());
    }

    #[test]
    fn a_part_reads_no_table() {
        let list = [
            (1, 0, "SEARCH user USING INDEX x (id=?)"),
            (2, 0, "LIST SUBQUERY 1"),
            (3, 2, "SEARCH run USING INDEX by_time (project_id=?)"),
        ];
        assert_eq!(faults_of("SELECT 1 FROM user", &list).len(), 1);
        let automatic = (1, 0, "SEARCH run USING AUTOMATIC COVERING INDEX (id=?)");
        assert!(!faults_of("SELECT 1 FROM run", &[automatic]).is_empty());
    }
}
