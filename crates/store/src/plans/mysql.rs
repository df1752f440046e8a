//! MariaDB's plans: `EXPLAIN FORMAT=JSON`.

use serde_json::Value;
use sqlx::mysql::MySqlArguments;
use sqlx::{AssertSqlSafe, MySqlConnection, Row};

use super::MANY;
use crate::StoreError;

/// What is wrong with the plan of a statement.
///
/// # Errors
/// The store's own.
pub(crate) async fn faults(
    connection: &mut MySqlConnection,
    sql: &str,
    arguments: MySqlArguments,
) -> Result<Vec<String>, StoreError> {
    let explain = AssertSqlSafe(format!("EXPLAIN FORMAT=JSON {sql}"));
    let row = sqlx::query_with(explain, arguments).fetch_one(connection).await?;
    let plan: String = row.try_get(0)?;
    let plan: Value = serde_json::from_str(&plan).map_err(|error| StoreError::Decode(error.into()))?;
    let mut faults = Vec::new();
    let ends_early = sql.contains(" LIMIT ") || sql.starts_with("SELECT COUNT(");
    judge(&plan, false, ends_early, &mut faults);
    Ok(faults)
}

fn judge(plan: &Value, is_sorted: bool, ends_early: bool, faults: &mut Vec<String>) {
    match plan {
        Value::Object(fields) => {
            if fields.contains_key("access_type") {
                judge_table(plan, is_sorted, ends_early, faults);
            }
            for (name, part) in fields {
                // What these give is rows of a table of its own.
                let is_apart = name == "subqueries" || name == "materialized";
                let is_sorted = (is_sorted || name == "filesort") && !is_apart;
                judge(part, is_sorted, ends_early, faults);
            }
        }
        Value::Array(parts) => parts.iter().for_each(|part| judge(part, is_sorted, ends_early, faults)),
        _ => {}
    }
}

fn judge_table(table: &Value, is_sorted: bool, ends_early: bool, faults: &mut Vec<String>) {
    let text = |name: &str| table[name].as_str().unwrap_or_default();
    let rows = table["rows"].as_u64().unwrap_or(0);
    let access = text("access_type");
    if rows <= MANY || access == "fulltext" {
        return;
    }
    let name = text("table_name");
    if is_sorted {
        faults.push(format!("sorts {rows} rows of {name} ({access} {})", text("key")));
    } else if access == "ALL" || (access == "index" && !ends_early) {
        faults.push(format!("reads all {rows} rows of {name} ({access} {})", text("key")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn count(plan: &Value, ends_early: bool) -> usize {
        let mut faults = Vec::new();
        judge(plan, false, ends_early, &mut faults);
        faults.len()
    }

    #[test]
    fn a_page_is_an_index_walk() {
        let table = |access, rows| json!({"table": {"table_name": "run", "access_type": access, "rows": rows, "key": "k"}});
        assert_eq!(count(&json!({"query_block": table("ref", 1_000_000)}), true), 0);
        assert_eq!(count(&json!({"query_block": table("ALL", 1_000_000)}), true), 1);
        assert_eq!(count(&json!({"query_block": table("ALL", 100)}), true), 0);
        assert_eq!(count(&json!({"query_block": table("index", 1_000_000)}), false), 1);
        assert_eq!(count(&json!({"query_block": {"filesort": table("ref", 1_000_000)}}), true), 1);
        assert_eq!(
            count(&json!({"query_block": {"nested_loop": [{"filesort": table("ref", 10)}]}}), true),
            0
        );
        let page = |rows| {
            let mut page = table("ALL", rows);
            page["table"]["materialized"] = json!({"query_block": table("ref", 1_000_000)});
            json!({"query_block": {"filesort": {"temporary_table": {"nested_loop": [page, table("eq_ref", 1)]}}}})
        };
        assert_eq!(count(&page(20), true), 0);
        assert_eq!(count(&page(20_000), true), 1);
    }
}
