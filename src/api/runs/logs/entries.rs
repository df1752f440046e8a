//! Reading what a log says.

use std::io;

use axum::response::{IntoResponse, Response};
use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LogsRow;
use super::create::RUNNER;
use crate::api::artifacts::store_files::{StoredFile, with_file};
use crate::env::random::SharedRandomness;
use crate::framework::Context;
use crate::http::budgets::Holder;
use crate::http::compression::Compressible;
use crate::http::download::{self, PIECE, Pieces};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::Listed;
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::local_files::Lines;

/// Entries of one answer at most.
const MOST_ENTRIES: usize = 50_000;
/// Bytes that are read for one answer at most.
const MOST_BYTES: u64 = 64 << 20;
/// Bytes of lines that are read at a time, however little they say.
const READ_AT_ONCE: usize = 16 * PIECE;

/// One entry of a log (contract schema LogEntry).
#[derive(Debug, Serialize, Deserialize)]
struct LogEntry {
    message: String,
    name: Option<String>,
    level: Option<Level>,
    timestamp: Option<EntryTimestamp>,
    module: Option<String>,
    filename: Option<String>,
    lineno: Option<i64>,
    #[serde(default)]
    chunk_index: i64,
    #[serde(default = "one")]
    total_chunks: i64,
    id: Option<Uuid>,
}

fn one() -> i64 {
    1
}

/// A time as it was written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
struct EntryTimestamp(String);

impl TryFrom<String> for EntryTimestamp {
    type Error = speedate::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        speedate::DateTime::parse_str(&text).map(|_| Self(text))
    }
}

/// A level of Python's logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
struct Level(i64);

const LEVELS: [(&str, i64); 7] = [
    ("NOTSET", 0),
    ("DEBUG", 10),
    ("INFO", 20),
    ("WARN", 30),
    ("WARNING", 30),
    ("ERROR", 40),
    ("CRITICAL", 50),
];
const INFO: Level = Level(20);

impl TryFrom<i64> for Level {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        match LEVELS.iter().any(|(_, level)| *level == number) {
            true => Ok(Self(number)),
            false => Err("not a level"),
        }
    }
}

impl From<Level> for i64 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl Level {
    /// By its name or number.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let named = LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        named.map(|(_, level)| Self(*level)).or_else(|| Self::try_from(text.parse::<i64>().ok()?).ok())
    }
}

/// The page of entries that a log is, as JSON that is made while it is taken.
struct Entries {
    /// None for a log without a file.
    lines: Option<Lines>,
    random: SharedRandomness,
    /// Entries that may still come.
    left: usize,
    /// Where it is in the answer.
    stage: Stage,
    frame: Frame,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    BeforeFirst,
    /// At least one entry has come.
    Between,
    Over,
}

/// What stands around the entries: a log of an artifact store has one page only.
#[derive(Clone, Copy)]
struct Frame {
    start: &'static str,
    end: &'static str,
}

const PAGE: Frame = Frame { start: r#"{"items":["#, end: r#"],"before":null,"after":null}"# };
const LIST: Frame = Frame { start: "[", end: "]" };

impl Pieces for Entries {
    fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.stage == Stage::Over {
            return Ok(None);
        }
        let mut piece = Vec::with_capacity(PIECE);
        let mut read = 0;
        if self.stage == Stage::Start {
            piece.extend_from_slice(self.frame.start.as_bytes());
            self.stage = Stage::BeforeFirst;
        }
        while piece.len() < PIECE && read < READ_AT_ONCE {
            let line = match &mut self.lines {
                Some(lines) if self.left > 0 => lines.next_line()?,
                _ => None,
            };
            let Some(line) = line else {
                piece.extend_from_slice(self.frame.end.as_bytes());
                self.stage = Stage::Over;
                break;
            };
            read += line.len();
            if let Some(entry) = entry(&line, &self.random) {
                if self.stage == Stage::Between {
                    piece.push(b',');
                }
                self.stage = Stage::Between;
                serde_json::to_writer(&mut piece, &entry)?;
                self.left -= 1;
            }
        }
        Ok(Some(piece))
    }
}

/// What is asked of a log.
#[derive(Debug, Default)]
struct Asked {
    limit: Option<i64>,
    /// Whether anything is asked that a file, which is read from its start, can't answer.
    is_more_than_a_start: bool,
}

