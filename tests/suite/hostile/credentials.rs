//! What is made from a credential ends with it, however that ends; and does no more than it.

use std::time::Duration;

use serde_json::{Value, json};

use super::parties::{self, CURRENT_USER, Robot, add_run, claims, end_run, token_of, workload_token};
use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp};

const REVOKE: &str = "/api/v1/api_tokens/revoke";
const RUN: &str = "00000000-0000-0000-0000-000000000001";
const NESTED: &str = "00000000-0000-0000-0000-000000000002";

on_each_store! {
    only_a_persons_own_sign_in_approves_a_device,
    an_api_key_ends_with_the_token_that_it_was_made_with,
    an_api_key_is_rotated_by_somebody_signed_in,
    a_stolen_session_takes_what_came_from_it_and_signing_out_does_not,
    a_revoked_token_takes_all_its_generations_on_every_replica,
    revoking_says_how_many_go_with_it,
    a_chain_of_tokens_has_an_end,
    everything_ends_with_revoke_all,
    a_service_accounts_deactivation_ends_its_tokens_for_good,
    what_a_rotated_secret_is_traded_for_ends_with_its_time,
    a_nested_runs_token_ends_with_the_root_run,
}

async fn only_a_persons_own_sign_in_approves_a_device(database: Database) {
    let app = TestApp::start(&database).await;
    add_run(&database, RUN, None).await;
    let admin = app.signed_in().await;
    let robot = Robot::make(&app, "robot").await;
    let device = parties::device_session(&app, &admin, "00000000-0000-0000-0000-00000000c1e1").await.unwrap();
    let holder = |token: &str| app.anonymous().with_token(token);
    let not_persons = [
        ("an API key", holder(&robot.key)),
        ("a key's session", holder(&robot.session(&app).await)),
        ("an API token", holder(&admin.api_token(60).await)),
        ("a workload token", holder(&workload_token(&admin, RUN).await)),
        ("a device's session", holder(&device)),
        ("an API token of a device", holder(&holder(&device).api_token(60).await)),
    ];
    for (number, (what, caller)) in not_persons.into_iter().enumerate() {
        let client = format!("00000000-0000-0000-0000-0000000000c{number}");
        let asked = parties::ask_for_device(&app, &client).await;
        for denied in [false, true] {
            let answer = parties::decide(&caller, &asked, denied).await;
            assert_eq!(answer.status, 403, "{what} {denied}: {answer:?}");
        }
        let poll = parties::poll(&app, &client, &asked).await;
        poll.expect(400, "authorization_pending");
        parties::decide(&admin, &asked, false).await.expect_ok();
    }
}

