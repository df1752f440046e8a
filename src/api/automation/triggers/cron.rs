//! Cron expressions, as ZenML's server reads them: five fields, a sixth for seconds and a seventh for years; lists, steps,
//! ranges that go round, names, the last day (`l`), the last Friday (`L5`), the second Friday (`5#2`) and the weekday
//! nearest to a day (`15W`). A day that is given both ways is met either way.
//!
//! The crates that read cron read other grammars, whose seconds come first and whose ranges don't go round.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

/// The least and the greatest value of each field: minute, hour, day, month, day of the week, second, year.
const RANGES: [(u32, u32); 7] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6), (0, 59), (1970, 2099)];
const MINUTE: usize = 0;
const HOUR: usize = 1;
const DAY: usize = 2;
const MONTH: usize = 3;
const WEEKDAY: usize = 4;
const SECOND: usize = 5;
const YEAR: usize = 6;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const NICKNAMES: [(&str, &str); 7] = [
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];
/// Years that are looked through for the next time.
const YEARS: i32 = 50;
const LAST_YEAR: i32 = 9999;

/// What is wrong with an expression, for people.
pub(super) type Wrong = &'static str;

const NO_VALUE: Wrong = "a field has something that is no number, name, range or step of it";
const OUT_OF_RANGE: Wrong = "a value is out of its field's range";

/// An expression that was read.
#[derive(Debug)]
pub(super) struct Cron {
    /// The values of each field that is there; None for all.
    fields: Vec<Option<BTreeSet<u32>>>,
    has_last_day: bool,
    nearest_weekday: Option<u32>,
    nth: BTreeSet<(u32, Nth)>,
}

/// Which of a month's days with one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nth {
    Number(u32),
    Last,
}

/// The values of one field, as they are found.
#[derive(Debug, Default)]
struct Found {
    all: bool,
    values: BTreeSet<u32>,
    has_last_day: bool,
    nearest_weekday: Option<u32>,
    nth: BTreeSet<(u32, Nth)>,
}

impl Cron {
    pub(super) fn read(expression: &str) -> Result<Self, Wrong> {
        let lower = expression.to_lowercase();
        let meant =
            NICKNAMES.iter().find(|(name, _)| *name == lower).map_or(lower.as_str(), |(_, meant)| meant);
        let is_space = |letter: char| matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
        let texts: Vec<&str> = meant.split(is_space).filter(|field| !field.is_empty()).collect();
        if !(5..=7).contains(&texts.len()) {
            return Err("it has five to seven fields");
        }
        let mut cron =
            Self { fields: Vec::new(), has_last_day: false, nearest_weekday: None, nth: BTreeSet::new() };
        for (field, text) in texts.iter().enumerate() {
            let found = Found::read(field, text)?;
            cron.has_last_day |= found.has_last_day;
            cron.nearest_weekday = cron.nearest_weekday.or(found.nearest_weekday);
            let is_mixed = !found.nth.is_empty() && found.nth.len() < found.values.len();
            if field == WEEKDAY && is_mixed && found.values.len() < 7 {
                return Err("days of the week are all given with # or L, or none");
            }
            cron.nth.extend(found.nth);
            let (least, greatest) = RANGES[field];
            let other = if field == DAY { texts.get(WEEKDAY) } else { texts.get(DAY) };
            // Each day said one by one is as good as `*`, but for what is said of the other kind of day.
            let is_either = matches!(field, DAY | WEEKDAY) && !other.is_some_and(|text| text.contains('*'));
            let is_whole = found.values.len() as u32 == greatest - least + 1 && !is_either;
            cron.fields.push((!found.all && !is_whole).then_some(found.values));
        }
        Ok(cron)
    }

