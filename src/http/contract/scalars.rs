//! Numbers, flags and ids in the spellings that pydantic takes.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::config::{Flag, Setting};
use crate::http::query::{NotAnInteger, parse_integer};

/// What is wrong: pydantic's name for it, and the reason.
pub type Wrong = (&'static str, String);

/// Between which a number has to be.
#[derive(Debug, Default)]
pub struct Bounds {
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
pub fn text(json: &RawValue) -> Option<String> {
    if json.get().starts_with('"') { serde_json::from_str(json.get()).ok() } else { None }
}

pub fn flag(json: &RawValue) -> Result<bool, Wrong> {
    let unreadable =
        || ("bool_parsing", "Input should be a valid boolean, unable to interpret input".to_owned());
    match json.get() {
        "true" => return Ok(true),
        "false" => return Ok(false),
        _ => {}
    }
    if let Some(text) = text(json) {
        return Flag::read(&text).map(|flag| flag.0).ok_or_else(unreadable);
    }
    match json.get().parse::<f64>() {
        Ok(0.0) => Ok(false),
        Ok(1.0) => Ok(true),
        Ok(number) if number.fract() == 0.0 => Err(unreadable()),
        _ => Err(("bool_type", "Input should be a valid boolean".to_owned())),
    }
}

/// A whole number as JSON.
pub fn integer(json: &RawValue, bounds: &Bounds) -> Result<String, Wrong> {
    let number = whole(json)?;
    bounds.check(number.parse().unwrap_or(f64::NAN))?;
    Ok(number)
}

fn whole(json: &RawValue) -> Result<String, Wrong> {
    let too_large =
        || ("int_parsing_size", "Input should be a valid integer, the number is too large".to_owned());
    if let Some(text) = text(json) {
        return parse_integer(&text).map(|number| number.to_string()).map_err(|not| match not {
            NotAnInteger::TooLarge => too_large(),
            NotAnInteger::Unreadable => {
                let message = "Input should be a valid integer, unable to parse string as an integer";
                ("int_parsing", message.to_owned())
            }
        });
    }
    match json.get() {
        "true" => return Ok("1".to_owned()),
        "false" => return Ok("0".to_owned()),
        digits if digits.strip_prefix('-').unwrap_or(digits).bytes().all(|byte| byte.is_ascii_digit()) => {
            return Ok(digits.to_owned());
        }
        _ => {}
    }
    /// Beyond it not every whole number is one of the kind.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match json.get().parse::<f64>() {
        Ok(number) if number.fract() != 0.0 => {
            let message = "Input should be a valid integer, got a number with a fractional part";
            Err(("int_from_float", message.to_owned()))
        }
        Ok(number) if number.abs() <= EXACT => Ok(format!("{number:.0}")),
        Ok(_) => Err(too_large()),
        Err(_) => Err(("int_type", "Input should be a valid integer".to_owned())),
    }
}

/// A number as JSON.
pub fn number(json: &RawValue, bounds: &Bounds) -> Result<String, Wrong> {
    let number = match (text(json), json.get()) {
        (Some(text), _) => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).ok_or_else(|| {
                let message = "Input should be a valid number, unable to parse string as a number";
                ("float_parsing", message.to_owned())
            })?
        }
        (None, "true") => 1.0,
        (None, "false") => 0.0,
        (None, digits) => {
            let number = digits
                .parse::<f64>()
                .map_err(|_| ("float_type", "Input should be a valid number".to_owned()))?;
            bounds.check(number)?;
            return Ok(digits.to_owned());
        }
    };
    bounds.check(number)?;
    serde_json::to_string(&number).map_err(|error| ("float_parsing", error.to_string()))
}

/// A moment or an interval, kept as it was sent.
pub fn time<T: DeserializeOwned>(json: &RawValue, kind: &'static str) -> Result<String, Wrong> {
    let read = serde_json::from_str::<T>(json.get());
    read.map(|_| json.get().to_owned()).map_err(|error| {
        let reason = error.to_string();
        let is_ours = reason.starts_with("Input ");
        (kind, if is_ours { reason } else { "Input should be a valid time".to_owned() })
    })
}

pub fn uuid(json: &RawValue) -> Result<Uuid, Wrong> {
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
pub fn word(json: &RawValue, words: &[String]) -> Result<(), Wrong> {
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
