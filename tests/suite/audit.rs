//! The audit: one durable record for whatever somebody should be able to look up later, and never a secret.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, Program, TestApp, wait_until};

const AUDIT: &str = "/api/v1/audit";
const USER_AGENT: &str = "auditor/1.0 (probe)";
const SECONDS: Duration = Duration::from_secs(10);

on_each_store! {
    each_change_of_an_account_leaves_one_record,
    each_change_of_a_key_leaves_one_record,
    each_step_of_a_device_leaves_one_record,
    each_sign_in_leaves_one_record,
    each_refused_sign_in_leaves_one_record,
    each_issued_token_leaves_one_record,
    an_issued_token_and_its_record_are_written_together,
    each_revocation_leaves_one_record,
    each_change_of_a_signing_key_leaves_one_record,
    a_refused_change_leaves_none,
    a_flood_of_refusals_is_counted,
    a_record_outlives_the_server_that_was_killed_after_its_answer,
    records_are_for_admins,
    records_are_filtered_and_paged,
    records_are_kept_for_as_long_as_the_settings_say,
    replicas_share_one_audit,
    no_record_holds_a_secret,
    records_are_shipped_as_json_lines,
    an_operator_reads_them_at_the_terminal,
    an_operator_follows_them_at_the_terminal,
    what_an_operator_does_is_recorded,
    the_first_admin_is_recorded,
}

/// All records, the oldest first.
async fn records(admin: &Caller) -> Vec<Value> {
    let page = admin.get(&format!("{AUDIT}?size=10000&sort_by=created")).await.expect_ok();
    page["items"].as_array().unwrap().clone()
}

/// The records of these actions, once they are as many.
async fn records_of(admin: &Caller, action: &str, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    wait_until(&format!("{count} records of {action}"), SECONDS, async || {
        found = records(admin).await.into_iter().filter(|record| record["action"] == action).collect();
        found.len() >= count
    })
    .await;
    assert_eq!(found.len(), count, "{found:#?}");
    found
}

/// The one record of an action, whose parts are these.
async fn expect_one(admin: &Caller, action: &str, parts: Value) -> Value {
    let record = records_of(admin, action, 1).await.remove(0);
    expect_parts(&record, parts);
    record
}

#[track_caller]
fn expect_parts(record: &Value, parts: Value) {
    for (name, value) in parts.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name} of {record:#}");
    }
}

/// Somebody whose requests can be told apart in the records.
fn named(caller: Caller, request_id: &str) -> Caller {
    caller.with("user-agent", USER_AGENT).with("x-request-id", request_id)
}

/// Where such a request came from.
fn from(request_id: &str) -> Value {
    json!({"request_id": request_id, "user_agent": USER_AGENT, "address": "127.0.0.1", "result": "success"})
}

fn with(mut parts: Value, more: Value) -> Value {
    parts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parts
}