    /// The first time after that moment, of those in the next fifty years.
    pub(super) fn next_after(&self, moment: NaiveDateTime) -> Option<NaiveDateTime> {
        let has_seconds = self.fields.len() > SECOND;
        let step = if has_seconds { TimeDelta::seconds(1) } else { TimeDelta::minutes(1) };
        let start = moment.checked_add_signed(step)?.with_nanosecond(0)?;
        let start = if has_seconds { start } else { start.with_second(0)? };
        let is_either = self.is_restricted(DAY) && self.is_restricted(WEEKDAY);
        if !is_either {
            return self.find(start, |day| self.is_of_month(day) && self.is_of_week(day));
        }
        // Days that are told by both, # or W, stay so in either part, and neither part may be empty.
        let of_month =
            self.find(start, |day| self.is_of_month(day) && (self.nth.is_empty() || self.is_nth(day)));
        let of_week = self.find(start, |day| self.is_nearest(day).unwrap_or(true) && self.is_of_week(day));
        match (of_month, of_week) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) if self.nth.is_empty() && self.nearest_weekday.is_none() => one.or(other),
            _ => None,
        }
    }

    /// The first time from that one on, on a day that is so.
    fn find(&self, start: NaiveDateTime, is_so: impl Fn(NaiveDate) -> bool) -> Option<NaiveDateTime> {
        let last_year = (start.year() + YEARS).min(LAST_YEAR);
        let mut day = start.date();
        while day.year() <= last_year {
            if !self.has(YEAR, day.year().unsigned_abs()) {
                day = NaiveDate::from_ymd_opt(day.year() + 1, 1, 1)?;
                continue;
            }
            if !self.has(MONTH, day.month()) {
                day = first_of_next_month(day)?;
                continue;
            }
            let from = if day == start.date() { start.time() } else { NaiveTime::MIN };
            if is_so(day)
                && let Some(time) = self.time_from(from)
            {
                return Some(day.and_time(time));
            }
            day = day.succ_opt()?;
        }
        None
    }

    /// Whether the field takes that value; one that isn't there takes all, and seconds then only the first.
    fn has(&self, field: usize, value: u32) -> bool {
        match self.fields.get(field) {
            Some(Some(values)) => values.contains(&value),
            Some(None) => true,
            None => field != SECOND || value == 0,
        }
    }

    fn is_restricted(&self, field: usize) -> bool {
        self.fields.get(field).is_some_and(Option::is_some)
    }

    fn is_nearest(&self, day: NaiveDate) -> Option<bool> {
        self.nearest_weekday.map(|wanted| nearest_weekday(day, wanted) == day.day())
    }

    fn is_of_month(&self, day: NaiveDate) -> bool {
        let is_last = || self.has_last_day && day.day() == days_of_month(day);
        self.is_nearest(day).unwrap_or_else(|| self.has(DAY, day.day()) || is_last())
    }

    fn is_of_week(&self, day: NaiveDate) -> bool {
        match self.nth.is_empty() {
            true => self.has(WEEKDAY, day.weekday().num_days_from_sunday()),
            false => self.is_nth(day),
        }
    }

    fn is_nth(&self, day: NaiveDate) -> bool {
        let weekday = day.weekday().num_days_from_sunday();
        let is_so = |nth: Nth| match nth {
            Nth::Number(number) => day.day().div_ceil(7) == number,
            Nth::Last => day.day() + 7 > days_of_month(day),
        };
        self.nth.iter().any(|(wanted, nth)| *wanted == weekday && is_so(*nth))
    }

    /// The first time of a day from that one on.
    fn time_from(&self, from: NaiveTime) -> Option<NaiveTime> {
        for hour in (from.hour()..24).filter(|hour| self.has(HOUR, *hour)) {
            let first_minute = if hour == from.hour() { from.minute() } else { 0 };
            for minute in (first_minute..60).filter(|minute| self.has(MINUTE, *minute)) {
                let is_start = hour == from.hour() && minute == from.minute();
                let first_second = if is_start { from.second() } else { 0 };
                if let Some(second) = (first_second..60).find(|second| self.has(SECOND, *second)) {
                    return NaiveTime::from_hms_opt(hour, minute, second);
                }
            }
        }
        None
    }
}

impl Found {
    fn read(field: usize, text: &str) -> Result<Self, Wrong> {
        let mut found = Self::default();
        if text.contains('?') {
            found.all = true;
            return match (text, field) {
                ("?", DAY | WEEKDAY) => Ok(found),
                _ => Err("? stands alone, for the day of the month or of the week"),
            };
        }
        for item in text.split(',') {
            match special(field, item)? {
                Special::Nth(days, nth) => found.add(field, days, Some(nth))?,
                Special::Nearest(day) if text == item => {
                    found.nearest_weekday = Some(day);
                    found.values.insert(day);
                }
                Special::Nearest(_) => return Err("W stands with one day alone"),
                Special::None => found.add(field, item, None)?,
            }
        }
        Ok(found)
    }

    fn add(&mut self, field: usize, item: &str, nth: Option<Nth>) -> Result<(), Wrong> {
        if let Some(range) = Range::read(field, item)? {
            for value in range.values(field) {
                self.put(field, value, nth)?;
            }
            return Ok(());
        }
        match item {
            "*" => self.all = true,
            "l" if field == DAY => self.has_last_day = true,
            _ => self.put(field, value(field, item)?, nth)?,
        }
        Ok(())
    }

    fn put(&mut self, field: usize, value: u32, nth: Option<Nth>) -> Result<(), Wrong> {
        let (least, greatest) = RANGES[field];
        if !(least..=greatest).contains(&value) {
            return Err(OUT_OF_RANGE);
        }
        self.values.insert(value);
        self.nth.extend(nth.map(|nth| (value, nth)));
        Ok(())
    }
}

/// What only days can be.
enum Special<'a> {
    None,
    Nth(&'a str, Nth),
    Nearest(u32),
}

