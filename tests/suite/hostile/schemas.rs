//! A wait condition's schema and its result are both a caller's: a check ends, and nobody waits for it but its caller.

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp, stays_well};

on_each_store! {
    a_check_of_a_result_holds_nobody_up,
    what_fits_a_schema_is_taken,
}

async fn id_of(caller: &Caller, path: &str, body: Value) -> Value {
    let made = caller.post(path, body).await.expect_ok();
    if made.is_array() { made[0]["id"].clone() } else { made["id"].clone() }
}

/// Runs of a dynamic pipeline, each with a condition that it waits for.
struct Waiting {
    admin: Caller,
    project: Value,
    snapshot: Value,
}

impl Waiting {
    async fn on(app: &TestApp) -> Self {
        let admin = app.signed_in().await;
        let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
        let stacks = admin.get("/api/v1/stacks?name=default").await.expect_ok();
        let pipeline = id_of(&admin, "/api/v1/pipelines", json!({"project": project, "name": "p"})).await;
        let snapshot = json!({
            "project": project, "run_name_template": "x", "pipeline_configuration": {"name": "p"}, "is_dynamic": true,
            "stack": stacks["items"][0]["id"], "pipeline": pipeline,
        });
        let snapshot = id_of(&admin, "/api/v1/pipeline_snapshots", snapshot).await;
        Self { admin, project, snapshot }
    }

    /// The path that resolves a new condition with this schema.
    async fn for_schema(&self, name: &str, schema: Value) -> String {
        let (project, snapshot) = (&self.project, &self.snapshot);
        let run = json!({
            "project": project, "name": name, "snapshot": snapshot, "status": "running", "orchestrator_run_id": name,
        });
        let run = id_of(&self.admin, "/api/v1/runs", run).await;
        let condition = json!({
            "project": project, "run": run, "name": name, "type": "external_input", "data_schema": schema,
        });
        let id = id_of(&self.admin, "/api/v1/run_wait_conditions", condition).await;
        format!("/api/v1/run_wait_conditions/{}/resolve", id.as_str().unwrap())
    }
}

/// Each asks the next one twice.
fn doubled(times: usize) -> Value {
    let twice = |next: usize| vec![json!({"$ref": format!("#/$defs/{next}")}); 2];
    let definitions: serde_json::Map<String, Value> =
        (0..times).map(|at| (at.to_string(), json!({"anyOf": twice(at + 1)}))).collect();
    let mut schema = json!({"$defs": definitions, "$ref": "#/$defs/0"});
    schema["$defs"][times.to_string()] = json!({"type": "integer"});
    schema
}

async fn a_check_of_a_result_holds_nobody_up(database: Database) {
    let app = TestApp::start(&database).await;
    let waiting = Waiting::on(&app).await;
    let letters = |number: usize| json!("a".repeat(number));
    let attacks = [
        (json!({"pattern": "(?:(?:a?){200}){50}b"}), letters(10_000), 400),
        (json!({"pattern": "(?:(?:a?){200}){50}b"}), letters(1_000_000), 422),
        (json!({"anyOf": vec![json!({"pattern": "(?:a?){100}b"}); 500]}), letters(10_000), 400),
        (json!({"pattern": "(a+)+$"}), json!("a".repeat(10_000) + "b"), 400),
        (doubled(40), letters(1), 400),
        (
            json!({"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "b": false}}),
            nested(60),
            400,
        ),
        (
            json!({"uniqueItems": true, "items": {"enum": (0..9_000).collect::<Vec<_>>()}}),
            json!(vec![[1]; 9_000]),
            400,
        ),
        (json!({"$ref": "http://127.0.0.1:1/schema.json"}), json!(1), 400),
        (json!({"$ref": "file:///etc/passwd"}), json!(1), 400),
    ];
    let attack = async {
        for (number, (schema, result, status)) in attacks.into_iter().enumerate() {
            let path = waiting.for_schema(&format!("r{number}"), schema.clone()).await;
            let answer = json!({"resolution": "continue", "result": result});
            let start = std::time::Instant::now();
            let answered = waiting.admin.put(&path, answer).await;
            let is_busy = answered.status == 429;
            assert!(answered.status == status || is_busy, "{schema:.100} {answered:?}");
            assert!(start.elapsed().as_secs() < 10, "{schema:.100} {:?}", start.elapsed());
        }
    };
    stays_well(&app.signed_in().await, attack).await;
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({"b": 1}), |inner, _| json!({"a": inner}))
}

async fn what_fits_a_schema_is_taken(database: Database) {
    let app = TestApp::start(&database).await;
    let waiting = Waiting::on(&app).await;
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Answer", "type": "object",
        "$defs": {"Count": {"type": "integer", "minimum": 1}}, "required": ["n"],
        "properties": {"n": {"$ref": "#/$defs/Count"}, "name": {"anyOf": [{"pattern": "^[a-z]+$"}, {"type": "null"}]}},
    });
    let path = waiting.for_schema("r", schema).await;
    let resolve = async |result: Value| {
        waiting.admin.put(&path, json!({"resolution": "continue", "result": result})).await
    };
    for wrong in [json!({"n": 0}), json!({}), json!(null), json!({"n": 1, "name": "A"})] {
        resolve(wrong).await.expect(400, "does not fit the schema");
    }
    let resolved = resolve(json!({"n": 1, "name": "a"})).await.expect_ok();
    assert_eq!(resolved["body"]["status"], "resolved", "{resolved}");
    resolve(json!({"n": 0})).await.expect(403, "resolved before");
}
