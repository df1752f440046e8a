//! Configurations of components, as their flavors read them.

use serde_json::{Value, json};

use super::step::{ADMIN, Scenario, Step};
use super::wanted::{
    JSON_ALONE, NOT_A_TEXT, OWN_DISK_STAYS_UNTOLD, PATH_OF_ANOTHER_STORE, PODS_WITHOUT_THEIR_LIBRARY,
    SECRET_UNREAD,
};

pub fn scenarios() -> Vec<Scenario> {
    vec![Scenario { name: "configurations of components", steps: steps() }]
}

/// A component of its own for each configuration.
fn steps() -> Vec<Step> {
    let mut number = 0;
    let mut with = |flavor: &str, configuration: Value| {
        let (kind, flavor) = flavor.split_once('/').unwrap();
        number += 1;
        let name = format!("configured {number}");
        let body = json!({"name": name, "type": kind, "flavor": flavor, "configuration": configuration});
        ADMIN.post("/components", &body.to_string())
    };
    let kubernetes = "orchestrator/kubernetes";
    let runai = |more: Value| {
        let body = json!({"client_id": "a", "client_secret": "b", "runai_base_url": "https://a.b/", "project_name": "p"});
        super::bodies::merged(body, more)
    };
    let azureml = |more: Value| {
        let body = json!({"subscription_id": "a", "resource_group": "b", "workspace_name": "c"});
        super::bodies::merged(body, more)
    };
    vec![
        with(kubernetes, json!({"synchronous": "perhaps"})),
        with(kubernetes, json!({"synchronous": "true"})),
        with(kubernetes, json!({"synchronous": null})),
        with(kubernetes, json!({"timeout": "5", "api_request_timeout": 5.7})),
        with(kubernetes, json!({"timeout": 5.5})),
        with(kubernetes, json!({"concurrency_policy": "allow", "pod_name_prefix": "p"})),
        with(kubernetes, json!({"concurrency_policy": "sometimes"})),
        with(kubernetes, json!({"pod_name_prefix": "p", "job_name_prefix": "q"})),
        with(kubernetes, json!({"pod_settings": {"node_selectors": {"a": "b"}}})),
        with(kubernetes, json!({"pod_settings": {"volumes": []}})).wanted(&PODS_WITHOUT_THEIR_LIBRARY),
        with("artifact_store/s3", json!({"path": "'s3://a'"})),
        with("artifact_store/s3", json!({"path": "/a"})).wanted(&PATH_OF_ANOTHER_STORE),
        with("artifact_store/s3", json!({"path": null})).wanted(&PATH_OF_ANOTHER_STORE),
        with(
            "artifact_store/s3",
            json!({"path": "s3://a", "client_kwargs": "{\"endpoint_url\": \"http://h/\"}"}),
        ),
        with("artifact_store/s3", json!({"path": "s3://a", "client_kwargs": {"endpoint_url": "h"}})),
        with("artifact_store/azure", json!({"path": "gs://a"})).wanted(&PATH_OF_ANOTHER_STORE),
        with("artifact_store/local", json!({"path": "gs://a"})).wanted(&PATH_OF_ANOTHER_STORE),
        with("artifact_store/digitalocean", json!({"path": "s3://a"})),
        with("artifact_store/digitalocean", json!({"path": "s3://a", "region": "FRA"})),
        with("artifact_store/digitalocean", json!({"path": "s3://a", "region": "fra1"})),
        with("artifact_store/digitalocean", json!({"path": "s3://a", "region": "{{None.region}}"}))
            .wanted(&SECRET_UNREAD),
        with("container_registry/default", json!({"uri": "a.b/"})),
        with("container_registry/aws", json!({"uri": "a/b"})),
        with("container_registry/digitalocean", json!({"uri": "registry.digitalocean.com/"})),
        with("container_registry/digitalocean", json!({"uri": "registry.digitalocean.com/x/"})),
        with("sandbox/docker", json!({"pull_policy": "never", "cpu_limit": 2})),
        with("sandbox/docker", json!({"pull_policy": "sometimes"})),
        with("deployer/docker", json!({"port_range": [1, "2"]})),
        with("deployer/docker", json!({"port_range": [1]})),
        with("deployer/docker", json!({"port_range": [1, 2, 3]})),
        with("deployer/docker", json!({"port_range": "[1, 2]"})),
        with("orchestrator/vm_aws", json!({"cpus": "4", "accelerators": {"V100": "2"}, "ports": [1, "a"]})),
        with("orchestrator/vm_aws", json!({"infra": "aws", "region": "x"})),
        with("orchestrator/airflow", json!({"dag_tags": "[\"a\"]", "operator": "docker"})),
        with("orchestrator/airflow", json!({"dag_tags": "a"})),
        with(
            "orchestrator/vertex",
            json!({"location": "x", "custom_job_parameters": {"boot_disk_size_gb": "5", "zz": 1}}),
        ),
        with(
            "orchestrator/vertex",
            json!({"location": "x", "custom_job_parameters": "{\"boot_disk_size_gb\": 5}"}),
        ),
        with("orchestrator/databricks", json!({"host": "h", "schedule_timezone": "Etc/GMT+5"})),
        with("orchestrator/databricks", json!({"host": "h", "schedule_timezone": "text"})),
        with("data_validator/great_expectations", json!({"context_config": " "})),
        with("data_validator/great_expectations", json!({"context_config": "{\"a\": 1}"})),
        with("data_validator/great_expectations", json!({"context_config": "a: b"})).wanted(&JSON_ALONE),
        with("data_validator/great_expectations", json!({"context_root_dir": "/no/such/folder"}))
            .wanted(&OWN_DISK_STAYS_UNTOLD),
        with("experiment_tracker/vertex", json!({"experiment": 5})).wanted(&NOT_A_TEXT),
        with("image_builder/gcp", json!({"location": 5})).wanted(&NOT_A_TEXT),
        with("orchestrator/kubeflow", json!({})).wanted(&PODS_WITHOUT_THEIR_LIBRARY),
        with("orchestrator/sagemaker", json!({"execution_role": "a"})),
        with("orchestrator/sagemaker", json!({"processor_role": "a", "use_training_step": false})),
        with("orchestrator/sagemaker", json!({"execution_role": "a", "processor_role": "b"})),
        with("step_operator/azureml", azureml(json!({"compute_target_name": "t"}))),
        with("step_operator/azureml", azureml(json!({"mode": "compute-cluster"}))),
        with("step_operator/azureml", azureml(json!({"mode": "x"}))),
        with("log_store/datadog", json!({"api_key": "a", "application_key": "b", "site": "x.eu"})),
        with(
            "log_store/datadog",
            json!({"api_key": "a", "application_key": "b", "max_export_batch_size": 1001}),
        ),
        with("log_store/otel", json!({"endpoint": "x", "headers": {"a": 5}})),
        with("image_builder/gcp", json!({"location": " ", "build_timeout": "5"})),
        with("image_builder/gcp", json!({"build_timeout": 0})),
        with("experiment_tracker/mlflow", json!({"tracking_uri": "https://a"})),
        with("experiment_tracker/mlflow", json!({"tracking_uri": "https://a", "tracking_token": "t"})),
        with("experiment_tracker/wandb", json!({"api_key": "k", "run_config": {"zenml_a": 1}})),
        with("sandbox/modal", json!({"token_id": "a"})),
        with(
            "step_operator/runai",
            runai(json!({"pvc_mounts": [{"path": "/a"}], "tolerations": [{"key": "k", "zz": 1}]})),
        ),
        with("step_operator/runai", runai(json!({"pvc_mounts": [{"path": "/a", "zz": 1}]}))),
        with("step_operator/runai", runai(json!({"pvc_mounts": [{"path": "a"}]}))),
        with("step_operator/runai", runai(json!({"cpu_memory_limit": "4 G"}))),
        with("annotator/argilla", json!({"instance_url": "http://a/", "extra_headers": {"a": "b"}})),
        with("orchestrator/local", json!({"no_such": 1})),
        with(kubernetes, json!({"synchronous": true})).keep("changed"),
        ADMIN.put("/components/{changed.id}", r#"{"configuration": {"synchronous": "off"}}"#),
        ADMIN.put("/components/{changed.id}", r#"{"configuration": {"synchronous": "perhaps"}}"#),
        ADMIN.put("/components/{changed.id}", r#"{"configuration": {"no_such": 1}}"#),
        ADMIN.put("/components/{changed.id}", r#"{"configuration": {}}"#),
    ]
}
