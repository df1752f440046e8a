//! What lists of runs can be filtered and sorted by. Much of it is said by a run's snapshot.

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};

use super::RunRow;
use crate::api::runs::pipelines;
use crate::http::conditions::{Among, Part};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED, Sort, name_of};
use crate::http::filter::Filter;
use crate::store::JoinById;

impl Listed for RunRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::run_metadata("pipeline_run"), Field::tags("pipeline_run")],
        OWNED,
        &[
            Field::name_in("pipeline_run"),
            Field::number("index"),
            Field::text("orchestrator_run_id"),
            Field::reference("pipeline_id", "pipeline_id").walked_by(&["created"]),
            Field::related("stack_id", of_snapshot(&[(("pipeline_snapshot", "stack_id"), FieldKind::Id)])),
            Field::related(
                "schedule_id",
                of_snapshot(&[(("pipeline_snapshot", "schedule_id"), FieldKind::Id)]),
            ),
            Field::related("build_id", of_snapshot(&[(("pipeline_snapshot", "build_id"), FieldKind::Id)])),
            Field::reference("snapshot_id", "snapshot_id"),
            Field::related("code_repository_id", CODE_REPOSITORY_ID),
            Field::related(
                "template_id",
                of_snapshot(&[(("pipeline_snapshot", "template_id"), FieldKind::Id)]),
            ),
            Field::related(
                "source_snapshot_id",
                of_snapshot(&[(("pipeline_snapshot", "source_snapshot_id"), FieldKind::Id)]),
            ),
            Field::reference("model_version_id", "model_version_id"),
            Field::related("linked_to_model_version_id", LINKED),
            Field::text("status").walked_by(&["created"]),
            Field::only_flag("in_progress").walked_by(&["created"]),
            Field::time("start_time"),
            Field::time("end_time"),
            Field::related("pipeline_name", PIPELINE_NAME).walked_by(&["created"]),
            Field {
                sort: Sort::By(|| name_of("pipeline", "pipeline_id")),
                ..Field::related("pipeline", pipelines::NAMED).walked_by(&["created"])
            },
            Field { sort: Sort::By(stack_name), ..Field::related("stack", STACK) },
            Field::related("code_repository", CODE_REPOSITORY),
            Field { sort: Sort::By(model_name), ..Field::related("model", MODEL) },
            Field::sort_only("model_version", || name_of("model_version", "model_version_id")),
            Field::related("stack_component", COMPONENT),
            Field::switch("templatable", templatable),
            Field::custom("triggered_by_step_run_id", |filter| triggered(filter, "step_run")),
            Field::custom("triggered_by_deployment_id", |filter| triggered(filter, "deployment")),
            Field::related("trigger_id", TRIGGER),
            Field::reference("parent_run_id", "parent_run_id"),
            Field::switch("root_runs_only", |only| {
                only.then(|| Part::plain(Expr::col("parent_run_id").is_null()))
            }),
        ],
    ];
}

/// A filter over the snapshots of runs.
const fn of_snapshot(fields: &'static [((&'static str, &'static str), FieldKind)]) -> Related {
    Related { column: "snapshot_id", rows: snapshots, fields }
}

fn snapshots() -> SelectStatement {
    Sql::select().column(("pipeline_snapshot", "id")).from("pipeline_snapshot").to_owned()
}

const PIPELINE_NAME: Related =
    Related { fields: &[(("pipeline", "name"), FieldKind::Text)], ..pipelines::NAMED };

const STACK: Related = Related {
    column: "snapshot_id",
    rows: || snapshots().join_by_id("stack", ("pipeline_snapshot", "stack_id")).to_owned(),
    fields: &[(("stack", "id"), FieldKind::Id), (("stack", "name"), FieldKind::Text)],
};

const COMPONENT: Related = Related {
    column: "snapshot_id",
    rows: || {
        let composition =
            Expr::col(("stack_composition", "stack_id")).equals(("pipeline_snapshot", "stack_id"));
        snapshots()
            .inner_join("stack_composition", composition)
            .join_by_id("stack_component", ("stack_composition", "component_id"))
            .to_owned()
    },
    fields: &[(("stack_component", "id"), FieldKind::Id), (("stack_component", "name"), FieldKind::Text)],
};

const CODE_REPOSITORY: Related = Related {
    column: "snapshot_id",
    rows: || {
        code_references().join_by_id("code_repository", ("code_reference", "code_repository_id")).to_owned()
    },
    fields: &[(("code_repository", "id"), FieldKind::Id), (("code_repository", "name"), FieldKind::Text)],
};

const CODE_REPOSITORY_ID: Related = Related {
    column: "snapshot_id",
    rows: code_references,
    fields: &[(("code_reference", "code_repository_id"), FieldKind::Id)],
};

fn code_references() -> SelectStatement {
    snapshots().join_by_id("code_reference", ("pipeline_snapshot", "code_reference_id")).to_owned()
}

/// Filter by the name or id of the model whose version it is.
pub(crate) const MODEL: Related = Related {
    column: "model_version_id",
    rows: || {
        Sql::select()
            .column(("model_version", "id"))
            .from("model_version")
            .join_by_id("model", ("model_version", "model_id"))
            .to_owned()
    },
    fields: &[(("model", "id"), FieldKind::Id), (("model", "name"), FieldKind::Text)],
};

const LINKED: Related = Related {
    column: "id",
    rows: || {
        Sql::select()
            .column(("model_versions_runs", "pipeline_run_id"))
            .from("model_versions_runs")
            .to_owned()
    },
    fields: &[(("model_versions_runs", "model_version_id"), FieldKind::Id)],
};

const TRIGGER: Related = Related {
    column: "id",
    rows: || {
        Sql::select().column(("trigger_execution", "pipeline_run_id")).from("trigger_execution").to_owned()
    },
    fields: &[(("trigger_execution", "trigger_id"), FieldKind::Id)],
};

fn triggered(filter: &Filter<'_>, by: &'static str) -> ApiResult<SimpleExpr> {
    let id = filter.condition(Expr::col("triggered_by"), FieldKind::Id)?;
    Ok(id.and(Expr::col("triggered_by_type").eq(by)))
}

/// Runs whose snapshot has a build that isn't local, for a stack; or all others.
fn templatable(wanted: bool) -> Option<Part> {
    let able = snapshots()
        .join_by_id("pipeline_build", ("pipeline_snapshot", "build_id"))
        .and_where(Expr::col(("pipeline_build", "is_local")).eq(false))
        .and_where(Expr::col(("pipeline_build", "stack_id")).is_not_null())
        .to_owned();
    let able = Among::new("snapshot_id", able);
    Some(if wanted { Part::Among(able) } else { Part::plain(able.exists().not()) })
}

fn stack_name() -> SimpleExpr {
    Sql::select()
        .column(("stack", "name"))
        .from("pipeline_snapshot")
        .join_by_id("stack", ("pipeline_snapshot", "stack_id"))
        .and_where(Expr::col(("pipeline_snapshot", "id")).equals(("pipeline_run", "snapshot_id")))
        .to_owned()
        .into()
}

fn model_name() -> SimpleExpr {
    Sql::select()
        .column(("model", "name"))
        .from("model_version")
        .join_by_id("model", ("model_version", "model_id"))
        .and_where(Expr::col(("model_version", "id")).equals(("pipeline_run", "model_version_id")))
        .to_owned()
        .into()
}
