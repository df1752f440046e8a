//! What a token is bound to, and how it is narrowed. A token made with a token is never wider.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::addresses::{self, Addresses};
use super::permissions::Permissions;

/// What a token is bound to besides its user, and what it may do; a token made with a token keeps all of it.
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
    /// The run whose token this one was made from, for a run nested in it: it ends with both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_run_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<Uuid>,
    /// Generation of the API key, raised when it is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_gen: Option<i64>,
    /// What it may do; without it, all that its user may.
    #[serde(rename = "scope", skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// The projects it may see and change things in; without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projects: Option<BTreeSet<Uuid>>,
    /// The networks it may be used from; without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Addresses>,
}

/// To what a new token is to be narrowed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Downscope {
    pub permissions: Option<Permissions>,
    pub projects: Option<BTreeSet<Uuid>>,
    pub addresses: Option<Addresses>,
}

/// A token was asked for that would be good for nothing, or could not be told in a token.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum DownscopeError {
    #[error("The token used to authorize this request is for other projects only.")]
    NoProject,
    #[error("The token used to authorize this request is for other addresses only.")]
    NoAddress,
    #[error("A token is for {} networks at most.", addresses::MOST)]
    ManyNetworks,
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
    /// This scope, and no more than what `asked` leaves of it.
    ///
    /// # Errors
    /// [`DownscopeError`] when it is for none of the projects or addresses that are asked for.
    pub fn downscoped_by(&self, asked: &Downscope) -> Result<Self, DownscopeError> {
        let permissions = both(&self.permissions, &asked.permissions, Permissions::intersection);
        let projects = both(&self.projects, &asked.projects, |ours, theirs| ours & theirs);
        if projects.as_ref().is_some_and(BTreeSet::is_empty) {
            return Err(DownscopeError::NoProject);
        }
        let addresses = both(&self.addresses, &asked.addresses, Addresses::intersection);
        match addresses.as_ref().map(Addresses::count) {
            Some(0) => return Err(DownscopeError::NoAddress),
            Some(count) if count > addresses::MOST => return Err(DownscopeError::ManyNetworks),
            _ => {}
        }
        let permissions = permissions.filter(|permissions| *permissions != Permissions::all());
        Ok(Self { permissions, projects, addresses, ..self.clone() })
    }

    /// Whether it may do less than its user, or not everywhere.
    pub fn is_downscoped(&self) -> bool {
        self.permissions.is_some() || self.projects.is_some() || self.addresses.is_some()
    }

    /// Whether each request is to be asked whether it may be made with it.
    pub fn is_limited(&self) -> bool {
        self.is_downscoped() || self.is_workload()
    }

    /// This scope bound to the workload too.
    ///
    /// # Errors
    /// [`WiderScope`] when it is bound to another one already. A run nested in the bound one is narrower.
    pub fn downscoped_to(&self, workload: &Workload) -> Result<Self, WiderScope> {
        // A nested run is no root of others, so that two runs are all that a token can be bound to.
        let nested = |asked| {
            let is_root = self.root_run_id.is_none() && workload.root_run_id == self.pipeline_run_id;
            is_root && Some(asked) == workload.pipeline_run_id
        };
        Ok(Self {
            schedule_id: narrow("schedule", self.schedule_id, workload.schedule_id, |_| false)?,
            pipeline_run_id: narrow("pipeline run", self.pipeline_run_id, workload.pipeline_run_id, nested)?,
            root_run_id: match workload.pipeline_run_id {
                Some(asked) if self.pipeline_run_id.is_some_and(|bound| bound != asked) => {
                    self.pipeline_run_id
                }
                _ => self.root_run_id,
            },
            deployment_id: narrow("deployment", self.deployment_id, workload.deployment_id, |_| false)?,
            ..self.clone()
        })
    }

    /// Whether it ends with something besides its user: a device, an API key, a piece of work.
    pub fn is_bound(&self) -> bool {
        self.device_id.is_some() || self.api_key_id.is_some() || self.is_workload()
    }

    pub fn is_workload(&self) -> bool {
        self.schedule_id.is_some() || self.pipeline_run_id.is_some() || self.deployment_id.is_some()
    }
}

