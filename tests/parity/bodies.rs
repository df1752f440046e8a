//! Bodies of pipelines and their runs, as complete as the official client sends them. Placeholders in them are filled
//! from what the scenario keeps as `project`, `stacks`, `pipeline`, `snapshot` and `run`.

use serde_json::{Value, json};

use super::step::{ADMIN, Scenario, Step};

pub const STACK: &str = "{stacks.items.0.id}";
pub const ARTIFACT_STORE: &str = "{stacks.items.0.metadata.components.artifact_store.0.id}";

/// A scenario with a pipeline `training` and a snapshot of its steps `load` and `train` already there, and gone after.
pub fn with_snapshot(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Scenario {
    let snapshot = ADMIN.post("/pipeline_snapshots", &snapshot(json!({}))).keep("snapshot");
    with_pipeline(name, [snapshot].into_iter().chain(steps))
}

/// A scenario with a pipeline `training` already there, and gone after.
pub fn with_pipeline(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Scenario {
    // A tag that is made without a colour gets a random one.
    let tag = |kept: &'static str, name: &str| {
        let body = json!({"name": name, "color": "teal", "exclusive": false});
        ADMIN.post("/tags", &body.to_string()).tidies().keep(kept)
    };
    let start = [
        tag("tag_a", "a"),
        tag("tag_b", "b"),
        ADMIN.get("/projects/default").keep("project"),
        ADMIN.get("/stacks?hydrate=true&name=default").keep("stacks"),
        ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "training"}"#).keep("pipeline"),
    ];
    let end = [
        ADMIN.delete("/pipelines/{pipeline.id}"),
        ADMIN.delete("/tags/{tag_a.id}").tidies(),
        ADMIN.delete("/tags/{tag_b.id}").tidies(),
    ];
    Scenario { name, steps: start.into_iter().chain(steps).chain(end).collect() }
}

/// The same scenario, at whose end these kept artifact versions go too, with their artifacts.
pub fn forgetting(mut scenario: Scenario, versions: &[&str]) -> Scenario {
    for version in versions {
        let path = format!("/artifact_versions/{{{version}.id}}");
        let artifact = format!("/artifacts/{{{version}.body.artifact.id}}");
        scenario.steps.extend([ADMIN.delete(&path).tidies(), ADMIN.delete(&artifact).tidies()]);
    }
    scenario
}

/// The body of a snapshot of two steps, one after the other.
pub fn snapshot(more: Value) -> String {
    let steps = json!({"load": step("load", &[], json!({})), "train": step("train", &["load"], json!({}))});
    let spec_of = |step: &str| steps[step]["spec"].clone();
    let body = json!({
        "project": "{project.id}",
        "stack": STACK,
        "pipeline": "{pipeline.id}",
        "run_name_template": "training",
        "pipeline_configuration": pipeline_configuration(json!({})),
        "pipeline_spec": {
            "version": "0.5",
            "source": {"module": "pipe", "attribute": "training", "type": "user"},
            "parameters": {"n": 3},
            "input_schema": {"type": "object", "properties": {"n": {"type": "integer", "default": 3}}},
            "steps": [spec_of("load"), spec_of("train")],
            "outputs": [],
            "output_schema": null,
        },
        "step_configurations": steps,
        "client_environment": {
            "environment": "native", "os": "linux", "python_version": "3.11.7", "python_packages": "a==1\nb==2",
        },
        "client_version": "0.98.0",
        "server_version": "0.98.0",
        "pipeline_version_hash": "0123456789abcdef0123456789abcdef",
        "source_code": "def training(n: int = 3): ...",
    });
    merged(body, more).to_string()
}

pub fn pipeline_configuration(more: Value) -> Value {
    let whole = json!({
        "enable_cache": true, "enable_artifact_metadata": null, "enable_artifact_visualization": null,
        "enable_step_logs": null, "enable_heartbeat": null, "environment": {}, "secrets": [],
        "enable_pipeline_logs": null, "execution_mode": "continue_on_failure", "settings": {}, "tags": ["nightly"],
        "extra": {}, "failure_hook_source": null, "success_hook_source": null, "start_hook_source": null,
        "end_hook_source": null, "pause_hook_source": null, "resume_hook_source": null, "init_hook_source": null,
        "init_hook_kwargs": null, "cleanup_hook_source": null, "model": null, "parameters": {"n": 3},
        "retry": null, "substitutions": {}, "cache_policy": null, "name": "training", "steps_to_skip": [],
        "skip_successful_steps": false, "step_input_overrides": {}, "step_default_input_overrides": {},
    });
    merged(whole, more)
}

