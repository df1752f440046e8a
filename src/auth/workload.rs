//! Workload tokens live while what they are bound to lives: a run in progress, an active schedule, a deployment.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sqlx_macros::FromRow;
use uuid::Uuid;

use super::scope::{Scope, Workload};
use crate::config::Leeway;
use crate::store::{Id, Store, StoreError, Timestamp};

/// What a run's tokens depend on.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct RunState {
    pub in_progress: bool,
    pub end_time: Option<Timestamp>,
    pub root_run_id: Option<Id>,
}

/// What a schedule's tokens depend on.
#[derive(Debug, Clone, Copy, PartialEq, FromRow)]
pub struct ScheduleState {
    pub active: bool,
}

/// What a deployment's tokens depend on: that it is there.
#[derive(Debug, Clone, Copy, PartialEq, FromRow)]
pub struct DeploymentState {
    #[allow(dead_code, reason = "a row needs a column")]
    id: Id,
}

/// Why a token's workload doesn't carry it any more.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EndedWorkload {
    #[error("schedule {0} does not exist")]
    NoSchedule(Uuid),
    #[error("schedule {0} is not active")]
    ScheduleOff(Uuid),
    #[error("pipeline run {0} does not exist")]
    NoRun(Uuid),
    #[error(
        "the pipeline run {0} has finished and API tokens scoped to it are no longer valid; \
         ZENML_WORKLOAD_TOKEN_EXPIRATION_LEEWAY says for how long they go on"
    )]
    RunFinished(Uuid),
    #[error("deployment {0} does not exist")]
    NoDeployment(Uuid),
}

/// Whether a token bound to the run still lives.
pub(crate) fn check_run(
    id: Uuid,
    run: Option<&RunState>,
    leeway: Leeway,
    now: DateTime<Utc>,
) -> Result<(), EndedWorkload> {
    let run = run.ok_or(EndedWorkload::NoRun(id))?;
    let goes_on = match (leeway, run.end_time) {
        _ if run.in_progress => true,
        (Leeway::Forever, _) => true,
        (Leeway::Seconds(seconds), Some(end)) => {
            // A run says itself when it ended: one that will end in 2099 goes on no longer for it.
            let leeway = TimeDelta::seconds(seconds.into());
            (now - end.to_utc()).abs() <= leeway
        }
        (Leeway::Seconds(_), None) => false,
    };
    if goes_on { Ok(()) } else { Err(EndedWorkload::RunFinished(id)) }
}

/// Whether a token bound to the schedule still lives.
pub(crate) fn check_schedule(id: Uuid, schedule: Option<&ScheduleState>) -> Result<(), EndedWorkload> {
    match schedule {
        None => Err(EndedWorkload::NoSchedule(id)),
        Some(ScheduleState { active: false }) => Err(EndedWorkload::ScheduleOff(id)),
        Some(ScheduleState { active: true }) => Ok(()),
    }
}

/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_run(store: &Store, id: Uuid) -> Result<Option<RunState>, StoreError> {
    store.fetch_optional(&by_id("pipeline_run", &["in_progress", "end_time", "root_run_id"], id)).await
}

/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_schedule(store: &Store, id: Uuid) -> Result<Option<ScheduleState>, StoreError> {
    store.fetch_optional(&by_id("schedule", &["active"], id)).await
}

/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_deployment(store: &Store, id: Uuid) -> Result<Option<DeploymentState>, StoreError> {
    store.fetch_optional(&by_id("deployment", &["id"], id)).await
}

fn by_id(table: &'static str, columns: &[&'static str], id: Uuid) -> SelectStatement {
    let columns = columns.iter().copied();
    Query::select().columns(columns).from(table).and_where(Expr::col("id").eq(Id(id))).to_owned()
}

/// Why a workload token is not given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkloadRefusal {
    /// 400
    #[error("{0}")]
    Unfit(String),
    /// 401
    #[error(transparent)]
    Wider(#[from] super::scope::WiderScope),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The scope of a workload token that `scope` asks for. What isn't named is as `scope` has it.
///
/// # Errors
/// [`WorkloadRefusal`] for a workload that isn't there, has ended, or is another one.
pub(crate) async fn downscope(
    store: &Store,
    scope: &Scope,
    asked: Workload,
) -> Result<Scope, WorkloadRefusal> {
    let mut asked = Workload {
        schedule_id: asked.schedule_id.or(scope.schedule_id),
        pipeline_run_id: asked.pipeline_run_id.or(scope.pipeline_run_id),
        deployment_id: asked.deployment_id.or(scope.deployment_id),
        root_run_id: None,
    };
    let unfit = |reason: String| Err(WorkloadRefusal::Unfit(reason));
    if asked == Workload::default() {
        return unfit(
            "Workload API tokens must be scoped to a schedule, pipeline run or deployment.".to_owned(),
        );
    }
    if let Some(id) = asked.schedule_id {
        match find_schedule(store, id).await? {
            None => return unfit(missing("Schedule", id, "schedules")),
            Some(ScheduleState { active: false }) => {
                return unfit(format!("Schedule {id} is not active: it can't have API tokens."));
            }
            Some(_) => {}
        }
    }
    if let Some(id) = asked.pipeline_run_id {
        match find_run(store, id).await? {
            None => return unfit(missing("Pipeline run", id, "pipeline runs")),
            Some(run) if !run.in_progress => {
                return unfit(format!("Pipeline run {id} has concluded: it can't have new API tokens."));
            }
            Some(run) => asked.root_run_id = run.root_run_id.map(|root| root.0),
        }
    }
    if let Some(id) = asked.deployment_id
        && find_deployment(store, id).await?.is_none()
    {
        return unfit(missing("Deployment", id, "deployments"));
    }
    Ok(scope.downscoped_to(&asked)?)
}

fn missing(kind: &str, id: Uuid, plural: &str) -> String {
    format!("{kind} {id} does not exist, and API tokens are not made for {plural} that do not exist.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_runs_tokens_end_with_the_leeway() {
        let end: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let finished =
            RunState { in_progress: false, end_time: Some(Timestamp::new(end)), root_run_id: None };
        let running = RunState { in_progress: true, end_time: None, root_run_id: None };
        let lost = RunState { end_time: None, ..finished.clone() };
        let lives = |run: Option<&RunState>, leeway, seconds| {
            check_run(Uuid::nil(), run, leeway, end + TimeDelta::seconds(seconds)).is_ok()
        };
        assert!(lives(Some(&running), Leeway::Seconds(0), 1_000_000));
        assert!(lives(Some(&finished), Leeway::Seconds(3600), 3600));
        assert!(!lives(Some(&finished), Leeway::Seconds(3600), 3601));
        assert!(lives(Some(&finished), Leeway::Forever, 1_000_000));
        assert!(!lives(Some(&finished), Leeway::Seconds(3600), -3601));
        assert!(!lives(Some(&lost), Leeway::Seconds(3600), 0));
        assert!(!lives(None, Leeway::Forever, 0));
    }

    #[test]
    fn a_schedules_tokens_need_it_active() {
        let id = Uuid::nil();
        assert_eq!(check_schedule(id, Some(&ScheduleState { active: true })), Ok(()));
        assert_eq!(
            check_schedule(id, Some(&ScheduleState { active: false })),
            Err(EndedWorkload::ScheduleOff(id))
        );
        assert_eq!(check_schedule(id, None), Err(EndedWorkload::NoSchedule(id)));
    }
}
