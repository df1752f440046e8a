//! A workload token lives and dies with its run, schedule or deployment, and is never traded for a wider one.

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const RUN: &str = "00000000-0000-0000-0000-000000000001";
const NESTED: &str = "00000000-0000-0000-0000-000000000002";
const OTHER: &str = "00000000-0000-0000-0000-000000000003";

on_each_store! {
    a_runs_token_works_while_the_run_does_and_for_the_leeway,
    a_schedules_token_needs_it_active,
    a_deployments_token_needs_it_there,
    a_workload_token_is_never_traded_for_a_wider_one,
    a_runs_token_reads_and_writes_for_the_run_until_it_has_ended,
    a_run_prolongs_its_token_by_nothing_that_it_says,
    a_piece_of_work_administrates_nothing,
}

fn hex(id: &str) -> String {
    id.replace('-', "")
}

async fn add_run(database: &Database, id: &str, root: Option<&str>) {
    let id = hex(id);
    let root = root.map_or("NULL".to_owned(), |root| format!("'{}'", hex(root)));
    let sql = format!(
        "INSERT INTO pipeline_run (id, created, updated, name, status, in_progress, enable_heartbeat, `index`, \
         root_run_id, project_id) SELECT '{id}', created, created, '{id}', 'running', 1, 0, 1, {root}, id FROM project"
    );
    database.execute(&sql).await;
}

async fn workload_token(caller: &Caller, query: &str) -> Result<String, crate::support::Answer> {
    let answer = caller.get(&format!("/api/v1/api_token?token_type=workload&{query}")).await;
    if answer.status == 200 { Ok(answer.json().as_str().unwrap().to_owned()) } else { Err(answer) }
}

async fn a_runs_token_works_while_the_run_does_and_for_the_leeway(database: Database) {
    let app = TestApp::start(&database).await;
    add_run(&database, RUN, None).await;
    let admin = app.signed_in().await;
    let token = workload_token(&admin, &format!("pipeline_run_id={RUN}")).await.unwrap();
    let run = app.anonymous().with_token(&token);
    run.get(CURRENT_USER).await.expect_ok();
    // It has no end of its own.
    app.clock.advance(365 * 86_400);
    run.get(CURRENT_USER).await.expect_ok();
    app.clock.advance(-365 * 86_400);

    let end = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S.000000");
    database.execute(&format!("UPDATE pipeline_run SET in_progress = 0, end_time = '{end}'")).await;
    app.clock.advance(3500);
    run.get(CURRENT_USER).await.expect_ok();
    app.clock.advance(102);
    run.until(401, CURRENT_USER, "has finished").await;
    let again = workload_token(&admin, &format!("pipeline_run_id={RUN}")).await.unwrap_err();
    again.expect(400, "has concluded");
    database.execute("DELETE FROM pipeline_run").await;
    run.until(401, CURRENT_USER, "does not exist").await;
}

async fn a_schedules_token_needs_it_active(database: Database) {
    let app = TestApp::start(&database).await;
    let id = hex(RUN);
    let sql = format!(
        "INSERT INTO schedule (id, created, updated, name, active, catchup, is_archived, project_id) \
         SELECT '{id}', created, created, 's', 1, 0, 0, id FROM project"
    );
    database.execute(&sql).await;
    let admin = app.signed_in().await;
    let schedule =
        app.anonymous().with_token(&workload_token(&admin, &format!("schedule_id={RUN}")).await.unwrap());
    schedule.get(CURRENT_USER).await.expect_ok();
    database.execute("UPDATE schedule SET active = 0").await;
    schedule.until(401, CURRENT_USER, "is not active").await;
    workload_token(&admin, &format!("schedule_id={RUN}")).await.unwrap_err().expect(400, "is not active");
}

async fn a_deployments_token_needs_it_there(database: Database) {
    let app = TestApp::start(&database).await;
    let id = hex(RUN);
    let sql = format!(
        "INSERT INTO deployment (id, created, updated, name, status, deployment_metadata, project_id) \
         SELECT '{id}', created, created, 'd', 'running', '{{}}', id FROM project"
    );
    database.execute(&sql).await;
    let admin = app.signed_in().await;
    let token = workload_token(&admin, &format!("deployment_id={RUN}")).await.unwrap();
    let deployment = app.anonymous().with_token(&token);
    deployment.get(CURRENT_USER).await.expect_ok();
    database.execute("DELETE FROM deployment").await;
    deployment.until(401, CURRENT_USER, "does not exist").await;
}

