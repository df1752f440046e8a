//! A page of twenty costs as many queries as a page of one, with all that its answers are made of.

use serde_json::{Value, json};

use crate::parity::bodies;
use crate::support::{Caller, Database, TestApp};

/// Of each kind of thing; the newest twenty are alike.
const THINGS: usize = 21;
/// A try may meet what the house reads by itself.
const TRIES: usize = 8;
/// Lists that hold nothing here: devices sign in with a person's help, and nothing makes run templates.
const EMPTY: [&str; 3] =
    ["/api/v1/devices", "/api/v1/run_templates", "/api/v1/workspaces/default/run_templates"];

/// A list of what only the paid server has: it answers 501.
const UNFILLED: &str = "/api/v1/resource_requests";

/// Makes things through the API.
pub struct Maker {
    pub caller: Caller,
    project: Value,
}

impl Maker {
    pub async fn new(app: &TestApp) -> Self {
        let caller = app.signed_in().await;
        let project = caller.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
        Self { caller, project }
    }

    pub async fn make(&self, path: &str, body: Value) -> Value {
        let answer = self.caller.post(&format!("/api/v1{path}"), body.clone()).await;
        assert_eq!(answer.status, 200, "{path} {body} {}", answer.text);
        answer.json()
    }

    /// The body of the comparison with the reference, with other references in it.
    async fn make_like(&self, path: &str, body: String) -> Value {
        self.make(path, serde_json::from_str(&body).unwrap()).await
    }

    /// As many of each kind as a page has.
    pub async fn make_page(&self) -> Made {
        let mut made = self.make_all(0).await;
        for number in 1..THINGS {
            made = self.make_all(number).await;
        }
        made
    }

    /// One of each kind, each with all that it can be related to.
    pub async fn make_all(&self, number: usize) -> Made {
        let name = format!("thing_{number}");
        let project = &self.project;
        self.make("/projects", json!({"name": name})).await;
        self.make("/users", json!({"name": name, "is_admin": false, "password": "secret"})).await;
        let account =
            self.make("/service_accounts", json!({"name": format!("s_{name}"), "active": true})).await;
        let keys = format!("/service_accounts/{}/api_keys", id(&account));
        self.make(&keys, json!({"name": "one"})).await;
        self.make(&keys, json!({"name": "two"})).await;
        self.make("/tags", json!({"name": name, "color": "teal"})).await;
        self.make("/secrets", json!({"name": name, "values": {"a": "b"}})).await;
        let repository = json!({
            "project": project, "name": name, "config": {"url": "https://lab.example"},
            "source": {"module": "m", "attribute": "A", "type": "user"},
        });
        let repository = self.make("/code_repositories", repository).await;
        let component =
            |kind: &str| json!({"name": name, "type": kind, "flavor": "local", "configuration": {}});
        let store = self.make("/components", component("artifact_store")).await;
        let orchestrator = self.make("/components", component("orchestrator")).await;
        let connector = json!({
            "name": name, "connector_type": "docker", "auth_method": "password", "labels": {"a": "b"},
            "configuration": {"username": "me", "password": "secret", "registry": "r.example"},
        });
        let connector = self.make("/service_connectors", connector).await;
        let registry = json!({
            "name": name, "type": "container_registry", "flavor": "default", "configuration": {"uri": "r.example"},
            "connector": connector["id"],
        });
        let registry = self.make("/components", registry).await;
        let components = json!({
            "artifact_store": [store["id"]], "orchestrator": [orchestrator["id"]],
            "container_registry": [registry["id"]],
        });
        let stack = self.make("/stacks", json!({"name": name, "components": components})).await;
        let pipeline = json!({"project": project, "name": name, "tags": [name]});
        let pipeline = self.make("/pipelines", pipeline).await;
        let schedule = json!({
            "project": project, "name": name, "active": true, "cron_expression": "0 0 * * *",
            "orchestrator_id": orchestrator["id"], "pipeline_id": pipeline["id"],
        });
        let schedule = self.make("/schedules", schedule).await;
        let webhook = json!({"project": project, "name": name, "webhook_type": "custom"});
        let webhook = self.make("/webhooks", webhook).await;
        let trigger = json!({
            "project": project, "name": name, "type": "webhook", "webhook_id": webhook["id"], "configuration": {},
        });
        self.make("/triggers", trigger).await;
        let build = json!({
            "project": project, "is_local": false, "contains_code": false, "stack": stack["id"],
            "pipeline": pipeline["id"],
        });
        let build = self.make("/pipeline_builds", build).await;
        let code = json!({"commit": "c", "subdirectory": "", "code_repository": repository["id"]});
        let model = json!({"name": name, "version": null, "save_models_to_registry": false});
        let snapshot_body = |more: Value| {
            let all = json!({
                "project": project, "stack": stack["id"], "pipeline": pipeline["id"], "build": build["id"],
                "schedule": schedule["id"], "code_reference": code, "tags": [name],
                "pipeline_configuration": bodies::pipeline_configuration(json!({"model": model})),
            });
            bodies::snapshot(bodies::merged(all, more))
        };
        let source = self.make_like("/pipeline_snapshots", snapshot_body(json!({"name": "source"}))).await;
        let derived = json!({"name": "made", "source_snapshot": source["id"]});
        let snapshot = self.make_like("/pipeline_snapshots", snapshot_body(derived)).await;
        let run = self.run(&name, &snapshot, &store, json!({})).await;
        let child = json!({"parent_run_id": run["id"], "child_key": "k", "original_run_id": run["id"]});
        let child = self.run(&format!("{name}_child"), &snapshot, &store, child).await;
        self.wait(&name, snapshot_body(json!({"is_dynamic": true}))).await;
        let deployment = json!({
            "project": project, "name": name, "snapshot_id": source["id"], "deployer_id": orchestrator["id"],
            "tags": [name],
        });
        self.make("/deployments", deployment).await;
        self.serve(&name, &run).await;
        self.serve(&format!("{name}_child"), &child).await;
        Made { account, run, child }
    }

