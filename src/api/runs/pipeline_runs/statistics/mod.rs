//! How many runs there are of each kind, and what they have in common.

mod query;

use std::collections::BTreeSet;

use axum::Json;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RunRow;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::list::ListRequest;
use crate::http::query::QueryParams;
use crate::http::values::{Name, at_most};
use crate::store::{Id, Span};

const MOST_GROUPS: u64 = 10_000;
/// Bytes of a filter as a query string: what the address of a list may be.
const LONGEST_FILTER: usize = 65_535;

/// Which runs, by what they are gathered, and what is worked out of each group (contract schema
/// RunStatisticsRequest).
#[derive(Debug, Deserialize)]
pub(super) struct StatisticsRequest {
    /// As the parameters of a list of runs.
    filter: IndexMap<String, Value>,
    #[serde(default, deserialize_with = "at_most::<20, _, _>")]
    groupings: Vec<Grouping>,
    #[serde(default, deserialize_with = "at_most::<20, _, _>")]
    metrics: Vec<Metric>,
    #[serde(default = "default_groups")]
    max_groups: u64,
}

fn default_groups() -> u64 {
    1000
}

#[derive(Debug, Deserialize)]
struct Grouping {
    name: Name,
    r#type: GroupingKind,
    /// Of time alone.
    granularity: Option<Span>,
    /// Of metadata alone.
    metadata_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GroupingKind {
    Status,
    Pipeline,
    Snapshot,
    SourceSnapshot,
    Stack,
    Trigger,
    User,
    Time,
    Metadata,
    Tag,
}

#[derive(Debug, Deserialize)]
struct Metric {
    name: Name,
    source: MetricSource,
    aggregation: Aggregation,
    /// Of metadata alone.
    metadata_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MetricSource {
    Duration,
    StepCount,
    CachedStepCount,
    OutputArtifactCount,
    Metadata,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aggregation {
    Avg,
    Sum,
    Min,
    Max,
}

/// The groups: by time, or the largest first (contract schema RunStatisticsResponse).
#[derive(Debug, Serialize)]
pub(super) struct Statistics {
    groups: Vec<Group>,
    /// Whether there are more groups than were asked for.
    truncated: bool,
}

#[derive(Debug, Serialize)]
struct Group {
    group_keys: IndexMap<String, Value>,
    metrics: IndexMap<String, Option<f64>>,
    run_count: i64,
}

pub(super) async fn get_statistics(
    cx: Context,
    JsonBody(request): JsonBody<StatisticsRequest>,
) -> ApiResult<Json<Statistics>> {
    request.check()?;
    let list = ListRequest::<RunRow>::read(parameters(&request.filter)?).map_err(ApiError::of_body)?;
    let most = usize::try_from(request.max_groups).unwrap_or(usize::MAX);
    let mut rows = query::fetch(&cx, &list, &request).await?;
    let truncated = rows.len() > most;
    rows.truncate(most);
    if request.is_by_time() {
        // The latest were fetched, the latest first.
        rows.reverse();
    }
    let groups = rows.into_iter().map(|row| request.group(row)).collect();
    Ok(Json(Statistics { groups, truncated }))
}

impl StatisticsRequest {
    fn check(&self) -> ApiResult<()> {
        let is_unique = |names: Vec<&str>| names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let groupings = self.groupings.iter().map(|grouping| grouping.name.as_str()).collect();
        let metrics = self.metrics.iter().map(|metric| metric.name.as_str()).collect();
        let by_time = self.groupings.iter().filter(|grouping| grouping.r#type == GroupingKind::Time);
        let is_whole = |grouping: &Grouping| match grouping.r#type {
            GroupingKind::Time => grouping.granularity.is_some(),
            GroupingKind::Metadata => grouping.metadata_key.is_some(),
            _ => true,
        };
        let refused = match () {
            () if !(1..=MOST_GROUPS).contains(&self.max_groups) => {
                "max_groups: give a number from 1 to 10000"
            }
            () if !is_unique(groupings) => "groupings: two of them have the same name",
            () if !is_unique(metrics) => "metrics: two of them have the same name",
            () if by_time.count() > 1 => "groupings: one of them may be by time",
            () if !self.groupings.iter().all(is_whole) => {
                "groupings: time needs a granularity, and metadata a metadata_key"
            }
            () if self
                .metrics
                .iter()
                .any(|metric| metric.source == MetricSource::Metadata && metric.metadata_key.is_none()) =>
            {
                "metrics: metadata needs a metadata_key"
            }
            () => return Ok(()),
        };
        Err(ApiError::invalid_request(refused))
    }

    fn is_by_time(&self) -> bool {
        self.groupings.iter().any(|grouping| grouping.r#type == GroupingKind::Time)
    }

    fn group(&self, row: query::GroupRow) -> Group {
        let names = self.groupings.iter().map(|grouping| grouping.name.as_str().to_owned());
        let keys = self.groupings.iter().zip(row.keys).map(|(grouping, key)| grouping.key(key));
        let metrics = self.metrics.iter().map(|metric| metric.name.as_str().to_owned());
        Group {
            group_keys: names.zip(keys).collect(),
            metrics: metrics.zip(row.metrics).collect(),
            run_count: row.run_count,
        }
    }
}

impl Grouping {
    /// What all runs of a group have in common, as JSON; a list or an object is not shown.
    fn key(&self, stored: Option<String>) -> Value {
        let Some(stored) = stored else { return Value::Null };
        match self.r#type {
            GroupingKind::Status | GroupingKind::Time | GroupingKind::Tag => Value::String(stored),
            GroupingKind::Metadata => {
                let value = serde_json::from_str(&stored).unwrap_or_default();
                if matches!(value, Value::Array(_) | Value::Object(_)) { Value::Null } else { value }
            }
            _ => Value::String(uuid::Uuid::try_parse(&stored).map_or(stored, |id| Id(id).to_string())),
        }
    }
}

/// A filter in a body as the query string that says the same.
fn parameters(filter: &IndexMap<String, Value>) -> ApiResult<QueryParams> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in filter {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            match value {
                Value::Null => {}
                Value::String(text) => drop(query.append_pair(name, text)),
                other => drop(query.append_pair(name, &other.to_string())),
            }
        }
    }
    let query = query.finish();
    if query.len() > LONGEST_FILTER {
        let message = format!("filter: as a query string it has at most {LONGEST_FILTER} bytes");
        return Err(ApiError::invalid_request(message));
    }
    Ok(QueryParams::new("POST", "/api/v1/runs/statistics", &query))
}