async fn an_api_key_ends_with_the_token_that_it_was_made_with(database: Database) {
    let (app, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let robot = Robot::make(&app, "robot").await;
    let keys = format!("{}/api_keys", robot.account);
    let bob = app.new_user("bob", true).await;
    for (number, end) in ["time", "revoked", "password", "deactivation", "all"].into_iter().enumerate() {
        let holder = |token: &str| app.anonymous().with_token(token);
        let bob = if number == 0 { bob.clone() } else { app.new_user(&format!("bob{number}"), true).await };
        let name = bob.get(CURRENT_USER).await.expect_ok()["name"].as_str().unwrap().to_owned();
        let maker = holder(&bob.api_token(600).await).api_token(60).await;
        let made = holder(&maker).post(&keys, json!({"name": end})).await.expect_ok();
        assert!(made["body"]["expires"].is_string(), "{made}");
        let key = made["body"]["key"].as_str().unwrap();
        let form = [("username", ""), ("password", key)];
        let session = app.anonymous().post_form("/api/v1/login", &form).await.expect_ok();
        assert!(session["expires_in"].as_i64().unwrap() <= 60, "{session}");
        let session = token_of(&session);
        let script = holder(&session).api_token(3600).await;
        assert_eq!(claims(&script)["exp"], claims(&maker)["exp"]);
        let bearers = [key.to_owned(), session, script.clone()];
        for bearer in &bearers {
            holder(bearer).get(CURRENT_USER).await.expect_ok();
            other.anonymous().with_token(bearer).get(CURRENT_USER).await.expect_ok();
        }
        let admin = &robot.admin;
        match end {
            "time" => [&app, &other].iter().for_each(|app| app.clock.advance(80)),
            "revoked" => {
                let answer = app.anonymous().post(REVOKE, json!({"token": maker})).await.expect_ok();
                assert_eq!(answer["descendants"], 1);
            }
            "password" => {
                let new = json!({"password": format!("{PASSWORD} anew"), "old_password": PASSWORD});
                bob.put(CURRENT_USER, new).await.expect_ok();
            }
            "deactivation" => {
                admin.put(&format!("/api/v1/users/{name}"), json!({"active": false})).await.expect_ok();
            }
            _ => drop(admin.post(REVOKE, json!({"user": name})).await.expect_ok()),
        }
        for bearer in &bearers {
            let answer = holder(bearer).get(CURRENT_USER).await;
            assert_eq!(answer.status, 401, "{end}: {answer:?}");
            other.anonymous().with_token(bearer).until(401, CURRENT_USER, "").await;
        }
        app.anonymous().post_form("/api/v1/login", &form).await.expect(401, "has ended with it");
        let id = claims(&script)["jti"].as_str().unwrap().to_owned();
        let shown = admin.get(&format!("/api/v1/api_tokens/{id}")).await.expect_ok();
        assert_ne!(shown["body"]["status"], "active", "{end}: {shown}");
        let active = admin.get(&format!("/api/v1/api_tokens?active=true&id={id}")).await.expect_ok();
        assert_eq!(active["total"], 0, "{end}");
    }
    app.stop().await;
    let again = TestApp::start(&database).await;
    again.anonymous().with_token(&robot.key).get(CURRENT_USER).await.expect_ok();
}

async fn an_api_key_is_rotated_by_somebody_signed_in(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app, "robot").await;
    let admin = &robot.admin;
    let device = parties::device_session(&app, admin, "00000000-0000-0000-0000-00000000c1e2").await.unwrap();
    let holder = |token: &str| app.anonymous().with_token(token);
    let first = admin.api_token(60).await;
    let tokens = [first.clone(), holder(&first).api_token(60).await, holder(&device).api_token(60).await];
    let (keys, rotate) = (format!("{}/api_keys", robot.account), format!("{}/rotate", robot.key_path));
    for token in &tokens {
        holder(token).put(&rotate, json!({"retain_period_minutes": 5})).await.expect(403, "signed in");
    }
    holder(&robot.session(&app).await).get(CURRENT_USER).await.expect_ok();
    // What somebody signed in has made has no end, nor has what they have rotated.
    let made = holder(&first).post(&keys, json!({"name": "made"})).await.expect_ok();
    let of_device = holder(&device).post(&keys, json!({"name": "of device"})).await.expect_ok();
    let rotated =
        admin.put(&format!("{keys}/made/rotate"), json!({"retain_period_minutes": 5})).await.expect_ok();
    app.anonymous().post(REVOKE, json!({"token": first})).await.expect_ok();
    for (answer, status) in [(made, 401), (of_device, 200), (rotated, 200)] {
        let key = answer["body"]["key"].as_str().unwrap();
        assert_eq!(holder(key).get(CURRENT_USER).await.status, status, "{answer}");
    }
}

async fn a_stolen_session_takes_what_came_from_it_and_signing_out_does_not(database: Database) {
    let app = TestApp::start(&database).await;
    let sign_in = async || {
        let text = token_of(&app.anonymous().login(ADMIN, PASSWORD).await.expect_ok());
        let session = app.anonymous().with_token(&text);
        let script = app.anonymous().with_token(&session.api_token(600).await);
        (text, session, script)
    };
    let (text, session, script) = sign_in().await;
    session.get("/api/v1/logout").await.expect_ok();
    session.get(CURRENT_USER).await.expect(401, "was revoked");
    script.get(CURRENT_USER).await.expect_ok();
    // That the owner signed out of it keeps nobody from telling it as stolen.
    app.anonymous().post(REVOKE, json!({"token": text})).await.expect_ok();
    script.get(CURRENT_USER).await.expect(401, "was revoked");
    let (text, session, script) = sign_in().await;
    let child = app.anonymous().with_token(&script.api_token(600).await);
    app.anonymous().post(REVOKE, json!({"token": text})).await.expect_ok();
    for caller in [&session, &script, &child] {
        caller.get(CURRENT_USER).await.expect(401, "was revoked");
    }
    app.stop().await;
    let again = TestApp::start(&database).await;
    again.anonymous().with_token(&text).get("/api/v1/logout").await.expect_ok();
    script_at(&again, &script_text(&child)).get(CURRENT_USER).await.expect(401, "was revoked");
}

