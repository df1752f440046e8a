//! A caller with what runs are made of.

use serde_json::{Value, json};

use super::{Answer, Caller, TestApp};
use crate::parity::bodies;

/// A caller with a pipeline on the default stack.
pub struct Lab {
    pub caller: Caller,
    pub project: Value,
    pub stack: Value,
    pub pipeline: Value,
    /// Null unless one was asked for.
    pub snapshot: Value,
}

impl Lab {
    pub async fn of(app: &TestApp) -> Self {
        let caller = app.signed_in().await;
        let project = caller.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
        let stack = caller.get("/api/v1/stacks?name=default").await.expect_ok()["items"][0]["id"].clone();
        let pipeline = json!({"project": project, "name": "training"});
        let pipeline = caller.post("/api/v1/pipelines", pipeline).await.expect_ok()["id"].clone();
        Self { caller, project, stack, pipeline, snapshot: Value::Null }
    }

    /// With a snapshot of the pipeline, as complete as the official client makes it.
    pub async fn with_snapshot(app: &TestApp) -> Self {
        let lab = Self::of(app).await;
        let parts = json!({"project": lab.project, "stack": lab.stack, "pipeline": lab.pipeline});
        let body = read(&bodies::snapshot(parts));
        let snapshot = lab.caller.post("/api/v1/pipeline_snapshots", body).await.expect_ok();
        Self { snapshot, ..lab }
    }

    /// A snapshot with little more than this in it.
    pub async fn post_snapshot(&self, more: Value) -> Answer {
        let body = json!({
            "project": self.project, "stack": self.stack, "pipeline": self.pipeline, "run_name_template": "x",
            "pipeline_configuration": {"name": "training"},
        });
        self.caller.post("/api/v1/pipeline_snapshots", bodies::merged(body, more)).await
    }

    /// The body of a run of the snapshot.
    pub fn run_body(&self, name: &str, more: Value) -> Value {
        let all = json!({"project": self.project, "snapshot": self.snapshot["id"]});
        read(&bodies::run(name, bodies::merged(all, more)))
    }

    pub async fn run(&self, name: &str, more: Value) -> Value {
        self.caller.post("/api/v1/runs", self.run_body(name, more)).await.expect_ok()[0].clone()
    }

    pub async fn step(&self, run: &Value, name: &str, more: Value) -> Value {
        let all = json!({"project": self.project, "pipeline_run_id": run["id"]});
        let body = read(&bodies::step_run(name, bodies::merged(all, more)));
        self.caller.post("/api/v1/steps", body).await.expect_ok()
    }

    pub async fn statistics(&self, body: Value) -> Value {
        self.caller.post("/api/v1/runs/statistics", body).await.expect_ok()["groups"].clone()
    }
}

/// A body as JSON.
pub fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}
