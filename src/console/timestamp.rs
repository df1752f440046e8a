//! Moments, as people read them: "3 minutes ago", with the exact one beside it.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, de};

/// A moment in an answer of the API: with its offset from UTC, or in UTC without one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Timestamp(pub DateTime<Utc>);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(moment) = text.parse::<DateTime<Utc>>() {
            return Ok(Self(moment));
        }
        text.parse::<NaiveDateTime>().map(|naive| Self(naive.and_utc())).map_err(de::Error::custom)
    }
}

/// A moment in a page. The page's script says the exact one in the reader's own time zone.
#[derive(Template)]
#[template(source = r#"<time datetime="{{ iso }}" title="{{ exact }}">{{ words }}</time>"#, ext = "html")]
pub(super) struct Shown {
    iso: String,
    exact: String,
    words: String,
}

/// It is made by a template, which has escaped it.
impl HtmlSafe for Shown {}

impl Timestamp {
    /// As seen from `now`.
    pub(super) fn shown(self, now: DateTime<Utc>) -> Shown {
        Shown {
            iso: self.0.to_rfc3339_opts(SecondsFormat::Secs, true),
            exact: self.0.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            words: Relative(self.0 - now).to_string(),
        }
    }
}

/// How far away a moment is.
struct Relative(TimeDelta);

impl fmt::Display for Relative {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let (size, unit) = match seconds.abs() {
            0..45 => return formatter.write_str(if seconds > 0 { "in a moment" } else { "just now" }),
            45..3570 => (60, "minute"),
            3570..171_000 => (3600, "hour"),
            171_000..5_184_000 => (86_400, "day"),
            5_184_000..63_072_000 => (2_592_000, "month"),
            _ => (31_536_000, "year"),
        };
        // Rounded, lest a token of 7 days ends "in 6 days" as soon as it is there.
        let number = (seconds.abs() + size / 2) / size;
        let many = if number == 1 { "" } else { "s" };
        match seconds > 0 {
            true => write!(formatter, "in {number} {unit}{many}"),
            false => write!(formatter, "{number} {unit}{many} ago"),
        }
    }
}

/// A number of seconds in words: "7 days", "90 minutes".
pub(super) fn duration(seconds: u64) -> String {
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let whole = units.into_iter().find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size));
    let (size, unit) = whole.unwrap_or((1, "second"));
    let number = seconds / size;
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(seconds: i64) -> String {
        Relative(TimeDelta::seconds(seconds)).to_string()
    }

    #[test]
    fn a_moment_is_told_by_its_distance() {
        for (seconds, expected) in [
            (0, "just now"),
            (-44, "just now"),
            (-50, "1 minute ago"),
            (-119, "2 minutes ago"),
            (-3600, "1 hour ago"),
            (-47 * 3600, "47 hours ago"),
            (-3 * 86_400, "3 days ago"),
            (-800 * 86_400, "2 years ago"),
            (20, "in a moment"),
            (3599, "in 1 hour"),
            (7 * 86_400 - 1, "in 7 days"),
        ] {
            assert_eq!(words(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_duration_is_told_in_its_largest_whole_unit() {
        let told: Vec<String> = [1, 60, 90, 3600, 5400, 86_400, 604_800].map(duration).into();
        let expected = ["1 second", "1 minute", "90 seconds", "1 hour", "90 minutes", "1 day", "7 days"];
        assert_eq!(told, expected);
    }

    #[test]
    fn moments_are_read_with_and_without_an_offset() {
        let read = |text: &str| serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).unwrap();
        assert_eq!(read("2026-11-27T22:00:00.25"), read("2026-11-27T22:00:00.250000Z"));
    }
}
