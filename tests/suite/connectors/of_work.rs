//! What the tokens of runs, schedules and deployments use: the connectors of their stack, and none that they could put
//! there.

use serde_json::{Value, json};

use super::{CONNECTORS, docker, made, merged, path};
use crate::support::{Caller, Database, Lab, TestApp};

on_each_store! {
    each_piece_of_work_uses_the_connectors_of_its_stack,
    no_piece_of_work_gives_its_stack_another_connector,
    a_token_that_is_made_with_that_of_a_work_uses_no_more,
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

/// A stack whose registry has a connector.
struct Connected {
    connector: Value,
    registry: Value,
    stack: Value,
}

impl Connected {
    async fn new(admin: &Caller, name: &str) -> Self {
        let connector = made(admin, docker(name, json!({}))).await;
        let registry = json!({
            "name": name, "type": "container_registry", "flavor": "default", "configuration": {"uri": "r.example"},
            "connector": connector["id"],
        });
        let registry = admin.post("/api/v1/components", registry).await.expect_ok();
        let parts = parts(admin, &registry).await;
        let stack = json!({"name": name, "components": parts});
        let stack = admin.post("/api/v1/stacks", stack).await.expect_ok();
        Self { connector, registry, stack }
    }
}

/// The components of the default stack, and a registry.
async fn parts(admin: &Caller, registry: &Value) -> Value {
    let stack = admin.get("/api/v1/stacks?name=default&hydrate=true").await.expect_ok()["items"][0].clone();
    let of = |kind: &str| stack["metadata"]["components"][kind][0]["id"].clone();
    json!({
        "orchestrator": [of("orchestrator")], "artifact_store": [of("artifact_store")],
        "container_registry": [registry["id"]],
    })
}

/// A schedule, a run and a deployment on the one stack, and another stack.
struct Work {
    lab: Lab,
    own: Connected,
    other: Connected,
    /// What their tokens are asked for.
    bounds: [String; 3],
}

impl Work {
    async fn new(app: &TestApp) -> Self {
        let mut lab = Lab::of(app).await;
        let admin = &lab.caller.clone();
        let (own, other) = (Connected::new(admin, "own").await, Connected::new(admin, "other").await);
        lab.stack = own.stack["id"].clone();
        let schedule = scheduled(&lab, "of own").await;
        lab.snapshot = lab.post_snapshot(json!({})).await.expect_ok();
        let run = lab.run("run", json!({})).await;
        let deployers = "/api/v1/components?type=deployer&name=default";
        let deployer = admin.get(deployers).await.expect_ok()["items"][0]["id"].clone();
        let deployment = json!({
            "project": lab.project, "name": "served", "snapshot_id": lab.snapshot["id"], "deployer_id": deployer,
        });
        let deployment = admin.post("/api/v1/deployments", deployment).await.expect_ok();
        let bounds = [
            format!("schedule_id={schedule}"),
            format!("pipeline_run_id={}", id(&run)),
            format!("deployment_id={}", id(&deployment)),
        ];
        Self { lab, own, other, bounds }
    }

    async fn token(&self, of: &Caller, bound: &str) -> Caller {
        let asked = format!("/api/v1/api_token?token_type=workload&{bound}");
        let token = of.get(&asked).await.expect_ok();
        of.clone().with_token(token.as_str().unwrap())
    }

    fn snapshot(&self, of: &Connected, more: &Value) -> Value {
        let body = json!({
            "project": self.lab.project, "stack": of.stack["id"], "pipeline": self.lab.pipeline,
            "run_name_template": "x", "pipeline_configuration": {"name": "training"},
        });
        merged(body, more)
    }
}

/// A schedule with a snapshot on the lab's stack.
async fn scheduled(lab: &Lab, name: &str) -> String {
    let schedule = json!({
        "project": lab.project, "name": name, "active": true, "cron_expression": "* * * * *",
        "orchestrator_id": null, "pipeline_id": lab.pipeline,
    });
    let schedule = lab.caller.post("/api/v1/schedules", schedule).await.expect_ok();
    lab.post_snapshot(json!({"schedule": schedule["id"]})).await.expect_ok();
    id(&schedule).to_owned()
}

async fn uses(caller: &Caller, connector: &Value) -> bool {
    let answer = caller.get(&format!("{}/client", path(connector))).await;
    assert!([200, 403].contains(&answer.status), "{answer:?}");
    answer.status == 200
}

async fn each_piece_of_work_uses_the_connectors_of_its_stack(database: Database) {
    let app = TestApp::start(&database).await;
    let work = Work::new(&app).await;
    for bound in &work.bounds {
        let token = work.token(&work.lab.caller, bound).await;
        assert!(uses(&token, &work.own.connector).await, "{bound}");
        assert!(!uses(&token, &work.other.connector).await, "{bound}");
        for (connector, status) in [(&work.own.connector, 200), (&work.other.connector, 403)] {
            token.put(&format!("{}/verify", path(connector)), Value::Null).await.expect(status, "");
        }
        let reached = token.get(&format!("{CONNECTORS}/resources")).await.expect_ok();
        assert_eq!((reached[0]["name"].as_str(), reached.as_array().unwrap().len()), (Some("own"), 1));
    }
}

async fn no_piece_of_work_gives_its_stack_another_connector(database: Database) {
    let app = TestApp::start(&database).await;
    let work = Work::new(&app).await;
    let (own, other) = (&work.own, &work.other);
    let named = |name: &str| {
        let configuration = json!({"uri": "r.example"});
        json!({"name": name, "type": "container_registry", "flavor": "default", "configuration": configuration})
    };
    let linked = json!({"connector": other.connector["id"]});
    let parts = parts(&work.lab.caller, &other.registry).await;
    let whole = json!({"name": "new", "components": parts, "service_connectors": [other.connector["id"]]});
    for bound in &work.bounds {
        let token = work.token(&work.lab.caller, bound).await;
        let of = |kind: &str, thing: &Value| format!("/api/v1/{kind}/{}", id(thing));
        let component = merged(named("new"), &linked);
        for answer in [
            token.put(&of("components", &own.registry), linked.clone()).await,
            token.put(&of("stacks", &own.stack), json!({"components": parts})).await,
            token.post("/api/v1/components", component).await,
            token.post("/api/v1/stacks", whole.clone()).await,
            token.post("/api/v1/workspaces/default/stacks", whole.clone()).await,
            token.post(CONNECTORS, docker("new", json!({}))).await,
            token.put(&path(&own.connector), json!({"name": "renamed"})).await,
            token.delete(&path(&other.connector)).await,
            token.delete(&of("stacks", &other.stack)).await,
        ] {
            answer.expect(403, "bound to a piece of work");
        }
        if let Some(schedule) = bound.strip_prefix("schedule_id=") {
            let snapshot = work.snapshot(other, &json!({"schedule": schedule}));
            token.post("/api/v1/pipeline_snapshots", snapshot.clone()).await.expect(403, "on a schedule");
            token.post("/api/v1/pipeline_deployments", snapshot).await.expect(403, "on a schedule");
        }
        assert!(!uses(&token, &other.connector).await, "{bound}");
    }
}

async fn a_token_that_is_made_with_that_of_a_work_uses_no_more(database: Database) {
    let app = TestApp::start(&database).await;
    let mut work = Work::new(&app).await;
    let [_, run, deployment] = work.bounds.clone();
    let admin = work.lab.caller.clone();
    // A call of a deployment that names another stack.
    let process = work.token(&admin, &deployment).await;
    let snapshot = work.snapshot(&work.other, &json!({}));
    let snapshot = process.post("/api/v1/pipeline_snapshots", snapshot).await.expect_ok();
    let called = json!({
        "project": work.lab.project, "snapshot": snapshot["id"], "name": "called", "status": "initializing",
    });
    let called = process.post("/api/v1/runs", called).await.expect_ok()[0].clone();
    let token = work.token(&process, &format!("pipeline_run_id={}", id(&called))).await;
    assert!(!uses(&token, &work.other.connector).await && !uses(&token, &work.own.connector).await);
    // A run that asks for what is on another stack's schedule.
    work.lab.stack = work.other.stack["id"].clone();
    let elsewhere = scheduled(&work.lab, "of the other").await;
    let step = work.token(&admin, &run).await;
    let token = work.token(&step, &format!("schedule_id={elsewhere}")).await;
    assert!(!uses(&token, &work.other.connector).await);
    assert!(
        uses(&work.token(&admin, &format!("schedule_id={elsewhere}")).await, &work.other.connector).await
    );
}