async fn each_change_of_an_account_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let own = admin.get("/api/v1/current-user").await.expect_ok();
    let by_admin = json!({"user_id": own["id"], "user_name": ADMIN, "credential": "token"});

    let request = json!({"name": "ada", "is_admin": false, "password": PASSWORD});
    let ada = named(admin.clone(), "make").post("/api/v1/users", request).await.expect_ok();
    let on_ada = json!({"subject_kind": "user", "subject_id": ada["id"], "subject_name": "ada"});
    let made =
        expect_one(&admin, "user_created", with(from("make"), with(by_admin.clone(), on_ada.clone()))).await;
    assert_eq!((&made["times"], &made["reason"]), (&json!(1), &Value::Null));
    assert!(!made["token_id"].is_null(), "{made}");

    let rename = json!({"full_name": "Ada L."});
    named(admin.clone(), "rename").put("/api/v1/users/ada", rename).await.expect_ok();
    let changed = json!({"details": {"changed": ["full_name"]}});
    let parts = with(with(from("rename"), with(by_admin.clone(), on_ada.clone())), changed);
    expect_one(&admin, "user_updated", parts).await;

    let caller = app.signed_in_as("ada").await;
    let passwords = json!({"password": "another horse", "old_password": PASSWORD});
    named(caller, "password").put("/api/v1/current-user", passwords).await.expect_ok();
    let by_ada = json!({"user_id": ada["id"], "user_name": "ada"});
    expect_one(&admin, "password_changed", with(with(from("password"), on_ada.clone()), by_ada)).await;

    let waiting =
        named(admin.clone(), "off").put("/api/v1/users/ada/deactivate", json!({})).await.expect_ok();
    expect_one(&admin, "user_deactivated", with(from("off"), on_ada.clone())).await;
    let token = &waiting["body"]["activation_token"];
    let activation = json!({"activation_token": token, "password": "a third horse"});
    named(app.anonymous(), "on").put("/api/v1/users/ada/activate", activation).await.expect_ok();
    let by_token = json!({"user_id": ada["id"], "credential": "activation_token"});
    expect_one(&admin, "user_activated", with(with(from("on"), on_ada.clone()), by_token)).await;

    named(admin.clone(), "delete").delete("/api/v1/users/ada").await.expect_ok();
    expect_one(&admin, "user_deleted", with(from("delete"), with(by_admin, on_ada))).await;

    named(admin.clone(), "set").put("/api/v1/settings", json!({"server_name": "zen"})).await.expect_ok();
    let changed = json!({"subject_kind": "server", "details": {"changed": ["server_name"]}});
    expect_one(&admin, "settings_changed", with(from("set"), changed)).await;
}

async fn each_change_of_a_key_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let request = json!({"name": "robot", "active": true});
    let accounts = "/api/v1/service_accounts";
    let robot = named(admin.clone(), "robot").post(accounts, request).await.expect_ok();
    let on_robot =
        json!({"subject_kind": "service_account", "subject_id": robot["id"], "subject_name": "robot"});
    expect_one(&admin, "service_account_created", with(from("robot"), on_robot.clone())).await;
    let account = format!("{accounts}/{}", robot["id"].as_str().unwrap());
    named(admin.clone(), "say").put(&account, json!({"description": "ci"})).await.expect_ok();
    expect_one(&admin, "service_account_updated", with(from("say"), on_robot.clone())).await;

    let keys = format!("{account}/api_keys");
    let key = named(admin.clone(), "key").post(&keys, json!({"name": "ci"})).await.expect_ok();
    let of_robot = json!({"service_account": "robot", "service_account_id": robot["id"]});
    let on_key = json!({"subject_kind": "api_key", "subject_id": key["id"], "subject_name": "ci"});
    let parts = with(with(from("key"), on_key.clone()), json!({"details": of_robot}));
    expect_one(&admin, "api_key_created", parts).await;
    named(admin.clone(), "off").put(&format!("{keys}/ci"), json!({"active": false})).await.expect_ok();
    let details = json!({"details": with(of_robot.clone(), json!({"changed": ["active"], "active": false}))});
    expect_one(&admin, "api_key_updated", with(with(from("off"), on_key.clone()), details)).await;
    let rotation = json!({"retain_period_minutes": 5});
    named(admin.clone(), "turn").put(&format!("{keys}/ci/rotate"), rotation.clone()).await.expect_ok();
    let details = json!({"details": with(of_robot, rotation)});
    expect_one(&admin, "api_key_rotated", with(with(from("turn"), on_key.clone()), details)).await;
    named(admin.clone(), "end").delete(&format!("{keys}/ci")).await.expect_ok();
    expect_one(&admin, "api_key_deleted", with(from("end"), on_key)).await;
    named(admin.clone(), "gone").delete(&account).await.expect_ok();
    expect_one(&admin, "service_account_deleted", with(from("gone"), on_robot)).await;
}

/// A device that has asked: its id and codes.
async fn device(app: &TestApp, request_id: &str) -> (String, Value) {
    let client_id = uuid::Uuid::new_v4().to_string();
    let caller = named(app.anonymous(), request_id);
    let asked =
        caller.post_form("/api/v1/device_authorization", &[("client_id", &client_id)]).await.expect_ok();
    let uri = asked["verification_uri_complete"].as_str().unwrap();
    let id = uri.split_once("device_id=").unwrap().1.split('&').next().unwrap().to_owned();
    (id, with(asked, json!({"client_id": client_id})))
}

