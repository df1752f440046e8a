//! What lists of steps can be filtered and sorted by.

use super::StepRow;
use crate::api::runs::pipeline_runs::MODEL;
use crate::http::conditions::Part;
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED};

use sea_query::{Expr, ExprTrait};

impl Listed for StepRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[Field::run_metadata("step_run")],
        OWNED,
        &[
            Field::text("name"),
            Field::text("code_hash"),
            Field::text("cache_key"),
            Field::text("status").walked_by(&["created"]),
            Field::time("start_time"),
            Field::time("end_time"),
            Field::reference("pipeline_run_id", "pipeline_run_id"),
            Field::reference("snapshot_id", "snapshot_id"),
            Field::reference("original_step_run_id", "original_step_run_id"),
            Field::reference("model_version_id", "model_version_id"),
            Field::related("model", MODEL),
            Field::number("version"),
            Field::switch("exclude_retried", |exclude| {
                exclude.then(|| Part::plain(Expr::col("status").ne("retried")))
            }),
            Field::time("cache_expires_at"),
            Field::switch("cache_expired", cache_expired),
        ],
    ];
}

/// Whether what a step made may not be used again.
fn cache_expired(expired: bool) -> Option<Part> {
    let now = Expr::current_timestamp();
    let ends = || Expr::col("cache_expires_at");
    Some(Part::plain(if expired { ends().lt(now) } else { ends().is_null().or(ends().gt(now)) }))
}