/// What both limits leave; without one of them, what the other does.
fn both<T: Clone>(one: &Option<T>, other: &Option<T>, intersect: impl Fn(&T, &T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(intersect(one, other)),
        (one, other) => one.clone().or_else(|| other.clone()),
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
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::auth::addresses::tests::{addresses, every_address};
    use crate::auth::permissions::Permission;
    use crate::auth::permissions::tests::{every_permission, permissions};

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

    fn downscope() -> impl Strategy<Value = Downscope> {
        let projects = proptest::collection::btree_set((1u128..5).prop_map(Uuid::from_u128), 1..4);
        let permissions = proptest::option::of(permissions());
        (permissions, proptest::option::of(projects), proptest::option::of(addresses()))
            .prop_map(|(permissions, projects, addresses)| Downscope { permissions, projects, addresses })
    }

    fn allows(scope: &Scope, permission: Permission) -> bool {
        scope.permissions.as_ref().is_none_or(|permissions| permissions.allow(permission))
    }

    fn is_for(scope: &Scope, project: Uuid) -> bool {
        scope.projects.as_ref().is_none_or(|projects| projects.contains(&project))
    }

    fn is_for_address(addresses: Option<&Addresses>, address: IpAddr) -> bool {
        addresses.is_none_or(|addresses| addresses.have(address))
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
                let Ok(next) = scope.downscoped_to(&workload) else { continue };
                prop_assert_eq!(next.device_id, first.device_id);
                prop_assert_eq!(next.api_key_id, first.api_key_id);
                prop_assert_eq!(next.key_gen, first.key_gen);
                prop_assert!(is_within(next.schedule_id, scope.schedule_id));
                prop_assert!(is_within(next.deployment_id, scope.deployment_id));
                let is_nested = workload.root_run_id == scope.pipeline_run_id;
                let runs = |scope: &Scope| [scope.pipeline_run_id, scope.root_run_id];
                prop_assert!(runs(&scope).iter().flatten().all(|run| runs(&next).contains(&Some(*run))));
                prop_assert!(is_within(next.pipeline_run_id, scope.pipeline_run_id) || is_nested);
                prop_assert!(!scope.is_workload() || next.is_workload());
                scope = next;
            }
        }

        #[test]
        fn no_chain_of_narrowings_ends_with_a_right_that_one_of_them_took(
            chain in proptest::collection::vec((downscope(), workload()), 1..8)
        ) {
            let mut scope = Scope::default();
            for (downscope, workload) in chain {
                let Ok(next) = scope.downscoped_by(&downscope) else { continue };
                let next = next.downscoped_to(&workload).unwrap_or(next);
                for permission in every_permission() {
                    let asked = downscope.permissions.as_ref().is_none_or(|asked| asked.allow(permission));
                    prop_assert_eq!(allows(&next, permission), allows(&scope, permission) && asked);
                }
                for project in (1u128..5).map(Uuid::from_u128) {
                    let asked = downscope.projects.as_ref().is_none_or(|asked| asked.contains(&project));
                    prop_assert_eq!(is_for(&next, project), is_for(&scope, project) && asked);
                }
                for address in every_address() {
                    let asked = is_for_address(downscope.addresses.as_ref(), address);
                    let was = is_for_address(scope.addresses.as_ref(), address);
                    prop_assert_eq!(is_for_address(next.addresses.as_ref(), address), was && asked);
                }
                // A token says it in its claims, and the next request starts from what they say.
                let claims = serde_json::to_string(&next).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Scope>(&claims).unwrap(), &next);
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
        assert_eq!(bound.downscoped_to(&asked(run, None)).unwrap(), bound);
        assert_eq!(bound.downscoped_to(&asked(child, Some(run))).unwrap().pipeline_run_id, Some(child));
        assert!(bound.downscoped_to(&asked(other, None)).is_err());
        assert!(bound.downscoped_to(&asked(other, Some(child))).is_err());
        let deployment = Workload { deployment_id: Some(other), ..Workload::default() };
        let both = bound.downscoped_to(&deployment).unwrap();
        assert_eq!((both.pipeline_run_id, both.deployment_id), (Some(run), Some(other)));
    }
}
