//! Statements that are let through.

/// A statement whose plan is known, and why it may stay so.
#[derive(Debug, PartialEq)]
struct Exception {
    /// Each is a part of the statement, or of what is wrong with its plan.
    parts: Vec<String>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Rules(Vec<Exception>);

impl Rules {
    /// Each line is an exception: parts of a statement, with ` .. ` between them. Lines with `#` say why.
    ///
    /// # Errors
    /// The line that names no table with more of its statement: it would let through whatever reads it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let read = |line: &str| {
            let parts: Vec<String> = line.split(" .. ").map(|part| part.trim().to_owned()).collect();
            let names_table = parts.iter().any(|part| part.contains("FROM ") || part.contains("JOIN "));
            let names_more = parts.len() > 1 || line.split(' ').count() > 2;
            match names_table && names_more {
                true => Ok(Exception { parts }),
                false => Err(format!("names no statement: {line}")),
            }
        };
        lines.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Quotes don't count: the engines have different ones.
    pub(super) fn lets_through(&self, sql: &str, fault: &str) -> bool {
        let (sql, fault) = (without_quotes(sql), without_quotes(fault));
        let is_about = |exception: &Exception| {
            exception.parts.iter().all(|part| sql.contains(part) || fault.contains(part))
        };
        self.0.iter().any(is_about)
    }
}

fn without_quotes(text: &str) -> String {
    text.replace(['"', '`'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_about_statements_with_all_its_parts() {
        let rules = Rules::read("# why\nFROM step_run .. sorts\n\n").unwrap();
        assert!(rules.lets_through(r#"SELECT "id" FROM "step_run""#, "sorts step_run"));
        assert!(rules.lets_through("SELECT `id` FROM `step_run`", "sorts step_run"));
        assert!(!rules.lets_through("SELECT `id` FROM `step_run`", "reads all of step_run"));
        assert!(!rules.lets_through("SELECT `id` FROM `pipeline_run`", "sorts pipeline_run"));
    }

    #[test]
    fn an_exception_names_its_statement() {
        for wide in ["WHERE ? = ?", "FROM zendo_api_token", "LIKE ?", "ORDER BY name .. sorts"] {
            assert!(Rules::read(wide).is_err(), "{wide}");
        }
    }

    /// Scans that nobody has given a reason for, next to those that somebody has.
    #[test]
    fn the_suites_file_lets_no_other_scan_through() {
        let rules = Rules::read(include_str!("../../../../tests/plans.txt")).unwrap();
        for sql in [
            "SELECT id FROM zendo_api_token WHERE label = ?",
            "SELECT id FROM zendo_api_token WHERE TRUE",
            "SELECT id FROM zendo_api_token ORDER BY name LIMIT ?",
            "SELECT jti FROM zendo_revoked_token WHERE expires < ?",
            "SELECT id FROM zendo_audit WHERE action LIKE ?",
            "SELECT id FROM pipeline_run WHERE name LIKE ?",
            "SELECT id FROM pipeline_run ORDER BY status",
            "SELECT id FROM step_run ORDER BY name",
            "SELECT id FROM step_run WHERE TRUE",
            "SELECT id FROM artifact_version WHERE artifact_version.uri = ?",
            "SELECT artifact_id FROM pipeline_run_output WHERE name = ?",
            "SELECT id FROM zendo_logged_value WHERE sorted = ?",
        ] {
            for fault in [
                "reads 1000000 rows",
                "reads all 1000000 rows",
                "sorts 1000000 rows",
                "reads 9000 rows for a part",
            ] {
                assert!(!rules.lets_through(sql, fault), "{sql}: {fault}");
            }
        }
    }
}