impl Asked {
    /// # Errors
    /// 422 for what can't be read.
    fn read(mut query: QueryParams) -> ApiResult<Self> {
        let from_the_end = match query.text("start") {
            None | Some("oldest") => false,
            Some("newest") => true,
            Some(_) => {
                query.refuse("start", "literal_error", "Input should be 'oldest' or 'newest'");
                false
            }
        };
        let limit = query.integer("limit", 1, i64::MAX);
        let level = query.text("level").map(Level::parse);
        if level == Some(None) {
            query.refuse("level", "value_error", "Value error, give DEBUG, INFO, WARN, ERROR or CRITICAL");
        }
        let (since, until) = (moment(&mut query, "since"), moment(&mut query, "until"));
        query.finish()?;
        if since.zip(until).is_some_and(|(since, until)| since > until) {
            return Err(ApiError::unprocessable("'since' is later than 'until'."));
        }
        let is_more_than_a_start = from_the_end
            || query.text("before").or(query.text("after")).is_some()
            || query.text("search").is_some_and(|text| !text.is_empty())
            || level.flatten().is_some_and(|level| level.0 > 0)
            || since.or(until).is_some();
        Ok(Self { limit, is_more_than_a_start })
    }
}

/// A time or a day, in seconds since 1970.
fn moment(query: &mut QueryParams, name: &str) -> Option<i64> {
    let text = query.text(name)?;
    if let Ok(moment) = speedate::DateTime::parse_str(text) {
        return Some(moment.timestamp_tz());
    }
    match speedate::Date::parse_str(text) {
        Ok(day) => Some(day.timestamp()),
        Err(_) => {
            query.refuse(name, "datetime_from_date_parsing", "Input should be a valid datetime or date");
            None
        }
    }
}

/// The oldest entries of a log.
pub(super) async fn list_entries(cx: Context, PathId(id): PathId, query: QueryParams) -> ApiResult<Response> {
    let asked = Asked::read(query)?;
    let logs = cx.find::<LogsRow>(id).await?;
    logs.refuse_unowned()?;
    read(&cx, &logs, &asked, PAGE).await
}

/// What a log says, as far as one answer holds it.
///
/// # Errors
/// 400 for logs that have no file; 403 for local files that are not read; 404 for a store or file that isn't there; 501
/// for stores that this server has no client for.
pub(crate) async fn entries(cx: &Context, logs: &LogsRow) -> ApiResult<Response> {
    read(cx, logs, &Asked::default(), LIST).await
}

async fn read(cx: &Context, logs: &LogsRow, asked: &Asked, frame: Frame) -> ApiResult<Response> {
    let right = cx.edge.budgets.downloads.begin(Holder::Account(cx.user_id()))?;
    let lines = lines(cx, logs, asked).await?;
    let limit =
        asked.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_ENTRIES).min(MOST_ENTRIES);
    let random = std::sync::Arc::clone(&cx.env.random);
    let entries = Entries { lines, random, left: limit, stage: Stage::Start, frame };
    Ok((Compressible(!LogsRow::HOLDS_SECRETS), download::json(entries, right)).into_response())
}

async fn lines(cx: &Context, logs: &LogsRow, asked: &Asked) -> ApiResult<Option<Lines>> {
    let refuse = |message: &str| Err(ApiError::value(message));
    if logs.body.source == RUNNER {
        return refuse("This server starts no runs, so it has no logs of their runners.");
    }
    if logs.metadata.log_store_id.is_some() {
        let message = "This server reads no logs of log stores: it has no client for them.";
        return Err(ApiError::not_implemented(message));
    }
    let Some(store) = logs.metadata.artifact_store_id else { return Ok(None) };
    let Some(uri) = logs.body.uri.as_deref().filter(|uri| !uri.is_empty()) else {
        return refuse("The logs have no URI.");
    };
    if asked.is_more_than_a_start {
        return refuse("Logs of an artifact store are read from their start, and not filtered.");
    }
    let file =
        StoredFile { store, uri, since: (logs.body.created, logs.id), projects: cx.principal.projects() };
    with_file(cx, file, |place| place.lines(MOST_BYTES)).await.map(Some)
}

