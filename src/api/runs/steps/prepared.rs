//! What steps are begun from: the configuration of their pipeline and their own, as the run's snapshot has them.

use sea_query::{Expr, ExprTrait, Query as Sql};

use crate::api::runs::step_configuration::{MergedStep, Object, StoredStep, finalize_substitutions, object};
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, JoinById, Reads, Timestamp};

/// What a step is begun from and never changes: put together before the transaction, since others wait for that one.
pub(super) struct Prepared {
    pub snapshot_id: Id,
    /// The pipeline's.
    pub configuration: Object,
    pub step: Result<MergedStep, Unfit>,
}

/// Why a snapshot has no such step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unfit {
    /// It brings its own configuration, to a pipeline that has all its steps.
    Static,
    Unknown,
}

impl Unfit {
    pub(super) fn error(self, name: &str) -> ApiError {
        match self {
            Self::Static => {
                ApiError::illegal("Only steps of dynamic pipelines bring their configuration with them.")
            }
            Self::Unknown => {
                ApiError::key(format!("\"The snapshot has no configuration for the step '{name}'.\""))
            }
        }
    }
}

/// None for a run that isn't there, or has no snapshot.
///
/// # Errors
/// The store's own.
pub(super) async fn prepare(
    read: &mut impl Reads,
    run: Id,
    name: &str,
    dynamic: Option<&str>,
) -> ApiResult<Option<Prepared>> {
    let snapshot = Sql::select()
        .columns(["id", "pipeline_configuration", "is_dynamic"].map(|column| ("pipeline_snapshot", column)))
        .columns(["start_time", "created"].map(|column| ("pipeline_run", column)))
        .from("pipeline_run")
        .join_by_id("pipeline_snapshot", ("pipeline_run", "snapshot_id"))
        .and_where(Expr::col(("pipeline_run", "id")).eq(run))
        .to_owned();
    type Found = (Id, String, bool, Option<Timestamp>, Timestamp);
    let Some((snapshot_id, configuration, is_dynamic, start, created)) =
        read.first::<Found>(&snapshot).await?
    else {
        return Ok(None);
    };
    let mut configuration = object(&configuration);
    finalize_substitutions(&mut configuration, start.unwrap_or(created));
    let stored = match dynamic {
        Some(_) if !is_dynamic => Err(Unfit::Static),
        Some(text) => Ok(text.to_owned()),
        None => {
            let query = Sql::select()
                .column("config")
                .from("step_configuration")
                .and_where(Expr::col("snapshot_id").eq(snapshot_id))
                .and_where(Expr::col("name").eq(name))
                .to_owned();
            read.first::<(String,)>(&query).await?.map(|(config,)| config).ok_or(Unfit::Unknown)
        }
    };
    let step = stored
        .and_then(|text| serde_json::from_str::<StoredStep>(&text).map_err(|_| Unfit::Unknown))
        .map(|step| step.merged(&configuration, is_dynamic));
    Ok(Some(Prepared { snapshot_id, configuration, step }))
}
