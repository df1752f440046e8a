//! `zendo audit`: the audit's records, read from the store itself.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use clap::Args;
use sea_query::{Expr, ExprTrait, Order, SelectStatement};
use strum::VariantNames;
use uuid::Uuid;

use super::output::{self, Output};
use super::{CliError, program, store};
use crate::audit::{Action, Record};
use crate::client::error::printable;
use crate::env::clock::{Clock, SystemClock};
use crate::store::{Id, Store, StoreError};

/// How often the store is asked for new records.
const INTERVAL: Duration = Duration::from_millis(500);
/// For so long a record may become visible after a later one: by its transaction, and by the clocks of a cluster's nodes.
const OVERLAP: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo audit --since 24h --action sign_in_refused\n  \
                        zendo audit --user ada --limit 1000 --output json\n  \
                        zendo audit --follow --output json")]
pub(super) struct AuditArgs {
    /// Folder of the embedded database [env: ZENDO_DATA_DIR] [default: zendo-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Only what was done, such as sign_in; may be repeated
    #[arg(long, value_name = "ACTION", value_parser = clap::builder::PossibleValuesParser::new(Action::VARIANTS))]
    action: Vec<String>,
    /// Only what was done by the account with this name or id
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only what was done since: 90s, 30m, 24h, 7d, or a moment as 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// Records to show at most, the newest of all
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: u64,
    /// Go on and show new records as they come
    #[arg(long)]
    follow: bool,
    /// A table for people, or a JSON line for each record
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Since {
    Timestamp(DateTime<Utc>),
    Ago(TimeDelta),
}

/// Prints records, the newest last.
///
/// # Errors
/// Exit code 2 for an invalid filter or setting, 1 when the store can't be read.
pub(super) fn run(args: AuditArgs, program: &'static str) -> Result<(), CliError> {
    program::runtime()?.block_on(execute(&args, program))
}

async fn execute(args: &AuditArgs, program: &'static str) -> Result<(), CliError> {
    let (store, _) = store::open(args.data_dir.as_deref(), true, program).await?;
    // Asked first: what comes meanwhile is shown as new.
    let mut seen = recent(&store).await.map_err(unreadable)?;
    let mut select = args.select(SystemClock.now());
    let newest = select.order_by("id", Order::Desc).limit(args.limit);
    let mut records: Vec<Record> = store.fetch_all(newest).await.map_err(unreadable)?;
    records.reverse();
    let mut text = match args.output {
        Output::Table => HEADING.to_owned(),
        Output::Json => String::new(),
    };
    text.push_str(&args.lines(&records)?);
    program::print(&text)?;
    seen.extend(records.iter().map(|record| record.id));
    if args.follow {
        follow(args, &store, seen).await?;
    }
    store.close().await;
    Ok(())
}

/// Shows what is new, until nobody reads it any more.
async fn follow(args: &AuditArgs, store: &Store, mut seen: HashSet<Id>) -> Result<(), CliError> {
    let mut read = Instant::now();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let begin = Instant::now();
        let span = OVERLAP + (begin - read);
        let now = SystemClock.now();
        let mut select = args.select(now);
        select.and_where(store.audited_within(span, now)).order_by("id", Order::Asc);
        let records: Vec<Record> = store.fetch_all(&select).await.map_err(unreadable)?;
        // What is read no more needs not be known any longer.
        let recent = records.iter().map(|record| record.id).collect();
        let new: Vec<Record> = records.into_iter().filter(|record| !seen.contains(&record.id)).collect();
        (seen, read) = (recent, begin);
        let text = args.lines(&new)?;
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(CliError::failure(format!("cannot write to standard output: {error}")));
            }
        }
    }
}

