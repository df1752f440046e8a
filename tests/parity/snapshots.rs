//! Snapshots of pipelines, under their name of today and under the older one, deployments.

use serde_json::{Value, json};

use super::bodies::{merged, pipeline_configuration, run, snapshot, step, with_pipeline, with_snapshot};
use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{DONE_AT_ONCE, HANDED_DOWN, NAME_IS_TAKEN, UNREADABLE};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        making(),
        refused(),
        loose(),
        no_models(),
        taking_over(),
        naming(),
        changing(),
        reading(),
        older_name(),
        pruning(),
        code(),
    ]
}

fn post(more: Value) -> Step {
    ADMIN.post("/pipeline_snapshots", &snapshot(more))
}

fn making() -> Scenario {
    with_pipeline(
        "making snapshots",
        [
            post(json!({})).keep("snapshot"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}"),
            post(json!({
                "name": "first", "description": "d", "tags": ["a", "b"], "code_path": "/code.tar.gz",
                "client_environment": {}, "source_snapshot": "{snapshot.id}", "is_dynamic": true,
            }))
            .keep("named"),
            ADMIN.get("/pipeline_snapshots/{named.id}"),
            post(json!({"step_configurations": {}, "pipeline_spec": null, "source_code": null})),
            post(json!({"name": false})),
            post(json!({"name": null, "replace": true})),
            post(json!({"client_version": null, "server_version": null, "pipeline_version_hash": null})),
            post(json!({
                "pipeline_configuration": {"name": "training"},
                "step_configurations": {"load": {
                    "spec": {"source": {"module": "pipe", "attribute": "load", "type": "user"}, "upstream_steps": []},
                    "config": {"name": "load"}, "step_config_overrides": {"name": "load"},
                }},
            })),
            ADMIN.get("/pipelines/{pipeline.id}"),
            ADMIN.delete("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.get("/pipeline_snapshots/{named.id}"),
            ADMIN.delete("/pipeline_snapshots/{snapshot.id}"),
        ],
    )
}

fn refused() -> Scenario {
    let without = |field: &str| {
        let mut body: Value = serde_json::from_str(&snapshot(json!({}))).unwrap();
        body.as_object_mut().unwrap().remove(field);
        ADMIN.post("/pipeline_snapshots", &body.to_string())
    };
    with_pipeline(
        "refused snapshots",
        [
            without("project"),
            without("stack"),
            without("pipeline"),
            without("run_name_template"),
            without("pipeline_configuration"),
            without("step_configurations"),
            post(json!({"project": NONE})),
            post(json!({"stack": NONE})),
            post(json!({"pipeline": NONE})),
            post(json!({"build": NONE})),
            post(json!({"schedule": NONE})),
            post(json!({"template": NONE})),
            post(json!({"source_snapshot": NONE})),
            post(json!({"code_reference": {"commit": "c", "subdirectory": "", "code_repository": NONE}})),
            post(json!({"code_reference": {}})),
            post(json!({"stack": "x"})),
            post(json!({"name": ""})),
            post(json!({"name": true})),
            post(json!({"name": 5})),
            post(json!({"name": "a\tb"})),
            post(json!({"name": "n".repeat(256)})),
            post(json!({"pipeline_configuration": []})),
            post(json!({"step_configurations": []})),
            post(json!({"step_configurations": {"load": {}}})).wanted(&UNREADABLE),
            post(json!({"step_configurations": {"load": 5}})).wanted(&UNREADABLE),
            post(json!({"client_environment": 5})),
            post(json!({"client_environment": null})),
            post(json!({"is_dynamic": null})),
            post(json!({"is_dynamic": "x"})),
            post(json!({"tags": 5})),
            post(json!({"tags": [{"name": "a"}]})),
            ADMIN.post("/pipeline_snapshots", "[]"),
            ADMIN.post("/pipeline_snapshots", ""),
            ANYONE.post("/pipeline_snapshots", "{}"),
        ],
    )
}

/// What is read loosely, or in an older form, and is kept whole.
fn loose() -> Scenario {
    let pipeline = |more: Value| {
        post(json!({"pipeline_configuration": merged(json!({"name": "x"}), more), "step_configurations": {}}))
    };
    let step = |spec: Value, config: Value| {
        let spec = merged(json!({"source": "pipe.load", "upstream_steps": []}), spec);
        let config = merged(json!({"name": "load"}), config);
        post(json!({"step_configurations": {"load": {"spec": spec, "config": config}}}))
    };
    with_pipeline(
        "snapshots in loose and older forms",
        [
            pipeline(json!({"enable_cache": "yes", "enable_step_logs": 0.0, "enable_heartbeat": "ON"})),
            pipeline(json!({"retry": {"delay": "3", "backoff": 2.0, "max_retries": true}})),
            pipeline(json!({"cache_policy": "default", "steps_to_skip": ["a", "a"]})),
            pipeline(json!({"cache_policy": {"expires_after": "10", "source_dependencies": ["a.b"]}})),
            pipeline(
                json!({"success_hook_source": "a.b@1", "init_hook_source": {"module": "m", "type": "user", "z": 3}}),
            ),
            pipeline(json!({"model": {"name": "m", "version": 2.0, "zz": 1}, "zz": 1})),
            pipeline(json!({"model": {"name": "m", "version": "latest"}})),
            pipeline(json!({"step_input_overrides": {"a": {"b": "00000000000000000000000000000001"}}})),
            pipeline(json!({"settings": {"docker": {"a": null}, "x": {}}, "extra": {"a": null}})),
            pipeline(json!({"tags": ["a", {"name": "b", "color": "red", "exclusive": "no"}]})),
            pipeline(json!({"environment": {"A": 5}})),
            step(json!({}), json!({})),
            step(json!({"pipeline_parameter_name": "pp"}), json!({"docstring": "d", "inputs": {}})),
            step(
                json!({"inputs": {"a": {"step_name": "x", "output_name": "o", "chunk_index": "3"}, "b": []}}),
                json!({
                    "outputs": {
                        "o": {"materializer_source": "m.n", "artifact_config": {"is_model_artifact": true}},
                        "p": {"materializer_source": {"module": "m", "type": "user"}},
                        "q": {
                            "materializer_source": ["a.b"],
                            "artifact_config": {"version": 3, "run_metadata": {"a": [1, 1], "b": {"x": 1.5}, "c": true}},
                        },
                    },
                    "step_operator": "o", "experiment_tracker": 1, "group": {"id": "g"}, "runtime": "inline",
                    "heartbeat_healthy_threshold": "15", "model_artifacts_or_metadata": {"a": {"model_name": "n"}},
                    "client_lazy_loaders": {"c": {"method_name": "m", "call_chain": [{"attribute_name": "x"}]}},
                    "external_input_artifacts": {"e": {"name": "gone"}},
                }),
            ),
            post(json!({"pipeline_spec": {"steps": [], "source": "a.b", "outputs": [], "zz": 1}})),
        ],
    )
}

/// What is no model.
fn no_models() -> Scenario {
    let pipeline = |more: Value| post(json!({"pipeline_configuration": merged(json!({"name": "x"}), more)}));
    let step = |more: Value| {
        let step = json!({
            "spec": {"source": "pipe.load", "upstream_steps": []}, "config": {"name": "load"},
            "step_config_overrides": {"name": "load"},
        });
        post(json!({"step_configurations": {"load": merged(step, more)}}))
    };
    let config = |more: Value| step(json!({"config": merged(json!({"name": "load"}), more)}));
    with_pipeline(
        "snapshots that no client could read",
        [
            post(json!({"pipeline_configuration": {}})),
            pipeline(json!({"name": 5, "enable_cache": "maybe"})),
            pipeline(
                json!({"tags": [{"color": "mauve"}, 5], "secrets": [5, "s"], "substitutions": {"a": 1}}),
            ),
            pipeline(json!({"retry": {"max_retries": 0, "delay": -1, "backoff": 1.5}})),
            pipeline(json!({"retry": {"max_retries": "x", "delay": null, "backoff": []}})),
            pipeline(json!({"execution_mode": "now", "failure_hook_source": 5, "settings": {"docker": 5}})),
            pipeline(json!({"failure_hook_source": {"module": 5, "type": "x", "attribute": []}})),
            pipeline(json!({"failure_hook_source": ""})),
            pipeline(json!({"cache_policy": "other"})),
            pipeline(json!({"cache_policy": 5})),
            pipeline(json!({"cache_policy": {"expires_after": "x", "ignored_inputs": "a"}})),
            pipeline(json!({"model": {"name": "m", "version": 1.5}})),
            pipeline(json!({"model": {"name": "m", "tags": [1], "save_models_to_registry": "maybe"}})),
            pipeline(json!({"model": {"name": "m", "model_version_id": "x"}})),
            pipeline(json!({"tags": "x", "steps_to_skip": 5, "parameters": 5, "init_hook_kwargs": []})),
            pipeline(json!({"step_input_overrides": {"a": {"b": "zz"}}})),
            pipeline(json!({"environment": []})),
            post(json!({"pipeline_spec": {}})),
            post(json!({"pipeline_spec": {"steps": 5}})),
            post(json!({"pipeline_spec": {"steps": [{"upstream_steps": []}], "outputs": [{}]}})),
            post(json!({"pipeline_spec": {"steps": [], "source": {"module": "m"}, "version": 5}})),
            post(json!({"step_configurations": {"a.b": {"spec": {}, "config": {"name": "s"}}}})),
            step(json!({"config": {}})),
            step(
                json!({"spec": {"source": "a.b", "upstream_steps": ["x", 5], "inputs": {"j": [{"step_name": "x"}], "k": 5}}}),
            ),
            config(json!({"heartbeat_healthy_threshold": 5, "step_operator": 5, "group": {"type": "x"}})),
            config(json!({"command": "ls", "runtime": "x", "parameters": [], "step_type": 5})),
            config(json!({"external_input_artifacts": {"a": {"id": "x"}}, "outputs": {"q": {}}})),
            pipeline(json!({"environment": {"A": 5}})).wanted(&HANDED_DOWN),
        ],
    )
}

/// What steps take over from their pipeline.
fn taking_over() -> Scenario {
    let configuration = pipeline_configuration(json!({
        "settings": {"docker": {"image": "a", "user": null}, "resources": {"cpu_count": 1}},
        "extra": {"a": 1, "b": {"c": 1}}, "environment": {"A": "1"}, "substitutions": {"who": "me"},
        "retry": {"max_retries": 2, "delay": 0, "backoff": 0},
        "failure_hook_source": {"module": "m", "attribute": "f", "type": "user"}, "enable_cache": false,
    }));
    let load = step(
        "load",
        &[],
        json!({
            "settings": {"docker": {"image": "b"}}, "extra": {"b": {"d": 2}}, "environment": {"B": "2"},
            "substitutions": {"what": "it"},
        }),
    );
    let steps = json!({"load": load, "train": step("train", &["load"], json!({}))});
    with_pipeline(
        "what steps take over from their pipeline",
        [
            post(json!({"pipeline_configuration": configuration, "step_configurations": steps})).keep("snapshot"),
            post(json!({"pipeline_configuration": configuration, "step_configurations": steps, "is_dynamic": true})),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?step_configuration_filter=load"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?step_configuration_filter=load&step_configuration_filter=x"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?step_configuration_filter="),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?hydrate=false&step_configuration_filter=load"),
        ],
    )
}

