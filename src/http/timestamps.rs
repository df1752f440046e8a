//! Moments and intervals of JSON bodies, in every form that ZenML's server reads.

use chrono::{DateTime, Utc};
use sea_query::{Nullable, Value};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::{Timestamp, text_value};

/// A flag, a number or a text that is yet to be read as a time.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
}

/// A moment: ISO 8601, a date, or seconds or milliseconds since 1970. Without an offset it is UTC.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Time")]
pub struct SentTimestamp(pub Timestamp);

text_value!(SentTimestamp, |moment: SentTimestamp| moment.0.stored());

impl TryFrom<Time> for SentTimestamp {
    type Error = String;

    fn try_from(time: Time) -> Result<Self, Self::Error> {
        let mut config = speedate::DateTimeConfig::default();
        config.time_config.microseconds_precision_overflow_behavior =
            speedate::MicrosecondsPrecisionOverflowBehavior::Truncate;
        let read = match time {
            Time::Flag(_) => return Err("Input should be a valid datetime".to_owned()),
            Time::Whole(number) => speedate::DateTime::from_timestamp(number, 0),
            Time::Number(number) => speedate::DateTime::from_float_with_config(number, &config),
            Time::Text(text) => {
                speedate::DateTime::parse_str_with_config(&text, &config).or_else(|_| midnight(&text))
            }
        };
        let read =
            read.map_err(|error| format!("Input should be a valid datetime or date, {}", words(&error)))?;
        let nanoseconds = read.time.microsecond * 1000;
        let moment: Option<DateTime<Utc>> = DateTime::from_timestamp(read.timestamp_tz(), nanoseconds);
        moment
            .map(|moment| Self(Timestamp::new(moment)))
            .ok_or_else(|| "the moment is too far away".to_owned())
    }
}

fn midnight(date: &str) -> Result<speedate::DateTime, speedate::ParseError> {
    let time = speedate::Time { hour: 0, minute: 0, second: 0, microsecond: 0, tz_offset: None };
    Ok(speedate::DateTime { date: speedate::Date::parse_str_rfc3339(date)?, time })
}

/// Seconds between two moments: in JSON an ISO 8601 duration; read from a number of seconds and from Python's
/// forms too.
#[derive(Debug, Clone, Copy, PartialEq, sqlx_macros::Type)]
#[sqlx(transparent)]
pub struct Interval(pub f64);

impl From<Interval> for Value {
    fn from(Interval(seconds): Interval) -> Self {
        seconds.into()
    }
}

impl Nullable for Interval {
    fn null() -> Value {
        f64::null()
    }
}

/// What a duration of Python holds.
const MOST_SECONDS: f64 = 999_999_999.0 * 86_400.0;

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = match Time::deserialize(deserializer)? {
            Time::Flag(flag) => f64::from(u8::from(flag)),
            Time::Whole(number) => number as f64,
            Time::Number(number) => number,
            Time::Text(text) => {
                let read = speedate::Duration::parse_str(&text).map_err(|error| {
                    D::Error::custom(format!("Input should be a valid duration, {}", words(&error)))
                })?;
                read.signed_total_seconds() as f64 + f64::from(read.signed_microseconds()) / 1e6
            }
        };
        if seconds.abs() <= MOST_SECONDS {
            Ok(Self(seconds))
        } else {
            Err(D::Error::custom("Input should be a valid duration of at most 999,999,999 days"))
        }
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DAY: u64 = 86_400 * 1_000_000;
        // Within the bounds of what is read; beyond them the cast keeps to the largest number.
        let micros = (self.0.abs() * 1e6).round() as u64;
        let days = u32::try_from(micros / DAY).unwrap_or(u32::MAX);
        let seconds = u32::try_from(micros % DAY / 1_000_000).unwrap_or(0);
        let micros = u32::try_from(micros % 1_000_000).unwrap_or(0);
        let duration =
            speedate::Duration::new(self.0 >= 0.0, days, seconds, micros).map_err(S::Error::custom)?;
        serializer.collect_str(&duration)
    }
}

/// What is wrong with a time.
fn words(error: &speedate::ParseError) -> String {
    error.to_string().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(json: &str) -> Option<String> {
        let moment: SentTimestamp = serde_json::from_str(json).ok()?;
        serde_json::to_value(moment.0).unwrap().as_str().map(str::to_owned)
    }

    /// What pydantic makes of the same.
    #[test]
    fn moments_are_read_in_every_form_of_the_reference() {
        for (json, expected) in [
            (r#""2026-01-02T03:04:05""#, "2026-01-02T03:04:05"),
            (r#""2026-01-02 03:04:05.123456789""#, "2026-01-02T03:04:05.123456"),
            (r#""2026-01-02T03:04:05+02:00""#, "2026-01-02T01:04:05"),
            (r#""2026-01-02t03:04Z""#, "2026-01-02T03:04:00"),
            (r#""2026-01-02""#, "2026-01-02T00:00:00"),
            ("1767323045", "2026-01-02T03:04:05"),
            ("1767323045.5", "2026-01-02T03:04:05.500000"),
            ("1767323045000", "2026-01-02T03:04:05"),
            (r#""1767323045""#, "2026-01-02T03:04:05"),
            (r#""1767323045.5""#, "2026-01-02T03:04:05.500000"),
            ("-1", "1969-12-31T23:59:59"),
        ] {
            assert_eq!(moment(json).as_deref(), Some(expected), "{json}");
        }
        for json in [r#""x""#, "true", "[]", "null", r#""2026-13-02T03:04:05""#, "1e30", r#"" 2026-01-02""#] {
            assert_eq!(moment(json), None, "{json}");
        }
    }

    #[test]
    fn intervals_are_read_and_written_as_by_the_reference() {
        for (json, seconds, written) in [
            ("0", 0.0, "PT0S"),
            ("60", 60.0, "PT1M"),
            ("60.5", 60.5, "PT1M0.5S"),
            ("-5", -5.0, "-PT5S"),
            (r#""PT1H""#, 3600.0, "PT1H"),
            (r#""-PT1M""#, -60.0, "-PT1M"),
            (r#""P1DT1H1M1S""#, 90_061.0, "P1DT1H1M1S"),
            (r#""00:01:00""#, 60.0, "PT1M"),
            (r#""1 days 00:01:00""#, 86_460.0, "P1DT1M"),
            (r#""P1Y2DT3H""#, 31_719_600.0, "P1Y2DT3H"),
            (r#""12:13:14.5""#, 43_994.5, "PT12H13M14.5S"),
            ("1.000001", 1.000_001, "PT1.000001S"),
            ("true", 1.0, "PT1S"),
        ] {
            let interval: Interval = serde_json::from_str(json).unwrap();
            assert_eq!(interval, Interval(seconds), "{json}");
            assert_eq!(serde_json::to_value(interval).unwrap(), written, "{json}");
        }
        for json in [r#""60""#, r#""x""#, "null", "1e20", r#""P""#] {
            assert!(serde_json::from_str::<Interval>(json).is_err(), "{json}");
        }
    }
}