async fn fetch_token(app: &TestApp, device: &Value, request_id: &str) -> crate::support::Answer {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", device["client_id"].as_str().unwrap()),
        ("device_code", device["device_code"].as_str().unwrap()),
    ];
    named(app.anonymous(), request_id).post_form("/api/v1/login", &form).await
}

async fn each_step_of_a_device_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (id, asked) = device(&app, "ask").await;
    let on_device = json!({"subject_kind": "device", "subject_id": id});
    let nobody = json!({"credential": "none", "details": {"client_id": asked["client_id"]}});
    expect_one(&admin, "device_authorized", with(with(from("ask"), on_device.clone()), nobody)).await;
    let path = format!("/api/v1/devices/{id}");
    fetch_token(&app, &asked, "early").await.expect(400, "authorization_pending");
    let approval = json!({"user_code": asked["user_code"], "trusted_device": true});
    named(admin.clone(), "yes").put(&format!("{path}/verify"), approval).await.expect_ok();
    let trusted = json!({"user_name": ADMIN, "details": {"trusted_device": true}});
    expect_one(&admin, "device_verified", with(with(from("yes"), on_device.clone()), trusted)).await;
    fetch_token(&app, &asked, "fetch").await.expect_ok();
    let signed_in = records_of(&admin, "sign_in", 2).await.remove(1);
    let parts = json!({"credential": "device_code", "device_id": id, "user_name": ADMIN});
    expect_parts(&signed_in, with(from("fetch"), parts));
    assert!(
        records(&admin).await.iter().all(|record| record["result"] == "success"),
        "waiting is no refusal"
    );
    named(admin.clone(), "lock").put(&path, json!({"locked": true})).await.expect_ok();
    expect_one(&admin, "device_locked", with(from("lock"), on_device.clone())).await;
    named(admin.clone(), "unlock").put(&path, json!({"locked": false})).await.expect_ok();
    expect_one(&admin, "device_unlocked", with(from("unlock"), on_device.clone())).await;
    named(admin.clone(), "delete").delete(&path).await.expect_ok();
    expect_one(&admin, "device_deleted", with(from("delete"), on_device)).await;
}

async fn each_sign_in_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let first = expect_one(&admin, "sign_in", json!({"user_name": ADMIN, "credential": "password"})).await;
    // It names the token that it made.
    let script = app.anonymous().with_token(&admin.api_token(60).await);
    let issued = expect_one(&script, "token_issued", json!({"credential": "token"})).await;
    assert_eq!(issued["token_id"], first["token_id"]);

    let (key, key_id) = api_key(&admin, "robot").await;
    let form = [("password", key.as_str())];
    named(app.anonymous(), "key").post_form("/api/v1/login", &form).await.expect_ok();
    let by_key = records_of(&admin, "sign_in", 2).await.remove(1);
    let parts = json!({"user_name": "robot", "credential": "api_key", "api_key_id": key_id});
    expect_parts(&by_key, with(from("key"), parts));

    let leaving = app.signed_in().await;
    named(leaving, "out").get("/api/v1/logout").await.expect_ok();
    expect_one(&admin, "sign_out", with(from("out"), json!({"user_name": ADMIN, "credential": "token"})))
        .await;
}

/// A service account's new key, and the key's id.
async fn api_key(admin: &Caller, account: &str) -> (String, Value) {
    let request = json!({"name": account, "active": true});
    let account = admin.post("/api/v1/service_accounts", request).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "ci"})).await.expect_ok();
    (key["body"]["key"].as_str().unwrap().to_owned(), key["id"].clone())
}

