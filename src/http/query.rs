//! Reading a query string by name and type, in the spellings that ZenML's server takes, and collecting
//! everything that is wrong into one 422.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use uuid::Uuid;

use super::contract::Fault;
use super::error::ApiError;
use crate::config::{Flag, Setting};

/// What is wrong with one part of a request, in the words of pydantic.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Violation {
    /// `query`, `path` or `body`.
    pub place: &'static str,
    pub field: String,
    pub kind: &'static str,
    pub message: String,
    pub input: String,
}

impl Violation {
    fn of_query(field: &str, kind: &'static str, message: impl Into<String>, input: &str) -> Self {
        Self { place: "query", field: field.into(), kind, message: message.into(), input: input.into() }
    }
}

/// The bare-list 422 with all violations of a request.
pub(crate) fn reject(method: &str, path: &str, violations: &[Violation]) -> ApiError {
    let told = violations.iter().map(|Violation { place, field, kind, message, input }| {
        let location = location(place, field);
        format!("{{'type': '{kind}', 'loc': ({location}), 'msg': '{message}', 'input': '{input}'}}")
    });
    tell(method, path, &told.collect::<Vec<_>>())
}

/// The bare-list 422 with all that is wrong with a body that is to be one of the contract's models. The input is not
/// repeated: a body may hold a password.
pub(crate) fn reject_model(method: &str, path: &str, faults: &[Fault]) -> ApiError {
    let told = faults.iter().map(|Fault { kind, location, message }| {
        // As Python quotes it.
        let quote = if message.contains('\'') { '"' } else { '\'' };
        format!("{{'type': '{kind}', 'loc': ({location}), 'msg': {quote}{message}{quote}, 'input': ''}}")
    });
    tell(method, path, &told.collect::<Vec<_>>())
}

fn tell(method: &str, path: &str, told: &[String]) -> ApiError {
    let count = told.len();
    let plural = if count == 1 { "" } else { "s" };
    let told: String = told.iter().map(|one| format!("  {one}\n")).collect();
    ApiError::invalid_request(format!("{count} validation error{plural}:\n{told}\n    {method} {path}"))
}

/// `'body', 'items', 0, 'name'` for `items[0].name`.
fn location(place: &str, field: &str) -> String {
    let steps =
        field.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty());
    let steps: Vec<String> = steps
        .map(|step| match step.bytes().all(|byte| byte.is_ascii_digit()) {
            true => step.to_owned(),
            false => format!("'{step}'"),
        })
        .collect();
    if steps.is_empty() { format!("'{place}',") } else { format!("'{place}', {}", steps.join(", ")) }
}

/// The values of a query string. Reading a value notes what is wrong with it; [`QueryParams::finish`] tells.
#[derive(Debug, Clone)]
pub(crate) struct QueryParams {
    method: String,
    path: String,
    pairs: Vec<(String, String)>,
    violations: Vec<Violation>,
}

impl<S: Sync> FromRequestParts<S> for QueryParams {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// Whether the answer about one thing has its metadata: where nothing else is asked for.
#[derive(Debug)]
pub(crate) struct Hydrate(pub bool);

impl<S: Sync> FromRequestParts<S> for Hydrate {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut query = QueryParams::of(parts);
        let hydrate = query.flag("hydrate").unwrap_or(true);
        query.finish()?;
        Ok(Self(hydrate))
    }
}