/// The records of the last seconds, which aren't new.
async fn recent(store: &Store) -> Result<HashSet<Id>, StoreError> {
    let query = sea_query::Query::select()
        .column("id")
        .from(Record::TABLE)
        .and_where(store.audited_within(OVERLAP * 2, SystemClock.now()))
        .to_owned();
    let ids: Vec<(Id,)> = store.fetch_all(&query).await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

impl AuditArgs {
    fn select(&self, now: DateTime<Utc>) -> SelectStatement {
        let mut select = Record::select();
        if !self.action.is_empty() {
            select.and_where(Expr::col("action").is_in(&self.action));
        }
        if let Some(user) = &self.user {
            let by_name = Expr::col("user_name").eq(user.as_str());
            select.and_where(match Uuid::try_parse(user) {
                Ok(id) => by_name.or(Expr::col("user_id").eq(Id(id))),
                Err(_) => by_name,
            });
        }
        if let Some(since) = self.since {
            let start = match since {
                Since::Timestamp(moment) => moment,
                Since::Ago(span) => now - span,
            };
            select.and_where(Expr::col("id").gte(Id::first_of(start)));
        }
        select
    }

    fn lines(&self, records: &[Record]) -> Result<String, CliError> {
        let mut text = String::new();
        for record in records {
            match self.output {
                Output::Table => write_row(&mut text, record),
                Output::Json => {
                    let json = serde_json::to_string(record);
                    text.push_str(&json.map_err(|error| CliError::failure(error.to_string()))?);
                    text.push('\n');
                }
            }
        }
        Ok(text)
    }
}

const HEADING: &str = "TIME (UTC)           ACTION                   RESULT   USER                  ON                    ADDRESS          MORE\n";

/// New records come one by one, so the columns don't follow what is in them.
fn write_row(text: &mut String, record: &Record) {
    let time = output::moment(record.created.to_utc());
    let text_of = |value: &Option<String>| value.as_deref().map(printable).unwrap_or_default();
    let user = match record.user_name {
        Some(_) => text_of(&record.user_name),
        None => format!("({})", record.credential),
    };
    let on = match (&record.subject_name, record.subject_id) {
        (Some(name), _) => printable(name),
        (None, Some(id)) => id.to_string(),
        (None, None) => String::new(),
    };
    let mut more = vec![text_of(&record.reason)];
    if record.times > 1 {
        more.push(format!("{} times", record.times));
    }
    more.push(record.details.as_ref().map(|details| printable(details.0.get())).unwrap_or_default());
    more.push(
        record.request_id.as_deref().map(|id| format!("request {}", printable(id))).unwrap_or_default(),
    );
    more.retain(|part| !part.is_empty());
    let (action, result, address) = (&record.action, &record.result, text_of(&record.address));
    let more = more.join(", ");
    let _ = writeln!(text, "{time}  {action:23}  {result:7}  {user:20}  {on:20}  {address:15}  {more}");
}

fn unreadable(error: StoreError) -> CliError {
    CliError::failure(format!("the audit can't be read: {error}"))
}

fn since(text: &str) -> Result<Since, String> {
    let seconds = |unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        _ => None,
    };
    let unit = text.chars().last().and_then(seconds);
    let count = text.get(..text.len().saturating_sub(1)).and_then(|count| count.parse::<u32>().ok());
    if let (Some(unit), Some(count)) = (unit, count) {
        return Ok(Since::Ago(TimeDelta::seconds(i64::from(count) * unit)));
    }
    let moment = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()).ok();
    let naive = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let moment = moment.or_else(|| naive().or_else(day).map(|naive| naive.and_utc()));
    let wrong = "give 90s, 30m, 24h, 7d, or a moment such as 2026-01-31 or 2026-01-31T12:00:00Z";
    moment.map(Since::Timestamp).ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_or_a_moment_is_meant() {
        let moment = |text: &str| Ok(Since::Timestamp(text.parse().unwrap()));
        assert_eq!(since("24h"), Ok(Since::Ago(TimeDelta::hours(24))));
        assert_eq!(since("90s"), Ok(Since::Ago(TimeDelta::seconds(90))));
        assert_eq!(since("2026-01-31"), moment("2026-01-31T00:00:00Z"));
        assert_eq!(since("2026-01-31 12:30:00"), moment("2026-01-31T12:30:00Z"));
        assert_eq!(since("2026-01-31T12:00:00+02:00"), moment("2026-01-31T10:00:00Z"));
        for wrong in ["", "soon", "h", "-1h", "1y", "2026-13-01", "ü"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