async fn each_refused_sign_in_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let refused = |request_id: &str| with(from(request_id), json!({"result": "refused", "times": 1}));
    let last = async |count| records_of(&admin, "sign_in_refused", count).await.pop().unwrap();

    named(app.anonymous(), "wrong").login(ADMIN, "guess").await.expect(401, "");
    let parts = json!({"user_name": ADMIN, "credential": "password", "token_id": null});
    expect_parts(&last(1).await, with(refused("wrong"), parts));
    // What was typed for a name may be a password: it isn't kept.
    named(app.anonymous(), "nobody").login("hunter2 hunter2", "guess").await.expect(401, "");
    expect_parts(&last(2).await, with(refused("nobody"), json!({"user_name": null, "user_id": null})));

    let (key, key_id) = api_key(&admin, "robot").await;
    let wrong = format!("{}AAAA", &key[..key.len() - 4]);
    let form = [("password", wrong.as_str())];
    named(app.anonymous(), "key").post_form("/api/v1/login", &form).await.expect(401, "");
    let parts = json!({"credential": "api_key"});
    expect_parts(&last(3).await, with(refused("key"), parts));
    admin.put("/api/v1/service_accounts/robot", json!({"active": false})).await.expect_ok();
    named(app.anonymous().with_token(&key), "bearer").get("/api/v1/current-user").await.expect(401, "");
    let parts = json!({"credential": "api_key", "api_key_id": key_id, "user_name": "robot"});
    expect_parts(&last(4).await, with(refused("bearer"), parts));

    let leaving = app.signed_in().await;
    leaving.get("/api/v1/logout").await.expect_ok();
    named(leaving, "over").get("/api/v1/current-user").await.expect(401, "revoked");
    expect_parts(&last(5).await, with(refused("over"), json!({"user_name": ADMIN, "credential": "token"})));

    named(admin.clone(), "old")
        .put("/api/v1/current-user", json!({"password": "another horse", "old_password": "guess"}))
        .await
        .expect(403, "");
    expect_one(&admin, "password_changed", with(refused("old"), json!({"user_name": ADMIN}))).await;
    // Nobody has come with anything.
    app.anonymous().get("/api/v1/current-user").await.expect(401, "");
    last(5).await;
}

async fn each_issued_token_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let caller = named(admin.clone(), "issue");
    for _ in 0..300 {
        caller.get("/api/v1/api_token?expires_in=60").await.expect_ok();
    }
    let issued = records_of(&admin, "token_issued", 300).await;
    for record in &issued {
        expect_parts(record, with(from("issue"), json!({"user_name": ADMIN, "subject_kind": "api_token"})));
    }
    let mut ids: Vec<&str> = issued.iter().map(|record| record["subject_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 300);
    // What is not written yet when the server stops is written then.
    caller.get("/api/v1/api_token?expires_in=60").await.expect_ok();
    app.stop().await;
    let count = database.texts("SELECT action FROM zendo_audit WHERE action = 'token_issued'").await;
    assert_eq!(count.len(), 301);
}

/// Neither is there without the other, whichever the store doesn't take.
async fn an_issued_token_and_its_record_are_written_together(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let rows = async || {
        let tokens = database.texts("SELECT id FROM zendo_api_token ORDER BY id").await;
        let records = database
            .texts("SELECT subject_id FROM zendo_audit WHERE action = 'token_issued' ORDER BY id")
            .await;
        assert_eq!(tokens, records);
        tokens.len()
    };
    for (number, table) in ["zendo_audit", "zendo_api_token"].into_iter().enumerate() {
        database.execute(&format!("ALTER TABLE {table} RENAME TO zendo_away")).await;
        admin.get("/api/v1/api_token?name=one").await.expect_ok();
        app.state.auth.register.flush().await.expect_err("a table is away");
        database.execute(&format!("ALTER TABLE zendo_away RENAME TO {table}")).await;
        assert_eq!(rows().await, number);
        app.state.auth.register.flush().await.unwrap();
        assert_eq!(rows().await, number + 1);
    }
}

async fn each_revocation_leaves_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let ada = app.new_user("ada", false).await;
    let named_token = "/api/v1/api_token?expires_in=60&name=nightly";
    let token = ada.get(named_token).await.expect_ok().as_str().unwrap().to_owned();
    let issued = expect_one(&admin, "token_issued", json!({"subject_name": "nightly"})).await;
    let id = issued["subject_id"].as_str().unwrap().to_owned();
    let on_token = json!({"subject_kind": "api_token", "subject_id": id});
    named(ada.clone(), "one").delete(&format!("/api/v1/api_tokens/{id}")).await.expect_ok();
    let last = async |count| records_of(&admin, "token_revoked", count).await.pop().unwrap();
    expect_parts(&last(1).await, with(with(from("one"), on_token.clone()), json!({"user_name": "ada"})));
    // By whoever holds its text, which is in no record; once more changes nothing, and leaves none.
    let revoke = "/api/v1/api_tokens/revoke";
    named(app.anonymous(), "again").post(revoke, json!({"token": token})).await.expect_ok();
    let token = ada.get(named_token).await.expect_ok().as_str().unwrap().to_owned();
    let issued = records_of(&admin, "token_issued", 2).await.pop().unwrap();
    let on_token = json!({"subject_kind": "api_token", "subject_id": issued["subject_id"]});
    named(app.anonymous(), "text").post(revoke, json!({"token": token})).await.expect_ok();
    let nobody = json!({"user_name": null, "credential": "none"});
    expect_parts(&last(2).await, with(with(from("text"), on_token), nobody));
    named(admin.clone(), "all").post(revoke, json!({"user": "ada"})).await.expect_ok();
    let on_ada = json!({"subject_kind": "user", "subject_name": "ada", "user_name": ADMIN});
    expect_parts(&last(3).await, with(from("all"), on_ada));
}

