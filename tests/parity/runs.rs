//! Runs of pipelines.

use serde_json::{Value, json};

use super::bodies::{
    ARTIFACT_STORE, artifact_version, forgetting, pipeline_configuration, run, snapshot, step_run,
    with_snapshot,
};
use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{
    GONE_DEPLOYMENT, NO_NUMBER_LOST, START_IS_KNOWN, STEP_WITHOUT_CONFIGURATION, UNREADABLE,
};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        making(),
        refused(),
        placeholders(),
        statuses(),
        from_steps(),
        modes(),
        dynamic(),
        families(),
        forgetting(changing(), &["version"]),
        reading(),
    ]
}

pub fn post(name: &str, more: Value) -> Step {
    ADMIN.post("/runs", &run(name, more))
}

fn put(body: Value) -> Step {
    ADMIN.put("/runs/{run.0.id}", &body.to_string())
}

/// A run that is kept as `run`, as steps refer to it.
pub fn started() -> [Step; 2] {
    [post("first", json!({})).keep("made"), ADMIN.get("/runs/{made.0.id}").keep("run")]
}

fn making() -> Scenario {
    with_snapshot(
        "making runs",
        [
            post("first", json!({})).keep("run"),
            post("first", json!({})),
            post("other", json!({"orchestrator_run_id": "orchestrated-first"})),
            post("second", json!({"orchestrator_run_id": null, "start_time": null}))
                .wanted(&START_IS_KNOWN)
                .keep("second"),
            post("third", json!({"orchestrator_run_id": null, "orchestrator_environment": {}})),
            post("fourth", json!({
                "tags": ["a", {"name": "b", "color": "blue"}], "end_time": "2026-01-02T04:00:00Z",
                "status_reason": "because", "exception_info": {
                    "traceback": "File x", "source": "builtins.ValueError", "message": "no", "user_code_line": 2,
                },
                "logs": {"uri": "/logs/x.log", "artifact_store_id": ARTIFACT_STORE},
            }))
            .keep("fourth"),
            ADMIN.get("/runs/{fourth.0.id}"),
            ADMIN.get("/runs/{second.0.id}").wanted(&START_IS_KNOWN),
            ADMIN.get("/pipelines/{pipeline.id}"),
            ADMIN.get("/pipelines?latest_run_status=running"),
            ADMIN.get("/pipelines?latest_run_user=default"),
            ADMIN.delete("/runs/{fourth.0.id}"),
            ADMIN.get("/runs/{fourth.0.id}"),
            ADMIN.delete("/runs/{fourth.0.id}"),
            post("first", json!({"orchestrator_run_id": "again"})),
            post("first", json!({"orchestrator_run_id": null})),
            post("fifth", json!({})).wanted(&NO_NUMBER_LOST).keep("fifth"),
            ADMIN.delete("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.get("/runs/{fifth.0.id}"),
        ],
    )
}

fn refused() -> Scenario {
    let without = |field: &str| {
        let mut body: Value = serde_json::from_str(&run("x", json!({}))).unwrap();
        body.as_object_mut().unwrap().remove(field);
        ADMIN.post("/runs", &body.to_string())
    };
    with_snapshot(
        "refused runs",
        [
            without("project"),
            without("snapshot"),
            without("name"),
            without("status"),
            post("x", json!({"project": NONE})),
            post("x", json!({"snapshot": NONE})),
            post("x", json!({"status": "completed"})),
            post("x", json!({"status": "provisioning"})),
            post("x", json!({"status": "x"})),
            post("x", json!({"start_time": "x"})),
            post("x", json!({"start_time": 5})),
            post("y", json!({"original_run_id": NONE})),
            post("x", json!({"parent_run_id": NONE, "child_key": "k"})),
            post("x", json!({"parent_run_id": NONE})),
            post("x", json!({"child_key": "k"})),
            post("x", json!({"orchestrator_environment": 5})),
            post("x", json!({"logs": NONE})),
            post("x", json!({"logs": 5})),
            post("x", json!({"logs": {}})),
            post("x", json!({"exception_info": {}})),
            post("x", json!({"tags": 5})),
            post(&"n".repeat(256), json!({})),
            ADMIN.post("/runs", "[]"),
            ADMIN.post("/runs", ""),
            ANYONE.post("/runs", "{}"),
            ADMIN.get("/runs?name=x"),
        ],
    )
}

fn placeholders() -> Scenario {
    let placeholder = |name: &str, more: Value| {
        let mut body: Value = serde_json::from_str(&run(
            name,
            json!({
                "status": "initializing", "orchestrator_run_id": null,
            }),
        ))
        .unwrap();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ADMIN.post("/runs", &body.to_string())
    };
    with_snapshot(
        "runs that wait for their orchestrator",
        [
            placeholder("waiting", json!({"tags": ["a"]})).keep("run"),
            post("x", json!({"orchestrator_run_id": null})),
            placeholder("second", json!({})),
            put(json!({"status": "provisioning"})),
            put(json!({"orchestrator_run_id": "mine"})),
            put(json!({"orchestrator_run_id": "mine"})),
            put(json!({"orchestrator_run_id": "other"})),
            post("begun", json!({"orchestrator_run_id": "mine", "tags": ["b"]})),
            post("again", json!({"orchestrator_run_id": "mine"})),
            put(json!({"orchestrator_run_id": "mine"})),
            put(json!({"orchestrator_run_id": "late"})),
            post("next", json!({"orchestrator_run_id": "next"})),
            post("last", json!({"orchestrator_run_id": "last"})),
            ADMIN.get("/runs?sort_by=index&hydrate=true"),
            placeholder("waiting", json!({})),
        ],
    )
}

fn statuses() -> Scenario {
    with_snapshot(
        "statuses of runs",
        [
            post("first", json!({})).keep("run"),
            put(json!({"status": "provisioning"})),
            put(json!({"status": "initializing"})),
            put(json!({"status": "queued"})),
            put(json!({"status": "completed"})),
            put(json!({"status": "running", "status_reason": "so"})),
            put(json!({"status_reason": "why"})),
            put(json!({"status": "paused"})),
            put(json!({"status": "resuming"})),
            put(json!({"status": "cached"})),
            put(json!({"status": "skipped"})),
            put(json!({"status": "retrying"})),
            put(json!({"status": "retried"})),
            put(json!({"status": "x"})),
            put(json!({"status": "stopping"})),
            put(json!({"status": "running"})),
            put(json!({"status": "stopped"})),
            put(json!({"status": "failed"})),
            put(json!({"status": "provisioning"})),
            post("second", json!({})).keep("run"),
            put(json!({"status": "failed", "status_reason": "broken", "exception_info": {
                "traceback": "File x", "source": "builtins.ValueError", "message": "no", "user_code_line": null,
            }})),
            put(json!({"status": "failed"})),
            put(json!({"status": "failed", "status_reason": "again"})),
            put(json!({"status": "completed"})),
            put(json!({"status": "running"})),
            put(json!({"status": "provisioning"})),
            put(json!({"status": "resuming"})),
            put(json!({"status": "cancelled"})),
            post("third", json!({})).keep("run"),
            put(json!({"status": "cancelling"})),
            put(json!({"status": "cancelled"})),
            put(json!({"status": "running"})),
            ADMIN.get("/runs/{run.0.id}/status"),
            ADMIN.get(&format!("/runs/{NONE}/status")),
            ADMIN.get("/runs?sort_by=index"),
        ],
    )
}

pub fn step(name: &str, status: &str) -> Step {
    ADMIN.post("/steps", &step_run(name, json!({"status": status, "end_time": null})))
}

fn from_steps() -> Scenario {
    let shown = || ADMIN.get("/runs/{run.id}");
    let [start, keep] = started();
    with_snapshot(
        "a run's status comes from its steps",
        [
            start,
            keep,
            step("load", "running").keep("load"),
            shown(),
            ADMIN.put("/steps/{load.id}", r#"{"status": "completed", "end_time": "2026-01-02T03:05:00"}"#),
            shown(),
            step("train", "running").keep("train"),
            shown(),
            ADMIN.put("/steps/{train.id}", r#"{"status": "failed", "end_time": "2026-01-02T03:06:00"}"#),
            shown(),
            ADMIN.put("/runs/{run.id}", r#"{"status": "completed"}"#),
            ADMIN.put("/runs/{run.id}", r#"{"status": "failed"}"#),
            post("second", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            step("load", "cached"),
            shown(),
            step("train", "skipped"),
            shown(),
            ADMIN.put("/runs/{run.id}", r#"{"status": "provisioning"}"#),
            ADMIN.put("/runs/{run.id}", r#"{"status": "failed"}"#),
            ADMIN.put("/runs/{run.id}", r#"{"status": "completed"}"#),
            post("third", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            step("load", "running").keep("load"),
            ADMIN.put("/steps/{load.id}", r#"{"status": "failed"}"#),
            shown(),
            ADMIN.get("/onboarding_state"),
            ADMIN.get("/runs/{run.id}/steps"),
        ],
    )
}

fn modes() -> Scenario {
    let mode = |mode: &str| {
        let configuration = pipeline_configuration(json!({"execution_mode": mode}));
        ADMIN
            .post("/pipeline_snapshots", &snapshot(json!({"pipeline_configuration": configuration})))
            .keep("snapshot")
    };
    let fail = || ADMIN.put("/steps/{load.id}", r#"{"status": "failed"}"#);
    let stop = || ADMIN.put("/steps/{load.id}", r#"{"status": "stopped"}"#);
    with_snapshot(
        "what a run does when a step fails",
        [
            mode("fail_fast"),
            post("first", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            step("load", "running").keep("load"),
            fail(),
            ADMIN.get("/runs/{run.id}"),
            step("train", "running"),
            mode("stop_on_failure"),
            post("second", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            step("load", "running").keep("load"),
            fail(),
            ADMIN.get("/runs/{run.id}"),
            step("train", "running"),
            mode("continue_on_failure"),
            post("third", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            step("load", "running").keep("load"),
            stop(),
            ADMIN.get("/runs/{run.id}"),
            step("train", "running"),
        ],
    )
}

fn dynamic() -> Scenario {
    let added = |name: &str, more: Value| {
        let mut body = json!({"dynamic_config": super::bodies::step(name, &[], json!({}))});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ADMIN.post("/steps", &step_run(name, body))
    };
    with_snapshot(
        "runs of dynamic pipelines",
        [
            ADMIN.post("/pipeline_snapshots", &snapshot(json!({"is_dynamic": true}))).keep("snapshot"),
            post("first", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            added("one", json!({})).keep("one"),
            added("two", json!({"status": "completed"})),
            added("two", json!({})),
            step("load", "running"),
            ADMIN.put("/steps/{one.id}", r#"{"status": "failed"}"#),
            ADMIN.get("/runs/{run.id}"),
            ADMIN.get("/runs/{run.id}/dag").wanted(&STEP_WITHOUT_CONFIGURATION),
            ADMIN.put("/runs/{run.id}", r#"{"status": "completed"}"#),
            ADMIN.put("/runs/{run.id}", r#"{"status": "failed"}"#),
            post("second", json!({})).keep("made"),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "paused"}"#),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "resuming"}"#),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "running", "status_reason": "x"}"#),
            ADMIN.put("/runs/{made.0.id}", r#"{"status_reason": "y"}"#),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "stopping"}"#),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "failed"}"#),
            post("third", json!({})).keep("made"),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "failed"}"#),
            ADMIN.put("/runs/{made.0.id}", r#"{"status": "resuming"}"#),
        ],
    )
}

fn families() -> Scenario {
    let child = || json!({"parent_run_id": "{run.0.id}", "child_key": "k"});
    with_snapshot(
        "runs of runs",
        [
            post("first", json!({})).keep("run"),
            post("child", child()).keep("child"),
            post("grandchild", json!({"parent_run_id": "{child.0.id}", "child_key": "k"})),
            post("replay", json!({"original_run_id": "{run.0.id}"})),
            ADMIN.get("/runs/{run.0.id}").keep("made"),
            ADMIN.post("/steps", &step_run("load", json!({"pipeline_run_id": "{made.id}"}))).keep("load"),
            post("triggered", json!({"trigger_info": {"step_run_id": "{load.id}"}})).keep("triggered"),
            ADMIN.get("/runs/{triggered.0.id}"),
            ADMIN.get("/runs?triggered_by_step_run_id={load.id}&hydrate=true"),
            post("deployed", json!({"trigger_info": {"deployment_id": NONE}})),
            ADMIN.get("/runs/{child.0.id}"),
            ADMIN.get("/runs?root_runs_only=true"),
            ADMIN.get("/runs?root_runs_only=false"),
            ADMIN.get("/runs?root_runs_only=x"),
            ADMIN.get("/runs?parent_run_id={run.0.id}"),
            ADMIN.get("/runs?parent_run_id=isnull:"),
            ADMIN.get(&format!("/runs?triggered_by_step_run_id={NONE}")),
            ADMIN.get(&format!("/runs?triggered_by_deployment_id={NONE}")).wanted(&GONE_DEPLOYMENT),
            ADMIN.get("/runs?triggered_by_step_run_id=x"),
            ADMIN.get("/runs/{run.0.id}/dag"),
            post("twin", child()),
            ADMIN.put("/runs/{child.0.id}", r#"{"status": "failed"}"#),
            ADMIN.put("/runs/{child.0.id}", r#"{"status": "resuming"}"#),
            ADMIN.delete("/runs/{run.0.id}"),
            ADMIN.get("/runs/{child.0.id}"),
            ADMIN.get("/runs"),
        ],
    )
}

fn changing() -> Scenario {
    with_snapshot(
        "changing runs",
        [
            post("first", json!({})).keep("run"),
            put(json!({})),
            put(json!({"add_tags": ["a", "b"]})),
            put(json!({"remove_tags": ["a", "nope"]})),
            put(json!({"add_logs": [{"uri": "/logs/y.log", "artifact_store_id": ARTIFACT_STORE}]})),
            put(json!({"add_logs": [{"uri": "/z.log", "source": "s", "artifact_store_id": ARTIFACT_STORE}]})),
            put(json!({"exception_info": {
                "traceback": "File x", "source": "builtins.ValueError", "message": "no", "user_code_line": 2,
            }})),
            ADMIN.post("/artifact_versions", &artifact_version("of_run", json!({}))).keep("version"),
            put(json!({"outputs": {"b": "{version.id}", "a": "{version.id}"}})),
            put(json!({"outputs": {"c": "{version.id}"}})),
            put(json!({"outputs": {}})),
            put(json!({"outputs": {"c": NONE}})),
            put(json!({"outputs": {"c": "x"}})),
            put(json!({"outputs": null})),
            put(json!({"name": "other"})),
            put(json!({"add_tags": 5})),
            put(json!({"add_logs": [{}]})),
            put(json!({"exception_info": 5})).wanted(&UNREADABLE),
            put(json!([])),
            ADMIN.put("/runs/{run.0.id}", ""),
            ADMIN.put(&format!("/runs/{NONE}"), "{}"),
            ADMIN.put("/runs/x", "{}"),
            ANYONE.put("/runs/{run.0.id}", "{}"),
            ADMIN.put("/runs/{run.0.id}/disable_heartbeat", ""),
            ADMIN.get("/runs/{run.0.id}"),
            ADMIN.put(&format!("/runs/{NONE}/disable_heartbeat"), ""),
            ANYONE.put("/runs/{run.0.id}/disable_heartbeat", ""),
            ADMIN.delete("/runs/x"),
            ADMIN.delete(&format!("/runs/{NONE}")),
            ANYONE.delete("/runs/{run.0.id}"),
        ],
    )
}

fn reading() -> Scenario {
    let [start, keep] = started();
    let metadata = json!({
        "project": "{project.id}", "resources": [{"id": "{load.id}", "type": "step_run"}],
        "values": {"lines": 3, "who": "me"}, "types": {"lines": "int", "who": "str"},
    });
    let of_run = json!({
        "project": "{project.id}", "resources": [{"id": "{run.id}", "type": "pipeline_run"}],
        "values": {"speed": 1.5}, "types": {"speed": "float"},
    });
    with_snapshot(
        "reading runs",
        [
            start,
            keep,
            step("load", "completed").keep("load"),
            ADMIN.post("/run-metadata", &metadata.to_string()),
            ADMIN.post("/run-metadata", &of_run.to_string()),
            ADMIN.get("/runs/{run.id}"),
            ADMIN.get("/runs/{run.id}?hydrate=false"),
            ADMIN.get("/runs/{run.id}?hydrate=x"),
            ADMIN.get("/runs/{run.id}?include_python_packages=true"),
            ADMIN.get("/runs/{run.id}?include_python_packages=x"),
            ADMIN.get("/runs/{run.id}?include_full_metadata=true"),
            ADMIN.get("/runs/{run.id}?include_full_metadata=true&hydrate=false"),
            ADMIN.get("/runs/{run.id}?refresh_status=x"),
            ADMIN.get("/runs?hydrate=true&include_full_metadata=true"),
            ADMIN.get("/runs?include_full_metadata=true"),
            ADMIN.get("/runs?include_full_metadata=x"),
            ADMIN.get("/runs/{run.id}/steps"),
            ADMIN.get("/runs/{run.id}/steps?name=x"),
            ADMIN.get("/runs/{run.id}/steps?hydrate=true"),
            ADMIN.get("/runs/{run.id}/steps?sort_by=x"),
            ADMIN.get("/runs/{run.id}/steps?project=nope"),
            ADMIN.get(&format!("/runs/{{run.id}}/steps?pipeline_run_id={NONE}")),
            ADMIN.get(&format!("/runs/{NONE}/steps")),
            ADMIN.get("/runs/{run.id}/pipeline-configuration"),
            ADMIN.get(&format!("/runs/{NONE}/pipeline-configuration")),
            ADMIN.get(&format!("/runs/{NONE}")),
            ADMIN.get("/runs/first"),
            ANYONE.get("/runs"),
            ANYONE.get("/runs/{run.id}"),
            ANYONE.get("/runs/{run.id}/steps"),
            ANYONE.get("/runs/{run.id}/status"),
            ANYONE.get("/runs/{run.id}/pipeline-configuration"),
            ADMIN.get("/runs?run_metadata=speed:1.5"),
            ADMIN.get("/runs?run_metadata=speed:gt:2"),
            ADMIN.get("/runs?run_metadata=speed"),
        ],
    )
}
