//! Column types that both engines share, in the form ZenML stores them.

use std::fmt;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, SubsecRound, TimeDelta, Timelike, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use sqlx::error::BoxDynError;
use sqlx::mysql::{MySql, MySqlValueRef};
use sqlx::sqlite::{Sqlite, SqliteValueRef};
use uuid::Uuid;

/// A row's id: CHAR(32) of lower-case hex in the store, with hyphens in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub Uuid);

impl Id {
    /// The least id in the order of time (RFC 9562, version 7) of that moment or later.
    pub fn first_of(moment: DateTime<Utc>) -> Self {
        let millis = u64::try_from(moment.timestamp_millis()).unwrap_or_default();
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
    }

    /// The form in the store.
    pub fn to_hex(self) -> String {
        self.0.simple().to_string()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A moment as naive UTC with microseconds (contract: BEHAVIOUR.md, "Requests and errors").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(NaiveDateTime);

impl Timestamp {
    /// The moment, cut to microseconds.
    pub fn new(moment: DateTime<Utc>) -> Self {
        Self(moment.naive_utc().trunc_subsecs(6))
    }

    /// The last whole second at or before the moment.
    pub fn floor_second(self) -> Self {
        Self(self.0.trunc_subsecs(0))
    }

    /// The next whole second at or after the moment: what a MySQL DATETIME can hold without getting earlier.
    pub fn ceil_second(self) -> Self {
        let floor = self.floor_second();
        if floor == self { self } else { Self(floor.0 + TimeDelta::seconds(1)) }
    }

    pub fn to_utc(self) -> DateTime<Utc> {
        self.0.and_utc()
    }

    /// The form in the store. Always six digits after the point: SQLAlchemy's SQLite reader counts on them.
    pub fn stored(self) -> String {
        match self.write_stored(&mut [0; WRITTEN]) {
            Some(text) => text.to_owned(),
            None => self.0.format("%Y-%m-%d %H:%M:%S%.6f").to_string(),
        }
    }

    /// [`Timestamp::stored`] without a text of its own. None for a year that hasn't four digits.
    pub(crate) fn write_stored(self, text: &mut [u8; WRITTEN]) -> Option<&str> {
        self.write(b' ', text)
    }

    /// ISO 8601, with what stands between date and time. A page has thousands of moments, and chrono reads a format
    /// anew for each. None for a year that hasn't four digits.
    fn write(self, between: u8, text: &mut [u8; WRITTEN]) -> Option<&str> {
        let (date, time) = (self.0.date(), self.0.time());
        let year = u32::try_from(date.year()).ok().filter(|year| *year <= 9999)?;
        let micros = time.nanosecond() / 1000;
        let numbers = [
            (year, 4, b'-'),
            (date.month(), 2, b'-'),
            (date.day(), 2, between),
            (time.hour(), 2, b':'),
            (time.minute(), 2, b':'),
            (time.second(), 2, b'.'),
            (micros, 6, 0),
        ];
        let mut end = 0;
        for (number, digits, after) in numbers {
            let mut rest = number;
            for digit in text[end..end + digits].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            end += digits;
            if let Some(byte) = text.get_mut(end) {
                *byte = after;
            }
            end += 1;
        }
        std::str::from_utf8(text).ok()
    }

    /// What [`Timestamp::stored`] has written, read without it for the same reason.
    fn read_stored(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let number = |range: Range<usize>| {
            let mut digits = text.get(range)?.iter();
            digits.try_fold(0, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0'))
            })
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':'), (19, b'.')];
        if text.len() != WRITTEN || marks.iter().any(|(at, mark)| text[*at] != *mark) {
            return None;
        }
        let year = i32::try_from(number(0..4)?).ok()?;
        let date = NaiveDate::from_ymd_opt(year, number(5..7)?, number(8..10)?)?;
        date.and_hms_micro_opt(number(11..13)?, number(14..16)?, number(17..19)?, number(20..26)?).map(Self)
    }
}

pub(crate) const WRITTEN: usize = "2026-01-02T03:04:05.000006".len();

/// ISO without an offset; microseconds are left out when zero.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; WRITTEN];
        match self.write(b'T', &mut text) {
            Some(text) => serializer.serialize_str(text.strip_suffix(".000000").unwrap_or(text)),
            None => serializer.collect_str(&format_args!("{:?}", self.0)),
        }
    }
}

/// JSON that ZenML keeps as base64 in a BLOB; `null` is none.
#[derive(Debug, Clone)]
pub struct Base64Json(pub Option<Box<RawValue>>);

impl Base64Json {
    /// What is kept for a JSON text; nothing is `null`.
    pub fn stored(json: Option<&str>) -> Vec<u8> {
        STANDARD.encode(json.unwrap_or("null")).into_bytes()
    }

    fn read(stored: &[u8]) -> Result<Self, BoxDynError> {
        let json = String::from_utf8(STANDARD.decode(stored)?)?;
        Ok(Self(if json == "null" { None } else { Some(RawValue::from_string(json)?) }))
    }
}

