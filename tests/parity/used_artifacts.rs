//! Deleting artifacts that steps, hooks and runs have made or read.

use serde_json::json;

use super::bodies::{artifact_version, run, step_run, with_snapshot};
use super::step::{ADMIN, Scenario};
use super::wanted::{GIVEN_OUT, GIVEN_OUT_ALONE};

pub fn scenarios() -> Vec<Scenario> {
    vec![deleted()]
}

fn deleted() -> Scenario {
    let version = |artifact: &str| ADMIN.post("/artifact_versions", &artifact_version(artifact, json!({})));
    let hook = json!({
        "project": "{project.id}", "hook_type": "run_success", "status": "completed",
        "start_time": "2026-01-02T03:04:05", "pipeline_run_id": "{run.id}", "outputs": {"x": ["{hooked.id}"]},
    });
    with_snapshot(
        "deleting artifacts in use",
        [
            ADMIN.post("/runs", &run("user", json!({}))).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            version("stepped").keep("stepped"),
            version("given").keep("given"),
            version("hooked").keep("hooked"),
            ADMIN
                .post("/steps", &step_run("load", json!({"outputs": {"load_out": ["{stepped.id}"]}})))
                .keep("load"),
            ADMIN
                .post("/steps", &step_run("train", json!({"inputs": {"load_data": ["{stepped.id}"]}})))
                .keep("train"),
            ADMIN.put("/runs/{run.id}", r#"{"outputs": {"o": "{given.id}"}}"#),
            ADMIN.post("/hook_invocations", &hook.to_string()),
            ADMIN.delete("/artifact_versions/{stepped.id}"),
            ADMIN.delete("/artifact_versions/{given.id}").wanted(&GIVEN_OUT_ALONE),
            ADMIN.delete("/artifact_versions/{hooked.id}"),
            ADMIN.delete("/artifacts/{stepped.body.artifact.id}"),
            ADMIN.get("/artifact_versions/{stepped.id}"),
            ADMIN.get("/steps/{load.id}"),
            ADMIN.get("/steps/{train.id}"),
            ADMIN.delete("/artifacts/{given.body.artifact.id}").wanted(&GIVEN_OUT),
            ADMIN.get("/artifact_versions/{given.id}"),
            ADMIN.delete("/runs/{run.id}"),
            ADMIN.delete("/artifacts/{given.body.artifact.id}"),
            ADMIN.delete("/artifacts/{hooked.body.artifact.id}"),
        ],
    )
}
