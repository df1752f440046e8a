//! Names as people and services that don't care about case read them.

use sea_query::{Expr, ExprTrait, SimpleExpr};

use super::Engine;

/// Compares as [`folded`], on each connection to SQLite.
pub(super) const SQLITE_COLLATION: &str = "zendo_folded";

/// A name without what many don't see: case, and blanks around it or more than one in a row.
pub fn folded(name: &str) -> String {
    // There and back, since some letters have more than one small form.
    tidied(&name.to_uppercase().to_lowercase())
}

/// A name without blanks around it, or more than one in a row.
pub fn tidied(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Engine {
    /// Whether a column's text may be the same name, [`folded`]. MySQL's collation finds more than that, so whoever asks
    /// looks at what was found.
    pub fn may_be_named(self, column: &'static str, name: &str) -> SimpleExpr {
        match self {
            Self::Sqlite => {
                Expr::cust_with_values(format!("\"{column}\" = ? COLLATE {SQLITE_COLLATION}"), [name])
            }
            Self::MySql => {
                let text = format!("REPLACE(LOWER(CONVERT(`{column}` USING utf8mb4)), ' ', '')");
                let sought = folded(name).replace(' ', "");
                Expr::cust_with_values(format!("{text} COLLATE utf8mb4_general_ci = ?"), [sought])
            }
        }
    }
}

impl Engine {
    /// Where an index of SQLite's that doesn't care about case finds the texts of a column that begin so, and perhaps
    /// some more; MySQL's indexes find them by `LIKE`.
    pub fn begins(self, column: &'static str, with: &str) -> Option<SimpleExpr> {
        if self == Self::MySql || with.is_empty() {
            return None;
        }
        let compared = |operator: &str, text: String| {
            Expr::cust_with_values(format!("\"{column}\" {operator} ? COLLATE NOCASE"), [text])
        };
        let from = compared(">=", with.to_owned());
        Some(match behind(with) {
            Some(end) => from.and(compared("<", end)),
            None => from,
        })
    }
}

/// The first text behind all that begin so, in SQLite's order without case; none if there is no such letter.
fn behind(beginning: &str) -> Option<String> {
    let mut end = beginning.to_ascii_lowercase();
    let next = (end.pop()?..=char::MAX).nth(1)?;
    // To SQLite a capital is where its small letter is.
    end.push(next.to_ascii_lowercase());
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::{behind, folded};

    #[test]
    fn what_begins_so_comes_before_what_is_behind() {
        assert_eq!(behind("Ru").as_deref(), Some("rv"));
        assert_eq!(behind("Z").as_deref(), Some("{"));
        assert_eq!(behind("@").as_deref(), Some("a"));
        assert_eq!(behind("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(behind("a\u{10ffff}"), None);
    }

    #[test]
    fn names_that_look_alike_are_one() {
        for alike in ["Zoë", "ZOË", "zoË", " zoë", "zoë\t"] {
            assert_eq!(folded(alike), "zoë", "{alike}");
        }
        assert_eq!(folded("mar\u{212a}"), "mark");
        assert_eq!(folded("Ada  B."), "ada b.");
        assert_ne!(folded("ab"), folded("a b"));
    }
}