impl Serialize for Base64Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A text that opens something, or what one is proved by: it's never shown.
#[derive(Debug, Clone)]
pub struct SecretText(pub SecretString);

impl SecretText {
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// JSON that ZenML keeps as text, byte for byte.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct JsonText(pub Box<RawValue>);

/// Says which columns a type of ours is read from, on both engines.
#[macro_export]
macro_rules! typed_as {
    ($type:ty, $stored:ty) => {
        impl<DB: sqlx::Database> sqlx::Type<DB> for $type
        where
            $stored: sqlx::Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$stored as sqlx::Type<DB>>::type_info()
            }
            fn compatible(found: &DB::TypeInfo) -> bool {
                <$stored as sqlx::Type<DB>>::compatible(found)
            }
        }
    };
}

/// Reads a column's type as one of ours, on both engines.
#[macro_export]
macro_rules! decode_as {
    ($type:ty, $stored:ty, $borrowed:ty, $convert:expr) => {
        $crate::typed_as!($type, $stored);

        impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for $type
        where
            &'r $borrowed: sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                $convert(<&'r $borrowed as sqlx::Decode<'r, DB>>::decode(value)?)
            }
        }
    };
}

/// Lets a type of ours go into a statement as a text.
#[macro_export]
macro_rules! text_value {
    ($type:ty, $into_text:expr) => {
        impl From<$type> for sea_query::Value {
            fn from(value: $type) -> Self {
                let text: String = $into_text(value);
                text.into()
            }
        }

        impl sea_query::Nullable for $type {
            fn null() -> sea_query::Value {
                sea_query::Value::String(None)
            }
        }
    };
}

text_value!(Id, Id::to_hex);
text_value!(Timestamp, Timestamp::stored);

decode_as!(Id, String, str, |text: &str| Ok(Self(Uuid::try_parse(text)?)));
decode_as!(Base64Json, Vec<u8>, [u8], |bytes: &[u8]| Self::read(bytes));
decode_as!(SecretText, String, str, |text: &str| Ok(Self(text.into())));
decode_as!(JsonText, String, str, |text: &str| Ok(Self(RawValue::from_string(text.to_owned())?)));
typed_as!(Timestamp, NaiveDateTime);

impl<'r> sqlx::Decode<'r, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let text = <&str as sqlx::Decode<Sqlite>>::decode(value)?;
        if let Some(moment) = Self::read_stored(text) {
            return Ok(moment);
        }
        // As other programs may have written it.
        let text = text.trim_end_matches('Z').replacen('T', " ", 1);
        Ok(Self(NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")?.trunc_subsecs(6)))
    }
}

impl<'r> sqlx::Decode<'r, MySql> for Timestamp {
    fn decode(value: MySqlValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(<NaiveDateTime as sqlx::Decode<MySql>>::decode(value)?.trunc_subsecs(6)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sea_query::Value;

    fn at(text: &str) -> Timestamp {
        Timestamp::new(text.parse().unwrap())
    }

    #[test]
    fn a_moment_is_written_as_zenml_writes_it() {
        let json = |text| serde_json::to_value(at(text)).unwrap();
        assert_eq!(json("2026-01-02T03:04:05.000007Z"), "2026-01-02T03:04:05.000007");
        assert_eq!(json("2026-01-02T03:04:05.100Z"), "2026-01-02T03:04:05.100000");
        assert_eq!(json("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05");
        let stored = |text| Value::from(at(text));
        assert_eq!(stored("2026-01-02T03:04:05Z"), "2026-01-02 03:04:05.000000".into());
    }

    proptest! {
        /// As chrono does it.
        #[test]
        fn each_moment_is_written_and_read(seconds in -62_167_219_200_i64..253_402_300_800, micros in 0..1_000_000_u32) {
            let moment = Timestamp::new(DateTime::from_timestamp(seconds, micros * 1000).unwrap());
            let format = if micros == 0 { "\"%Y-%m-%dT%H:%M:%S\"" } else { "\"%Y-%m-%dT%H:%M:%S%.6f\"" };
            prop_assert_eq!(serde_json::to_string(&moment).unwrap(), moment.0.format(format).to_string());
            prop_assert_eq!(Timestamp::read_stored(&moment.stored()), Some(moment));
        }

        #[test]
        fn what_is_no_moment_is_not_read(text in "[0-9T :.-]{0,27}") {
            let read = Timestamp::read_stored(&text);
            let expected = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.6f").ok();
            prop_assert!(read.is_none_or(|moment| Some(moment.0) == expected));
        }
    }

    #[test]
    fn a_second_is_never_rounded_to_an_earlier_moment() {
        assert_eq!(at("2026-01-02T03:04:05.2Z").ceil_second(), at("2026-01-02T03:04:06Z"));
        assert_eq!(at("2026-01-02T03:04:05Z").ceil_second(), at("2026-01-02T03:04:05Z"));
    }
}
