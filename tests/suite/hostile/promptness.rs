//! Whatever ends a credential on one replica is felt on every other one within a second: the longest of many is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const REVOKE: &str = "/api/v1/api_tokens/revoke";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const ROUNDS: usize = 3;

on_each_store! {
    every_end_is_felt_on_another_replica_within_a_second,
}

/// Ends something with a request, while its credential is in use elsewhere all the time. Says how long after the answer
/// it was last good there.
async fn felt_after(elsewhere: &Caller, path: &str, end: impl Future<Output = ()>) -> Duration {
    assert_eq!(elsewhere.get(path).await.status, 200);
    let in_use = async {
        loop {
            let answer = elsewhere.get(path).await;
            if answer.status != 200 {
                return Instant::now();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = async {
        end.await;
        Instant::now()
    };
    let (ended, refused) = tokio::join!(ended, in_use);
    refused.saturating_duration_since(ended)
}

struct Replicas {
    one: TestApp,
    other: TestApp,
    admin: Caller,
    database: Database,
}

impl Replicas {
    fn elsewhere(&self, token: &Value) -> Caller {
        self.other.anonymous().with_token(token.as_str().unwrap())
    }

    async fn user(&self, name: &str, is_admin: bool) -> (String, Caller) {
        let user = json!({"name": name, "is_admin": is_admin, "password": PASSWORD});
        let user = self.admin.post("/api/v1/users", user).await.expect_ok();
        let login = self.one.anonymous().login(name, PASSWORD).await.expect_ok();
        let path = format!("/api/v1/users/{}", user["id"].as_str().unwrap());
        (path, self.elsewhere(&login["access_token"]))
    }

    /// A service account's path, its key's path, and who is signed in with the key.
    async fn robot(&self, name: &str) -> (String, String, Caller) {
        let account = json!({"name": name, "active": true});
        let account = self.admin.post("/api/v1/service_accounts", account).await.expect_ok();
        let account = format!("/api/v1/service_accounts/{}", account["id"].as_str().unwrap());
        let key = self.admin.post(&format!("{account}/api_keys"), json!({"name": "ci"})).await.expect_ok();
        let form = [("password", key["body"]["key"].as_str().unwrap())];
        let login = self.one.anonymous().post_form("/api/v1/login", &form).await.expect_ok();
        let key = format!("{account}/api_keys/{}", key["id"].as_str().unwrap());
        (account, key, self.elsewhere(&login["access_token"]))
    }

    async fn device(&self) -> (String, Caller) {
        let client = uuid::Uuid::new_v4().to_string();
        let form = [("client_id", client.as_str())];
        let asked = self.one.anonymous().post_form("/api/v1/device_authorization", &form).await.expect_ok();
        let link = asked["verification_uri_complete"].as_str().unwrap();
        let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap();
        let path = format!("/api/v1/devices/{id}");
        let approval = json!({"user_code": asked["user_code"], "trusted_device": false});
        self.admin.put(&format!("{path}/verify"), approval).await.expect_ok();
        let code = asked["device_code"].as_str().unwrap();
        let form = [("grant_type", GRANT), ("client_id", client.as_str()), ("device_code", code)];
        let login = self.one.anonymous().post_form("/api/v1/login", &form).await.expect_ok();
        (path, self.elsewhere(&login["access_token"]))
    }

    async fn schedule(&self, number: usize) -> (String, Caller) {
        let id = format!("{:032}", number + 1);
        let sql = format!(
            "INSERT INTO schedule (id, created, updated, name, active, catchup, is_archived, project_id) \
             SELECT '{id}', created, created, 's{number}', 1, 0, 0, id FROM project"
        );
        self.database.execute(&sql).await;
        let id = uuid::Uuid::try_parse(&id).unwrap();
        let path = format!("/api/v1/api_token?token_type=workload&schedule_id={id}");
        let token = self.admin.get(&path).await.expect_ok();
        (format!("/api/v1/schedules/{id}"), self.elsewhere(&token))
    }

    async fn run(&self, number: usize) -> (String, Caller) {
        let id = format!("{:032}", number + 1);
        let sql = format!(
            "INSERT INTO pipeline_run (id, created, updated, name, status, in_progress, enable_heartbeat, `index`, \
             project_id) SELECT '{id}', created, created, '{id}', 'running', 1, 0, 1, id FROM project"
        );
        self.database.execute(&sql).await;
        let run = uuid::Uuid::try_parse(&id).unwrap();
        let path = format!("/api/v1/api_token?token_type=workload&pipeline_run_id={run}");
        let token = self.admin.get(&path).await.expect_ok();
        (id, self.elsewhere(&token))
    }
}

async fn every_end_is_felt_on_another_replica_within_a_second(database: Database) {
    let variables = [("ZENML_WORKLOAD_TOKEN_EXPIRATION_LEEWAY", "0")];
    let one = TestApp::start_with(&database, &variables).await;
    let other = TestApp::start_with(&database, &variables).await;
    let admin = one.signed_in().await;
    let replicas = Replicas { one, other, admin, database: database.clone() };
    let mut felt: Vec<(&str, Duration)> = Vec::new();
    for round in 0..ROUNDS {
        each_end(&replicas, round, &mut felt).await;
    }
    felt.sort_by_key(|(_, after)| *after);
    let (what, longest) = felt[felt.len() - 1];
    let median = felt[felt.len() / 2].1;
    println!(
        "{} ends were felt elsewhere after {median:?} (median), {longest:?} (longest: {what})",
        felt.len()
    );
    assert!(longest < Duration::from_secs(1), "{felt:#?}");
}

async fn each_end(replicas: &Replicas, round: usize, felt: &mut Vec<(&'static str, Duration)>) {
    let admin = &replicas.admin;
    let put = async |path: &str, body: Value| drop(admin.put(path, body).await.expect_ok());
    let delete = async |path: &str| drop(admin.delete(path).await.expect_ok());

    let (user, session) = replicas.user(&format!("off-{round}"), false).await;
    let deactivate = format!("{user}/deactivate");
    let end = put(&deactivate, json!({}));
    felt.push(("a user's deactivation", felt_after(&session, CURRENT_USER, end).await));

    let (user, session) = replicas.user(&format!("gone-{round}"), false).await;
    felt.push(("a user's deletion", felt_after(&session, CURRENT_USER, delete(&user)).await));

    let (user, session) = replicas.user(&format!("chief-{round}"), true).await;
    let end = put(&user, json!({"is_admin": false}));
    felt.push(("an admin's flag", felt_after(&session, "/api/v1/audit?size=1", end).await));

    let (_, session) = replicas.user(&format!("new-{round}"), false).await;
    let login = replicas.one.anonymous().login(&format!("new-{round}"), PASSWORD).await.expect_ok();
    let owner = replicas.one.anonymous().with_token(login["access_token"].as_str().unwrap());
    let end = async {
        let change = json!({"password": "another horse", "old_password": PASSWORD});
        owner.put(CURRENT_USER, change).await.expect_ok();
    };
    felt.push(("a password's change", felt_after(&session, CURRENT_USER, end).await));

    let (account, _, robot) = replicas.robot(&format!("robot-{round}")).await;
    let end = put(&account, json!({"active": false}));
    felt.push(("a service account's deactivation", felt_after(&robot, CURRENT_USER, end).await));

    let (_, key, robot) = replicas.robot(&format!("key-{round}")).await;
    felt.push(("a key's deletion", felt_after(&robot, CURRENT_USER, delete(&key)).await));

    let (_, key, robot) = replicas.robot(&format!("rotated-{round}")).await;
    let rotate = format!("{key}/rotate");
    let end = put(&rotate, json!({"retain_period_minutes": 0}));
    felt.push(("a key's rotation", felt_after(&robot, CURRENT_USER, end).await));

    let (device, holder) = replicas.device().await;
    let end = put(&device, json!({"locked": true}));
    felt.push(("a device's lock", felt_after(&holder, CURRENT_USER, end).await));

    let (device, holder) = replicas.device().await;
    felt.push(("a device's deletion", felt_after(&holder, CURRENT_USER, delete(&device)).await));

    let (schedule, holder) = replicas.schedule(round).await;
    let end = put(&schedule, json!({"active": false}));
    felt.push(("a schedule that is turned off", felt_after(&holder, CURRENT_USER, end).await));

    let (run, holder) = replicas.run(round).await;
    // The least time that the column can hold is a second ago.
    let sql = format!(
        "UPDATE pipeline_run SET in_progress = 0, end_time = '2026-01-01 00:00:00' WHERE id = '{run}'"
    );
    let end = replicas.database.execute(&sql);
    felt.push(("a run's end", felt_after(&holder, CURRENT_USER, end).await));

    let token = admin.api_token(600).await;
    let holder = replicas.elsewhere(&json!(token));
    let end = async { drop(admin.post(REVOKE, json!({"token": token})).await.expect_ok()) };
    felt.push(("a revocation", felt_after(&holder, CURRENT_USER, end).await));

    let name = format!("all-{round}");
    let (_, session) = replicas.user(&name, false).await;
    let end = async { drop(admin.post(REVOKE, json!({"user": name})).await.expect_ok()) };
    felt.push(("a revocation of all", felt_after(&session, CURRENT_USER, end).await));

    let login = replicas.one.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    let session = replicas.elsewhere(&login["access_token"]);
    let leaving = replicas.one.anonymous().with_token(login["access_token"].as_str().unwrap());
    let end = async { drop(leaving.get("/api/v1/logout").await.expect_ok()) };
    felt.push(("a sign-out", felt_after(&session, CURRENT_USER, end).await));
}
