//! Schedules, and what runs wait for: what happens at once, and what an archive means.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    moments_are_kept_as_utc_and_intervals_as_seconds,
    an_archived_schedule_frees_its_name_and_ends_its_tokens,
    what_ends_here_carries_its_tokens_no_longer_at_once,
    of_schedules_with_one_name_one_is_made,
    a_run_waits_for_one_thing_at_a_time,
    a_condition_is_resolved_once,
}

async fn id_of(caller: &Caller, path: &str, body: Value) -> String {
    let made = caller.post(path, body).await.expect_ok();
    let made = if made.is_array() { made[0].clone() } else { made };
    made["id"].as_str().unwrap().to_owned()
}

async fn project(caller: &Caller) -> String {
    caller.get("/api/v1/projects/default").await.expect_ok()["id"].as_str().unwrap().to_owned()
}

async fn make(caller: &Caller, name: &str, more: Value) -> Answer {
    let mut body = json!({
        "project": project(caller).await, "name": name, "active": true, "orchestrator_id": null, "pipeline_id": null,
        "cron_expression": "* * * * *",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    caller.post("/api/v1/schedules", body).await
}

async fn moments_are_kept_as_utc_and_intervals_as_seconds(database: Database) {
    let app = TestApp::start(&database).await;
    let times = json!({
        "start_time": "2030-01-01T02:00:00+02:00", "end_time": 1_893_456_060, "interval_second": "PT1M30.5S",
    });
    let made = make(&app.signed_in().await, "s", times).await.expect_ok();
    assert_eq!(made["body"]["start_time"], "2030-01-01T00:00:00");
    assert_eq!(made["body"]["end_time"], "2030-01-01T00:01:00");
    assert_eq!(made["body"]["interval_second"], "PT1M30.5S");
    assert_eq!(database.texts("SELECT CAST(interval_second AS CHAR) FROM schedule").await, ["90.5"]);
}

async fn an_archived_schedule_frees_its_name_and_ends_its_tokens(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let long = "é".repeat(255);
    let made = make(&admin, &long, json!({})).await.expect_ok();
    let path = format!("/api/v1/schedules/{}", made["id"].as_str().unwrap());
    let token = format!("/api/v1/api_token?token_type=workload&schedule_id={}", made["id"].as_str().unwrap());
    let token = admin.get(&token).await.expect_ok();
    let workload = app.anonymous().with_token(token.as_str().unwrap());
    workload.get("/api/v1/current-user").await.expect_ok();
    admin.delete(&format!("{path}?soft=true")).await.expect_ok();
    workload.get("/api/v1/current-user").await.expect(401, "is not active");
    let archived = admin.get(&path).await.expect_ok();
    assert_eq!(
        (&archived["body"]["is_archived"], &archived["body"]["active"]),
        (&json!(true), &json!(false))
    );
    admin.put(&path, json!({"active": true})).await.expect(403, "archived");
    make(&admin, &long, json!({})).await.expect_ok();
}

async fn what_ends_here_carries_its_tokens_no_longer_at_once(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_WORKLOAD_TOKEN_EXPIRATION_LEEWAY", "0")]).await;
    let admin = app.signed_in().await;
    let token = async |of: &str, id: &str| {
        let asked = format!("/api/v1/api_token?token_type=workload&{of}={id}");
        let token = admin.get(&asked).await.expect_ok();
        let workload = app.anonymous().with_token(token.as_str().unwrap());
        // It is remembered from now on that this is good.
        workload.get("/api/v1/current-user").await.expect_ok();
        workload
    };
    let schedule =
        async |name: &str| make(&admin, name, json!({})).await.expect_ok()["id"].as_str().unwrap().to_owned();
    let (off, gone) = (schedule("off").await, schedule("gone").await);
    let (of_off, of_gone) = (token("schedule_id", &off).await, token("schedule_id", &gone).await);
    admin.put(&format!("/api/v1/schedules/{off}"), json!({"active": "no"})).await.expect_ok();
    of_off.get("/api/v1/current-user").await.expect(401, "is not active");
    admin.delete(&format!("/api/v1/schedules/{gone}?soft=false")).await.expect_ok();
    of_gone.get("/api/v1/current-user").await.expect(401, "does not exist");
    let (_, run) = waiting_run(&admin).await;
    let of_run = token("pipeline_run_id", &run).await;
    admin.put(&format!("/api/v1/runs/{run}"), json!({"status": "completed"})).await.expect_ok();
    app.clock.advance(1);
    of_run.get("/api/v1/current-user").await.expect(401, "has finished");
    let snapshots = admin.get("/api/v1/pipeline_snapshots").await.expect_ok();
    let snapshot = snapshots["items"][0]["id"].as_str().unwrap();
    let other = json!({"project": project(&admin).await, "name": "o", "snapshot": snapshot, "status": "running",
        "orchestrator_run_id": "o"});
    let other = id_of(&admin, "/api/v1/runs", other).await;
    let of_other = token("pipeline_run_id", &other).await;
    admin.delete(&format!("/api/v1/pipeline_snapshots/{snapshot}")).await.expect_ok();
    of_other.get("/api/v1/current-user").await.expect(401, "does not exist");
}

async fn of_schedules_with_one_name_one_is_made(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let answers = join_all((0..8).map(|_| make(&admin, "s", json!({})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect(409, "already exists");
    }
}

/// A run of a dynamic pipeline.
async fn waiting_run(admin: &Caller) -> (String, String) {
    let project = project(admin).await;
    let stacks = admin.get("/api/v1/stacks?name=default").await.expect_ok();
    let pipeline = id_of(admin, "/api/v1/pipelines", json!({"project": project, "name": "p"})).await;
    let snapshot = json!({
        "project": project, "run_name_template": "x", "pipeline_configuration": {"name": "p"}, "is_dynamic": true,
        "stack": stacks["items"][0]["id"], "pipeline": pipeline,
    });
    let snapshot = id_of(admin, "/api/v1/pipeline_snapshots", snapshot).await;
    let run = json!({"project": project, "name": "r", "snapshot": snapshot, "status": "running", "orchestrator_run_id": "r"});
    let run = id_of(admin, "/api/v1/runs", run).await;
    (project, run)
}

async fn wait_for(admin: &Caller, (project, run): &(String, String), name: &str) -> Answer {
    let condition = json!({"project": project, "run": run, "name": name, "type": "external_input"});
    admin.post("/api/v1/run_wait_conditions", condition).await
}

async fn a_run_waits_for_one_thing_at_a_time(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let run = waiting_run(&admin).await;
    let names = ["a", "b", "c", "d", "e"];
    let answers = join_all(names.map(|name| wait_for(&admin, &run, name))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect(403, "waits for something already");
    }
    // The same one again is that one, however often.
    let made = answers.iter().find(|answer| answer.status == 200).unwrap().json();
    let again = wait_for(&admin, &run, made["name"].as_str().unwrap()).await.expect_ok();
    assert_eq!(again["id"], made["id"]);
}

async fn a_condition_is_resolved_once(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let run = waiting_run(&admin).await;
    let condition = wait_for(&admin, &run, "a").await.expect_ok();
    let path = format!("/api/v1/run_wait_conditions/{}/resolve", condition["id"].as_str().unwrap());
    let answers = join_all((0..5).map(|_| admin.put(&path, json!({"resolution": "abort"})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect(403, "resolved before");
    }
    let status = admin.get(&format!("/api/v1/runs/{}/status", run.1)).await.expect_ok();
    assert_eq!(status, "stopped");
}
