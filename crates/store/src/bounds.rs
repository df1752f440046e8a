//! How long a value may be: what its column holds by ZenML's schema, on both engines the same. SQLite itself looks at
//! no lengths, and MySQL tells no column.

use std::collections::HashMap;
use std::sync::LazyLock;

use sea_query::Value;

use super::StoreError;
use super::migrate::MYSQL_SCHEMA;

/// A value that its column can't hold.
#[derive(Debug, thiserror::Error)]
#[error("the column {column} of {table} holds at most {most} {unit}")]
pub struct TooLong {
    pub table: String,
    pub column: String,
    pub most: usize,
    pub unit: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Characters(usize),
    Bytes(usize),
}

/// Any column takes what is no longer than this.
const SHORT: usize = 255;
const TEXT: usize = 65_535;
const MEDIUM: usize = 16_777_215;

type Columns = HashMap<&'static str, Bound>;

static TABLES: LazyLock<HashMap<&'static str, Columns>> = LazyLock::new(|| {
    let mut tables = read(MYSQL_SCHEMA);
    // ZenML's own schema gives it so few on MySQL alone, which says so itself.
    tables.entry("user").or_default().insert("user_metadata", Bound::Bytes(TEXT));
    tables
});

/// Whether each value of a statement has room in its column.
pub(super) fn check(sql: &str, values: &[Value]) -> Result<(), StoreError> {
    for (number, value) in values.iter().enumerate() {
        let (bytes, characters): (usize, Option<&str>) = match value {
            Value::String(Some(text)) => (text.len(), Some(text)),
            Value::Bytes(Some(bytes)) => (bytes.len(), None),
            _ => continue,
        };
        if bytes <= SHORT {
            continue;
        }
        let Some((table, column)) = place(sql, number) else { continue };
        let Some(bound) = TABLES.get(table).and_then(|columns| columns.get(column)) else { continue };
        let (size, most, unit) = match *bound {
            Bound::Bytes(most) => (bytes, most, "bytes"),
            Bound::Characters(most) => {
                (characters.map_or(bytes, |text| text.chars().count()), most, "characters")
            }
        };
        if size > most {
            let (table, column) = (table.to_owned(), column.to_owned());
            return Err(StoreError::Encode(Box::new(TooLong { table, column, most, unit })));
        }
    }
    Ok(())
}

/// The columns of each table that have a bound.
fn read(schema: &'static str) -> HashMap<&'static str, Columns> {
    let mut tables: HashMap<&str, Columns> = HashMap::new();
    let mut table = "";
    for line in schema.lines() {
        let mut quoted = line.split('`');
        let (start, name, rest) = (quoted.next(), quoted.next(), quoted.next());
        let (Some(start), Some(name), Some(rest)) = (start, name, rest) else { continue };
        match start.trim() {
            "CREATE TABLE IF NOT EXISTS" => table = name,
            "" => {
                if let Some(bound) = bound_of(rest.trim_start()) {
                    tables.entry(table).or_default().insert(name, bound);
                }
            }
            _ => {}
        }
    }
    tables
}

fn bound_of(kind: &str) -> Option<Bound> {
    let word = kind.split([' ', ',']).next()?;
    match word {
        "TEXT" | "BLOB" => Some(Bound::Bytes(TEXT)),
        "MEDIUMTEXT" | "MEDIUMBLOB" | "LONGBLOB" | "JSON" => Some(Bound::Bytes(MEDIUM)),
        _ => {
            let length = word.strip_prefix("VARCHAR(").or_else(|| word.strip_prefix("CHAR("))?;
            length.strip_suffix(')')?.parse().ok().map(Bound::Characters)
        }
    }
}

/// The table and the column that the value of this number is for: a place in the list of an INSERT, or what comes before
/// it in an UPDATE.
fn place(sql: &str, number: usize) -> Option<(&str, &str)> {
    const QUOTES: [char; 2] = ['"', '`'];
    let (at, _) = sql.match_indices('?').nth(number)?;
    let table = sql.split(QUOTES).nth(1)?;
    let listed = || {
        let columns = sql.strip_prefix("INSERT")?.split_once('(')?.1.split_once(')')?.0;
        let (mut index, mut depth) = (0, 0);
        let (_, values) = sql.get(..at)?.split_once(" VALUES ")?;
        for letter in values.chars() {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                ',' if depth == 1 => index += 1,
                _ => {}
            }
            if depth == 0 {
                index = 0;
            }
        }
        // Behind the lists there may be changes to a row that is there.
        if depth > 0 { columns.split(',').nth(index) } else { None }
    };
    let before = || sql.get(..at)?.strip_suffix(" = ")?.strip_suffix(QUOTES)?.rsplit(QUOTES).next();
    let column = listed().or_else(before)?;
    Some((table, column.trim().trim_matches(QUOTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_read() {
        let bound = |table: &str, column: &str| TABLES[table].get(column).copied();
        assert_eq!(bound("user", "name"), Some(Bound::Characters(255)));
        assert_eq!(bound("user", "avatar_url"), Some(Bound::Bytes(TEXT)));
        assert_eq!(bound("project", "project_metadata"), Some(Bound::Bytes(MEDIUM)));
        assert_eq!(bound("user", "active"), None);
        assert!(TABLES.len() > 40, "{}", TABLES.len());
    }

    #[test]
    fn a_value_is_known_by_its_column() {
        let insert = r#"INSERT INTO "user" ("id", "name", "email") VALUES (?, UPPER(?), ?), (?, ?, ?)"#;
        let columns: Vec<&str> = (0..6).map(|number| place(insert, number).unwrap().1).collect();
        assert_eq!(columns, ["id", "name", "email", "id", "name", "email"]);
        let upsert = "INSERT INTO `user` (`id`) VALUES (?) ON DUPLICATE KEY UPDATE `name` = ?";
        assert_eq!(place(upsert, 1), Some(("user", "name")));
        let update = r#"UPDATE "user" SET "name" = ?, "email" = ? WHERE "id" = ?"#;
        assert_eq!(place(update, 1), Some(("user", "email")));
    }

    #[test]
    fn characters_are_counted_where_the_column_counts_them() {
        let insert = |column: &str, text: String| {
            check(&format!(r#"INSERT INTO "user" ("{column}") VALUES (?)"#), &[Value::from(text)]).is_ok()
        };
        assert!(insert("name", "é".repeat(255)));
        assert!(!insert("name", "é".repeat(256)));
        assert!(insert("avatar_url", "x".repeat(TEXT)));
        assert!(!insert("avatar_url", "é".repeat(TEXT / 2 + 1)));
    }
}