async fn each_change_of_a_signing_key_leaves_one_record(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_SIGNING_ALGORITHM", "EdDSA")]).await;
    let admin = app.signed_in().await;
    let zendo = async |args: &[&str]| {
        let program = Program::new(&[&["keys"], args].concat()).on(&database);
        let finished = program.with("ZENDO_SIGNING_ALGORITHM", "EdDSA").run().await;
        finished.expect(0, &[]);
        finished.stdout
    };
    zendo(&["rotate", "--in", "0"]).await;
    let by_operator = json!({"credential": "operator", "subject_kind": "signing_key"});
    let details = json!({"details": {"algorithm": "EdDSA"}});
    let rotated = expect_one(&admin, "signing_key_rotated", with(by_operator.clone(), details)).await;
    let keys: Value = serde_json::from_str(&zendo(&["list", "--output", "json"]).await).unwrap();
    let kids = keys.as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>();
    let old = kids.iter().find(|kid| **kid != rotated["subject_id"]).unwrap();
    zendo(&["retire", old.as_str().unwrap()]).await;
    // The server reads of new keys now and then, and signs with the old one until then.
    wait_until("a new session is good", SECONDS, async || {
        app.signed_in().await.get("/api/v1/current-user").await.status == 200
    })
    .await;
    let retired = records(&app.signed_in().await).await;
    let retired = retired.iter().find(|record| record["action"] == "signing_key_retired").unwrap();
    expect_parts(retired, with(by_operator, json!({"subject_id": old})));
}

async fn a_refused_change_leaves_none(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("ada", false).await;
    let before = records(&admin).await.len();
    let request = json!({"name": "ada", "is_admin": false, "password": PASSWORD});
    admin.post("/api/v1/users", request).await.expect(409, "");
    admin.put("/api/v1/users/ada", json!({"name": ADMIN})).await.expect(409, "");
    admin.put(&format!("/api/v1/users/{ADMIN}/deactivate"), json!({})).await.expect(403, "");
    admin.delete("/api/v1/users/nobody").await.expect(404, "");
    assert_eq!(records(&admin).await.len(), before);
}

async fn a_flood_of_refusals_is_counted(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (key, _) = api_key(&admin, "robot").await;
    let wrong = format!("{}AAAA", &key[..key.len() - 4]);
    let flooding = app.anonymous().with_token(&wrong);
    for _ in 0..400 {
        flooding.get("/api/v1/current-user").await.expect(401, "");
    }
    let mut refused = Vec::new();
    wait_until("all refusals are counted", SECONDS, async || {
        refused = records(&admin).await;
        refused.retain(|record| record["action"] == "sign_in_refused");
        refused.iter().map(|record| record["times"].as_i64().unwrap()).sum::<i64>() == 400
    })
    .await;
    assert!(refused.len() < 40, "{} records of 400 refusals", refused.len());
    assert!(refused.iter().any(|record| record["times"].as_i64().unwrap() > 1), "{refused:#?}");
}

