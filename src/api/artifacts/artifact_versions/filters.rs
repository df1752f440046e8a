//! What lists of artifact versions can be filtered by.

use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr, UnionType};

use super::ArtifactVersionRow;
use crate::http::conditions::{Among, Part};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, FieldKind, Fields, Listed, OWNED, Related, STAMPED};
use crate::http::filter::Filter;
use crate::lookups;
use crate::store::JoinById;

impl Listed for ArtifactVersionRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::tags("artifact_version"),
            Field::run_metadata("artifact_version"),
            Field::related("artifact", ARTIFACT).walked_by(OF_ARTIFACT),
            Field::related("artifact_id", ARTIFACT).walked_by(OF_ARTIFACT),
            Field::text("version"),
            Field::number("version_number"),
            Field::text("uri"),
            Field::text("materializer"),
            Field::text("type"),
            Field::text("data_type"),
            Field::reference("artifact_store_id", "artifact_store_id"),
            Field::related("model_version_id", MODEL_VERSION),
            Field::switch("only_unused", |only| only.then(only_unused)),
            Field::switch("has_custom_name", |flag| Some(Part::Among(has_custom_name(flag)))),
            Field::related("model", MODEL),
            Field::among("pipeline_run", of_run),
        ],
    ];
}

const OF_ARTIFACT: &[&str] = &["created", "version_number"];

/// The artifact's id or name.
const ARTIFACT: Related = Related {
    column: "artifact_id",
    rows: || Sql::select().column(("artifact", "id")).from("artifact").to_owned(),
    fields: &[(("artifact", "id"), FieldKind::Id), (("artifact", "name"), FieldKind::Text)],
};

const MODEL_VERSION: Related = Related {
    column: "id",
    rows: || {
        Sql::select()
            .column(("model_versions_artifacts", "artifact_version_id"))
            .from("model_versions_artifacts")
            .to_owned()
    },
    fields: &[(("model_versions_artifacts", "model_version_id"), FieldKind::Id)],
};

/// The id or name of a model that has a version to which it is linked.
const MODEL: Related = Related {
    column: "id",
    rows: || {
        (MODEL_VERSION.rows)()
            .join_by_id("model_version", ("model_versions_artifacts", "model_version_id"))
            .join_by_id("model", ("model_version", "model_id"))
            .to_owned()
    },
    fields: &[(("model", "id"), FieldKind::Id), (("model", "name"), FieldKind::Text)],
};

fn has_custom_name(flag: bool) -> Among {
    let rows = Sql::select()
        .column(("artifact", "id"))
        .from("artifact")
        .and_where(Expr::col(("artifact", "has_custom_name")).eq(flag))
        .to_owned();
    Among::new("artifact_id", rows)
}

fn only_unused() -> Part {
    let ids = Sql::select().column((lookups::UNUSED, "artifact_version_id")).from(lookups::UNUSED).to_owned();
    let meant = Box::new(Part::plain(unused()));
    Part::Sought { ids: Among::new("id", ids), meant, may_lack_some: true }
}

/// Versions that no step made or read: asked for each, since nearly all of them are used.
fn unused() -> SimpleExpr {
    let used = |table| Among::new("id", of_steps(table)).exists();
    used("step_run_output_artifact").not().and(used("step_run_input_artifact").not())
}

/// Versions that a step made or read.
pub(super) fn is_of_steps() -> SimpleExpr {
    let of = |table| Expr::col("id").in_subquery(of_steps(table));
    of("step_run_output_artifact").or(of("step_run_input_artifact"))
}

/// Versions that a run has given out.
pub(super) fn is_output() -> SimpleExpr {
    Expr::col("id").in_subquery(outputs())
}

/// The ids of all versions that runs have given out.
pub(super) fn outputs() -> SelectStatement {
    of_steps("pipeline_run_output")
}

/// Versions that a step or hook made or read, or that a run has given out.
pub(super) fn is_used() -> SimpleExpr {
    let hooks = Sql::select()
        .column(("hook_invocation_output_artifact", "artifact_version_id"))
        .from("hook_invocation_output_artifact")
        .to_owned();
    Expr::col("id").in_subquery(hooks).or(is_of_steps()).or(is_output())
}

/// Versions in a table of what steps made or read.
fn of_steps(table: &'static str) -> SelectStatement {
    Sql::select().column((table, "artifact_id")).from(table).to_owned()
}

/// Versions that the steps of a run, given by its id or name, made or read.
fn of_run(filter: &Filter<'_>) -> ApiResult<Among> {
    let by_id = filter.condition(Expr::col(("pipeline_run", "id")), FieldKind::Id)?;
    let by_name = filter.condition(Expr::col(("pipeline_run", "name")), FieldKind::Text)?;
    let is_meant = by_id.or(by_name);
    let of = |table: &'static str| {
        of_steps(table)
            .join_by_id("step_run", (table, "step_id"))
            .join_by_id("pipeline_run", ("step_run", "pipeline_run_id"))
            .and_where(is_meant.clone())
            .to_owned()
    };
    // In one table: of a version that is in one or the other, MySQL asks each that there is.
    let mut either = of("step_run_output_artifact");
    either.union(UnionType::Distinct, of("step_run_input_artifact"));
    let ids = Sql::select().column(("of_run", "artifact_id")).from_subquery(either, "of_run").to_owned();
    Ok(Among::new("id", ids))
}
