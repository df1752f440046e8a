//! What is wrong with a rule that may be meant so: it trusts more people than anybody would name.

use super::conditions::Conditions;
use super::forms::{BUILDKITE, GITHUB, GITLAB};

/// Warnings about a rule, in words; none for most.
pub(crate) fn warnings(issuer: &str, conditions: &Conditions) -> Vec<String> {
    let kind = Kind::of(issuer, conditions);
    let mut warnings = Vec::new();
    if !kind.names_owner(conditions) {
        warnings.push(kind.everybody(issuer));
    }
    if kind.takes_pull_requests(conditions) {
        warnings.push(kind.pull_requests());
    }
    warnings
}

/// Whose tokens they are, by what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Github,
    Gitlab,
    Buildkite,
    Kubernetes,
    Other,
}

impl Kind {
    /// An own server of a kind is known by its claims.
    fn of(issuer: &str, conditions: &Conditions) -> Self {
        let names = |claims: &[&str]| claims.iter().any(|claim| conditions.on(claim).is_some());
        let sub = |prefix: &str| {
            conditions.on("sub").is_some_and(|texts| texts.iter().any(|text| text.starts_with(prefix)))
        };
        match issuer {
            GITHUB => Self::Github,
            GITLAB => Self::Gitlab,
            BUILDKITE => Self::Buildkite,
            _ if conditions.iter().any(|(claim, _)| claim.starts_with("kubernetes.io/")) => Self::Kubernetes,
            _ if sub("system:serviceaccount:") => Self::Kubernetes,
            _ if names(&["repository", "repository_owner", "job_workflow_ref"]) || sub("repo:") => {
                Self::Github
            }
            _ if names(&["project_path", "namespace_path"]) || sub("project_path:") => Self::Gitlab,
            _ => Self::Other,
        }
    }

    /// Whether a condition is met by the work of one owner alone: those of a group, or a namespace.
    fn names_owner(self, conditions: &Conditions) -> bool {
        // Up to here a text has to be without a star: all of it, or beyond so many separators.
        let (whole, paths): (&[&str], &[(&str, &str, usize)]) = match self {
            Self::Github => (
                &["repository_owner", "repository_owner_id", "repository_id", "enterprise", "enterprise_id"],
                &[
                    ("repository", "/", 1),
                    ("job_workflow_ref", "/", 1),
                    ("workflow_ref", "/", 1),
                    ("sub", "/", 1),
                ],
            ),
            Self::Gitlab => (
                &["namespace_path", "namespace_id", "project_id", "user_id", "user_login"],
                &[("project_path", "/", 1), ("namespace_path", "/", 1), ("sub", "/", 1)],
            ),
            Self::Buildkite => (&["organization_slug", "organization_id", "pipeline_id"], &[("sub", ":", 2)]),
            Self::Kubernetes => (&["kubernetes.io/namespace"], &[("sub", ":", 3)]),
            Self::Other => (&[], &[]),
        };
        let all = |claim: &str, is_narrow: &dyn Fn(&str) -> bool| {
            conditions.on(claim).is_some_and(|texts| texts.iter().all(|text| is_narrow(text)))
        };
        if self == Self::Other {
            // What such a claim means isn't known: any text that says something will do.
            return conditions.iter().any(|(_, texts)| texts.iter().all(|text| text.contains(|c| c != '*')));
        }
        whole.iter().any(|claim| all(claim, &|text| !text.contains('*')))
            || paths.iter().any(|(claim, separator, count)| {
                all(claim, &|text| {
                    let fixed = text.split('*').next().unwrap_or_default();
                    fixed.matches(separator).count() >= *count
                })
            })
    }

    /// Whether what somebody proposes from a copy of their own is as good as what is in the repository.
    fn takes_pull_requests(self, conditions: &Conditions) -> bool {
        let narrows = |claims: &[&str]| {
            claims.iter().any(|claim| {
                conditions.on(claim).is_some_and(|texts| {
                    texts.iter().all(|text| text.contains(|c| c != '*') && !text.starts_with("refs/pull/"))
                })
            })
        };
        // A subject that says more than whose repository it is.
        let sub = |parts: usize, evil: &str| {
            conditions.on("sub").is_some_and(|texts| {
                texts.iter().all(|text| {
                    let fixed = text.split('*').next().unwrap_or_default();
                    fixed.matches(':').count() > parts && !text.ends_with(evil)
                })
            })
        };
        match self {
            Self::Github => {
                let events = conditions.on("event_name").is_some_and(|texts| {
                    texts.iter().all(|text| !text.contains('*') && !text.starts_with("pull_request"))
                });
                !events && !narrows(&["ref", "environment"]) && !sub(2, ":pull_request")
            }
            Self::Gitlab => {
                !narrows(&["ref", "ref_path", "environment", "ref_protected"]) && !sub(4, "merge_request")
            }
            Self::Buildkite => !narrows(&["build_branch", "build_tag"]) && !sub(5, "pull"),
            Self::Kubernetes | Self::Other => false,
        }
    }

