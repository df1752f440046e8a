//! How a run's status follows from what is asked for and from its steps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use sqlx_macros::FromRow;

use crate::api::runs::execution_status::ExecutionStatus;
use crate::http::error::ApiError;
use crate::store::{Id, Timestamp, Word, Words};

/// What a run does when one of its steps fails (contract schema ExecutionMode).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecutionMode {
    FailFast,
    StopOnFailure,
    #[default]
    ContinueOnFailure,
}

/// One try of a step.
#[derive(Debug, FromRow)]
pub(super) struct StepState {
    pub name: String,
    pub status: Word<ExecutionStatus>,
    /// Minutes without a sign of life after which a step counts as dead.
    pub heartbeat_threshold: Option<i32>,
    pub latest_heartbeat: Option<Timestamp>,
    pub start_time: Option<Timestamp>,
}

impl StepState {
    pub(super) fn status(&self) -> ExecutionStatus {
        self.status.known().unwrap_or(ExecutionStatus::Failed)
    }

    fn is_dead(&self, now: Timestamp) -> bool {
        let threshold = self.heartbeat_threshold.filter(|minutes| *minutes > 0);
        let seen = self.latest_heartbeat.or(self.start_time);
        match (threshold, seen) {
            (Some(minutes), Some(seen)) if !self.status().is_finished() => {
                now.to_utc() - seen.to_utc() > TimeDelta::minutes(minutes.into())
            }
            _ => false,
        }
    }
}

/// What a run's status depends on.
#[derive(Debug)]
pub(super) struct RunState {
    pub status: ExecutionStatus,
    pub is_dynamic: bool,
    pub is_child: bool,
    pub execution_mode: ExecutionMode,
    /// Steps that the pipeline has, each with the steps before it; none when the snapshot doesn't say.
    pub pipeline_steps: Option<BTreeMap<String, Vec<String>>>,
    /// How many steps the snapshot has.
    pub step_count: usize,
    /// The last try of each step that has begun.
    pub steps: Vec<StepState>,
}

/// A run's next status.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NextStatus {
    pub status: ExecutionStatus,
    pub in_progress: bool,
}

impl RunState {
    /// The status after `requested`, or after a change of a step when nothing is requested. None for no change.
    ///
    /// # Errors
    /// 403 for a status that the run can't have, or not any more.
    pub(super) fn next(
        &self,
        requested: Option<ExecutionStatus>,
        has_reason: bool,
        now: Timestamp,
    ) -> Result<Option<NextStatus>, ApiError> {
        use ExecutionStatus as Status;
        if let Some(requested) = requested {
            self.check_request(requested)?;
            // The orchestrator may have begun before the client says that it is about to.
            if requested == Status::Provisioning && self.status != Status::Initializing {
                return Ok(None);
            }
        }
        let status = match self.is_dynamic {
            true if requested.is_none() && !has_reason => return Ok(None),
            true => match (self.status, requested.unwrap_or(self.status)) {
                (Status::Stopping | Status::Stopped, Status::Failed) => Status::Stopped,
                (_, status) => status,
            },
            false => self.by_steps(requested.unwrap_or(self.status)),
        };
        let resumes = self.status == Status::Failed && status == Status::Resuming;
        if self.status.is_finished() && self.status != status && !resumes {
            return Err(illegal("Cannot update the status of a finished run."));
        }
        let in_progress = if self.is_dynamic { !status.is_finished() } else { self.goes_on(status, now) };
        Ok(Some(NextStatus { status, in_progress }))
    }

    fn check_request(&self, requested: ExecutionStatus) -> Result<(), ApiError> {
        use ExecutionStatus as Status;
        match requested {
            Status::Cached | Status::Skipped | Status::Retrying | Status::Retried => {
                Err(illegal(format!("The status '{}' is not one of a pipeline run.", requested.as_str())))
            }
            Status::Resuming if !matches!(self.status, Status::Paused | Status::Failed) => {
                Err(illegal("Only failed or paused runs can be resumed."))
            }
            Status::Resuming if self.is_child => {
                Err(illegal("A child run can't be resumed. Resume its parent run instead."))
            }
            _ => Ok(()),
        }
    }

