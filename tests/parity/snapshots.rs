//! Snapshots of pipelines, under their name of today and under the older one, deployments.

use serde_json::{Value, json};

use super::bodies::{pipeline_configuration, run, snapshot, step, with_pipeline, with_snapshot};
use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{DONE_AT_ONCE, KEPT_AS_SENT, NAME_IS_TAKEN, ONE_OF_SEVERAL_TYPES, UNREADABLE};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![making(), refused(), taking_over(), naming(), changing(), reading(), older_name(), pruning(), code()]
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
            }))
            .wanted(&KEPT_AS_SENT),
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
            post(json!({"name": 5})).wanted(&ONE_OF_SEVERAL_TYPES),
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
            put(r#"{"name": 5}"#).wanted(&ONE_OF_SEVERAL_TYPES),
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
