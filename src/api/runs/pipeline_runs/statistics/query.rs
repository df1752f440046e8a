//! The one query behind statistics of runs: a row for each run with what is asked about it, gathered into groups.

use sea_query::{Expr, ExprTrait, Func, Order, Query as Sql, SelectStatement, SimpleExpr};
use sqlx::{ColumnIndex, Database, Decode, FromRow, Type};

use super::{Aggregation, Grouping, GroupingKind, Metric, MetricSource, StatisticsRequest};
use crate::api::runs::pipeline_runs::RunRow;
use crate::framework::{Context, find_project};
use crate::http::error::ApiResult;
use crate::http::list::ListRequest;
use crate::store::JoinById;

const RUN: &str = "pipeline_run";

/// One group, with its keys and metrics in the order that they were asked for.
#[derive(Debug)]
pub(super) struct GroupRow {
    pub keys: Vec<Option<String>>,
    pub metrics: Vec<Option<f64>>,
    pub run_count: i64,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for GroupRow
where
    for<'i> &'i str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    f64: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let named = |prefix: char| (0..row.len()).map(move |number| format!("{prefix}{number}"));
        let there = |name: &String| name.as_str().index(row).is_ok();
        let keys = named('g').take_while(there).map(|name| row.try_get::<Option<String>, _>(name.as_str()));
        let metrics = named('m').take_while(there).map(|name| row.try_get::<Option<f64>, _>(name.as_str()));
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            metrics: metrics.collect::<Result<_, _>>()?,
            run_count: row.try_get("run_count")?,
        })
    }
}

/// The groups that were asked for, and one more if there are more.
pub(super) async fn fetch(
    cx: &Context,
    list: &ListRequest<RunRow>,
    request: &StatisticsRequest,
) -> ApiResult<Vec<GroupRow>> {
    let project = find_project(cx, list.project.as_deref()).await?;
    let mut wanted = Sql::select();
    wanted.column("id").from(RUN).and_where(Expr::col("project_id").eq(project));
    list.narrow(&cx.store, &mut wanted).await?;
    let mut query = Sql::select();
    query.from_subquery(runs(cx, request, wanted), "runs");
    if request.groupings.iter().any(|grouping| grouping.r#type == GroupingKind::Tag) {
        let of_run = Expr::col(("tags", "run_id")).equals(("runs", "run_id"));
        query.join_subquery(sea_query::JoinType::LeftJoin, tags(), "tags", of_run);
    }
    for (number, grouping) in request.groupings.iter().enumerate() {
        let key = match grouping.r#type {
            GroupingKind::Tag => Expr::col(("tags", "name")),
            _ => Expr::col(("runs", format!("g{number}"))),
        };
        query.expr_as(key.clone(), format!("g{number}")).add_group_by([key]);
    }
    for (number, metric) in request.metrics.iter().enumerate() {
        query.expr_as(metric.of(Expr::col(("runs", format!("m{number}")))), format!("m{number}"));
    }
    query.expr_as(Expr::col(("runs", "run_id")).count_distinct(), "run_count");
    order(&mut query, request);
    query.limit(request.max_groups + 1);
    Ok(cx.store.fetch_all(&query).await?)
}

/// The latest first; without time the largest.
fn order(query: &mut SelectStatement, request: &StatisticsRequest) {
    let by_time = request.groupings.iter().position(|grouping| grouping.r#type == GroupingKind::Time);
    let others = if by_time.is_some() { Order::Desc } else { Order::Asc };
    match by_time {
        Some(number) => query.order_by(format!("g{number}"), Order::Desc),
        None => query.order_by("run_count", Order::Desc),
    };
    for number in (0..request.groupings.len()).filter(|number| Some(*number) != by_time) {
        query.order_by(format!("g{number}"), others.clone());
    }
}

/// A row for each run: its id, and what it is gathered and counted by.
fn runs(cx: &Context, request: &StatisticsRequest, wanted: SelectStatement) -> SelectStatement {
    let mut runs = Sql::select();
    runs.expr_as(Expr::col((RUN, "id")), "run_id")
        .from(RUN)
        .and_where(Expr::col((RUN, "id")).in_subquery(wanted));
    for (number, grouping) in request.groupings.iter().enumerate() {
        if let Some(key) = grouping.of_run(cx) {
            runs.expr_as(key, format!("g{number}"));
        }
    }
    for (number, metric) in request.metrics.iter().enumerate() {
        runs.expr_as(metric.of_run(cx), format!("m{number}"));
    }
    runs
}

impl Grouping {
    /// None for tags, of which a run may have several.
    fn of_run(&self, cx: &Context) -> Option<SimpleExpr> {
        let own = |column: &'static str| Expr::col((RUN, column));
        Some(match self.r#type {
            GroupingKind::Status => own("status"),
            GroupingKind::Pipeline => own("pipeline_id"),
            GroupingKind::Snapshot => own("snapshot_id"),
            GroupingKind::User => own("user_id"),
            GroupingKind::SourceSnapshot => of_snapshot("source_snapshot_id"),
            GroupingKind::Stack => of_snapshot("stack_id"),
            GroupingKind::Trigger => Sql::select()
                .column(("trigger_execution", "trigger_id"))
                .from("trigger_execution")
                .and_where(Expr::col(("trigger_execution", "pipeline_run_id")).equals((RUN, "id")))
                .limit(1)
                .to_owned()
                .into(),
            GroupingKind::Time => cx.store.engine().span_of((RUN, "start_time"), self.granularity?),
            GroupingKind::Metadata => {
                newest_metadata(self.metadata_key.as_deref()?, Expr::col(("run_metadata", "value")))
            }
            GroupingKind::Tag => return None,
        })
    }
}

