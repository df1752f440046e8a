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
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parts = |line: &str| line.split(" .. ").map(|part| part.trim().to_owned()).collect();
        Self(lines.map(|line| Exception { parts: parts(line) }).collect())
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
        let rules = Rules::read("# why\nFROM step_run .. sorts\n\n");
        assert!(rules.lets_through(r#"SELECT "id" FROM "step_run""#, "sorts step_run"));
        assert!(rules.lets_through("SELECT `id` FROM `step_run`", "sorts step_run"));
        assert!(!rules.lets_through("SELECT `id` FROM `step_run`", "reads all of step_run"));
        assert!(!rules.lets_through("SELECT `id` FROM `pipeline_run`", "sorts pipeline_run"));
    }
}
