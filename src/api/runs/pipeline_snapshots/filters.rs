//! What lists of snapshots can be filtered and sorted by.

use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};

use super::SnapshotRow;
use super::answers::deployer;
use crate::api::runs::{deployments, pipelines};
use crate::http::conditions::{Among, Part};
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED, Sort, name_of};
use crate::store::{Id, ids_where};

/// Filter by a stack's name or id.
const STACK: Related = Related {
    column: "stack_id",
    rows: || Sql::select().column(("stack", "id")).from("stack").to_owned(),
    fields: &[(("stack", "id"), FieldKind::Id), (("stack", "name"), FieldKind::Text)],
};

impl Listed for SnapshotRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::tags("pipeline_snapshot")],
        OWNED,
        &[
            Field::text("name"),
            Field::switch("named_only", named_only),
            Field {
                sort: Sort::By(|| name_of("pipeline", "pipeline_id")),
                ..Field::related("pipeline", pipelines::NAMED)
            },
            Field { sort: Sort::By(|| name_of("stack", "stack_id")), ..Field::related("stack", STACK) },
            Field::reference("build_id", "build_id"),
            Field::reference("schedule_id", "schedule_id"),
            Field::reference("source_snapshot_id", "source_snapshot_id"),
            Field::switch("runnable", runnable),
            Field::switch("deployable", deployable),
            Field::switch("deployed", deployed),
            Field::only_id("trigger_id", of_trigger),
            Field::sort_only("deployment", deployment_name),
        ],
    ];
}

/// Each text is behind the empty one: so an index finds those that have a name.
fn named_only(only: bool) -> Option<Part> {
    only.then(|| Part::plain(Expr::col("name").gte("")))
}

/// With a build that isn't local, for a stack.
fn runnable(only: bool) -> Option<Part> {
    let builds =
        ids_where("pipeline_build", [Expr::col("is_local").eq(false), Expr::col("stack_id").is_not_null()]);
    only.then_some(Part::Among(Among::new("build_id", builds)))
}

fn deployable(only: bool) -> Option<Part> {
    only.then(|| Part::plain(Expr::col("build_id").is_not_null().and(Expr::exists(deployer()))))
}

fn deployed(wanted: bool) -> Option<Part> {
    let deployed = Expr::exists(deployments::of_snapshot("id"));
    Some(Part::plain(if wanted { deployed } else { deployed.not() }))
}

fn deployment_name() -> SimpleExpr {
    deployments::first_of_snapshot("name").into()
}

/// Snapshots that a trigger runs.
fn of_trigger(trigger: Id) -> SimpleExpr {
    let source = Expr::col(("made", "source_snapshot_id")).if_null(Expr::col(("made", "id")));
    let sources = Sql::select()
        .expr(source)
        .from("trigger_snapshot")
        .join_as(
            sea_query::JoinType::InnerJoin,
            "pipeline_snapshot",
            "made",
            Expr::col(("made", "id")).equals(("trigger_snapshot", "snapshot_id")),
        )
        .and_where(Expr::col(("trigger_snapshot", "trigger_id")).eq(trigger))
        .to_owned();
    Expr::col("id").in_subquery(sources)
}