impl Metric {
    fn of_run(&self, cx: &Context) -> SimpleExpr {
        let step = |column: &'static str| Expr::col(("step_run", column));
        match self.source {
            MetricSource::Duration => {
                cx.store.engine().seconds_between((RUN, "start_time"), (RUN, "end_time"))
            }
            MetricSource::StepCount => steps(step("name").count_distinct()).into(),
            MetricSource::CachedStepCount => {
                let cached =
                    steps(step("name").count_distinct()).and_where(step("status").eq("cached")).to_owned();
                cached.into()
            }
            MetricSource::OutputArtifactCount => {
                let output = ("step_run_output_artifact", "artifact_id");
                let of_step = Expr::col(("step_run_output_artifact", "step_id")).equals(("step_run", "id"));
                steps(Expr::col(output).count_distinct())
                    .inner_join("step_run_output_artifact", of_step)
                    .to_owned()
                    .into()
            }
            MetricSource::Metadata => {
                let is_number = Expr::col(("run_metadata", "type")).is_in(["int", "float"]);
                let number = Expr::col(("run_metadata", "value")).cast_as("DOUBLE");
                let number = Expr::case(is_number, number).finally(Option::<f64>::None);
                newest_metadata(self.metadata_key.as_deref().unwrap_or_default(), number.into())
            }
        }
    }

    fn of(&self, values: SimpleExpr) -> SimpleExpr {
        let worked_out: SimpleExpr = match self.aggregation {
            Aggregation::Avg => Func::avg(values).into(),
            Aggregation::Sum => Func::sum(values).into(),
            Aggregation::Min => Func::min(values).into(),
            Aggregation::Max => Func::max(values).into(),
        };
        worked_out.cast_as("DOUBLE")
    }
}

fn of_snapshot(column: &'static str) -> SimpleExpr {
    Sql::select()
        .column(("pipeline_snapshot", column))
        .from("pipeline_snapshot")
        .and_where(Expr::col(("pipeline_snapshot", "id")).equals((RUN, "snapshot_id")))
        .to_owned()
        .into()
}

fn steps(count: SimpleExpr) -> SelectStatement {
    Sql::select()
        .expr(count)
        .from("step_run")
        .and_where(Expr::col(("step_run", "pipeline_run_id")).equals((RUN, "id")))
        .to_owned()
}

/// Of what was last logged for a run under a key.
fn newest_metadata(key: &str, value: SimpleExpr) -> SimpleExpr {
    Sql::select()
        .expr(value)
        .from("run_metadata_resource")
        .join_by_id("run_metadata", ("run_metadata_resource", "run_metadata_id"))
        .and_where(Expr::col(("run_metadata_resource", "resource_id")).equals((RUN, "id")))
        .and_where(Expr::col(("run_metadata_resource", "resource_type")).eq("pipeline_run"))
        .and_where(Expr::col(("run_metadata", "key")).eq(key))
        .order_by(("run_metadata", "created"), Order::Desc)
        .limit(1)
        .to_owned()
        .into()
}

fn tags() -> SelectStatement {
    Sql::select()
        .expr_as(Expr::col(("tag_resource", "resource_id")), "run_id")
        .column(("tag", "name"))
        .from("tag_resource")
        .join_by_id("tag", ("tag_resource", "tag_id"))
        .and_where(Expr::col(("tag_resource", "resource_type")).eq("pipeline_run"))
        .to_owned()
}
