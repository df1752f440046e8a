//! A workload token lives and dies with its run, schedule or deployment, and is never traded for a wider one.

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
