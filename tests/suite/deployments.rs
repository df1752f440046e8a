//! Deployments: what is kept of a pipeline that is deployed, who may see its key, and what its own token may do.

use futures_util::future::join_all;
use serde_json::{Value, json};
use zendo::testing::Clock;

use crate::support::{Answer, Caller, Database, TestApp, browser, keeps_its_promises, official_dashboard};

const DEPLOYMENTS: &str = "/api/v1/deployments";
const NONE: &str = "00000000-0000-0000-0000-000000000001";

on_each_store! {
    a_deployment_is_found_by_what_it_is_of,
    of_deployments_with_one_name_one_is_made,
    its_key_is_for_those_who_may_change_it_and_kept_in_its_row_alone,
    its_token_does_what_its_process_does_and_no_more,
    its_tokens_end_with_it_at_once_on_each_replica,
    it_outlives_its_snapshot_and_keeps_its_deployer,
    its_project_takes_it_along_with_its_tags_and_tokens,
    a_snapshot_is_listed_once_however_often_it_is_deployed,
    a_deployment_is_one_of_the_first_steps,
    the_client_deploys_a_pipeline_calls_it_and_takes_it_away,
    the_dashboard_shows_deployments,
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

/// What a deployment is made of.
struct Parts {
    project: String,
    stack: String,
    pipeline: String,
    snapshot: String,
    deployer: String,
}

impl Parts {
    async fn new(admin: &Caller, pipeline: &str) -> Self {
        let project = id(&admin.get("/api/v1/projects/default").await.expect_ok());
        Self::in_project(admin, project, pipeline).await
    }

    async fn in_project(admin: &Caller, project: String, pipeline: &str) -> Self {
        let stack = id(&admin.get("/api/v1/stacks").await.expect_ok()["items"][0]);
        let deployer = "/api/v1/components?type=deployer&name=default";
        let deployer = id(&admin.get(deployer).await.expect_ok()["items"][0]);
        let name = json!({"name": pipeline, "project": project});
        let pipeline = id(&admin.post("/api/v1/pipelines", name).await.expect_ok());
        let mut parts = Self { project, stack, pipeline, snapshot: String::new(), deployer };
        parts.snapshot =
            id(&admin.post("/api/v1/pipeline_snapshots", parts.new_snapshot()).await.expect_ok());
        parts
    }

    fn new_snapshot(&self) -> Value {
        json!({
            "project": self.project, "pipeline": self.pipeline, "stack": self.stack, "run_name_template": "served",
            "client_environment": {}, "pipeline_configuration": {"name": "served"}, "step_configurations": {},
        })
    }

    fn named(&self, name: &str) -> Value {
        json!({
            "project": self.project, "name": name, "snapshot_id": self.snapshot, "deployer_id": self.deployer,
        })
    }

    async fn deploy(&self, admin: &Caller, name: &str) -> String {
        id(&admin.post(DEPLOYMENTS, self.named(name)).await.expect_ok())
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

fn path(id: &str) -> String {
    format!("{DEPLOYMENTS}/{id}")
}

async fn token(of: &Caller, app: &TestApp, query: &str) -> Caller {
    let token = of.get(&format!("/api/v1/api_token?{query}")).await.expect_ok();
    app.anonymous().with_token(token.as_str().unwrap())
}

async fn names(caller: &Caller, query: &str) -> Vec<String> {
    let page = caller.get(&format!("{DEPLOYMENTS}?{query}")).await.expect_ok();
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn a_deployment_is_found_by_what_it_is_of(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (churn, fraud) = (Parts::new(&admin, "churn").await, Parts::new(&admin, "fraud").await);
    let [a, _] = [churn.deploy(&admin, "a").await, fraud.deploy(&admin, "b").await];
    let change = json!({
        "status": "running", "url": "http://10.0.0.1", "deployment_metadata": {"port": 1.0}, "add_tags": ["live"],
    });
    let changed = admin.put(&path(&a), change).await.expect_ok();
    assert_eq!(changed["metadata"]["deployment_metadata"]["port"].to_string(), "1.0");
    assert_eq!(changed["resources"]["pipeline"]["name"], "churn");
    assert_eq!(changed["resources"]["stack"]["name"], "default");
    assert_eq!(changed["resources"]["deployer"]["name"], "default");
    for query in [
        "pipeline=churn",
        "status=running",
        "url=startswith:http",
        "tags=live",
        "status=oneof:[\"running\"]",
        &format!("snapshot_id={}", churn.snapshot),
        &format!("pipeline={}&pipeline=churn", churn.pipeline),
    ] {
        assert_eq!(names(&admin, query).await, ["a"], "{query}");
    }
    assert!(names(&admin, "pipeline=churn&pipeline=fraud").await.is_empty());
    assert_eq!(names(&admin, "sort_by=desc:pipeline").await, ["b", "a"]);
    assert_eq!(names(&admin, &format!("deployer_id={}&sort_by=name", churn.deployer)).await, ["a", "b"]);
    // Null changes nothing, and an unknown tag that is taken away was not there.
    let nothing = json!({"name": null, "url": null, "status": null, "remove_tags": ["gone"]});
    let unchanged = admin.put(&path(&a), nothing).await.expect_ok();
    assert_eq!(
        (&unchanged["body"]["url"], &unchanged["body"]["status"]),
        (&json!("http://10.0.0.1"), &json!("running"))
    );
    admin.put(&path(&a), json!({"snapshot_id": NONE})).await.expect(404, "snapshot");
    admin.put(&path(&a), json!({"status": "asleep"})).await.expect(422, "running");
    for (field, wrong) in [("project", 404), ("snapshot_id", 404), ("deployer_id", 404)] {
        let mut body = churn.named("c");
        body[field] = json!(NONE);
        assert_eq!(admin.post(DEPLOYMENTS, body).await.status, wrong, "{field}");
    }
}

async fn of_deployments_with_one_name_one_is_made(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let parts = Parts::new(&admin, "churn").await;
    let answers: Vec<Answer> =
        join_all((0..6).map(|_| admin.post(DEPLOYMENTS, parts.named("one")))).await.into_iter().collect();
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    let other = parts.deploy(&admin, "other").await;
    admin.put(&path(&other), json!({"name": "one"})).await.expect(409, "one");
}

async fn its_key_is_for_those_who_may_change_it_and_kept_in_its_row_alone(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let parts = Parts::new(&admin, "churn").await;
    let mut body = parts.named("locked");
    body["auth_key"] = json!("key-of-the-deployment");
    let once = admin.clone().with("idempotency-key", NONE);
    let made = once.post(DEPLOYMENTS, body.clone()).await.expect_ok();
    assert_eq!(made["metadata"]["auth_key"], "key-of-the-deployment");
    assert_eq!(id(&once.post(DEPLOYMENTS, body).await.expect_ok()), id(&made), "it is made once");
    let reader = token(&admin, &app, "scope=deployments:read").await;
    let changer = token(&admin, &app, "scope=deployments:read+deployments:update").await;
    let key = |answer: &Value| answer["metadata"]["auth_key"].clone();
    for (caller, shown) in [(&reader, Value::Null), (&changer, json!("key-of-the-deployment"))] {
        assert_eq!(key(&caller.get(&path(&id(&made))).await.expect_ok()), shown);
        let listed = caller.get(&format!("{DEPLOYMENTS}?hydrate=true")).await.expect_ok();
        assert_eq!(key(&listed["items"][0]), shown);
    }
    let listed =
        admin.clone().with("accept-encoding", "gzip").get(&format!("{DEPLOYMENTS}?hydrate=true")).await;
    assert_eq!(listed.header("content-encoding"), None, "what holds secrets isn't compressed");
    // The thing that was made is noted, and not what was answered.
    app.state.replays.write(app.clock.now()).await.unwrap();
    let key = format!(
        "SELECT HEX(result) FROM api_transaction_result WHERE HEX(result) LIKE '%{}%'",
        hex("key-of")
    );
    assert_eq!(database.texts(&key).await, [""; 0]);
}

async fn its_token_does_what_its_process_does_and_no_more(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let parts = Parts::new(&admin, "churn").await;
    let [own, other] = [parts.deploy(&admin, "own").await, parts.deploy(&admin, "other").await];
    admin.put(&path(&own), json!({"auth_key": "of-own"})).await.expect_ok();
    let process = token(&admin, &app, &format!("token_type=workload&deployment_id={own}")).await;
    // It starts.
    let found = process.get(&path(&own)).await.expect_ok();
    assert_eq!(found["metadata"]["auth_key"], "of-own", "it is what others are asked for");
    for wanted in [
        format!("/api/v1/pipeline_snapshots/{}", parts.snapshot),
        format!("/api/v1/stacks/{}", parts.stack),
        format!("/api/v1/components/{}", parts.deployer),
        "/api/v1/current-user".to_owned(),
        format!("/api/v1/projects/{}", parts.project),
    ] {
        process.get(&wanted).await.expect_ok();
    }
    // It is called: a snapshot, a run, and a token for the run.
    let snapshot = id(&process.post("/api/v1/pipeline_snapshots", parts.new_snapshot()).await.expect_ok());
    let run = json!({
        "project": parts.project, "snapshot": snapshot, "name": "called", "status": "initializing",
        "trigger_info": {"deployment_id": own},
    });
    let run = id(&process.post("/api/v1/runs", run).await.expect_ok()[0]);
    let work = token(&process, &app, &format!("token_type=workload&pipeline_run_id={run}")).await;
    work.get(&format!("/api/v1/runs/{run}")).await.expect_ok();
    let of_deployment = format!("/api/v1/runs?triggered_by_deployment_id={own}");
    assert_eq!(work.get(&of_deployment).await.expect_ok()["total"], 1);
    // Of deployments that is all, for the run's token too; and a run that is of none sees none.
    let alone = json!({
        "project": parts.project, "snapshot": parts.snapshot, "name": "alone", "status": "running",
        "orchestrator_run_id": "alone",
    });
    let alone = id(&admin.post("/api/v1/runs", alone).await.expect_ok()[0]);
    let alone = token(&admin, &app, &format!("token_type=workload&pipeline_run_id={alone}")).await;
    assert!(names(&alone, "").await.is_empty());
    alone.get(&path(&own)).await.expect(404, "deployment");
    for caller in [&process, &work] {
        assert_eq!(names(caller, "").await, ["own"]);
        caller.get(&path(&own)).await.expect_ok();
        caller.get(&path(&other)).await.expect(404, "deployment");
        caller.post(DEPLOYMENTS, parts.named("more")).await.expect(403, "IllegalOperationError");
        for target in [&own, &other] {
            caller
                .put(&path(target), json!({"url": "http://elsewhere"}))
                .await
                .expect(403, "IllegalOperationError");
            caller.delete(&path(target)).await.expect(403, "IllegalOperationError");
        }
        let wider = caller.get(&format!("/api/v1/api_token?token_type=workload&deployment_id={other}")).await;
        wider.expect(401, "Unable to scope");
        caller.get("/api/v1/stack-deployment/config?provider=aws&stack_name=s").await.expect(403, "");
    }
}

async fn its_tokens_end_with_it_at_once_on_each_replica(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = one.signed_in().await;
    let parts = Parts::new(&admin, "churn").await;
    let own = parts.deploy(&admin, "own").await;
    let asked = format!("/api/v1/api_token?token_type=workload&deployment_id={own}");
    let text = admin.get(&asked).await.expect_ok().as_str().unwrap().to_owned();
    let process = one.anonymous().with_token(&text);
    let run = json!({
        "project": parts.project, "snapshot": parts.snapshot, "name": "called", "status": "initializing",
    });
    let run = id(&process.post("/api/v1/runs", run).await.expect_ok()[0]);
    let work = token(&process, &one, &format!("token_type=workload&pipeline_run_id={run}")).await;
    let elsewhere = other.anonymous().with_token(&text);
    elsewhere.get("/api/v1/current-user").await.expect_ok();
    admin.delete(&path(&own)).await.expect_ok();
    let answered = std::time::Instant::now();
    process.get("/api/v1/current-user").await.expect(401, "does not exist");
    work.get("/api/v1/current-user").await.expect(401, "does not exist");
    elsewhere.until(401, "/api/v1/current-user", "does not exist").await;
    assert!(answered.elapsed() < std::time::Duration::from_secs(2), "{:?}", answered.elapsed());
    admin.get(&asked).await.expect(400, "does not exist");
    admin.get(&format!("/api/v1/runs/{run}")).await.expect_ok();
}

async fn it_outlives_its_snapshot_and_keeps_its_deployer(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let mut parts = Parts::new(&admin, "churn").await;
    let deployer = json!({"name": "mine", "type": "deployer", "flavor": "docker", "configuration": {}});
    parts.deployer = id(&admin.post("/api/v1/components", deployer).await.expect_ok());
    let deployment = parts.deploy(&admin, "d").await;
    let component = format!("/api/v1/components/{}", parts.deployer);
    admin.delete(&component).await.expect(403, "deployments");
    admin.delete(&format!("/api/v1/pipeline_snapshots/{}", parts.snapshot)).await.expect_ok();
    let left = admin.get(&path(&deployment)).await.expect_ok();
    for gone in ["snapshot", "pipeline", "stack"] {
        assert_eq!(left["resources"][gone], Value::Null, "{gone}");
    }
    admin.delete(&path(&deployment)).await.expect_ok();
    admin.delete(&component).await.expect_ok();
    admin.delete(&path(&deployment)).await.expect(404, "deployment");
}

async fn its_project_takes_it_along_with_its_tags_and_tokens(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = id(&admin.post("/api/v1/projects", json!({"name": "brief"})).await.expect_ok());
    let parts = Parts::in_project(&admin, project.clone(), "churn").await;
    let mut body = parts.named("d");
    body["tags"] = json!(["live", {"name": "blue", "color": "blue"}]);
    let deployment = id(&admin.post(DEPLOYMENTS, body).await.expect_ok());
    assert_eq!(names(&admin, "project=brief&tags=blue").await, ["d"]);
    assert!(names(&admin, "").await.is_empty(), "it is in no other project");
    let of_default = token(&admin, &app, "project=default").await;
    of_default.get(&path(&deployment)).await.expect(403, "");
    let process = token(&admin, &app, &format!("token_type=workload&deployment_id={deployment}")).await;
    let keeps = token(&admin, &app, "scope=projects:write").await;
    keeps.delete("/api/v1/projects/brief").await.expect(403, "");
    admin.delete("/api/v1/projects/brief").await.expect_ok();
    process.get("/api/v1/current-user").await.expect(401, "does not exist");
    assert_eq!(database.texts("SELECT resource_type FROM tag_resource").await, [""; 0]);
}

async fn a_snapshot_is_listed_once_however_often_it_is_deployed(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (churn, fraud) = (Parts::new(&admin, "churn").await, Parts::new(&admin, "fraud").await);
    let first = churn.deploy(&admin, "b").await;
    churn.deploy(&admin, "z").await;
    fraud.deploy(&admin, "a").await;
    Parts::new(&admin, "idle").await;
    let listed = async |query: &str| -> Vec<String> {
        let page = admin.get(&format!("/api/v1/pipeline_snapshots?{query}")).await.expect_ok();
        page["items"].as_array().unwrap().iter().map(id).collect()
    };
    assert_eq!(listed("deployed=true&sort_by=deployment").await, [fraud.snapshot, churn.snapshot.clone()]);
    assert_eq!(listed("deployed=false").await.len(), 1);
    let snapshot = admin.get(&format!("/api/v1/pipeline_snapshots/{}", churn.snapshot)).await.expect_ok();
    assert_eq!(id(&snapshot["resources"]["deployment"]), first);
    assert_eq!(snapshot["resources"]["deployment"]["metadata"], Value::Null, "no key is shown");
}

async fn a_deployment_is_one_of_the_first_steps(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    Parts::new(&admin, "churn").await.deploy(&admin, "d").await;
    let steps = admin.get("/api/v1/onboarding_state").await.expect_ok();
    for step in ["pipeline_deployed", "oss_onboarding_completed", "pro_onboarding_completed"] {
        assert!(steps.as_array().unwrap().contains(&json!(step)), "{steps}");
    }
}

async fn the_client_deploys_a_pipeline_calls_it_and_takes_it_away(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("deployments", &[], &app.url()).await;
}

async fn the_dashboard_shows_deployments(database: Database) {
    let Some(files) = official_dashboard() else { return };
    let setting = ("ZENML_SERVER_DASHBOARD_FILES_PATH", files.display().to_string());
    let app = TestApp::start_with(&database, &[(setting.0, &setting.1)]).await;
    let admin = app.signed_in().await;
    let parts = Parts::new(&admin, "churn").await;
    let mut body = parts.named("served");
    body["tags"] = json!(["live"]);
    let deployment = id(&admin.post(DEPLOYMENTS, body).await.expect_ok());
    let change = json!({"status": "running", "url": "http://127.0.0.1:9/served"});
    admin.put(&path(&deployment), change).await.expect_ok();
    browser("dashboard_deployments.mjs", &app, &[]).await;
}