async fn a_workload_token_is_never_traded_for_a_wider_one(database: Database) {
    let app = TestApp::start(&database).await;
    add_run(&database, RUN, None).await;
    add_run(&database, NESTED, Some(RUN)).await;
    add_run(&database, OTHER, None).await;
    let admin = app.signed_in().await;
    let run =
        app.anonymous().with_token(&workload_token(&admin, &format!("pipeline_run_id={RUN}")).await.unwrap());
    let wider = workload_token(&run, &format!("pipeline_run_id={OTHER}")).await.unwrap_err();
    wider.expect(401, "Unable to scope API token to pipeline run");
    // A run nested in its own is narrower, and the way back is not.
    let token = workload_token(&run, &format!("pipeline_run_id={NESTED}")).await.unwrap();
    let nested = app.anonymous().with_token(&token);
    workload_token(&nested, &format!("pipeline_run_id={RUN}"))
        .await
        .unwrap_err()
        .expect(401, "Unable to scope");
    // A generic token made with it is bound to the run as well.
    let script = app.anonymous().with_token(&nested.api_token(600).await);
    script.get(CURRENT_USER).await.expect_ok();
    let end = "2020-01-01 00:00:00.000000";
    let sql =
        format!("UPDATE pipeline_run SET in_progress = 0, end_time = '{end}' WHERE id = '{}'", hex(NESTED));
    database.execute(&sql).await;
    script.until(401, CURRENT_USER, "has finished").await;
    nested.until(401, CURRENT_USER, "has finished").await;
    run.get(CURRENT_USER).await.expect_ok();
    // A workload token doesn't outlive the generic token that asked for it.
    let short = app.script(60).await;
    let token = workload_token(&short, &format!("pipeline_run_id={RUN}")).await.unwrap();
    app.clock.advance(75);
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect(401, "Signature has expired");
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

/// A pipeline of one step, and two of its runs that are under way: the project, and the ids of the runs.
async fn two_runs(admin: &Caller) -> (String, [String; 2]) {
    let project = id(&admin.get("/api/v1/projects/default").await.expect_ok());
    let stack = id(&admin.get("/api/v1/stacks").await.expect_ok()["items"][0]);
    let pipeline = json!({"name": "work", "project": project});
    let pipeline = id(&admin.post("/api/v1/pipelines", pipeline).await.expect_ok());
    let source = json!({"module": "work", "attribute": "only", "type": "user"});
    let spec = json!({"source": source, "upstream_steps": [], "inputs": {}, "invocation_id": "only"});
    let snapshot = json!({
        "project": project, "pipeline": pipeline, "stack": stack, "run_name_template": "work",
        "client_version": "0.98.0", "server_version": "0.98.0",
        "client_environment": {}, "server_environment": {}, "pipeline_configuration": {"name": "work"},
        "step_configurations": {"only": {"spec": spec, "config": {"name": "only"}}},
    });
    let snapshot = id(&admin.post("/api/v1/pipeline_snapshots", snapshot).await.expect_ok());
    let start = async |name: &str| {
        let run = json!({
            "project": project, "snapshot": snapshot, "name": name, "orchestrator_run_id": name,
            "status": "running",
        });
        id(&admin.post("/api/v1/runs", run).await.expect_ok()[0])
    };
    let runs = [start("first").await, start("second").await];
    (project, runs)
}

async fn a_runs_token_reads_and_writes_for_the_run_until_it_has_ended(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (project, [run, other]) = two_runs(&admin).await;
    let token = workload_token(&admin, &format!("pipeline_run_id={run}")).await.unwrap();
    let work = app.anonymous().with_token(&token);
    let path = format!("/api/v1/runs/{run}");
    assert_eq!(work.get(&path).await.expect_ok()["body"]["status"], "running");

    let step = json!({
        "project": project, "pipeline_run_id": run, "name": "only", "status": "running",
        "start_time": "2026-01-01 00:00:00",
    });
    let step = id(&work.post("/api/v1/steps", step).await.expect_ok());
    let metadata = json!({
        "project": project, "resources": [{"id": step, "type": "step_run"}],
        "values": {"loss": 0.5}, "types": {"loss": "float"},
    });
    work.post("/api/v1/run-metadata", metadata).await.expect_ok();
    let components = "/api/v1/components?type=artifact_store";
    let store = id(&work.get(components).await.expect_ok()["items"][0]);
    let source = json!({"module": "builtins", "attribute": "int", "type": "builtin"});
    let artifact = json!({
        "project": project, "artifact_name": "product", "type": "DataArtifact", "uri": "/product",
        "materializer": source, "data_type": source, "save_type": "step_output", "artifact_store_id": store,
    });
    let artifact = id(&work.post("/api/v1/artifact_versions", artifact).await.expect_ok());

    // It is for this run, and so is what is made with it.
    let wider = workload_token(&work, &format!("pipeline_run_id={other}")).await.unwrap_err();
    wider.expect(401, "Unable to scope API token to pipeline run");
    let script = app.anonymous().with_token(&work.api_token(7200).await);
    script.get(&path).await.expect_ok();

    // The last step ends the run, and the leeway begins.
    let end = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S").to_string();
    let ended = json!({"status": "completed", "end_time": end, "outputs": {"product": [artifact]}});
    let step_path = format!("/api/v1/steps/{step}");
    work.put(&step_path, ended).await.expect_ok();
    let answer = work.get(&step_path).await.expect_ok();
    assert_eq!(answer["metadata"]["run_metadata"]["loss"], 0.5, "{answer}");
    assert_eq!(id(&answer["resources"]["outputs"]["product"][0]), artifact, "{answer}");
    work.put(&path, json!({"status": "completed", "end_time": end})).await.expect_ok();
    let answer = work.get(&path).await.expect_ok();
    assert_eq!(answer["body"]["status"], "completed", "{answer}");
    app.clock.advance(3700);
    for caller in [&work, &script] {
        caller.until(401, &path, "has finished").await;
        caller.put(&step_path, json!({})).await.expect(401, "has finished");
    }
    let token = workload_token(&admin, &format!("pipeline_run_id={other}")).await.unwrap();
    app.anonymous().with_token(&token).get(&path).await.expect_ok();
}

async fn a_run_prolongs_its_token_by_nothing_that_it_says(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (project, [run, _]) = two_runs(&admin).await;
    let path = format!("/api/v1/runs/{run}");
    let snapshot = admin.get(&path).await.expect_ok()["resources"]["snapshot"]["id"].clone();
    let dynamic = json!({
        "project": project, "stack": id(&admin.get("/api/v1/stacks").await.expect_ok()["items"][0]),
        "pipeline": admin.get("/api/v1/pipelines").await.expect_ok()["items"][0]["id"], "is_dynamic": true,
        "run_name_template": "work", "client_version": "0.98.0", "server_version": "0.98.0",
        "client_environment": {}, "server_environment": {}, "pipeline_configuration": {"name": "work"},
        "step_configurations": {},
    });
    let dynamic = admin.post("/api/v1/pipeline_snapshots", dynamic).await.expect_ok()["id"].clone();
    for (name, snapshot) in [("static", snapshot), ("dynamic", dynamic)] {
        let says = json!({
            "project": project, "snapshot": snapshot, "name": name, "orchestrator_run_id": name, "status": "running",
            "start_time": "2026-01-01 00:00:00", "end_time": "2099-01-01 00:00:00",
        });
        let run = id(&admin.post("/api/v1/runs", says).await.expect_ok()[0]);
        let path = format!("/api/v1/runs/{run}");
        let token = workload_token(&admin, &format!("pipeline_run_id={run}")).await.unwrap();
        let work = app.anonymous().with_token(&token);
        work.put(&path, json!({"status": "failed", "end_time": "2099-01-01 00:00:00"})).await.expect_ok();
        work.put(&path, json!({"status": "resuming"})).await.expect(403, "run");
        let step = json!({
            "project": project, "pipeline_run_id": run, "name": "only", "status": "running",
            "start_time": "2026-01-01 00:00:00",
        });
        work.post("/api/v1/steps", step).await;
        app.clock.advance(3500);
        work.put(&path, json!({"status": "failed", "end_time": "2099-01-01 00:00:00"})).await.expect_ok();
        app.clock.advance(200);
        work.until(401, &path, "has finished").await;
        if name == "dynamic" {
            // A person may begin it anew.
            admin.put(&path, json!({"status": "resuming"})).await.expect_ok();
            work.until(200, &path, "resuming").await;
        }
    }
}

/// Whatever its owner may: here an admin.
async fn a_piece_of_work_administrates_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    add_run(&database, RUN, None).await;
    let admin = app.signed_in().await;
    app.new_user("bob", false).await;
    admin.post("/api/v1/service_accounts", json!({"name": "robot", "active": true})).await.expect_ok();
    let keys = "/api/v1/service_accounts/robot/api_keys";
    let robot = id(&admin.get("/api/v1/service_accounts/robot").await.expect_ok());
    let keys = keys.replace("robot", &robot);
    admin.post(&keys, json!({"name": "ci"})).await.expect_ok();
    let script = admin.get("/api/v1/api_tokens?size=1").await.expect_ok();
    assert_eq!(script["total"], 0);
    let other = admin.api_token(600).await;
    let token_id = id(&admin.get("/api/v1/api_tokens").await.expect_ok()["items"][0]);
    let work = workload_token(&admin, &format!("pipeline_run_id={RUN}")).await.unwrap();
    let work = app.anonymous().with_token(&work);
    let script = app.anonymous().with_token(&work.api_token(600).await);
    let user = "/api/v1/users/bob".to_owned();
    let requests = [
        (
            "POST",
            "/api/v1/users".to_owned(),
            json!({"name": "eve", "is_admin": true, "password": "sesame open"}),
        ),
        ("PUT", user.clone(), json!({"is_admin": true})),
        ("PUT", format!("{user}/deactivate"), json!({})),
        ("DELETE", user, json!({})),
        ("PUT", CURRENT_USER.to_owned(), json!({"full_name": "Eve"})),
        ("POST", "/api/v1/service_accounts".to_owned(), json!({"name": "eve", "active": true})),
        ("PUT", format!("/api/v1/service_accounts/{robot}"), json!({"active": false})),
        ("DELETE", format!("/api/v1/service_accounts/{robot}"), json!({})),
        ("POST", keys.clone(), json!({"name": "eve"})),
        ("PUT", format!("{keys}/ci"), json!({"active": false})),
        ("PUT", format!("{keys}/ci/rotate"), json!({"retain_period_minutes": 0})),
        ("DELETE", format!("{keys}/ci"), json!({})),
        ("PUT", format!("/api/v1/devices/{RUN}"), json!({"locked": true})),
        ("PUT", format!("/api/v1/devices/{RUN}/verify"), json!({"user_code": "x"})),
        ("DELETE", format!("/api/v1/devices/{RUN}"), json!({})),
        ("PUT", "/api/v1/settings".to_owned(), json!({"server_name": "eve"})),
        ("DELETE", format!("/api/v1/api_tokens/{token_id}"), json!({})),
        ("POST", "/api/v1/api_tokens/revoke".to_owned(), json!({"all": true})),
        ("POST", "/api/v1/api_tokens/revoke".to_owned(), json!({"user": "bob"})),
    ];
    let tables = ["user", "api_key", "auth_devices", "server_settings"];
    let of_interest = async || {
        let all = database.contents().await;
        all.into_iter().filter(|(table, _)| tables.contains(&table.as_str())).collect::<Vec<_>>()
    };
    let before = of_interest().await;
    for (method, path, body) in requests {
        for caller in [&work, &script] {
            let answer = match method {
                "POST" => caller.post(&path, body.clone()).await,
                "PUT" => caller.put(&path, body.clone()).await,
                _ => caller.delete(&path).await,
            };
            answer.expect(403, "bound to a piece of work");
        }
    }
    assert_eq!(of_interest().await, before);
    app.anonymous().with_token(&other).get(CURRENT_USER).await.expect_ok();
}