async fn a_record_outlives_the_server_that_was_killed_after_its_answer(database: Database) {
    let program = Program::server().on(&database).with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
    for round in 0..3 {
        let server = program.serve().await;
        let admin = server.signed_in(ADMIN, PASSWORD).await;
        let request = json!({"name": format!("user {round}"), "is_admin": false, "password": PASSWORD});
        admin.post("/api/v1/users", request).await.expect_ok();
        server.anonymous().login(ADMIN, "guess").await.expect(401, "");
        server.signal("KILL");
        server.finish().await;
    }
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    records_of(&admin, "user_created", 3).await;
    records_of(&admin, "sign_in_refused", 3).await;
    records_of(&admin, "sign_in", 4).await;
}

async fn records_are_for_admins(database: Database) {
    let app = TestApp::start(&database).await;
    app.anonymous().get(AUDIT).await.expect(401, "");
    app.new_user("ada", false).await.get(AUDIT).await.expect(403, "Only an admin");
    app.new_user("bob", true).await.get(AUDIT).await.expect_ok();
}

async fn records_are_filtered_and_paged(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("ada", false).await;
    app.anonymous().login("ada", "guess").await.expect(401, "");
    named(app.anonymous(), "mine").login("ada", PASSWORD).await.expect_ok();
    let all = records(&admin).await;
    let newest_first = admin.get(AUDIT).await.expect_ok();
    assert_eq!(newest_first["items"][0], all[all.len() - 1]);
    assert_eq!(newest_first["total"], json!(all.len()));
    let ada = all.iter().find(|record| record["user_name"] == "ada").unwrap()["user_id"].as_str().unwrap();
    let second = |of: &Value, more: i64| {
        let moment: chrono::DateTime<chrono::Utc> = of["created"].as_str().unwrap().parse().unwrap();
        (moment + chrono::TimeDelta::seconds(more)).format("%Y-%m-%d %H:%M:%S").to_string()
    };
    let (first, last) = (&all[0], &all[all.len() - 1]);
    let span = format!("created=in:{},{}", second(first, 0), second(last, 1));
    for (filter, count) in [
        (span, all.len()),
        (format!("created=gte:{}", second(first, 0)), all.len()),
        (format!("created=lte:{}", second(last, 1)), all.len()),
        (format!("created=gt:{}", second(last, 1)), 0),
        (format!("created=lt:{}", second(first, 0)), 0),
        (format!("created=notequals:{}", second(first, -9)), all.len()),
        (format!("created=oneof:[\"{}\"]", second(first, -9)), 0),
        ("created=isnull:".to_owned(), 0),
        ("action=sign_in".to_owned(), 4),
        ("action=startswith:sign_in".to_owned(), 5),
        ("user=ada".to_owned(), 3),
        (format!("user={ada}"), 3),
        ("user=ada&result=refused".to_owned(), 1),
        ("subject=ada".to_owned(), 1),
        (format!("subject_id={ada}&action=user_created"), 1),
        ("request_id=mine".to_owned(), 1),
        ("address=127.0.0.1".to_owned(), all.len()),
        ("created=gt:2020-01-01 00:00:00".to_owned(), all.len()),
        ("created=lt:2020-01-01 00:00:00".to_owned(), 0),
    ] {
        let page = admin
            .get(&format!("{AUDIT}?{}", filter.replace(' ', "%20").replace('"', "%22")))
            .await
            .expect_ok();
        assert_eq!(page["total"], json!(count), "{filter}: {page:#}");
    }
    let page = admin.get(&format!("{AUDIT}?size=1&page=2&sort_by=created")).await.expect_ok();
    assert_eq!(page["items"], json!([all[1]]));
    admin.get(&format!("{AUDIT}?sort_by=details")).await.expect(422, "sort");
}

async fn records_are_kept_for_as_long_as_the_settings_say(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_AUDIT_RETENTION", "30")]).await;
    app.signed_in().await;
    let sweep = async |now| app.state.audit.sweep(now).await.unwrap();
    let count = async || database.texts("SELECT action FROM zendo_audit").await.len();
    let now = chrono::Utc::now();
    sweep(now + chrono::TimeDelta::days(29)).await;
    assert_eq!(count().await, 1);
    app.clock.advance(20 * 86_400);
    app.signed_in().await;
    sweep(now + chrono::TimeDelta::days(31)).await;
    assert_eq!(count().await, 1);
    app.stop().await;

    let app = TestApp::start_with(&database, &[("ZENDO_AUDIT_RETENTION", "0")]).await;
    app.state.audit.sweep(now + chrono::TimeDelta::days(36_500)).await.unwrap();
    assert_eq!(count().await, 1, "0 is for ever");
}

