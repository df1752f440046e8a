//! Column types that both engines share, in the form ZenML stores them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, SubsecRound, TimeDelta, Utc};
use sea_query::{Nullable, Value};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A row's id: CHAR(32) of lower-case hex in the store, with hyphens in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Id(pub Uuid);

impl Id {
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

impl From<Id> for Value {
    fn from(id: Id) -> Self {
        id.to_hex().into()
    }
}

impl Nullable for Id {
    fn null() -> Value {
        Value::String(None)
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

    /// The next whole second at or after the moment: what a MySQL DATETIME can hold without getting earlier.
    pub fn ceil_second(self) -> Self {
        let floor = self.0.trunc_subsecs(0);
        if floor == self.0 { self } else { Self(floor + TimeDelta::seconds(1)) }
    }

    pub fn to_utc(self) -> DateTime<Utc> {
        self.0.and_utc()
    }

    /// The form in the store. Always six digits after the point: SQLAlchemy's SQLite reader counts on them.
    pub(super) fn stored(self) -> String {
        let (date, time) = (self.0.date(), self.0.time());
        let micros = self.0.and_utc().timestamp_subsec_micros();
        // Debug of a date and a time is ISO 8601, and many times faster than a format that is read each time.
        format!("{date:?} {:?}.{micros:06}", time.trunc_subsecs(0))
    }
}

impl Nullable for Timestamp {
    fn null() -> Value {
        Value::String(None)
    }
}

impl From<Timestamp> for Value {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.stored().into()
    }
}

/// ISO without an offset; microseconds are left out when zero.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Debug of a NaiveDateTime is ISO 8601, and many times faster than a format that is read each time.
        let seconds = self.0.trunc_subsecs(0);
        match self.0.and_utc().timestamp_subsec_micros() {
            0 => serializer.collect_str(&format_args!("{seconds:?}")),
            micros => serializer.collect_str(&format_args!("{seconds:?}.{micros:06}")),
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

    fn read(stored: &[u8]) -> Result<Self, sqlx::error::BoxDynError> {
        let json = String::from_utf8(STANDARD.decode(stored)?)?;
        Ok(Self(if json == "null" { None } else { Some(RawValue::from_string(json)?) }))
    }
}

/// JSON that ZenML keeps as text, byte for byte.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct JsonText(pub Box<RawValue>);

/// Reads a column's type as one of ours, on both engines.
macro_rules! decode_as {
    ($type:ty, $stored:ty, $convert:expr) => {
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

        impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for $type
        where
            $stored: sqlx::Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                $convert(<$stored as sqlx::Decode<'r, DB>>::decode(value)?)
            }
        }
    };
}

decode_as!(Id, String, |text: String| Ok(Self(Uuid::try_parse(&text)?)));
decode_as!(Base64Json, Vec<u8>, |bytes: Vec<u8>| Self::read(&bytes));
decode_as!(JsonText, String, |text: String| Ok(Self(RawValue::from_string(text)?)));
decode_as!(Timestamp, NaiveDateTime, |moment: NaiveDateTime| Ok(Self(moment.trunc_subsecs(6))));

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_second_is_never_rounded_to_an_earlier_moment() {
        assert_eq!(at("2026-01-02T03:04:05.2Z").ceil_second(), at("2026-01-02T03:04:06Z"));
        assert_eq!(at("2026-01-02T03:04:05Z").ceil_second(), at("2026-01-02T03:04:05Z"));
    }
}