/// One line of a log: JSON as ZenML's client writes it, or any text, perhaps with a time before it. Nothing is an empty
/// line.
fn entry(line: &str, random: &SharedRandomness) -> Option<LogEntry> {
    let line = line.trim();
    if line.is_empty() {
        return None;
    }
    let mut entry = match serde_json::from_str::<LogEntry>(line) {
        Ok(entry) if line.starts_with('{') => entry,
        _ => plain(line),
    };
    entry.id.get_or_insert_with(|| random.uuid());
    Some(entry)
}

/// `[2026-01-02 03:04:05 UTC] message`, or a message alone.
fn plain(line: &str) -> LogEntry {
    let timed = line.strip_prefix('[').and_then(|rest| {
        let (time, message) = rest.split_once(" UTC]")?;
        let time = NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S").ok()?;
        Some((EntryTimestamp(time.format("%Y-%m-%dT%H:%M:%SZ").to_string()), message.trim()))
    });
    let (timestamp, message) = timed.map_or((None, line), |(time, message)| (Some(time), message));
    LogEntry {
        message: message.to_owned(),
        name: None,
        level: Some(INFO),
        timestamp,
        module: None,
        filename: None,
        lineno: None,
        chunk_index: 0,
        total_chunks: 1,
        id: None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::local_files::LocalFiles;

    use super::*;
    use crate::env::random::SystemRandomness;

    #[test]
    fn a_line_is_an_entry_in_each_of_its_forms() {
        let random: SharedRandomness = Arc::new(SystemRandomness);
        let read = |line: &str| {
            let entry = serde_json::to_value(entry(line, &random)?).unwrap();
            Some(["message", "level", "timestamp"].map(|field| entry[field].to_string()).join(" "))
        };
        for (line, expected) in [
            ("", None),
            ("  \n", None),
            ("hello\n", Some(r#""hello" 20 null"#)),
            ("[2026-01-02 03:04:05 UTC] hello", Some(r#""hello" 20 "2026-01-02T03:04:05Z""#)),
            ("[a] hello", Some(r#""[a] hello" 20 null"#)),
            (
                r#"{"message": "hello", "level": 40, "timestamp": "2026-01-02T03:04:05.600000Z", "more": 1}"#,
                Some(r#""hello" 40 "2026-01-02T03:04:05.600000Z""#),
            ),
            (r#"{"level": 40}"#, Some(r#""{\"level\": 40}" 20 null"#)),
            (r#"{"message": "x", "level": 41}"#, Some(r#""{\"message\": \"x\", \"level\": 41}" 20 null"#)),
        ] {
            assert_eq!(read(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn entries_are_one_json_text_however_many_pieces_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalFiles::new(Some(folder.path().to_owned()));
        let read = |text: &str, left: usize, frame: Frame| {
            let path = folder.path().join("log");
            std::fs::write(&path, text).unwrap();
            let lines = files.place(path.to_str().unwrap()).unwrap().lines(MOST_BYTES).unwrap();
            let random = Arc::new(SystemRandomness);
            let mut entries = Entries { lines: Some(lines), random, left, stage: Stage::Start, frame };
            let pieces: Vec<_> = std::iter::from_fn(|| entries.next_piece().unwrap()).collect();
            let json: serde_json::Value = serde_json::from_slice(&pieces.concat()).unwrap();
            (pieces.len(), json)
        };
        assert_eq!(read("", 9, LIST), (1, json!([])));
        assert_eq!(read("\n \n", 9, PAGE), (1, json!({"items": [], "before": null, "after": null})));
        let (_, two) = read("\none\n\ntwo\nthree\n", 2, LIST);
        assert_eq!((two.as_array().unwrap().len(), &two[1]["message"]), (2, &json!("two")));
        let (pieces, page) = read(&"0123456789\n".repeat(5000), 9999, PAGE);
        assert!(pieces > 5 && page["items"].as_array().unwrap().len() == 5000);
        // Nothing to say in the first pieces.
        let (pieces, late) = read(&format!("{}late", " \n".repeat(READ_AT_ONCE)), 9, LIST);
        assert!(pieces > 1 && late[0]["message"] == "late" && late.as_array().unwrap().len() == 1);
    }
}