fn naming() -> Scenario {
    with_pipeline(
        "names of snapshots",
        [
            post(json!({"name": "one"})).keep("one"),
            post(json!({"name": "one"})),
            post(json!({"name": "one", "replace": false})),
            post(json!({"name": "ONE"})),
            post(json!({"name": "one", "replace": true})).keep("new"),
            ADMIN.get("/pipeline_snapshots/{one.id}"),
            post(json!({"source_snapshot": "{new.id}"})).keep("snapshot"),
            post(json!({"name": "one", "replace": true})).keep("newer"),
            ADMIN.get("/pipeline_snapshots/{new.id}"),
            ADMIN.put("/pipeline_snapshots/{new.id}", r#"{"name": "one"}"#).wanted(&NAME_IS_TAKEN),
            ADMIN.put("/pipeline_snapshots/{new.id}", r#"{"name": "one", "replace": true}"#),
            ADMIN.get("/pipeline_snapshots/{newer.id}"),
            ADMIN.put("/pipeline_snapshots/{new.id}", r#"{"name": "one", "replace": true}"#),
            ADMIN.put("/pipeline_snapshots/{new.id}", r#"{"name": "one"}"#),
            ADMIN.put("/pipeline_snapshots/{new.id}", r#"{"name": false}"#),
            ADMIN.put("/pipeline_snapshots/{new.id}", r#"{"name": "two"}"#),
        ],
    )
}

fn changing() -> Scenario {
    let put = |body: &str| ADMIN.put("/pipeline_snapshots/{snapshot.id}", body);
    with_snapshot(
        "changing snapshots",
        [
            put("{}"),
            put(r#"{"description": "d", "add_tags": ["a", "b"]}"#),
            put(r#"{"remove_tags": ["a"]}"#),
            put(r#"{"description": null}"#),
            put(r#"{"description": ""}"#),
            put(r#"{"name": null, "run_name_template": "x"}"#),
            put(r#"{"name": ""}"#),
            put(r#"{"name": true}"#),
            put(r#"{"name": 5}"#),
            put(r#"{"description": 5}"#),
            put(r#"{"add_tags": [5]}"#),
            put("[]"),
            put(""),
            ADMIN.put(&format!("/pipeline_snapshots/{NONE}"), "{}"),
            ADMIN.put("/pipeline_snapshots/x", "{}"),
            ANYONE.put("/pipeline_snapshots/{snapshot.id}", "{}"),
            ANYONE.delete("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.delete("/pipeline_snapshots/x"),
            ADMIN.delete(&format!("/pipeline_snapshots/{NONE}")),
        ],
    )
}

fn reading() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/pipeline_snapshots?{query}"));
    with_snapshot(
        "reading snapshots",
        [
            post(json!({"name": "named", "tags": ["a"], "source_snapshot": "{snapshot.id}"})).keep("named"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?hydrate=false"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?hydrate=x"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?include_config_schema=x"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}?include_config_schema=false"),
            ADMIN.get("/pipeline_snapshots/named"),
            ADMIN.get(&format!("/pipeline_snapshots/{NONE}")),
            ANYONE.get("/pipeline_snapshots/{snapshot.id}"),
            ANYONE.get("/pipeline_snapshots"),
            list(""),
            list("hydrate=true"),
            list("page=2&size=1"),
            list("project={project.id}&id={named.id}"),
            list("project=nope"),
            list("project_name_or_id=nope"),
            list("id=x"),
            list("name=named"),
            list("name=isnull:"),
            list("named_only=true"),
            list("named_only=false"),
            list("named_only=x"),
            list("pipeline=training"),
            list("pipeline={pipeline.id}"),
            list("pipeline=x"),
            list("stack=default"),
            list("stack={stacks.items.0.id}"),
            list("stack=x"),
            list("build_id=isnull:"),
            list("build_id=x"),
            list("schedule_id=isnull:"),
            list(&format!("schedule_id={NONE}")),
            list("source_snapshot_id={snapshot.id}"),
            list("runnable=true"),
            list("runnable=false"),
            list("runnable=x"),
            list("deployable=true"),
            list("deployable=false"),
            list("deployed=true"),
            list("deployed=false"),
            list(&format!("trigger_id={NONE}")),
            list("trigger_id=x"),
            list("user=default"),
            list("scope_user=x"),
            list("tags=a"),
            list("created=lt:2020-01-01 00:00:00"),
            list("sort_by=desc:created"),
            list("sort_by=name"),
            list("sort_by=desc:pipeline&name=named"),
            list("sort_by=stack&name=named"),
            list("sort_by=user&name=named"),
            list("sort_by=tags"),
            list("sort_by=deployment&name=named"),
            list("sort_by=version"),
            ADMIN.post("/runs", &run("first", json!({}))),
            ADMIN.post("/runs", &run("second", json!({"snapshot": "{named.id}"}))),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.get("/pipeline_snapshots/{named.id}?hydrate=false"),
        ],
    )
}

fn older_name() -> Scenario {
    with_snapshot(
        "snapshots as deployments",
        [
            ADMIN.post("/pipeline_deployments", &snapshot(json!({}))).keep("deployment"),
            ADMIN.post("/pipeline_deployments", "{}"),
            ADMIN.get("/pipeline_deployments"),
            ADMIN.get("/pipeline_deployments?hydrate=true&pipeline=training"),
            ADMIN.get("/pipeline_deployments?named_only=false"),
            ADMIN.get("/pipeline_deployments?sort_by=x"),
            ADMIN.get("/pipeline_deployments/{deployment.id}"),
            ADMIN.get("/pipeline_deployments/{deployment.id}?hydrate=false"),
            ADMIN.get("/pipeline_deployments/{snapshot.id}"),
            ADMIN.delete("/pipeline_deployments/{deployment.id}"),
            ADMIN.get("/pipeline_deployments/{deployment.id}"),
            ADMIN.delete(&format!("/pipeline_deployments/{NONE}")),
            ANYONE.get("/pipeline_deployments"),
            ANYONE.get("/pipeline_deployments/{snapshot.id}"),
            ANYONE.post("/pipeline_deployments", "{}"),
            ANYONE.delete("/pipeline_deployments/{snapshot.id}"),
        ],
    )
}

fn pruning() -> Scenario {
    let prune = |body: &str| ADMIN.post("/pipeline_snapshots/prune", body);
    with_snapshot(
        "pruning snapshots",
        [
            post(json!({"name": "kept"})),
            prune(r#"{"project": "{project.id}", "older_than": "2020-01-01T00:00:00"}"#),
            prune(r#"{"project": "{project.id}", "older_than": "2099-01-01T00:00:00"}"#),
            prune(r#"{"project": "{project.id}", "older_than": "x"}"#),
            prune(r#"{"project": "{project.id}"}"#),
            prune(r#"{"older_than": "2020-01-01T00:00:00"}"#),
            prune(
                r#"{"project": "00000000-0000-0000-0000-000000000001", "older_than": "2020-01-01T00:00:00"}"#,
            ),
            prune(r#"{"project": "{project.id}", "older_than": "2020-01-01T00:00:00", "apply": "x"}"#),
            prune(r#"{"project": "{project.id}", "older_than": "2099-01-01T00:00:00", "apply": true}"#)
                .wanted(&DONE_AT_ONCE),
            ANYONE.post("/pipeline_snapshots/prune", "{}"),
        ],
    )
}

fn code() -> Scenario {
    with_snapshot(
        "a snapshot's code",
        [
            ADMIN.get("/pipeline_snapshots/{snapshot.id}/download-token"),
            ADMIN.get(&format!("/pipeline_snapshots/{NONE}/download-token")),
            ANYONE.get("/pipeline_snapshots/{snapshot.id}/download-token"),
            post(json!({"code_path": "/nowhere/code.tar.gz"})).keep("coded"),
            ADMIN.get("/pipeline_snapshots/{coded.id}/download-token"),
            ADMIN.get("/pipeline_snapshots/{coded.id}/code"),
            ADMIN.get("/pipeline_snapshots/{coded.id}/code?token=x"),
            ADMIN.get(&format!("/pipeline_snapshots/{NONE}/code?token=x")),
        ],
    )
}
