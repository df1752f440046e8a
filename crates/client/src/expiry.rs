//! Moments and spans of time in words.

use chrono::{DateTime, TimeDelta, Utc};

/// When `moment` is, seen from `now`: "in 2 days 3 hours", "5 minutes ago", "just now".
pub fn relative(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = moment - now;
    if distance.num_seconds() == 0 {
        "just now".to_owned()
    } else if distance > TimeDelta::zero() {
        format!("in {}", span(distance))
    } else {
        format!("{} ago", span(-distance))
    }
}

/// A span in its two largest units that count: "6 days 23 hours", "1 hour", "42 seconds".
pub fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let parts = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let largest = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    parts[largest..]
        .iter()
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}{}", if *count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_largest_units_are_named() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, expected) in [
            (0, "just now"),
            (1, "in 1 second"),
            (3_600, "in 1 hour"),
            (3_661, "in 1 hour 1 minute"),
            (604_799, "in 6 days 23 hours"),
            (86_460, "in 1 day"),
            (-300, "5 minutes ago"),
            (-93_600, "1 day 2 hours ago"),
        ] {
            assert_eq!(relative(now + TimeDelta::seconds(seconds), now), expected);
        }
    }
}