fn special(field: usize, item: &str) -> Result<Special<'_>, Wrong> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    match field {
        WEEKDAY => {
            if let Some(days) = item.strip_prefix('l').filter(|rest| is_number(rest)) {
                return Ok(Special::Nth(days, Nth::Last));
            }
            let Some((days, nth)) = item.split_once('#') else { return Ok(Special::None) };
            let number = nth.parse().ok().filter(|number| is_number(nth) && (1..=5).contains(number));
            let number = number.ok_or("a month has five of each day of the week at most")?;
            // A range is one of names.
            let is_named = |text: &str| WEEKDAYS.contains(&text) || MONTHS.contains(&text);
            let is_range = days.split_once('-').is_some_and(|(low, high)| is_named(low) && is_named(high));
            let is_word = !days.is_empty() && days.bytes().all(|letter| letter.is_ascii_alphanumeric());
            match is_range || is_word {
                true => Ok(Special::Nth(days, Nth::Number(number))),
                false => Err(NO_VALUE),
            }
        }
        DAY => {
            let day = item.strip_suffix('w').or_else(|| item.strip_prefix('w')).filter(|day| is_number(day));
            let Some(day) = day else { return Ok(Special::None) };
            let day = day.parse().ok().filter(|day| (1..=31).contains(day));
            day.map(Special::Nearest).ok_or(OUT_OF_RANGE)
        }
        _ => Ok(Special::None),
    }
}

/// From one value to another, which may be the smaller one, so many at a time.
struct Range {
    low: u32,
    high: u32,
    step: u32,
}

impl Range {
    fn read(field: usize, item: &str) -> Result<Option<Self>, Wrong> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => {
                let is_number = !step.is_empty() && step.bytes().all(|digit| digit.is_ascii_digit());
                let step: u32 = if is_number { step.parse().unwrap_or(u32::MAX) } else { 0 };
                (range, Some(Some(step).filter(|step| *step > 0).ok_or("a step is a number above 0")?))
            }
            None => (item, None),
        };
        let (least, greatest) = RANGES[field];
        let (low, high, is_open) = match (range.split_once('-'), step) {
            (Some((low, high)), _) => {
                let high = if field == DAY && high == "l" { greatest } else { value(field, high)? };
                (value(field, low)?, high, false)
            }
            (None, Some(_)) if range == "*" => (least, greatest, false),
            (None, Some(_)) => (value(field, range)?, greatest, true),
            (None, None) => return Ok(None),
        };
        if low.max(high) > greatest {
            return Err(OUT_OF_RANGE);
        }
        // From a value to itself is all the way round.
        let (low, high) = if low == high && !is_open { (least, greatest) } else { (low, high) };
        Ok(Some(Self { low, high, step: step.unwrap_or(1) }))
    }

    fn values(&self, field: usize) -> Vec<u32> {
        let Self { low, high, step } = *self;
        let (least, greatest) = RANGES[field];
        let every = |from: u32, to: u32| (from..=to).step_by(step as usize);
        if low <= high {
            return every(low, high).collect();
        }
        let mut values: Vec<u32> = every(low, greatest).collect();
        // The steps go on where the end was passed, if one reaches beyond it.
        let last = values.last().copied().unwrap_or(low);
        let (length, place) = (greatest - least + 1, last - least);
        let is_cut = place.saturating_add(step) > length && greatest - last < step;
        let skipped = if is_cut { step - (greatest - last) } else { 0 };
        values.extend(every(least.saturating_add(skipped), high));
        values
    }
}

/// A number, or the name of a month or day. The seventh day of the week is the first.
fn value(field: usize, text: &str) -> Result<u32, Wrong> {
    let names = match field {
        MONTH => MONTHS.iter().zip(1..).find(|(name, _)| **name == text),
        WEEKDAY => WEEKDAYS.iter().zip(0..).find(|(name, _)| **name == text),
        _ => None,
    };
    if let Some((_, value)) = names {
        return Ok(value);
    }
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NO_VALUE);
    }
    let value = text.parse().map_err(|_| OUT_OF_RANGE)?;
    Ok(if field == WEEKDAY && value == 7 { 0 } else { value })
}

fn first_of_next_month(day: NaiveDate) -> Option<NaiveDate> {
    match day.month() {
        12 => NaiveDate::from_ymd_opt(day.year() + 1, 1, 1),
        month => NaiveDate::from_ymd_opt(day.year(), month + 1, 1),
    }
}

fn days_of_month(day: NaiveDate) -> u32 {
    first_of_next_month(day).and_then(|next| next.pred_opt()).map_or(31, |last| last.day())
}

/// The weekday of the same month that is nearest to its day with that number.
fn nearest_weekday(of: NaiveDate, number: u32) -> u32 {
    let last = days_of_month(of);
    let number = number.min(last);
    match of.with_day(number).map(|day| day.weekday()) {
        Some(chrono::Weekday::Sat) => {
            if number > 1 {
                number - 1
            } else {
                number + 2
            }
        }
        Some(chrono::Weekday::Sun) => {
            if number < last {
                number + 1
            } else {
                number - 2
            }
        }
        _ => number,
    }
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;