    fn everybody(self, issuer: &str) -> String {
        match self {
            Self::Github => {
                "It trusts everybody: whoever has a repository there gets a token. Name an owner or a \
                             repository (repository, repository_owner, or sub beyond repo:OWNER/)."
                    .to_owned()
            }
            Self::Gitlab => {
                "It trusts everybody: whoever has a project there gets a token. Name a group or a project \
                             (project_path, namespace_path, or sub beyond project_path:GROUP/)."
                    .to_owned()
            }
            Self::Buildkite => {
                "It trusts everybody: whoever has an account there gets a token. Name an organization \
                                (organization_slug, or sub beyond organization:NAME:)."
                    .to_owned()
            }
            Self::Kubernetes => {
                "It trusts every pod of the cluster: whoever may run one gets a token. Name a namespace \
                                 (kubernetes.io/namespace, or sub beyond system:serviceaccount:NAMESPACE:)."
                    .to_owned()
            }
            Self::Other => format!("It trusts everybody whom {issuer} gives a token: no condition says who."),
        }
    }

    fn pull_requests(self) -> String {
        let (what, how) = match self {
            Self::Gitlab => ("merge requests", "ref, ref_protected or environment"),
            Self::Buildkite => ("pull requests", "build_branch"),
            _ => ("pull requests", "ref, environment or event_name"),
        };
        format!(
            "It takes {what} too, from forks where those are built with tokens: whoever proposes a change gets a token \
             for it. Name {how}."
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(issuer: &str, conditions: Value) -> Vec<&'static str> {
        let conditions: Conditions = serde_json::from_value(conditions).unwrap();
        let word = |warning: String| if warning.contains("It trusts") { "everybody" } else { "forks" };
        warnings(issuer, &conditions).into_iter().map(word).collect()
    }

    #[test]
    fn a_rule_that_trusts_everybody_is_warned_of() {
        let cluster = "https://k8s.example";
        for (issuer, conditions) in [
            (GITHUB, json!({"repository": "*", "ref": "refs/heads/main"})),
            (GITHUB, json!({"sub": "repo:*", "environment": "prod"})),
            (GITHUB, json!({"sub": "repo:acme*", "environment": "prod"})),
            (GITHUB, json!({"repository": ["acme/app", "*/app"], "ref": "refs/heads/main"})),
            (GITHUB, json!({"ref": "refs/heads/main"})),
            (GITHUB, json!({"repository_owner": "acm*", "ref": "refs/heads/main"})),
            (GITLAB, json!({"project_path": "acme*", "ref": "main"})),
            (GITLAB, json!({"namespace_path": "*", "ref": "main"})),
            (BUILDKITE, json!({"pipeline_slug": "app", "build_branch": "main"})),
            (cluster, json!({"kubernetes.io/namespace": "*"})),
            (cluster, json!({"sub": "system:serviceaccount:*:runner"})),
            (cluster, json!({"kubernetes.io/serviceaccount/name": "runner"})),
            ("https://other.example", json!({"sub": "*", "email": "**"})),
        ] {
            assert_eq!(of(issuer, conditions.clone()), ["everybody"], "{conditions}");
        }
    }

    #[test]
    fn a_rule_that_takes_pull_requests_is_warned_of() {
        for (issuer, conditions) in [
            (GITHUB, json!({"repository": "acme/app"})),
            (GITHUB, json!({"repository": "acme/app", "ref": "*"})),
            (GITHUB, json!({"repository": "acme/app", "ref": "refs/pull/*"})),
            (GITHUB, json!({"repository": "acme/app", "event_name": ["push", "pull_request_target"]})),
            (GITHUB, json!({"sub": "repo:acme/app:*"})),
            (GITHUB, json!({"sub": "repo:acme/app:pull_request"})),
            ("https://github.example/_services/token", json!({"repository": "acme/app"})),
            (GITLAB, json!({"project_path": "acme/app"})),
            (BUILDKITE, json!({"organization_slug": "acme", "pipeline_slug": "app"})),
        ] {
            assert_eq!(of(issuer, conditions.clone()), ["forks"], "{conditions}");
        }
        assert_eq!(of(GITHUB, json!({"sub": "repo:*"})), ["everybody", "forks"]);
    }

    #[test]
    fn a_rule_that_says_who_is_not() {
        for (issuer, conditions) in [
            (GITHUB, json!({"repository": "acme/app", "ref": "refs/heads/main"})),
            (GITHUB, json!({"repository": "acme/*", "environment": "prod"})),
            (GITHUB, json!({"sub": "repo:acme/app:ref:refs/heads/*"})),
            (GITHUB, json!({"repository_owner_id": "7", "event_name": "push"})),
            (GITLAB, json!({"project_path": "acme/app", "ref_protected": "true"})),
            (BUILDKITE, json!({"organization_slug": "acme", "build_branch": "main"})),
            ("https://k8s.example", json!({"sub": "system:serviceaccount:ci:*"})),
            ("https://k8s.example", json!({"kubernetes.io/namespace": "ci"})),
            ("https://other.example", json!({"sub": "ada"})),
        ] {
            assert!(of(issuer, conditions.clone()).is_empty(), "{conditions}");
        }
    }
}