    /// A service of the model version that a run has made.
    async fn serve(&self, name: &str, run: &Value) {
        let service = json!({
            "project": self.project, "name": name, "service_type": {"type": "t", "flavor": "f"}, "config": {"name": name},
            "model_version_id": run["resources"]["model_version"]["id"], "pipeline_run_id": run["id"],
        });
        self.make("/services", service).await;
    }

    /// A run that waits for an answer.
    async fn wait(&self, name: &str, snapshot: String) {
        let snapshot = self.make_like("/pipeline_snapshots", snapshot).await;
        let all = json!({"project": self.project, "snapshot": snapshot["id"]});
        let made = self.make_like("/runs", bodies::run(&format!("{name}_waits"), all)).await;
        let condition =
            json!({"project": self.project, "run": made[0]["id"], "name": name, "type": "external_input"});
        self.make("/run_wait_conditions", condition).await;
        self.serve(&format!("{name}_waits"), &made[0]).await;
    }

    /// A run of two steps, with artifacts, metadata, logs, hooks and a condition that it waits for.
    async fn run(&self, name: &str, snapshot: &Value, store: &Value, more: Value) -> Value {
        let project = &self.project;
        let all = json!({
            "project": project, "snapshot": snapshot["id"], "tags": [name],
            "logs": {"uri": "/a.log", "artifact_store_id": store["id"]},
        });
        let made = self.make_like("/runs", bodies::run(name, bodies::merged(all, more))).await;
        let run = &made[0];
        let version = self.version(&format!("{name}_artifact"), store).await;
        let step = |more: Value| {
            let all = json!({
                "project": project, "pipeline_run_id": run["id"], "status": "completed",
                "outputs": {"out": [version["id"]]}, "logs": {"uri": "/b.log", "artifact_store_id": store["id"]},
            });
            bodies::merged(all, more)
        };
        let load = self.make_like("/steps", bodies::step_run("load", step(json!({})))).await;
        let inputs = json!({"inputs": {"load_data": [version["id"]]}});
        self.make_like("/steps", bodies::step_run("train", step(inputs))).await;
        let resources = [(&load, "step_run"), (run, "pipeline_run"), (&version, "artifact_version")];
        let resources: Vec<Value> =
            resources.iter().map(|(thing, kind)| json!({"id": thing["id"], "type": kind})).collect();
        let metadata = json!({
            "project": project, "resources": resources, "values": {"lines": 3}, "types": {"lines": "int"},
        });
        self.make("/run-metadata", metadata).await;
        let hook = json!({
            "project": project, "hook_type": "step_success", "status": "completed", "start_time": "2026-01-02T03:04:05",
            "pipeline_run_id": run["id"], "step_run_id": load["id"],
        });
        self.make("/hook_invocations", hook).await;
        let model = &run["resources"]["model_version"]["id"];
        let link = json!({"model_version": model, "artifact_version": version["id"]});
        self.make("/model_version_artifacts", link).await;
        run.clone()
    }

