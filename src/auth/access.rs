//! What a route asks of a narrowed token: one rule from its method and path, with the few exceptions to it, and what it
//! says beside its path that it may do besides.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use super::permissions::{Permission, Verb};
use super::{AuthenticationError, Scope};

/// What a route asks of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Nothing: it tells the token's own owner, or makes a token that is no wider.
    Always,
    /// All rights: it makes or changes credentials, and through them a narrowed token would be wide again.
    Unnarrowed,
    Needs(Permission<'a>),
}

/// What a route may do beyond what its method and path say, which takes a scope of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Also {
    pub needs: Permission<'static>,
    pub when: When,
}

/// When it does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The query has this flag so.
    Flag(&'static str, bool),
    /// The handler meets it on its way, and asks then ([`Principal::require`](super::Principal::require)). The words say
    /// what, for people.
    Met(&'static str),
    /// The answer shows it at this place (RFC 6901), and leaves it out for a token without the scope.
    Shown(&'static str),
}

impl Also {
    /// What the handler asks for when it meets that.
    pub const fn met(needs: Permission<'static>, what: &'static str) -> Self {
        Self { needs, when: When::Met(what) }
    }

    /// What a flag of the query asks for.
    pub const fn flag(name: &'static str, is: bool, needs: Permission<'static>) -> Self {
        Self { needs, when: When::Flag(name, is) }
    }

    /// What seeing that place of the answer takes.
    pub const fn shown(place: &'static str, needs: Permission<'static>) -> Self {
        Self { needs, when: When::Shown(place) }
    }
}

/// As a condition, for people.
impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name, is) => write!(formatter, "with `{name}={is}`"),
            Self::Met(what) => write!(formatter, "for {what}"),
            Self::Shown(place) => {
                write!(formatter, "to be shown the {}", place.rsplit('/').next().unwrap_or_default())
            }
        }
    }
}

/// What the route of a narrowed token's request says that it may do besides.
#[derive(Debug, Clone)]
pub struct Declared(pub Arc<[Also]>);

/// What routes may do besides, each by its method and path.
#[derive(Debug, Default)]
pub struct Policies(HashMap<(&'static str, &'static str), Arc<[Also]>>);

impl Policies {
    pub fn new(said: impl IntoIterator<Item = ((&'static str, &'static str), Vec<Also>)>) -> Self {
        Self(said.into_iter().map(|(route, also)| (route, also.into())).collect())
    }

    pub fn of(&self, method: &str, path: &str) -> Option<Arc<[Also]>> {
        self.0.get(&(method, path)).map(Arc::clone)
    }
}

/// Kinds of resource that zendo has and ZenML hasn't.
pub const OWN_RESOURCES: [&str; 3] = ["api_tokens", "audit", "oauth"];

/// Older names in paths, and the kind of resource that they lead to.
const OLDER_NAMES: [(&str, &str); 1] = [("pipeline_deployments", "pipeline_snapshots")];
/// Kinds of resource that are kept below another kind, and are one of their own.
const NESTED: [&str; 4] = ["api_keys", "logs", "model_versions", "steps"];
/// Kinds of resource that are, or lead to, credentials.
const CREDENTIALS: [&str; 5] = ["api_keys", "current-user", "devices", "service_accounts", "users"];

/// What no piece of work changes, whatever its owner may: a token of a run, schedule or deployment does that work.
const ADMINISTRATION: [&str; 8] =
    ["api_keys", "api_tokens", "current-user", "devices", "oauth", "service_accounts", "settings", "users"];

