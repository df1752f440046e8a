//! Names as people and services that don't care about case read them.

use sea_query::{Expr, SimpleExpr};

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

#[cfg(test)]
mod tests {
    use super::folded;

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
