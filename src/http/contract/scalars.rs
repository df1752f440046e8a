//! Flags, numbers, moments, intervals, ids and words of the contract's models. Which spellings of flags and numbers there
//! are is [`lax`]'s to know; here is how each is kept, and what a refusal is called.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::http::lax;
use crate::http::query::{NotAnInteger, parse_integer};

/// What is wrong: pydantic's name for it, and the reason.
pub(super) type Wrong = (&'static str, String);

/// Between which a number has to be.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    pub least: Option<f64>,
    pub most: Option<f64>,
    pub above: Option<f64>,
    pub below: Option<f64>,
}

impl Bounds {
    fn check(&self, number: f64) -> Result<(), Wrong> {
        let broken = |bound: Option<f64>, is_within: fn(&f64, &f64) -> bool| {
            bound.filter(|bound| !is_within(&number, bound))
        };
        let (kind, words, bound) = if let Some(bound) = broken(self.least, f64::ge) {
            ("greater_than_equal", "greater than or equal to", bound)
        } else if let Some(bound) = broken(self.above, f64::gt) {
            ("greater_than", "greater than", bound)
        } else if let Some(bound) = broken(self.most, f64::le) {
            ("less_than_equal", "less than or equal to", bound)
        } else if let Some(bound) = broken(self.below, f64::lt) {
            ("less_than", "less than", bound)
        } else {
            return Ok(());
        };
        Err((kind, format!("Input should be {words} {bound}")))
    }
}

/// A text's characters; nothing for what is no text.
pub(super) fn text(json: &RawValue) -> Option<String> {
    if is_text(json) { serde_json::from_str(json.get()).ok() } else { None }
}

fn is_text(json: &RawValue) -> bool {
    json.get().starts_with('"')
}

pub(super) fn flag(json: &RawValue) -> Result<bool, Wrong> {
    lax::from_str(json.get()).map_err(|_| {
        let is_readable =
            is_text(json) || json.get().parse::<f64>().is_ok_and(|number| number.fract() == 0.0);
        match is_readable {
            true => ("bool_parsing", "Input should be a valid boolean, unable to interpret input".to_owned()),
            false => ("bool_type", "Input should be a valid boolean".to_owned()),
        }
    })
}

/// A whole number as JSON.
pub(super) fn integer(json: &RawValue, bounds: &Bounds) -> Result<String, Wrong> {
    let number = whole(json)?;
    bounds.check(number.parse().unwrap_or(f64::NAN))?;
    Ok(number)
}

fn whole(json: &RawValue) -> Result<String, Wrong> {
    // However many digits it has.
    let digits = json.get().strip_prefix('-').unwrap_or(json.get());
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(json.get().to_owned());
    }
    lax::from_str::<i64>(json.get()).map(|number| number.to_string()).map_err(|_| not_whole(json))
}

fn not_whole(json: &RawValue) -> Wrong {
    let (kind, message) = match (text(json).map(|text| parse_integer(&text)), json.get().parse::<f64>()) {
        (Some(Err(NotAnInteger::Unreadable)), _) => {
            ("int_parsing", "Input should be a valid integer, unable to parse string as an integer")
        }
        (None, Ok(number)) if number.fract() != 0.0 => {
            ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
        }
        (None, Err(_)) => ("int_type", "Input should be a valid integer"),
        (Some(_), _) | (None, Ok(_)) => {
            ("int_parsing_size", "Input should be a valid integer, the number is too large")
        }
    };
    (kind, message.to_owned())
}

/// A number as JSON.
pub(super) fn number(json: &RawValue, bounds: &Bounds) -> Result<String, Wrong> {
    let number = lax::from_str::<f64>(json.get()).map_err(|_| match is_text(json) {
        true => {
            ("float_parsing", "Input should be a valid number, unable to parse string as a number".to_owned())
        }
        false => ("float_type", "Input should be a valid number".to_owned()),
    })?;
    bounds.check(number)?;
    if json.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Ok(json.get().to_owned());
    }
    serde_json::to_string(&number).map_err(|error| ("float_parsing", error.to_string()))
}

/// A moment or an interval, kept as it was sent.
pub(super) fn time<T: DeserializeOwned>(json: &RawValue, kind: &'static str) -> Result<String, Wrong> {
    let read = serde_json::from_str::<T>(json.get());
    read.map(|_| json.get().to_owned()).map_err(|error| {
        let reason = error.to_string();
        let is_ours = reason.starts_with("Input ");
        (kind, if is_ours { reason } else { "Input should be a valid time".to_owned() })
    })
}

pub(super) fn uuid(json: &RawValue) -> Result<Uuid, Wrong> {
    let Some(text) = text(json) else {
        return Err(("uuid_type", "UUID input should be a string, bytes or UUID object".to_owned()));
    };
    Uuid::try_parse(&text)
        .map_err(|error| ("uuid_parsing", format!("Input should be a valid UUID, {}", error_words(&error))))
}

/// The reason without what was sent.
fn error_words(error: &uuid::Error) -> String {
    let reason = error.to_string();
    reason.split(['`', '[']).next().unwrap_or_default().trim_end_matches([' ', ',', ':']).to_owned()
}

/// One of the words.
pub(super) fn word(json: &RawValue, words: &[String]) -> Result<(), Wrong> {
    if text(json).is_some_and(|text| words.contains(&text)) {
        return Ok(());
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let expected = match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    Err(("enum", format!("Input should be {expected}")))
}