async fn replicas_share_one_audit(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = one.signed_in().await;
    let elsewhere = other.signed_in().await;
    for (app, name) in [(&admin, "ada"), (&elsewhere, "bob")] {
        let request = json!({"name": name, "is_admin": false, "password": PASSWORD});
        app.post("/api/v1/users", request).await.expect_ok();
        app.api_token(60).await;
    }
    records_of(&admin, "token_issued", 2).await;
    records_of(&elsewhere, "token_issued", 2).await;
    records_of(&admin, "user_created", 2).await;
    assert_eq!(records(&admin).await, records(&elsewhere).await);
}

/// Whatever is said to the server that must stay between it and the caller.
async fn no_record_holds_a_secret(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let mut secrets: Vec<String> =
        [PASSWORD, "another horse", "guess", "third horse"].map(str::to_owned).into();
    let mut token = |value: &Value| secrets.push(value.as_str().unwrap().to_owned());
    let (key, _) = api_key(&admin, "robot").await;
    token(&json!(key));
    let keys = "/api/v1/service_accounts/robot/api_keys";
    let account = admin.get("/api/v1/service_accounts/robot").await.expect_ok();
    let keys = keys.replace("robot", account["id"].as_str().unwrap());
    let rotated = admin.put(&format!("{keys}/ci/rotate"), json!({})).await.expect_ok();
    token(&rotated["body"]["key"]);
    let form = [("password", rotated["body"]["key"].as_str().unwrap())];
    token(&app.anonymous().post_form("/api/v1/login", &form).await.expect_ok()["access_token"]);
    app.anonymous().with_token(&key).get(AUDIT).await.expect(401, "");
    token(&json!(admin.api_token(60).await));
    app.anonymous().login("guess", "guess").await.expect(401, "");
    app.anonymous().login(&key, &key).await.expect(401, "");
    let waiting = json!({"name": "ada", "is_admin": false});
    let waiting = admin.post("/api/v1/users", waiting).await.expect_ok();
    token(&waiting["body"]["activation_token"]);
    let activation =
        json!({"activation_token": waiting["body"]["activation_token"], "password": "third horse"});
    app.anonymous()
        .put("/api/v1/users/ada/activate", json!({"activation_token": "guess"}))
        .await
        .expect(401, "");
    app.anonymous().put("/api/v1/users/ada/activate", activation).await.expect_ok();
    let passwords = json!({"password": "another horse", "old_password": "guess"});
    admin.put("/api/v1/current-user", passwords).await.expect(403, "");
    let (id, asked) = device(&app, "ask").await;
    token(&asked["user_code"]);
    token(&asked["device_code"]);
    let guess = json!({"user_code": "guess"});
    admin.put(&format!("/api/v1/devices/{id}/verify"), guess).await.expect(400, "");
    let approval = json!({"user_code": asked["user_code"]});
    admin.put(&format!("/api/v1/devices/{id}/verify"), approval).await.expect_ok();
    token(&fetch_token(&app, &asked, "fetch").await.expect_ok()["access_token"]);
    let passwords = json!({"password": "another horse", "old_password": PASSWORD});
    admin.put("/api/v1/current-user", passwords).await.expect_ok();
    app.stop().await;

    let contents = database.contents().await;
    let (_, rows) = contents.iter().find(|(table, _)| table == "zendo_audit").unwrap();
    assert!(rows.len() > 15, "{rows:#?}");
    for secret in &secrets {
        assert!(secret.len() >= 5);
        let leaked: Vec<&String> = rows.iter().filter(|row| row.contains(secret.as_str())).collect();
        assert!(leaked.is_empty(), "{secret} is in {leaked:#?}");
    }
}