    /// The status of a static pipeline's run.
    fn by_steps(&self, run: ExecutionStatus) -> ExecutionStatus {
        use ExecutionStatus as Status;
        let any = |status: Status| self.steps.iter().any(|step| step.status() == status);
        let all_finished = self.steps.iter().all(|step| step.status().is_finished());
        if run == Status::Stopping {
            return if all_finished { Status::Stopped } else { Status::Stopping };
        }
        if run == Status::Failed || any(Status::Failed) {
            return Status::Failed;
        }
        if any(Status::Stopped) {
            return if all_finished { Status::Stopped } else { Status::Stopping };
        }
        if any(Status::Running) || any(Status::Retrying) {
            return Status::Running;
        }
        if self.steps.len() >= self.step_count {
            return Status::Completed;
        }
        match run {
            // Steps that the client found in the cache don't start the run.
            Status::Initializing | Status::Provisioning => run,
            _ => Status::Running,
        }
    }

    /// Whether a run of that status still has steps to do.
    fn goes_on(&self, status: ExecutionStatus, now: Timestamp) -> bool {
        if !status.is_finished() {
            return true;
        }
        if status != ExecutionStatus::Failed || self.execution_mode != ExecutionMode::ContinueOnFailure {
            return false;
        }
        let Some(pipeline_steps) = &self.pipeline_steps else {
            return self.steps.iter().any(|step| !step.status().is_finished());
        };
        let failed = self.steps.iter().filter(|step| step.status().is_failed());
        let given_up = downstream(failed.map(|step| step.name.as_str()), pipeline_steps);
        let begun: HashMap<&str, &StepState> =
            self.steps.iter().rev().map(|step| (step.name.as_str(), step)).collect();
        pipeline_steps.keys().filter(|name| !given_up.contains(name.as_str())).any(|name| {
            match begun.get(name.as_str()) {
                None => true,
                Some(step) => !step.status().is_finished() && !step.is_dead(now),
            }
        })
    }
}

/// These steps and all that come after them.
fn downstream<'a>(
    steps: impl Iterator<Item = &'a str>,
    pipeline: &'a BTreeMap<String, Vec<String>>,
) -> BTreeSet<&'a str> {
    let mut after: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, upstream) in pipeline {
        for step in upstream {
            after.entry(step).or_default().push(name);
        }
    }
    let mut found: BTreeSet<&str> = steps.collect();
    let mut next: Vec<&str> = found.iter().copied().collect();
    while let Some(step) = next.pop() {
        next.extend(after.get(step).into_iter().flatten().copied().filter(|name| found.insert(name)));
    }
    found
}

fn illegal(message: impl Into<String>) -> ApiError {
    ApiError::illegal(message)
}

/// What is looked at to know a run's status.
#[derive(Debug, FromRow)]
pub(super) struct RunStatusRow {
    pub status: Word<ExecutionStatus>,
    pub end_time: Option<Timestamp>,
    pub in_progress: bool,
    pub parent_run_id: Option<Id>,
    pub is_dynamic: bool,
    pub step_count: i32,
    pub pipeline_configuration: String,
    pub pipeline_spec: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ExecutionStatus as Status;

    fn now() -> Timestamp {
        Timestamp::new("2026-01-01T12:00:00Z".parse().unwrap())
    }

    fn step(name: &str, status: Status) -> StepState {
        StepState {
            name: name.to_owned(),
            status: Word::Known(status),
            heartbeat_threshold: None,
            latest_heartbeat: None,
            start_time: None,
        }
    }