impl QueryParams {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self::new(parts.method.as_str(), parts.uri.path(), parts.uri.query().unwrap_or_default())
    }

    pub(crate) fn new(method: &str, path: &str, query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { method: method.into(), path: path.into(), pairs, violations: Vec::new() }
    }

    /// The query without some of its values.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.pairs.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// A value as it was sent; of a repeated one the last.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A value that has to be there.
    pub(crate) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.text(name).map(str::to_owned);
        if value.is_none() {
            self.violations.push(Violation::of_query(name, "missing", "Field required", "None"));
        }
        value
    }

    /// Notes that a value, which was read as a text, is wrong.
    pub(crate) fn refuse(&mut self, name: &str, kind: &'static str, message: impl Into<String>) {
        let text = self.text(name).unwrap_or_default().to_owned();
        self.violations.push(Violation::of_query(name, kind, message, &text));
    }

    /// All values of a repeated parameter, in order.
    pub(crate) fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A whole number within the bounds.
    pub(crate) fn integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.text(name)?.to_owned();
        let violation = match parse_integer(&text) {
            Err(NotAnInteger::Unreadable) => (
                "int_parsing",
                "Input should be a valid integer, unable to parse string as an integer".into(),
            ),
            Err(NotAnInteger::TooLarge) => {
                ("int_parsing_size", "Input should be a valid integer, the number is too large".into())
            }
            Ok(number) if number < min && min == 1 && max == i64::MAX => {
                ("greater_than", "Input should be greater than 0".into())
            }
            Ok(number) if number < min => {
                ("greater_than_equal", format!("Input should be greater than or equal to {min}"))
            }
            Ok(number) if number > max => {
                ("less_than_equal", format!("Input should be less than or equal to {max}"))
            }
            Ok(number) => return Some(number),
        };
        self.violations.push(Violation::of_query(name, violation.0, violation.1, &text));
        None
    }

    /// A yes or a no.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        let text = self.text(name)?.to_owned();
        match Flag::read(&text) {
            Some(Flag(flag)) => Some(flag),
            None => {
                let message = "Input should be a valid boolean, unable to interpret input";
                self.violations.push(Violation::of_query(name, "bool_parsing", message, &text));
                None
            }
        }
    }

    /// One of the given words.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?.to_owned();
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("'{word}'")).collect();
        let message = match words.as_slice() {
            [others @ .., last] if !others.is_empty() => {
                format!("Input should be {} or {last}", others.join(", "))
            }
            words => format!("Input should be {}", words.concat()),
        };
        self.violations.push(Violation::of_query(name, "enum", message, &text));
        None
    }

    /// A UUID in any of the forms that Python reads.
    pub(crate) fn uuid(&mut self, name: &str) -> Option<Uuid> {
        let text = self.text(name)?.to_owned();
        match Uuid::try_parse(&text) {
            Ok(uuid) => Some(uuid),
            Err(error) => {
                let message = format!("Input should be a valid UUID, {error}");
                self.violations.push(Violation::of_query(name, "uuid_parsing", message, &text));
                None
            }
        }
    }

    /// # Errors
    /// 422 with everything that was wrong.
    pub(crate) fn finish(&self) -> Result<(), ApiError> {
        match self.violations.as_slice() {
            [] => Ok(()),
            violations => Err(reject(&self.method, &self.path, violations)),
        }
    }
}

/// Why a text is no whole number.
#[derive(Debug, PartialEq)]
pub(crate) enum NotAnInteger {
    Unreadable,
    TooLarge,
}

/// Whole numbers as pydantic reads them from text: ` 60`, `+60`, `0060`, `1_000` and `60.0` too.
pub(crate) fn parse_integer(text: &str) -> Result<i64, NotAnInteger> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (&text[..1], digits),
        None => ("", text),
    };
    let digits = match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return Err(NotAnInteger::Unreadable),
        None => digits,
    };
    let underscores_between = !digits.starts_with('_') && !digits.ends_with('_') && !digits.contains("__");
    let digits = digits.replace('_', "");
    if digits.is_empty() || !underscores_between || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnInteger::Unreadable);
    }
    format!("{sign}{digits}").parse().map_err(|_| NotAnInteger::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_in_every_spelling_of_the_reference() {
        for text in ["60", "60.0", " 60", "+60", "0060", "6_0", "60.000"] {
            assert_eq!(parse_integer(text), Ok(60), "{text}");
        }
        assert_eq!(parse_integer("-5"), Ok(-5));
        for text in ["", "abc", "1.5", "60.", ".0", "_6", "6__0", "0x10", "1e3", "+-6", "६"] {
            assert_eq!(parse_integer(text), Err(NotAnInteger::Unreadable), "{text}");
        }
        assert_eq!(parse_integer("99999999999999999999"), Err(NotAnInteger::TooLarge));
    }

    #[test]
    fn a_place_is_written_as_python_writes_it() {
        assert_eq!(location("body", ""), "'body',");
        assert_eq!(location("query", "size"), "'query', 'size'");
        assert_eq!(location("body", "parts.x[0][1].y"), "'body', 'parts', 'x', 0, 1, 'y'");
    }

    #[test]
    fn everything_wrong_is_told_at_once_and_the_last_of_a_repeated_value_counts() {
        let mut query = QueryParams::new("GET", "/x", "a=1&a=2&b=x&c=zz&d=maybe&e=up");
        assert_eq!(query.integer("a", 1, 9), Some(2));
        assert_eq!(query.integer("b", 1, 9), None);
        assert_eq!(query.uuid("c"), None);
        assert_eq!(query.flag("d"), None);
        assert_eq!(query.choice("e", &[("or", 1), ("and", 2)]), None);
        assert_eq!(query.integer("absent", 1, 9), None);
        assert_eq!(query.violations.len(), 4);
        assert!(query.finish().is_err());
    }
}
