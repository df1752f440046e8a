//! A logged value as a text by which an index finds it.

/// Types of logged values that are compared as numbers.
pub(crate) const NUMBERS: [&str; 3] = ["int", "float", "StorageSize"];

/// Letters of a text that are kept.
const BEGINNING: usize = 60;
/// Engines read a number from its digits as near as they can, and may differ in its last bits.
const SLACK: u64 = 8;

/// A value's text: numbers come in their order, and before all others.
pub(super) fn sorted(json: &str, kind: &str) -> String {
    match (number(json), NUMBERS.contains(&kind)) {
        (Some(number), _) => of_number(position(number)),
        // What is meant as a number and is none is compared as zero.
        (None, true) => of_number(position(0.0)),
        (None, false) => of_text(json),
    }
}

/// What a value may be sorted as that is equal to this text, with quotes or without; none if that can't be told.
pub(crate) fn equal_to(value: &str) -> Option<[String; 3]> {
    // Collations find other letters the same.
    let zero = || of_number(position(0.0));
    value.is_ascii().then(|| {
        let as_number = number(value).map_or_else(zero, |number| of_number(position(number)));
        [as_number, of_text(value), of_text(&format!("\"{value}\""))]
    })
}

/// From where on numbers are at least this one.
pub(crate) fn at_least(number: f64) -> String {
    of_number(position(number).saturating_sub(SLACK))
}

/// Up to where numbers are at most this one.
pub(crate) fn at_most(number: f64) -> String {
    of_number(position(number).saturating_add(SLACK))
}

pub(crate) fn least() -> String {
    of_number(0)
}

pub(crate) fn greatest() -> String {
    of_number(u64::MAX)
}

fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A number's place among all numbers.
fn position(number: f64) -> u64 {
    // Zero has no sign.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn of_number(position: u64) -> String {
    format!("n{position:016x}")
}

fn of_text(text: &str) -> String {
    let beginning: String = text.chars().take(BEGINNING).collect();
    format!("t{beginning}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers() {
        let numbers = ["-1e400", "-20", "-3.5", "-0.001", "0", "1e-9", "0.5", "3", "20", "1e300", "1e400"];
        let texts: Vec<String> = numbers.iter().map(|number| sorted(number, "float")).collect();
        assert!(texts.is_sorted_by(|one, next| one < next), "{texts:?}");
        assert!(sorted("\"a\"", "str") > sorted("1e400", "float"));
        assert_eq!(sorted("-0", "int"), sorted("0.0", "float"));
        for nothing in ["NaN", "Infinity", "\"5\"", "[1]"] {
            assert_eq!(sorted(nothing, "float"), sorted("0", "int"), "{nothing}");
        }
    }

    #[test]
    fn what_may_match_is_found() {
        for (json, kind, value) in [
            ("5", "int", "5"),
            ("5", "str", "5"),
            ("\"5\"", "str", "5"),
            ("\"5\"", "str", "\"5\""),
            ("\"x\"", "int", "x"),
            ("true", "bool", "true"),
            ("{\"a\": 1}", "dict", "{\"a\": 1}"),
        ] {
            assert!(equal_to(value).unwrap().contains(&sorted(json, kind)), "{json} {value}");
        }
        let long = "x".repeat(200);
        assert!(equal_to(&long).unwrap().contains(&sorted(&format!("\"{long}\""), "str")));
        assert_eq!(equal_to("é"), None);
        for number in [-2.5, 0.0, 0.1, 1e300] {
            let json = number.to_string();
            assert!(at_least(number) <= sorted(&json, "float") && sorted(&json, "float") <= at_most(number));
            assert!(least() <= at_least(number) && at_most(number) <= greatest());
        }
    }
}