/// Routes whose method or path doesn't tell what they do.
const EXCEPTIONS: &[(&str, &str, Access<'_>)] = &[
    ("GET", "api_token", Access::Always),
    ("GET", "current-user", Access::Always),
    ("POST", "api_tokens/revoke", needs("api_tokens", Verb::Delete)),
    ("POST", "oauth/introspect", needs("oauth", Verb::Read)),
    ("POST", "oauth/revoke", needs("oauth", Verb::Delete)),
    ("POST", "runs/statistics", needs("runs", Verb::Read)),
    ("POST", "pipeline_snapshots/prune", needs("pipeline_snapshots", Verb::Delete)),
    ("DELETE", "model_versions/{}/artifacts", needs("model_version_artifacts", Verb::Delete)),
    ("DELETE", "model_versions/{}/artifacts/{}", needs("model_version_artifacts", Verb::Delete)),
    ("DELETE", "model_versions/{}/runs/{}", needs("model_version_pipeline_runs", Verb::Delete)),
];

const fn needs(resource: &'static str, verb: Verb) -> Access<'static> {
    Access::Needs(Permission { resource, verb })
}

impl<'a> Access<'a> {
    /// What the route with this method and path asks.
    pub fn of(method: &str, path: &'a str) -> Self {
        let path = path.strip_prefix("/api/v1/").unwrap_or(path);
        let segments: Vec<&str> = below_workspace(path.split('/').filter(|part| !part.is_empty()).collect());
        let shape: Vec<&str> =
            segments.iter().map(|part| if is_parameter(part) { "{}" } else { part }).collect();
        let shape = shape.join("/");
        if let Some((_, _, access)) = EXCEPTIONS.iter().find(|(m, p, _)| *m == method && *p == shape) {
            return *access;
        }
        let below = segments.get(2).copied();
        let nested = below.filter(|name| NESTED.contains(name));
        let resource = nested.or(segments.first().copied()).unwrap_or_default();
        let newer = OLDER_NAMES.iter().find(|(older, _)| *older == resource);
        let resource = newer.map_or(resource, |(_, newer)| newer);
        let verb = match method {
            "GET" | "HEAD" => Verb::Read,
            "DELETE" => Verb::Delete,
            // An action on one thing, such as `runs/{run_id}/stop`.
            "POST" if below.is_some() && nested.is_none() => Verb::Update,
            "POST" => Verb::Create,
            _ => Verb::Update,
        };
        match verb {
            Verb::Create | Verb::Update if CREDENTIALS.contains(&resource) => Self::Unnarrowed,
            _ => Self::Needs(Permission { resource, verb }),
        }
    }

    /// Whether it changes who may do what, or takes credentials back.
    fn is_administration(self) -> bool {
        match self {
            Self::Always => false,
            Self::Unnarrowed => true,
            Self::Needs(Permission { resource, verb }) => {
                verb != Verb::Read && ADMINISTRATION.contains(&resource)
            }
        }
    }

    /// Whether a token with that scope gets it.
    ///
    /// # Errors
    /// 403 with what is missing.
    pub fn check(self, scope: &Scope) -> Result<(), AuthenticationError> {
        match (self, &scope.permissions) {
            (access, _) if scope.is_workload() && access.is_administration() => {
                Err(AuthenticationError::BoundToWork)
            }
            (Self::Unnarrowed, _) if scope.is_narrowed() => Err(AuthenticationError::Narrowed),
            (Self::Needs(permission), Some(permissions)) if !permissions.allow(permission) => {
                Err(AuthenticationError::InsufficientScope(permission.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// `workspaces/{project}/runs` is an older way to `runs`; a workspace is a project.
fn below_workspace(mut segments: Vec<&str>) -> Vec<&str> {
    if segments.first() == Some(&"workspaces") {
        match segments.get(2).copied() {
            None | Some("statistics") => segments[0] = "projects",
            Some(_) => drop(segments.drain(..2)),
        }
    }
    segments
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// The kinds of resource that these routes ask for.
pub fn resources<'a>(routes: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeSet<&'a str> {
    let needed = routes.filter_map(|(method, path)| match Access::of(method, path) {
        Access::Needs(permission) => Some(permission.resource),
        Access::Always | Access::Unnarrowed => None,
    });
    needed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_says_what_it_needs() {
        let needed = |method, path| match Access::of(method, path) {
            Access::Needs(permission) => permission.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(needed("GET", "/api/v1/runs"), "runs:read");
        assert_eq!(needed("POST", "/api/v1/runs"), "runs:create");
        assert_eq!(needed("POST", "/api/v1/artifact_versions/batch"), "artifact_versions:create");
        assert_eq!(needed("PUT", "/api/v1/runs/{run_id}"), "runs:update");
        assert_eq!(needed("POST", "/api/v1/runs/{run_id}/stop"), "runs:update");
        assert_eq!(needed("POST", "/api/v1/runs/statistics"), "runs:read");
        assert_eq!(needed("GET", "/api/v1/runs/{run_id}/steps"), "steps:read");
        assert_eq!(needed("GET", "/api/v1/steps/{step_id}/logs"), "logs:read");
        assert_eq!(needed("GET", "/api/v1/models/{model_name_or_id}/model_versions"), "model_versions:read");
        let link = "/api/v1/model_versions/{model_version_id}/runs/{link}";
        assert_eq!(needed("DELETE", link), "model_version_pipeline_runs:delete");
        assert_eq!(needed("PUT", "/api/v1/users/{user_name_or_id}"), "Unnarrowed");
        assert_eq!(needed("DELETE", "/api/v1/users/{user_name_or_id}"), "users:delete");
        assert_eq!(needed("POST", "/api/v1/service_accounts/{id}/api_keys"), "Unnarrowed");
        assert_eq!(needed("GET", "/api/v1/service_accounts/{id}/api_keys"), "api_keys:read");
        assert_eq!(needed("GET", "/api/v1/current-user"), "Always");
        assert_eq!(needed("GET", "/api/v1/workspaces/{project_name_or_id}/runs"), "runs:read");
        assert_eq!(needed("DELETE", "/api/v1/workspaces/{project_name_or_id}"), "projects:delete");
        assert_eq!(needed("GET", "/api/v1/pipeline_deployments"), "pipeline_snapshots:read");
        let versions = "/api/v1/workspaces/{project_name_or_id}/models/{model_id}/model_versions";
        assert_eq!(needed("POST", versions), "model_versions:create");
    }
}
