//! When a schedule runs: by a cron expression, every so often, or once.

use chrono::{NaiveDateTime, TimeDelta, Timelike};
use serde::{Deserialize, Serialize};

use super::cron::Cron;
use crate::http::error::{ApiError, ApiResult};
use crate::http::timestamps::SentTimestamp;
use crate::http::values::ShortText;
use crate::store::Timestamp;

/// The times of a schedule, as they are sent.
#[derive(Debug, Deserialize)]
pub(super) struct ScheduleTimes {
    cron_expression: Option<ShortText>,
    interval: Option<AtLeast<60>>,
    end_time: Option<SentTimestamp>,
    start_time: Option<SentTimestamp>,
    run_once_start_time: Option<SentTimestamp>,
    max_runs: Option<AtLeast<1>>,
}

/// A whole number that isn't smaller.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(try_from = "i64")]
struct AtLeast<const LEAST: i64>(i64);

impl<const LEAST: i64> TryFrom<i64> for AtLeast<LEAST> {
    type Error = String;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match number >= LEAST {
            true => Ok(Self(number)),
            false => Err(format!("Input should be greater than or equal to {LEAST}")),
        }
    }
}

/// As they are kept, and shown.
#[derive(Debug, Serialize)]
struct Kept<'a> {
    cron_expression: Option<&'a str>,
    interval: Option<AtLeast<60>>,
    end_time: Option<Timestamp>,
    start_time: Option<Timestamp>,
    run_once_start_time: Option<Timestamp>,
    max_runs: Option<AtLeast<1>>,
}

impl ScheduleTimes {
    /// What is wrong with them together, for people.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.interval.is_some() && self.start_time.is_none() {
            return Err("An interval needs a start time");
        }
        let ways =
            [self.cron_expression.is_some(), self.interval.is_some(), self.run_once_start_time.is_some()];
        if ways.iter().filter(|is_there| **is_there).count() != 1 {
            return Err("A schedule has either a cron expression, or an interval, or a time to run once");
        }
        match (&self.start_time, &self.end_time) {
            (Some(SentTimestamp(start)), Some(SentTimestamp(end))) if end <= start => {
                Err("The end time must be after the start time")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn to_json(&self) -> String {
        let moment = |moment: Option<SentTimestamp>| moment.map(|moment| moment.0);
        let kept = Kept {
            cron_expression: self.cron_expression.as_ref().map(ShortText::as_str),
            interval: self.interval,
            end_time: moment(self.end_time),
            start_time: moment(self.start_time),
            run_once_start_time: moment(self.run_once_start_time),
            max_runs: self.max_runs,
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    /// The first time from now on. One to run once is that time, also when it has passed.
    ///
    /// # Errors
    /// 422 for a cron expression that can't be read, or that no time fits.
    pub(super) fn first_occurrence(&self, now: Timestamp) -> ApiResult<Timestamp> {
        let now = now.to_utc().naive_utc() + TimeDelta::seconds(1);
        let start = self.start_time.map(|SentTimestamp(start)| start.to_utc().naive_utc());
        let next = match (&self.cron_expression, self.interval, self.run_once_start_time) {
            (Some(cron), ..) => next_of_cron(cron.as_str(), start.map_or(now, |start| start.max(now)))?,
            (None, Some(AtLeast(seconds)), _) => {
                let start = start.unwrap_or(now);
                next_of_interval(start, seconds, now)
                    .ok_or_else(|| refuse("its next time is too far away"))?
            }
            (None, None, Some(SentTimestamp(once))) => return Ok(once),
            (None, None, None) => return Err(refuse("it has no time")),
        };
        Ok(Timestamp::new(next.and_utc()))
    }
}

fn refuse(reason: &str) -> ApiError {
    ApiError::unprocessable(format!("The schedule can't be read: {reason}."))
}

fn next_of_cron(expression: &str, after: NaiveDateTime) -> ApiResult<NaiveDateTime> {
    let cron = Cron::read(expression).map_err(|wrong| refuse(&format!("of its cron expression, {wrong}")))?;
    cron.next_after(after).ok_or_else(|| refuse("no time of the next fifty years fits its cron expression"))
}

/// The start, while it is to come; then the next one of those that follow it, without its seconds.
fn next_of_interval(start: NaiveDateTime, seconds: i64, now: NaiveDateTime) -> Option<NaiveDateTime> {
    const LAST_YEAR: i32 = 9999;
    if start > now {
        return Some(start);
    }
    let passed = (now - start).num_seconds().div_euclid(seconds);
    let offset = TimeDelta::try_seconds(seconds.checked_mul(passed + 1)?)?;
    let next = start.checked_add_signed(offset)?.with_second(0)?.with_nanosecond(0)?;
    (chrono::Datelike::year(&next) <= LAST_YEAR).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(json: &str) -> ScheduleTimes {
        crate::http::lax::from_str(json).unwrap()
    }

    fn next(json: &str) -> Option<String> {
        let now = Timestamp::new("2026-11-29T10:04:03.7Z".parse().unwrap());
        let next = times(json).first_occurrence(now).ok()?;
        serde_json::to_value(next).unwrap().as_str().map(str::to_owned)
    }

    #[test]
    fn the_first_time_is_after_the_start_and_now() {
        for (json, expected) in [
            (r#"{"cron_expression": "0 3 * * *"}"#, "2026-11-30T03:00:00"),
            (r#"{"cron_expression": "0 0 1 1 *", "start_time": "2040-05-01"}"#, "2041-01-01T00:00:00"),
            (r#"{"cron_expression": "0 0 1 1 *", "start_time": "2020-05-01"}"#, "2027-01-01T00:00:00"),
            (r#"{"interval": 3600, "start_time": "2020-01-01T00:00:30.5"}"#, "2026-11-29T11:00:00"),
            (r#"{"interval": "60", "start_time": "2030-01-01T00:00:30+02:00"}"#, "2029-12-31T22:00:30"),
            (r#"{"run_once_start_time": "2020-01-01T00:00:30.5Z"}"#, "2020-01-01T00:00:30.500000"),
        ] {
            assert_eq!(next(json).as_deref(), Some(expected), "{json}");
        }
        for json in [
            r#"{"cron_expression": ""}"#,
            r#"{"cron_expression": "0 0 30 2 *"}"#,
            r#"{"interval": 9000000000000000000, "start_time": "2020-01-01"}"#,
            r#"{"interval": 300000000000, "start_time": "2020-01-01"}"#,
        ] {
            assert_eq!(next(json), None, "{json}");
        }
    }

    #[test]
    fn times_that_do_not_go_together_are_refused() {
        for json in [
            "{}",
            r#"{"interval": 60}"#,
            r#"{"cron_expression": "* * * * *", "run_once_start_time": "2030-01-01"}"#,
            r#"{"cron_expression": "* * * * *", "start_time": "2030-01-01", "end_time": "2030-01-01"}"#,
        ] {
            assert!(times(json).check().is_err(), "{json}");
        }
        let kept = times(r#"{"interval": 60.0, "start_time": "2030-01-01T00:00:00+02:00", "max_runs": 3}"#);
        assert!(kept.check().is_ok());
        assert_eq!(
            kept.to_json(),
            r#"{"cron_expression":null,"interval":60,"end_time":null,"start_time":"2029-12-31T22:00:00","run_once_start_time":null,"max_runs":3}"#
        );
        for wrong in [r#"{"interval": 59}"#, r#"{"interval": 60.5}"#, r#"{"max_runs": 0}"#] {
            assert!(crate::http::lax::from_str::<ScheduleTimes>(wrong).is_err(), "{wrong}");
        }
    }
}
