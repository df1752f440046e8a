//! The audit log, for admins.

use askama::Template;
use chrono::{DateTime, TimeDelta};
use strum::VariantNames;

use crate::address::Address;
use crate::audit::Action;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, newest};
use crate::console::shell::Shell;
use crate::console::views::AuditRecord;
use crate::console::visitor::Visitor;

/// What the records can be asked by.
const FILTERS: [&str; 4] = ["action", "result", "user", "since"];
/// Hours that the filter by time offers.
const SPANS: [(&str, i64, &str); 4] = [
    ("hour", 1, "The last hour"),
    ("day", 24, "The last day"),
    ("week", 168, "The last week"),
    ("month", 720, "The last 30 days"),
];

/// An entry of a menu.
struct Choice {
    value: &'static str,
    words: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditLog {
    shell: Shell,
    records: Vec<AuditRecord>,
    paging: Paging,
    actions: Vec<Choice>,
    results: Vec<Choice>,
    spans: Vec<Choice>,
    user: String,
    is_filtered: bool,
}

impl AuditLog {
    fn action(&self, record: &AuditRecord) -> String {
        sentence(&record.action)
    }

    /// What it was done to.
    fn subject(&self, record: &AuditRecord) -> String {
        let Some(kind) = &record.subject_kind else { return String::new() };
        let name = record.subject_name.clone().filter(|name| !name.is_empty());
        let name = name.or_else(|| record.subject_id.map(|id| id.to_string())).unwrap_or_default();
        format!("{} {name}", sentence(kind))
    }

    /// What else is known, in `name: value` pairs.
    fn details(&self, record: &AuditRecord) -> String {
        let details = record.details.as_ref().and_then(|details| details.as_object());
        let text = |name: &str, value: &serde_json::Value| match value {
            serde_json::Value::Number(seconds) if name == "expires" => {
                let end = seconds.as_i64().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
                end.map_or_else(String::new, |end| end.format("%Y-%m-%d %H:%M UTC").to_string())
            }
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(all) => {
                all.iter().map(|each| each.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let pairs = details
            .into_iter()
            .flatten()
            .filter(|(name, value)| !value.is_null() && *name != "service_account_id");
        let pairs: Vec<String> =
            pairs.map(|(name, value)| format!("{}: {}", name.replace('_', " "), text(name, value))).collect();
        pairs.join("; ")
    }
}

/// The records that were asked for, newest first.
pub(super) async fn audit(visitor: Visitor) -> PageResult {
    visitor.require_admin()?;
    let since = visitor.asked.text("since").and_then(|since| SPANS.iter().find(|(name, ..)| *name == since));
    let since = since.map(|(_, hours, _)| visitor.shell.now - TimeDelta::hours(*hours));
    let since = since.map(|since| format!("gte:{}", since.format("%Y-%m-%d %H:%M:%S")));
    let records = newest(Address::of("/api/v1/audit", &[]), &visitor.asked)
        .maybe("action", visitor.asked.text("action").filter(|action| Action::VARIANTS.contains(action)))
        .maybe(
            "result",
            visitor.asked.text("result").filter(|result| ["success", "refused"].contains(result)),
        )
        .maybe("user", visitor.asked.text("user"))
        .maybe("created", since);
    let records: Page<AuditRecord> = visitor.api.get(&records).await.map_err(visitor.refused())?;
    let choice = |name: &str, value: &'static str, words: String| {
        let is_chosen = visitor.asked.text(name) == Some(value);
        Choice { value, words, is_chosen }
    };
    page(&AuditLog {
        paging: Paging::of(
            &records,
            &visitor.shell.at("/console/settings/audit-log"),
            &visitor.asked,
            &FILTERS,
        ),
        records: records.items,
        actions: Action::VARIANTS.iter().map(|word| choice("action", word, sentence(word))).collect(),
        results: ["success", "refused"].map(|word| choice("result", word, sentence(word))).into(),
        spans: SPANS.iter().map(|(name, _, words)| choice("since", name, (*words).to_owned())).collect(),
        user: visitor.asked.text("user").unwrap_or_default().to_owned(),
        is_filtered: FILTERS.iter().any(|name| visitor.asked.text(name).is_some()),
        shell: visitor.shell,
    })
}

/// A word of the API's as one reads it: `sign_in_refused` is "Sign in refused".
fn sentence(word: &str) -> String {
    let words = word.replace('_', " ").replace("api ", "API ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