    /// A run of the steps `a` and `b`, one after the other, and `c` beside them.
    fn run(status: Status, steps: &[(&str, Status)]) -> RunState {
        let after = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        RunState {
            status,
            is_dynamic: false,
            is_child: false,
            execution_mode: ExecutionMode::ContinueOnFailure,
            pipeline_steps: Some(BTreeMap::from([
                ("a".to_owned(), after(&[])),
                ("b".to_owned(), after(&["a"])),
                ("c".to_owned(), after(&[])),
            ])),
            step_count: 3,
            steps: steps.iter().map(|(name, status)| step(name, *status)).collect(),
        }
    }

    fn next(run: &RunState, requested: Option<Status>) -> Option<(Status, bool)> {
        run.next(requested, false, now()).unwrap().map(|next| (next.status, next.in_progress))
    }

    #[test]
    fn a_static_run_is_what_its_steps_are() {
        use Status::*;
        for (steps, expected) in [
            (vec![("a", Running)], (Running, true)),
            (vec![("a", Completed)], (Running, true)),
            (vec![("a", Completed), ("b", Cached), ("c", Skipped)], (Completed, false)),
            (vec![("a", Retrying)], (Running, true)),
            // b is given up, c has not begun.
            (vec![("a", Failed)], (Failed, true)),
            (vec![("a", Failed), ("c", Running)], (Failed, true)),
            (vec![("a", Failed), ("c", Completed)], (Failed, false)),
            (vec![("a", Stopped), ("c", Running)], (Stopping, true)),
            (vec![("a", Stopped), ("c", Completed)], (Stopped, false)),
        ] {
            assert_eq!(next(&run(Running, &steps), None), Some(expected), "{steps:?}");
        }
        assert_eq!(next(&run(Running, &[("a", Completed)]), Some(Completed)), Some((Running, true)));
        assert_eq!(next(&run(Provisioning, &[("a", Cached)]), None), Some((Provisioning, true)));
        assert_eq!(next(&run(Stopping, &[("a", Running)]), None), Some((Stopping, true)));
    }

    #[test]
    fn other_modes_end_with_the_first_failure() {
        let mut run = run(Status::Running, &[("a", Status::Failed)]);
        run.execution_mode = ExecutionMode::FailFast;
        assert_eq!(next(&run, None), Some((Status::Failed, false)));
    }

    #[test]
    fn a_step_without_a_sign_of_life_holds_nothing_up() {
        let mut run = run(Status::Running, &[("a", Status::Failed), ("c", Status::Running)]);
        run.steps[1].heartbeat_threshold = Some(30);
        run.steps[1].latest_heartbeat = Some(Timestamp::new("2026-01-01T11:29:59Z".parse().unwrap()));
        assert_eq!(next(&run, None), Some((Status::Failed, false)));
        run.steps[1].latest_heartbeat = Some(Timestamp::new("2026-01-01T11:30:01Z".parse().unwrap()));
        assert_eq!(next(&run, None), Some((Status::Failed, true)));
    }

    #[test]
    fn what_is_finished_stays_so() {
        let all = [("a", Status::Completed), ("b", Status::Completed), ("c", Status::Completed)];
        let done = run(Status::Completed, &all);
        assert_eq!(next(&done, Some(Status::Provisioning)), None);
        assert_eq!(next(&done, None), Some((Status::Completed, false)));
        assert!(done.next(Some(Status::Failed), false, now()).is_err());
        let failed = run(Status::Failed, &[("a", Status::Failed), ("c", Status::Completed)]);
        assert_eq!(next(&failed, Some(Status::Failed)), Some((Status::Failed, false)));
        for wrong in [Status::Cached, Status::Retried, Status::Resuming] {
            assert!(done.next(Some(wrong), false, now()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_dynamic_run_is_what_it_is_told_to_be() {
        let mut run = run(Status::Running, &[("a", Status::Failed)]);
        run.is_dynamic = true;
        assert_eq!(next(&run, None), None);
        assert_eq!(next(&run, Some(Status::Completed)), Some((Status::Completed, false)));
        run.status = Status::Stopping;
        assert_eq!(next(&run, Some(Status::Failed)), Some((Status::Stopped, false)));
    }
}