/// The token that a caller holds, at another server.
fn script_at(app: &TestApp, token: &str) -> Caller {
    app.anonymous().with_token(token)
}

fn script_text(caller: &Caller) -> String {
    caller.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned()
}

async fn a_revoked_token_takes_all_its_generations_on_every_replica(database: Database) {
    let (app, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    add_run(&database, RUN, None).await;
    let admin = app.signed_in().await;
    let first = admin.api_token(600).await;
    let mut tokens = vec![first.clone()];
    for _ in 0..3 {
        let last = app.anonymous().with_token(tokens.last().unwrap());
        tokens.push(last.api_token(600).await);
    }
    tokens.push(workload_token(&app.anonymous().with_token(&tokens[3]), RUN).await);
    let sibling = admin.api_token(600).await;
    let ids: Vec<Value> = tokens.iter().rev().skip(1).map(|token| claims(token)["jti"].clone()).collect();
    assert_eq!(claims(&tokens[4])["parents"].as_array().unwrap()[..4], ids);
    for token in &tokens {
        other.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();
    }
    app.anonymous().post(REVOKE, json!({"token": first})).await.expect_ok();
    let answered = std::time::Instant::now();
    for token in &tokens {
        app.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
    }
    for token in &tokens {
        other.anonymous().with_token(token).until(401, CURRENT_USER, "was revoked").await;
    }
    assert!(answered.elapsed() < Duration::from_secs(2), "{:?}", answered.elapsed());
    other.anonymous().with_token(&sibling).get(CURRENT_USER).await.expect_ok();
}

async fn revoking_says_how_many_go_with_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let parent = admin.api_token(3600).await;
    let parent_id = claims(&parent)["jti"].as_str().unwrap().to_owned();
    let holder = app.anonymous().with_token(&parent);
    let child = holder.api_token(3600).await;
    app.anonymous().with_token(&child).api_token(3600).await;
    holder.api_token(60).await;
    app.clock.advance(120);
    let path = format!("/api/v1/api_tokens/{parent_id}");
    let shown = admin.get(&path).await.expect_ok();
    assert_eq!(shown["metadata"]["descendants"], 2, "the one that has expired isn't counted");
    let of_parent =
        admin.get(&format!("/api/v1/api_tokens?parent_id={parent_id}&active=true")).await.expect_ok();
    assert_eq!(of_parent["total"], 1);
    assert_eq!(of_parent["items"][0]["body"]["parent_id"], parent_id);
    assert_eq!(of_parent["items"][0]["resources"]["parent"]["id"], parent_id);
    assert_eq!(shown["resources"]["parent"], json!(null), "it was made in a session");
    let revoked = admin.delete(&path).await.expect_ok();
    assert_eq!(revoked, json!({"revoked": true, "descendants": 2}));
    let all = admin.get("/api/v1/api_tokens?active=true").await.expect_ok();
    assert_eq!(all["total"], 0, "{all}");
    let grandchild = admin.get("/api/v1/api_tokens?sort_by=desc:created&size=1&page=2").await.expect_ok();
    assert_eq!(grandchild["items"][0]["body"]["status"], "revoked");
    let record = admin.get("/api/v1/audit?action=token_revoked").await.expect_ok();
    assert_eq!(record["items"][0]["details"]["descendants"], 2, "{record}");
    // Those of a session are counted by its text, and those of an account by its name.
    let text = token_of(&app.anonymous().login(ADMIN, PASSWORD).await.expect_ok());
    let session = app.anonymous().with_token(&text);
    session.api_token(60).await;
    let answer = app.anonymous().post(REVOKE, json!({"token": text})).await.expect_ok();
    assert_eq!(answer["descendants"], 1);
    let bob = app.new_user("bob", false).await;
    bob.api_token(60).await;
    let answer = admin.post(REVOKE, json!({"user": "bob"})).await.expect_ok();
    assert_eq!(answer["descendants"], 1);
}