async fn records_are_shipped_as_json_lines(database: Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let app = TestApp::start_with(&database, &[("ZENDO_AUDIT_LOG", path.to_str().unwrap())]).await;
    let admin = app.signed_in().await;
    admin.api_token(60).await;
    app.new_user("ada", false).await;
    app.anonymous().login("ada", "guess").await.expect(401, "");
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    records_of(&admin, "token_issued", 1).await;
    wait_until("each record is a line too", SECONDS, async || lines().len() == records(&admin).await.len())
        .await;
    let sorted = |mut records: Vec<Value>| {
        records.sort_by_key(|record| record["id"].as_str().unwrap().to_owned());
        records
    };
    assert_eq!(sorted(lines()), sorted(records(&admin).await));
    // Whoever rotates the file moves it away.
    std::fs::rename(&path, folder.path().join("audit.jsonl.1")).unwrap();
    app.signed_in().await;
    app.stop().await;
    assert_eq!(lines().len(), 1);
}

async fn an_operator_reads_them_at_the_terminal(database: Database) {
    let app = TestApp::start(&database).await;
    app.new_user("ada", false).await;
    app.anonymous().login("ada", "guess").await.expect(401, "");
    app.stop().await;
    let zendo = async |args: &[&str]| {
        let finished = Program::new(&[&["audit"], args].concat()).on(&database).run().await;
        finished.expect(0, &[]);
        finished.stdout
    };
    let table = zendo(&[]).await;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("TIME (UTC)") && lines[0].contains("ACTION"), "{table}");
    let last = lines[lines.len() - 1];
    assert!(
        last.contains("sign_in_refused") && last.contains("ada") && last.contains("127.0.0.1"),
        "{table}"
    );
    let json =
        zendo(&["--output", "json", "--action", "sign_in", "--action", "user_created", "--limit", "2"]).await;
    let records: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&Value> = records.iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["user_created", "sign_in"], "the newest two, in order: {json}");
    assert_eq!(zendo(&["--user", "ada", "--output", "json"]).await.lines().count(), 2);
    assert_eq!(zendo(&["--since", "2h", "--user", "ada", "--output", "json"]).await.lines().count(), 2);
    assert_eq!(zendo(&["--since", "2999-01-01", "--output", "json"]).await, "");
    let wrong = Program::new(&["audit", "--since", "soon"]).on(&database).run().await;
    wrong.expect(2, &["soon"]);
}

async fn an_operator_follows_them_at_the_terminal(database: Database) {
    let app = TestApp::start(&database).await;
    app.signed_in().await;
    let program = Program::new(&["audit", "--follow", "--output", "json"]).on(&database);
    let following = program.spawn();
    wait_until("what was there", SECONDS, async || following.stdout().lines().count() == 1).await;
    app.new_user("ada", false).await;
    wait_until("what is new", SECONDS, async || following.stdout().lines().count() == 4).await;
    assert!(following.stdout().lines().nth(2).unwrap().contains("user_created"), "{}", following.stdout());
    following.signal("INT");
    following.finish().await;
}

async fn what_an_operator_does_is_recorded(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let zendo = async |args: &[&str]| {
        let program = Program::new(&[&["user"], args].concat()).on(&database).reading("a new horse\n");
        program.run().await.expect(0, &[]);
    };
    zendo(&["create", "ada", "--password-stdin"]).await;
    zendo(&["passwd", "ada", "--password-stdin"]).await;
    zendo(&["deactivate", "ada"]).await;
    let by_operator =
        json!({"credential": "operator", "user_id": null, "address": null, "subject_name": "ada"});
    for action in ["user_created", "password_changed", "user_deactivated"] {
        expect_one(&admin, action, by_operator.clone()).await;
    }
}

async fn the_first_admin_is_recorded(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTO_ACTIVATE", "false")]).await;
    let request = json!({"admin_username": ADMIN, "admin_password": PASSWORD});
    named(app.anonymous(), "first").put("/api/v1/activate", request).await.expect_ok();
    let admin = app.signed_in().await;
    expect_one(&admin, "server_activated", with(from("first"), json!({"credential": "none"}))).await;
    expect_one(&admin, "user_created", with(from("first"), json!({"subject_name": ADMIN}))).await;
}
