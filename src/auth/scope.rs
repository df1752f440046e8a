//! What a token is bound to, and how it is narrowed. A token made with a token is never wider.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a token is bound to besides its user; a token made with a token keeps all of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<Uuid>,
    /// Generation of the API key, raised when it is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_gen: Option<i64>,
}

/// What a workload token is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Workload {
    pub schedule_id: Option<Uuid>,
    pub pipeline_run_id: Option<Uuid>,
    /// The run that the asked one is nested in, from the store.
    pub root_run_id: Option<Uuid>,
    pub deployment_id: Option<Uuid>,
}

/// A token was asked for that would be wider than the one that asks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "Unable to scope API token to {kind} {asked}. The token used to authorize this request is already scoped to \
     {kind} {bound}."
)]
pub struct WiderScope {
    kind: &'static str,
    asked: Uuid,
    bound: Uuid,
}

impl Scope {
    /// This scope bound to the workload too.
    ///
    /// # Errors
    /// [`WiderScope`] when it is bound to another one already. A run nested in the bound one is narrower.
    pub fn narrowed_to(&self, workload: &Workload) -> Result<Self, WiderScope> {
        let nested =
            |asked| workload.root_run_id == self.pipeline_run_id && Some(asked) == workload.pipeline_run_id;
        Ok(Self {
            schedule_id: narrow("schedule", self.schedule_id, workload.schedule_id, |_| false)?,
            pipeline_run_id: narrow("pipeline run", self.pipeline_run_id, workload.pipeline_run_id, nested)?,
            deployment_id: narrow("deployment", self.deployment_id, workload.deployment_id, |_| false)?,
            ..self.clone()
        })
    }

    pub fn is_workload(&self) -> bool {
        self.schedule_id.is_some() || self.pipeline_run_id.is_some() || self.deployment_id.is_some()
    }
}

fn narrow(
    kind: &'static str,
    bound: Option<Uuid>,
    asked: Option<Uuid>,
    is_within: impl Fn(Uuid) -> bool,
) -> Result<Option<Uuid>, WiderScope> {
    match (bound, asked) {
        (Some(bound), Some(asked)) if bound != asked && !is_within(asked) => {
            Err(WiderScope { kind, asked, bound })
        }
        (bound, asked) => Ok(asked.or(bound)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few ids, so that chains meet the same one again.
    fn id() -> impl Strategy<Value = Option<Uuid>> {
        proptest::option::of((1u128..4).prop_map(Uuid::from_u128))
    }

    fn workload() -> impl Strategy<Value = Workload> {
        (id(), id(), id(), id()).prop_map(|(schedule_id, pipeline_run_id, root_run_id, deployment_id)| {
            // A run has one root, and only a run has one.
            let root_run_id = root_run_id.filter(|_| pipeline_run_id.is_some());
            Workload { schedule_id, pipeline_run_id, root_run_id, deployment_id }
        })
    }

    fn is_within(child: Option<Uuid>, parent: Option<Uuid>) -> bool {
        parent.is_none() || child == parent
    }

    proptest! {
        #[test]
        fn no_chain_of_requests_ends_wider_than_it_began(
            device_id in id(), api_key_id in id(), chain in proptest::collection::vec(workload(), 1..8)
        ) {
            let first = Scope { device_id, api_key_id, key_gen: Some(1), ..Scope::default() };
            let mut scope = first.clone();
            for workload in chain {
                let Ok(next) = scope.narrowed_to(&workload) else { continue };
                prop_assert_eq!(next.device_id, first.device_id);
                prop_assert_eq!(next.api_key_id, first.api_key_id);
                prop_assert_eq!(next.key_gen, first.key_gen);
                prop_assert!(is_within(next.schedule_id, scope.schedule_id));
                prop_assert!(is_within(next.deployment_id, scope.deployment_id));
                let is_nested = workload.root_run_id == scope.pipeline_run_id;
                prop_assert!(is_within(next.pipeline_run_id, scope.pipeline_run_id) || is_nested);
                prop_assert!(!scope.is_workload() || next.is_workload());
                scope = next;
            }
        }
    }

    #[test]
    fn another_workload_is_refused_and_a_nested_run_is_not() {
        let [run, child, other] = [1, 2, 3].map(Uuid::from_u128);
        let bound = Scope { pipeline_run_id: Some(run), ..Scope::default() };
        let asked = |pipeline_run_id, root_run_id| Workload {
            pipeline_run_id: Some(pipeline_run_id),
            root_run_id,
            ..Workload::default()
        };
        assert_eq!(bound.narrowed_to(&asked(run, None)).unwrap(), bound);
        assert_eq!(bound.narrowed_to(&asked(child, Some(run))).unwrap().pipeline_run_id, Some(child));
        assert!(bound.narrowed_to(&asked(other, None)).is_err());
        assert!(bound.narrowed_to(&asked(other, Some(child))).is_err());
        let deployment = Workload { deployment_id: Some(other), ..Workload::default() };
        let both = bound.narrowed_to(&deployment).unwrap();
        assert_eq!((both.pipeline_run_id, both.deployment_id), (Some(run), Some(other)));
    }
}