async fn a_chain_of_tokens_has_an_end(database: Database) {
    let app = TestApp::start(&database).await;
    let mut holder = app.signed_in().await;
    for _ in 0..8 {
        holder = app.anonymous().with_token(&holder.api_token(600).await);
    }
    holder.get(CURRENT_USER).await.expect_ok();
    holder.get("/api/v1/api_token").await.expect(403, "made from 8 others");
    holder.get("/api/v1/api_token?token_type=workload").await.expect(403, "made from 8 others");
}

async fn everything_ends_with_revoke_all(database: Database) {
    let (app, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let bob = app.new_user("bob", false).await;
    let device = parties::device_session(&app, &bob, "00000000-0000-0000-0000-00000000c1e1").await.unwrap();
    let second = app.signed_in_as("bob").await;
    let script = bob.api_token(600).await;
    let holders = [script_text(&bob), script_text(&second), device, script];
    second.post(REVOKE, json!({"all": true})).await.expect_ok();
    for token in &holders {
        app.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
        app.anonymous().with_token(token).get("/api/v1/api_token").await.expect(401, "was revoked");
        other.anonymous().with_token(token).until(401, CURRENT_USER, "was revoked").await;
    }
    app.signed_in_as("bob").await.get(CURRENT_USER).await.expect_ok();
}

async fn a_service_accounts_deactivation_ends_its_tokens_for_good(database: Database) {
    let (app, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let robot = Robot::make(&app, "robot").await;
    let session = robot.session(&app).await;
    let script = app.anonymous().with_token(&session).api_token(600).await;
    for active in [false, true] {
        robot.admin.put(&robot.account, json!({"active": active})).await.expect_ok();
    }
    for token in [&session, &script] {
        app.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
        other.anonymous().with_token(token).until(401, CURRENT_USER, "was revoked").await;
    }
    let anew = robot.session(&app).await;
    app.anonymous().with_token(&anew).get(CURRENT_USER).await.expect_ok();
    app.stop().await;
    let again = TestApp::start(&database).await;
    again.anonymous().with_token(&session).get(CURRENT_USER).await.expect(401, "was revoked");
    again.anonymous().with_token(&anew).get(CURRENT_USER).await.expect_ok();
}

async fn what_a_rotated_secret_is_traded_for_ends_with_its_time(database: Database) {
    let app = TestApp::start(&database).await;
    let robot = Robot::make(&app, "robot").await;
    let before = robot.session(&app).await;
    robot
        .admin
        .put(&format!("{}/rotate", robot.key_path), json!({"retain_period_minutes": 10}))
        .await
        .expect_ok();
    // The secret before the rotation is good for ten minutes still, and so is what it is traded for meanwhile.
    let meanwhile = robot.session(&app).await;
    let script = app.anonymous().with_token(&meanwhile).api_token(3600).await;
    app.clock.advance(590);
    for token in [&before, &meanwhile, &script] {
        app.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();
    }
    app.clock.advance(20);
    for token in [&before, &meanwhile, &script] {
        app.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was rotated");
    }
}

async fn a_nested_runs_token_ends_with_the_root_run(database: Database) {
    let app = TestApp::start(&database).await;
    add_run(&database, RUN, None).await;
    add_run(&database, NESTED, Some(RUN)).await;
    let admin = app.signed_in().await;
    let root = app.anonymous().with_token(&workload_token(&admin, RUN).await);
    let nested = app.anonymous().with_token(&workload_token(&root, NESTED).await);
    let script = app.anonymous().with_token(&nested.api_token(600).await);
    let of_person = app.anonymous().with_token(&workload_token(&admin, NESTED).await);
    nested.get(CURRENT_USER).await.expect_ok();
    end_run(&database, RUN).await;
    for caller in [&root, &nested, &script] {
        caller.until(401, CURRENT_USER, "has finished").await;
    }
    of_person.get(CURRENT_USER).await.expect_ok();
}
