//! What commands print: for people, or for programs.

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::Serialize;

use super::CliError;

/// How a command prints what it found.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Output {
    Table,
    Json,
}

/// The JSON that programs read, with a line break at its end.
///
/// # Errors
/// When it can't be written as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<String, CliError> {
    let json = serde_json::to_string_pretty(value);
    json.map(|json| json + "\n").map_err(|error| CliError::failure(error.to_string()))
}

/// A moment of a table, in UTC.
pub(super) fn moment(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M:%S").to_string()
}
