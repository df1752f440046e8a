//! Forms of rules for those whose tokens are known: what their pages call the parts of an identity, as conditions.

use serde::Deserialize;
use utoipa::ToSchema;

use super::conditions::Conditions;

/// Whose tokens are known.
pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";
pub(crate) const GITLAB: &str = "https://gitlab.com";
pub(crate) const BUILDKITE: &str = "https://agent.buildkite.com";

/// A rule's issuer and conditions in the words of who runs the work.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Form {
    /// GitHub Actions. `issuer` is for an Enterprise Server.
    Github {
        issuer: Option<String>,
        /// owner/name
        repository: String,
        branch: Option<String>,
        environment: Option<String>,
        /// The file's name, such as train.yml.
        workflow: Option<String>,
    },
    /// GitLab. `issuer` is the address of an own one.
    Gitlab {
        issuer: Option<String>,
        /// group/project
        project: String,
        branch: Option<String>,
        environment: Option<String>,
    },
    /// Kubernetes: a service account's pods. `issuer` is the cluster's (`kubectl get --raw
    /// /.well-known/openid-configuration`).
    Kubernetes { issuer: String, namespace: String, service_account: String },
    /// Buildkite: a pipeline of an organization, by their slugs.
    Buildkite { organization: String, pipeline: String, branch: Option<String> },
}

/// What a form stands for.
#[derive(Debug, PartialEq)]
pub(crate) struct Filled {
    pub issuer: String,
    pub conditions: Conditions,
}

impl Form {
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn fill(self) -> Result<Filled, String> {
        match self {
            Self::Github { issuer, repository, branch, environment, workflow } => {
                let owner_and_name = two_names(&repository);
                owner_and_name.ok_or("repository: it has to be OWNER/NAME, without a *")?;
                let workflow = workflow.map(|file| format!("{repository}/.github/workflows/{file}@*"));
                Ok(Filled {
                    issuer: issuer.unwrap_or_else(|| GITHUB.to_owned()),
                    conditions: of([
                        ("repository", Some(repository)),
                        ("ref", branch.map(|branch| format!("refs/heads/{branch}"))),
                        ("environment", environment),
                        ("workflow_ref", workflow),
                    ]),
                })
            }
            Self::Gitlab { issuer, project, branch, environment } => {
                two_names(&project).ok_or("project: it has to be GROUP/PROJECT, without a *")?;
                let ref_type = branch.is_some().then(|| "branch".to_owned());
                Ok(Filled {
                    issuer: issuer.unwrap_or_else(|| GITLAB.to_owned()),
                    conditions: of([
                        ("project_path", Some(project)),
                        ("ref", branch),
                        ("ref_type", ref_type),
                        ("environment", environment),
                    ]),
                })
            }
            Self::Kubernetes { issuer, namespace, service_account } => {
                let is_name = |name: &str| !name.is_empty() && !name.contains(['*', ':', '/']);
                if !is_name(&namespace) || !is_name(&service_account) {
                    return Err(
                        "namespace and service_account: each has to be a name, without a *".to_owned()
                    );
                }
                let subject = format!("system:serviceaccount:{namespace}:{service_account}");
                Ok(Filled {
                    issuer,
                    conditions: of([
                        ("sub", Some(subject)),
                        ("kubernetes.io/namespace", Some(namespace)),
                        ("kubernetes.io/serviceaccount/name", Some(service_account)),
                    ]),
                })
            }
            Self::Buildkite { organization, pipeline, branch } => {
                let is_slug = |name: &str| !name.is_empty() && !name.contains(['*', ':', '/']);
                if !is_slug(&organization) || !is_slug(&pipeline) {
                    return Err("organization and pipeline: each has to be a slug, without a *".to_owned());
                }
                Ok(Filled {
                    issuer: BUILDKITE.to_owned(),
                    conditions: of([
                        ("organization_slug", Some(organization)),
                        ("pipeline_slug", Some(pipeline)),
                        ("build_branch", branch),
                    ]),
                })
            }
        }
    }
}

fn of<const N: usize>(conditions: [(&'static str, Option<String>); N]) -> Conditions {
    Conditions::of(conditions.into_iter().filter_map(|(claim, text)| Some((claim, text?))))
}

/// An owner and a name, whatever is between.
fn two_names(path: &str) -> Option<()> {
    let names: Vec<&str> = path.split('/').collect();
    let is_name = |name: &&str| !name.is_empty() && !name.contains(['*', ':', ' ']);
    (names.len() >= 2 && names.iter().all(is_name)).then_some(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn filled(form: Value) -> Result<(String, Value), String> {
        let form: Form = serde_json::from_value(form).map_err(|error| error.to_string())?;
        let Filled { issuer, conditions } = form.fill()?;
        Ok((issuer, serde_json::to_value(conditions).unwrap()))
    }

    #[test]
    fn a_form_is_an_issuer_and_conditions() {
        for (form, issuer, conditions) in [
            (
                json!({"kind": "github", "repository": "acme/app", "branch": "main", "environment": "prod",
                       "workflow": "train.yml"}),
                GITHUB,
                json!({"repository": ["acme/app"], "ref": ["refs/heads/main"], "environment": ["prod"],
                       "workflow_ref": ["acme/app/.github/workflows/train.yml@*"]}),
            ),
            (
                json!({"kind": "gitlab", "issuer": "https://git.example", "project": "a/b/c", "branch": "main"}),
                "https://git.example",
                json!({"project_path": ["a/b/c"], "ref": ["main"], "ref_type": ["branch"]}),
            ),
            (
                json!({"kind": "kubernetes", "issuer": "https://k8s.example", "namespace": "ci",
                       "service_account": "runner"}),
                "https://k8s.example",
                json!({"sub": ["system:serviceaccount:ci:runner"], "kubernetes.io/namespace": ["ci"],
                       "kubernetes.io/serviceaccount/name": ["runner"]}),
            ),
            (
                json!({"kind": "buildkite", "organization": "acme", "pipeline": "app"}),
                BUILDKITE,
                json!({"organization_slug": ["acme"], "pipeline_slug": ["app"]}),
            ),
        ] {
            assert_eq!(filled(form), Ok((issuer.to_owned(), conditions)));
        }
        for wrong in [
            json!({"kind": "github", "repository": "acme"}),
            json!({"kind": "github", "repository": "acme/*"}),
            json!({"kind": "github", "repository": "acme/"}),
            json!({"kind": "github", "repository": "acme/app", "branche": "main"}),
            json!({"kind": "gitlab", "project": "*"}),
            json!({"kind": "kubernetes", "issuer": "https://k8s.example", "namespace": "*", "service_account": "a"}),
            json!({"kind": "buildkite", "organization": "acme", "pipeline": ""}),
            json!({"kind": "jenkins"}),
        ] {
            assert!(filled(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
