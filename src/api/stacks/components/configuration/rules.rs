//! What a flavor's schema doesn't say of its configuration: found by asking ZenML's server.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Fields;
use super::steps::Step;
use crate::http::error::{ApiError, ApiResult};

/// The rules of some flavors.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rules {
    /// `type/name` of each.
    flavors: Vec<String>,
    /// Fields that are checked by more than their type, so that none of them can be a secret's value.
    pub checked: Vec<String>,
    /// Fields of several types, of which the first counts that a value can be read as.
    pub left_to_right: Vec<String>,
    /// What is done to the fields as they were sent.
    before: Vec<Step>,
    /// What is done to those that fit the schema.
    after: Vec<Step>,
}

static RULES: LazyLock<HashMap<String, Rules>> = LazyLock::new(|| {
    let all: Vec<Rules> = serde_json::from_str(include_str!("rules.json")).unwrap_or_else(|error| {
        tracing::error!(%error, "the rules of flavors can't be read");
        Vec::new()
    });
    let mut by_flavor: HashMap<String, Rules> = HashMap::new();
    for rules in all {
        for flavor in &rules.flavors {
            let of_flavor = by_flavor.entry(flavor.clone()).or_default();
            of_flavor.checked.extend(rules.checked.iter().cloned());
            of_flavor.left_to_right.extend(rules.left_to_right.iter().cloned());
            of_flavor.before.extend(rules.before.iter().cloned());
            of_flavor.after.extend(rules.after.iter().cloned());
        }
    }
    by_flavor
});

static NONE: LazyLock<Rules> = LazyLock::new(Rules::default);

impl Rules {
    pub(super) fn of(kind: &str, flavor: &str) -> &'static Self {
        RULES.get(&format!("{kind}/{flavor}")).unwrap_or(&NONE)
    }

    /// # Errors
    /// 422 with the reason.
    pub(super) fn before(&self, fields: &mut Fields) -> ApiResult<()> {
        take(&self.before, fields)
    }

    /// # Errors
    /// 422 with the reason.
    pub(super) fn after(&self, fields: &mut Fields) -> ApiResult<()> {
        take(&self.after, fields)
    }
}

fn take(steps: &[Step], fields: &mut Fields) -> ApiResult<()> {
    steps.iter().try_for_each(|step| step.take(fields).map_err(ApiError::unprocessable))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What becomes of a configuration by the steps alone.
    fn kept(flavor: &str, json: &str) -> Result<Value, ()> {
        let (kind, name) = flavor.split_once('/').unwrap();
        let mut fields: Fields = serde_json::from_str(json).unwrap();
        let rules = Rules::of(kind, name);
        rules.before(&mut fields).and_then(|()| rules.after(&mut fields)).map_err(|_| ())?;
        Ok(serde_json::to_value(&fields).unwrap())
    }

    #[test]
    fn the_rules_are_of_flavors_that_there_are() {
        let flavors: Vec<Value> =
            serde_json::from_str(include_str!("../../../../../contract/flavors.json")).unwrap();
        let is_there = |name: &str| {
            flavors.iter().any(|of| {
                format!("{}/{}", of["type"].as_str().unwrap(), of["name"].as_str().unwrap()) == name
            })
        };
        assert!(RULES.len() > 30, "they can be read");
        for name in RULES.keys() {
            assert!(is_there(name), "{name}");
        }
    }

    #[test]
    fn a_rule_brings_a_field_into_its_form_or_refuses_it() {
        for (flavor, sent, expected) in [
            ("artifact_store/s3", r#"{"path": "'s3://a'"}"#, r#"{"path": "s3://a"}"#),
            ("container_registry/aws", r#"{"uri": "a.b//"}"#, r#"{"uri": "a.b"}"#),
            (
                "orchestrator/airflow",
                r#"{"operator": "docker"}"#,
                r#"{"operator": "airflow.providers.docker.operators.docker.DockerOperator"}"#,
            ),
            (
                "orchestrator/kubernetes",
                r#"{"concurrency_policy": " allow"}"#,
                r#"{"concurrency_policy": "Allow"}"#,
            ),
            ("orchestrator/kubernetes", r#"{"pod_name_prefix": "a"}"#, r#"{"job_name_prefix": "a"}"#),
            ("orchestrator/kubernetes", r#"{"api_request_timeout": 5.7}"#, r#"{"api_request_timeout": 5}"#),
            ("image_builder/gcp", r#"{"location": " "}"#, r#"{"location": null}"#),
            (
                "log_store/datadog",
                r#"{"site": "x.eu"}"#,
                r#"{"site": "x.eu", "endpoint": "https://http-intake.logs.x.eu/api/v2/logs"}"#,
            ),
            (
                "data_validator/great_expectations",
                r#"{"context_config": " "}"#,
                r#"{"context_config": null}"#,
            ),
            (
                "orchestrator/databricks",
                r#"{"schedule_timezone": "Etc/GMT+5"}"#,
                r#"{"schedule_timezone": "Etc/GMT+5"}"#,
            ),
            (
                "orchestrator/sagemaker",
                r#"{"use_training_step": false}"#,
                r#"{"use_training_step": false, "instance_type": "ml.t3.medium"}"#,
            ),
            (
                "step_operator/azureml",
                r#"{"compute_target_name": "t"}"#,
                r#"{"compute_name": "t", "mode": "compute-instance"}"#,
            ),
        ] {
            assert_eq!(kept(flavor, sent), Ok(serde_json::from_str(expected).unwrap()), "{flavor} {sent}");
        }
        for (flavor, sent) in [
            ("artifact_store/s3", r#"{"path": "/a"}"#),
            ("artifact_store/s3", r#"{"path": 5}"#),
            ("artifact_store/azure", r#"{"path": "s3://a"}"#),
            ("artifact_store/local", r#"{"path": "gs://a"}"#),
            ("artifact_store/b2", r#"{"path": "s3://a", "client_kwargs": {"endpoint_url": "ftp://a"}}"#),
            ("artifact_store/digitalocean", r#"{"path": "s3://a"}"#),
            ("container_registry/aws", r#"{"uri": "a/b"}"#),
            ("container_registry/digitalocean", r#"{"uri": "registry.digitalocean.com/"}"#),
            ("orchestrator/databricks", r#"{"client_id": "a"}"#),
            ("orchestrator/databricks", r#"{"init_scripts": ["dbfs:/a", "/b"]}"#),
            ("orchestrator/vm_aws", r#"{"infra": "aws", "resources_settings": {"cloud": "aws"}}"#),
            ("experiment_tracker/mlflow", r#"{"tracking_uri": "https://a"}"#),
            ("experiment_tracker/wandb", r#"{"run_config": {"zenml_a": 1}}"#),
            ("orchestrator/databricks", r#"{"schedule_timezone": "europe/berlin"}"#),
            ("orchestrator/databricks", r#"{"schedule_timezone": "../UTC"}"#),
            ("orchestrator/databricks", r#"{"schedule_timezone": ""}"#),
            ("sandbox/modal", r#"{"token_id": "a", "token_secret": " "}"#),
            ("step_operator/runai", r#"{"cpu_memory_limit": "4 G"}"#),
            ("step_operator/runai", r#"{"parallelism": 3, "completions": 2}"#),
        ] {
            assert_eq!(kept(flavor, sent), Err(()), "{flavor} {sent}");
        }
    }
}
