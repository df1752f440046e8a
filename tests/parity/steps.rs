//! Steps of runs.

use serde_json::{Value, json};

use super::bodies::{
    ARTIFACT_STORE, artifact_version, forgetting, merged, pipeline_configuration, run, snapshot, step,
    step_run, with_snapshot,
};
use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{UNREADABLE, ZONE_OF_CACHE_COUNTS};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        making(),
        refused(),
        forgetting(inputs_and_outputs(), &["one", "two"]),
        forgetting(caching(), &["version"]),
        retries(),
        statuses(),
        heartbeats(),
        listing(),
    ]
}

/// In a run of the kept snapshot, as `run`.
fn in_run(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Scenario {
    let start = [
        ADMIN.post("/runs", &run("first", json!({}))).keep("made"),
        ADMIN.get("/runs/{made.0.id}").keep("run"),
    ];
    with_snapshot(name, start.into_iter().chain(steps))
}

fn post(name: &str, more: Value) -> Step {
    ADMIN.post("/steps", &step_run(name, more))
}

fn put(step: &str, body: Value) -> Step {
    ADMIN.put(&format!("/steps/{{{step}.id}}"), &body.to_string())
}

fn making() -> Scenario {
    in_run(
        "making steps",
        [
            post("load", json!({
                "logs": {"uri": "/logs/x.log", "artifact_store_id": ARTIFACT_STORE},
                "exception_info": {
                    "traceback": "File x", "source": "builtins.ValueError", "message": "no", "user_code_line": 2,
                },
                "cache_expires_at": "2099-01-01T00:00:00+02:00",
            }))
            .keep("load")
            .wanted(&ZONE_OF_CACHE_COUNTS),
            post("load", json!({})),
            ADMIN.post("/runs", &run("second", json!({}))).keep("second"),
            post("train", json!({"start_time": "2026-01-02T03:04:06Z"})).keep("train"),
            // A step that begins is no news of its run.
            ADMIN.get("/runs?sort_by=desc:updated&size=2"),
            ADMIN.get("/steps/{load.id}").wanted(&ZONE_OF_CACHE_COUNTS),
            ADMIN.get("/steps/{train.id}"),
            ADMIN.get("/steps/{train.id}?hydrate=false"),
            ADMIN.get("/steps/{train.id}?hydrate=x"),
            ADMIN.get("/steps/{train.id}/status"),
            ADMIN.get("/steps/{train.id}/step-configuration"),
            ADMIN.get(&format!("/steps/{NONE}")),
            ADMIN.get(&format!("/steps/{NONE}/status")),
            ADMIN.get(&format!("/steps/{NONE}/step-configuration")),
            ADMIN.get("/steps/load"),
            ANYONE.get("/steps/{load.id}"),
            ANYONE.get("/steps/{load.id}/status"),
            ANYONE.get("/steps/{load.id}/step-configuration"),
            ADMIN.delete("/steps/{load.id}"),
        ],
    )
}

fn refused() -> Scenario {
    let without = |field: &str| {
        let mut body: Value = serde_json::from_str(&step_run("load", json!({}))).unwrap();
        body.as_object_mut().unwrap().remove(field);
        ADMIN.post("/steps", &body.to_string())
    };
    in_run(
        "refused steps",
        [
            without("project"),
            without("name"),
            without("start_time"),
            without("status"),
            without("pipeline_run_id"),
            post("load", json!({"project": NONE})),
            post("load", json!({"pipeline_run_id": NONE})),
            post("load", json!({"original_step_run_id": NONE})),
            post("load", json!({"status": "retrying"})),
            post("load", json!({"status": "retried"})),
            post("load", json!({"status": "queued"})),
            post("load", json!({"status": "cancelling"})),
            post("load", json!({"status": "x"})),
            post("load", json!({"start_time": "x"})),
            post("load", json!({"inputs": {"x": "y"}})),
            post("load", json!({"outputs": []})),
            post("load", json!({"docstring": 5})),
            post("load", json!({"dynamic_config": {}})).wanted(&UNREADABLE),
            post("nope", json!({})),
            ADMIN.post("/steps", "[]"),
            ADMIN.post("/steps", ""),
            ANYONE.post("/steps", "{}"),
            ADMIN.get("/steps"),
        ],
    )
}

fn inputs_and_outputs() -> Scenario {
    let version = |name: &str, more: Value| ADMIN.post("/artifact_versions", &artifact_version(name, more));
    let many = step(
        "many",
        &["load"],
        json!({
            "external_input_artifacts": {"outside": {"id": NONE}},
            "client_lazy_loaders": {"lazy": {
            "method_name": "get_artifact_version", "call_chain": [], "exclude_next_call": false,
        }},
        }),
    );
    let mut many = many;
    many["spec"]["inputs"] = json!({"load_data": [
        {"step_name": "load", "output_name": "load_out", "chunk_index": 0, "chunk_size": 1},
        {"step_name": "load", "output_name": "load_out", "chunk_index": 1, "chunk_size": 1},
    ]});
    let steps = json!({"load": step("load", &[], json!({})), "many": many});
    let overrides = pipeline_configuration(json!({"step_input_overrides": {"many": {"changed": NONE}}}));
    in_run(
        "inputs and outputs of steps",
        [
            version("taken", json!({})).keep("one"),
            version("taken", json!({})).keep("two"),
            post("load", json!({"outputs": {"load_out": ["{one.id}"]}})).keep("load"),
            put("load", json!({"outputs": {"load_out": ["{one.id}"], "more": ["{two.id}"]}})),
            put("load", json!({"loaded_artifact_versions": {"x": "{one.id}"}})),
            put("load", json!({"loaded_artifact_versions": {"x": "{one.id}"}})),
            put("load", json!({"loaded_artifact_versions": {"x": NONE}})),
            put("load", json!({"outputs": {"x": [NONE]}})),
            ADMIN.get("/steps/{load.id}"),
            post("train", json!({"inputs": {"load_data": ["{one.id}"], "other": ["{two.id}"]}}))
                .keep("train"),
            ADMIN.get("/steps/{train.id}?hydrate=false"),
            ADMIN.get("/artifact_versions/{one.id}"),
            ADMIN
                .post(
                    "/pipeline_snapshots",
                    &snapshot(json!({
                        "step_configurations": steps, "pipeline_configuration": overrides,
                    })),
                )
                .keep("snapshot"),
            ADMIN.post("/runs", &run("second", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            post("load", json!({"outputs": {"load_out": ["{one.id}"]}, "status": "completed"})),
            post(
                "many",
                json!({"inputs": {
                    "load_data": ["{one.id}", "{two.id}"], "outside": ["{one.id}"], "lazy": ["{two.id}"],
                    "changed": ["{two.id}"], "by_hand": ["{one.id}"],
                }}),
            )
            .keep("many"),
            ADMIN.get("/steps/{many.id}"),
            ADMIN.get("/runs/{run.id}/dag"),
        ],
    )
}

fn caching() -> Scenario {
    let metadata = json!({
        "project": "{project.id}", "resources": [{"id": "{original.id}", "type": "step_run"}],
        "values": {"lines": 3}, "types": {"lines": "int"}, "publisher_step_id": "{original.id}",
    });
    in_run(
        "cached steps",
        [
            ADMIN.post("/artifact_versions", &artifact_version("cached", json!({}))).keep("version"),
            post("load", json!({"outputs": {"load_out": ["{version.id}"]}})).keep("original"),
            ADMIN.post("/run-metadata", &metadata.to_string()),
            put("original", json!({"status": "completed", "end_time": "2026-01-02T03:05:00"})),
            put("original", json!({"cache_expires_at": "2020-01-01T00:00:00"})),
            ADMIN.post("/runs", &run("second", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            post("load", json!({
                "status": "cached", "original_step_run_id": "{original.id}", "end_time": "2026-01-02T03:04:06",
                "outputs": {"load_out": ["{version.id}"]},
            }))
            .keep("load"),
            ADMIN.get("/steps/{load.id}"),
            ADMIN.get("/steps?cache_key=0123456789abcdef&status=completed&sort_by=desc:created"),
            ADMIN.get("/steps?cache_expired=true"),
            ADMIN.get("/steps?cache_expired=false"),
            ADMIN.get("/steps?cache_expires_at=isnull:"),
            ADMIN.get("/steps?original_step_run_id={original.id}&hydrate=true"),
            ADMIN.get("/artifact_versions/{version.id}"),
            ADMIN.get("/runs/{run.id}"),
        ],
    )
}

fn retries() -> Scenario {
    let retry = json!({"retry": {"max_retries": 2, "delay": 0, "backoff": 0}});
    let steps = json!({"load": step("load", &[], retry), "train": step("train", &["load"], json!({}))});
    in_run(
        "steps that are tried again",
        [
            ADMIN
                .post("/pipeline_snapshots", &snapshot(json!({"step_configurations": steps})))
                .keep("snapshot"),
            ADMIN.post("/runs", &run("second", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            post("load", json!({})).keep("one"),
            put("one", json!({"status": "failed", "end_time": "2026-01-02T03:05:00"})),
            ADMIN.get("/runs/{run.id}"),
            post("load", json!({"status": "failed"})).keep("two"),
            ADMIN.get("/steps/{one.id}"),
            post("load", json!({})).keep("three"),
            ADMIN.get("/steps/{two.id}"),
            post("train", json!({})).keep("train"),
            put("three", json!({"status": "failed"})),
            ADMIN.get("/runs/{run.id}"),
            post("load", json!({})),
            ADMIN.get("/steps?pipeline_run_id={run.id}&sort_by=version&name=load"),
            ADMIN.get("/steps?pipeline_run_id={run.id}&exclude_retried=true"),
            ADMIN.get("/steps?pipeline_run_id={run.id}&exclude_retried=false"),
            ADMIN.get("/steps?exclude_retried=x"),
            ADMIN.get("/steps?version=2"),
            ADMIN.get("/runs/{run.id}/dag"),
            ADMIN.post("/runs", &run("third", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            post("load", json!({})).keep("one"),
            ADMIN.put("/runs/{run.id}", r#"{"status": "stopping"}"#),
            put("one", json!({"status": "failed"})),
            ADMIN.get("/runs/{run.id}"),
            post("load", json!({})),
        ],
    )
}

fn statuses() -> Scenario {
    in_run(
        "statuses of steps",
        [
            post("load", json!({})).keep("load"),
            put("load", json!({})),
            put("load", json!({"status": "retrying"})),
            put("load", json!({"status": "retried"})),
            put("load", json!({"status": "queued"})),
            put("load", json!({"status": "cancelling"})),
            put("load", json!({"status": "x"})),
            put("load", json!({"status": "provisioning"})),
            put("load", json!({"status": "stopping"})),
            put("load", json!({"status": "running"})),
            put("load", json!({"status": "failed"})),
            put("load", json!({"status": "running"})),
            put(
                "load",
                json!({"end_time": "2026-01-02T03:05:00", "exception_info": {
                    "traceback": "File x", "source": "builtins.ValueError", "message": "no", "user_code_line": 2,
                }}),
            ),
            put("load", json!({"name": "x"})),
            put("load", json!({"end_time": "x"})),
            put("load", json!({"outputs": null})),
            put("load", json!([])),
            ADMIN.put("/steps/{load.id}", ""),
            ADMIN.put(&format!("/steps/{NONE}"), "{}"),
            ADMIN.put("/steps/x", "{}"),
            ANYONE.put("/steps/{load.id}", "{}"),
            ADMIN.get("/runs/{run.id}"),
            ADMIN.post("/runs", &run("second", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            post("load", json!({})).keep("load"),
            put("load", json!({"status": "completed", "end_time": "2026-01-02T03:05:00Z"})),
            put("load", json!({"status": "completed"})),
            put("load", json!({"status": "failed"})),
            put("load", json!({"add_logs": [{"uri": "/a.log", "artifact_store_id": ARTIFACT_STORE}]})),
            put(
                "load",
                json!({"add_logs": [{"uri": "/a.log", "source": "s", "artifact_store_id": ARTIFACT_STORE}]}),
            ),
            put("load", json!({"add_logs": [{}]})),
        ],
    )
}

fn heartbeats() -> Scenario {
    let mut load = step("load", &[], json!({}));
    load["spec"]["enable_heartbeat"] = json!(true);
    let steps = json!({"load": load, "train": step("train", &["load"], json!({}))});
    let beat = |step: &str, body: &str| ADMIN.put(&format!("/steps/{{{step}.id}}/heartbeat"), body);
    in_run(
        "signs of life",
        [
            ADMIN
                .post("/pipeline_snapshots", &snapshot(json!({"step_configurations": steps})))
                .keep("snapshot"),
            ADMIN.post("/runs", &run("second", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            post("load", json!({})).keep("load"),
            beat("load", ""),
            beat("load", "{}"),
            beat("load", r#"{"heartbeat_liveness_timeout_seconds": 5}"#),
            beat("load", r#"{"heartbeat_liveness_timeout_seconds": "x"}"#),
            ADMIN.get("/steps/{load.id}"),
            ADMIN.put("/runs/{run.id}/disable_heartbeat", ""),
            ADMIN.get("/steps/{load.id}"),
            beat("load", "{}"),
            put("load", json!({"status": "completed"})),
            beat("load", "{}"),
            ADMIN.put(&format!("/steps/{NONE}/heartbeat"), "{}"),
            ADMIN.put("/steps/x/heartbeat", "{}"),
            ANYONE.put("/steps/{load.id}/heartbeat", "{}"),
        ],
    )
}

fn listing() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/steps?{query}"));
    let metadata = json!({
        "project": "{project.id}", "resources": [{"id": "{load.id}", "type": "step_run"}],
        "values": {"lines": 3}, "types": {"lines": "int"},
    });
    in_run(
        "lists of steps",
        [
            post("load", json!({"status": "completed", "end_time": "2026-01-02T03:05:00"})).keep("load"),
            post("train", merged(json!({"cache_key": null, "code_hash": null}), json!({}))),
            ADMIN.post("/run-metadata", &metadata.to_string()),
            list(""),
            list("hydrate=true"),
            list("hydrate=x"),
            list("page=2&size=1"),
            list("page=4&size=1"),
            list("project=nope"),
            list("project={project.id}"),
            list("id={load.id}"),
            list("name=load"),
            list("name=contains:A"),
            list("code_hash=fedcba"),
            list("code_hash=isnull:"),
            list("cache_key=0123456789abcdef"),
            list("status=running"),
            list("status=x"),
            list("start_time=gt:2020-01-01 00:00:00"),
            list("end_time=isnull:"),
            list("pipeline_run_id={run.id}"),
            list(&format!("pipeline_run_id={NONE}")),
            list("pipeline_run_id=x"),
            list("snapshot_id={snapshot.id}"),
            list("original_step_run_id=isnull:"),
            list("model_version_id=isnull:"),
            list("model=x"),
            list("version=1"),
            list("version=x"),
            list("cache_expires_at=gt:2020-01-01 00:00:00"),
            list("cache_expired=x"),
            list("user=default"),
            list("scope_user=x"),
            list("run_metadata=lines:3"),
            list("run_metadata=lines:gt:5"),
            list("created=x"),
            list("name=load&status=running&logical_operator=or"),
            list("sort_by=name"),
            list("sort_by=desc:start_time&name=load"),
            list("sort_by=status"),
            list("sort_by=version&name=load"),
            list("sort_by=cache_key"),
            list("sort_by=user&name=load"),
            list("sort_by=model_version&name=load"),
            list("sort_by=x"),
            ANYONE.get("/steps"),
        ],
    )
}