/// A step that takes `data` from each step before it, and gives out `{name}_out`; with more in its configuration.
pub fn step(name: &str, after: &[&str], more: Value) -> Value {
    let inputs: serde_json::Map<String, Value> = after
        .iter()
        .map(|before| {
            let input = json!({
                "step_name": before, "output_name": format!("{before}_out"), "chunk_index": null, "chunk_size": null,
            });
            (format!("{before}_data"), input)
        })
        .collect();
    let materializer = json!({
        "module": "zenml.materializers.built_in_materializer", "attribute": "BuiltInMaterializer", "type": "internal",
    });
    let config = json!({
        "enable_cache": null, "enable_artifact_metadata": null, "enable_artifact_visualization": null,
        "enable_step_logs": null, "step_operator": null, "experiment_tracker": null, "parameters": {"rate": 0.2},
        "settings": {}, "environment": {}, "secrets": [], "extra": {}, "failure_hook_source": null,
        "success_hook_source": null, "start_hook_source": null, "end_hook_source": null, "model": null,
        "retry": null, "substitutions": {},
        "cache_policy": {
            "include_step_code": true, "include_step_parameters": true, "include_artifact_values": true,
            "include_artifact_ids": true, "ignored_inputs": null, "file_dependencies": null,
            "source_dependencies": null, "cache_func": null, "expires_after": null,
        },
        "runtime": null, "heartbeat_healthy_threshold": 30, "group": null,
        "outputs": {
            format!("{name}_out"): {
                "materializer_source": [materializer], "default_materializer_source": null,
                "artifact_config": {
                    "name": format!("{name}_out"), "version": null, "tags": ["metric"], "run_metadata": null,
                    "artifact_type": null,
                },
            },
        },
        "name": name, "step_type": null, "template": null, "caching_parameters": {"step_source": "abc"},
        "external_input_artifacts": {}, "model_artifacts_or_metadata": {}, "client_lazy_loaders": {},
        "command": null,
    });
    let config = merged(config, more);
    json!({
        "spec": {
            "source": {"module": "pipe", "attribute": name, "type": "user"}, "upstream_steps": after,
            "inputs": inputs, "invocation_id": name, "enable_heartbeat": false, "parameter_spec": {},
        },
        "config": config.clone(),
        "step_config_overrides": config,
    })
}

/// The body of a run of the kept snapshot.
pub fn run(name: &str, more: Value) -> String {
    let body = json!({
        "project": "{project.id}", "snapshot": "{snapshot.id}", "name": name, "status": "running",
        "orchestrator_run_id": format!("orchestrated-{name}"), "start_time": "2026-01-02T03:04:05.678901",
        "orchestrator_environment": {"os": "linux", "python_packages": "a==1"},
    });
    merged(body, more).to_string()
}

/// The body of a step of the kept run.
pub fn step_run(name: &str, more: Value) -> String {
    let body = json!({
        "project": "{project.id}", "pipeline_run_id": "{run.id}", "name": name, "status": "running",
        "start_time": "2026-01-02T03:04:06", "cache_key": "0123456789abcdef", "code_hash": "fedcba",
        "docstring": "Does it.", "source_code": "def it(): ...",
    });
    merged(body, more).to_string()
}

/// The body of a version of an artifact, for `/artifact_versions`.
pub fn artifact_version(artifact: &str, more: Value) -> String {
    let body = json!({
        "project": "{project.id}", "artifact_name": artifact, "has_custom_name": true, "type": "DataArtifact",
        "artifact_store_id": ARTIFACT_STORE, "uri": format!("/data/{artifact}"),
        "materializer": {"module": "m", "attribute": "M", "type": "internal"},
        "data_type": {"module": "builtins", "attribute": "float", "type": "builtin"}, "save_type": "step_output",
    });
    merged(body, more).to_string()
}

/// An object with the fields of both; of those in both the second's count.
pub fn merged(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}