    async fn version(&self, artifact: &str, store: &Value) -> Value {
        let more = json!({
            "project": self.project, "artifact_store_id": store["id"], "tags": [artifact],
            "visualizations": [{"type": "json", "uri": "/a.json"}],
        });
        self.make_like("/artifact_versions", bodies::artifact_version(artifact, more)).await
    }
}

/// What some lists are of.
pub struct Made {
    pub account: Value,
    pub run: Value,
    pub child: Value,
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

/// ZenML's OpenAPI document.
fn contract() -> Value {
    let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(contract).unwrap()).unwrap()
}

/// The lists that zendo has and the document says so, with their placeholders filled.
pub fn lists(made: &Made, document: &Value) -> Vec<String> {
    let is_paged = |path: &str| {
        let operation = &document["paths"][path]["get"];
        // What connectors reach comes as a bare list.
        let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let parameters = operation["parameters"].as_array().filter(|_| answer["type"] != "array");
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "size"))
    };
    let model = made.run["resources"]["model_version"]["body"]["model"]["id"].as_str().unwrap();
    zendo::testing::operations()
        .into_iter()
        .filter(|(method, path)| *method == "GET" && is_paged(path) && *path != UNFILLED)
        .map(|(_, path)| {
            path.replace("{service_account_id}", id(&made.account))
                .replace("{run_id}", id(&made.child))
                .replace("{model_name_or_id}", model)
                .replace("{project_name_or_id}", "default")
        })
        .collect()
}

async fn queries(app: &TestApp, caller: &Caller, path: &str) -> (u64, usize) {
    let mut fewest = (u64::MAX, 0);
    for _ in 0..TRIES {
        // The account is remembered for a second, which a page may outlast on a busy machine.
        caller.get("/api/v1/current-user").await.expect_ok();
        let before = app.state.store.reads();
        let page = caller.get(path).await.expect_ok();
        let items = page["items"].as_array().unwrap().len();
        fewest = fewest.min((app.state.store.reads() - before, items));
    }
    fewest
}

#[tokio::test]
async fn a_page_costs_the_same_queries_whatever_its_size() {
    let app = TestApp::start(&Database::sqlite()).await;
    let maker = Maker::new(&app).await;
    let made = maker.make_page().await;
    let mut wrong = Vec::new();
    for path in lists(&made, &contract()) {
        for hydrate in ["false", "true"] {
            // Runs are of three kinds.
            let alike = if path.ends_with("/runs") { "&name=endswith:_child" } else { "" };
            let page =
                |size: usize| format!("{path}?sort_by=desc:created&hydrate={hydrate}&size={size}{alike}");
            let (of_one, _) = queries(&app, &maker.caller, &page(1)).await;
            let (of_twenty, items) = queries(&app, &maker.caller, &page(20)).await;
            if of_one != of_twenty {
                wrong.push(format!("{path} hydrate={hydrate}: {of_one} for one, {of_twenty} for {items}"));
            }
            if items < 2 && !EMPTY.contains(&path.as_str()) {
                wrong.push(format!("{path} has {items} items: too few to tell"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
