//! The register: tokens can be seen, and taken back.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Caller, Database, PASSWORD, Program, TestApp, wait_until};

const API_TOKENS: &str = "/api/v1/api_tokens";
const CURRENT_USER: &str = "/api/v1/current-user";
const REVOKE: &str = "/api/v1/api_tokens/revoke";

on_each_store! {
    a_token_is_seen_with_what_it_may_do_and_where_it_came_from,
    everyone_sees_their_own_tokens_and_an_admin_all,
    the_list_says_what_is_live,
    the_list_says_which_tokens_their_key_or_run_has_ended,
    a_revoked_token_is_refused_at_once_on_every_replica_and_after_a_restart,
    whoever_holds_a_token_may_revoke_it,
    all_tokens_of_an_account_are_taken_back_at_once,
    what_is_no_revocation_is_refused,
    tokens_that_ended_long_ago_are_forgotten,
    the_register_is_right_after_many_at_once_and_restarts,
    a_revocation_that_was_answered_outlives_a_kill,
    while_the_store_is_away_nothing_revoked_comes_back,
}

/// A new token: its text, its path, and a caller who holds it.
async fn new_token(parent: &Caller, app: &TestApp, asked: &str) -> (String, String, Caller) {
    let token = parent.get(&format!("/api/v1/api_token?{asked}")).await.expect_ok();
    let token = token.as_str().unwrap().to_owned();
    let path = format!("{API_TOKENS}/{}", jti(&token));
    let holder = app.anonymous().with_token(&token);
    (token, path, holder)
}

fn jti(token: &str) -> String {
    use base64::Engine;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

async fn a_token_is_seen_with_what_it_may_do_and_where_it_came_from(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await.with("user-agent", "curl/8.0");
    let user = admin.get(CURRENT_USER).await.expect_ok();
    let project = admin.get("/api/v1/projects/default").await.expect_ok();
    let asked = "name=nightly+job&expires_in=600&project=default&scope=runs:read+tags:write";
    let (_, path, holder) = new_token(&admin, &app, asked).await;
    let seen = admin.get(&path).await.expect_ok();
    let body = &seen["body"];
    assert_eq!(seen["name"], "nightly job");
    assert_eq!(body["scope"], "runs:read tags:write");
    assert_eq!(body["projects"], json!([project["id"]]));
    assert_eq!(body["user_id"], user["id"]);
    assert_eq!((&body["token_type"], &body["status"]), (&json!("generic"), &json!("active")));
    assert_eq!((&body["address"], &body["last_used"]), (&json!("127.0.0.1"), &Value::Null));
    assert_eq!(seen["metadata"]["user_agent"], "curl/8.0");
    assert_eq!(seen["resources"]["user"]["name"], user["name"]);
    assert!(!seen.to_string().contains("eyJ"), "its text is told once");

    holder.get("/api/v1/tags").await.expect_ok();
    wait_until("its use is noted", Duration::from_secs(10), async || {
        admin.get(&path).await.expect_ok()["body"]["last_used"].is_string()
    })
    .await;
    app.stop().await;
    let again = TestApp::start(&database).await;
    let again = again.signed_in().await;
    assert_eq!(again.get(&path).await.expect_ok()["body"]["created"], body["created"]);
}

async fn everyone_sees_their_own_tokens_and_an_admin_all(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, bob) = (app.signed_in().await, app.new_user("bob", false).await);
    let (_, of_admin, _) = new_token(&admin, &app, "name=mine").await;
    let (_, of_bob, bobs) = new_token(&bob, &app, "name=bobs").await;
    assert_eq!(names(&bob.get(API_TOKENS).await.expect_ok()), ["bobs"]);
    let all = admin.get(&format!("{API_TOKENS}?sort_by=desc:name")).await.expect_ok();
    assert_eq!(names(&all), ["mine", "bobs"]);
    assert_eq!(names(&admin.get(&format!("{API_TOKENS}?user=bob")).await.expect_ok()), ["bobs"]);
    bob.get(&of_admin).await.expect(404, "No API token");
    bob.delete(&of_admin).await.expect(404, "No API token");
    bob.post(REVOKE, json!({"user": "default"})).await.expect(403, "Only an admin");
    admin.delete(&of_bob).await.expect_ok();
    bobs.get(CURRENT_USER).await.expect(401, "was revoked");
}

/// The status of a token, after it was tried: the list and the check of tokens agree.
async fn status_of(admin: &Caller, path: &str, holder: &Caller) -> String {
    let status = admin.get(path).await.expect_ok()["body"]["status"].as_str().unwrap().to_owned();
    let is_good = holder.get(CURRENT_USER).await.status == 200;
    assert_eq!(status == "active", is_good, "{path} is {status}");
    let listed = admin.get(&format!("{API_TOKENS}?active={is_good}&size=100")).await.expect_ok();
    let id = path.rsplit('/').next().unwrap();
    assert!(listed["items"].as_array().unwrap().iter().any(|item| item["id"] == id), "{path} is {status}");
    status
}

async fn the_list_says_which_tokens_their_key_or_run_has_ended(database: Database) {
    let variables = [("ZENML_WORKLOAD_TOKEN_EXPIRATION_LEEWAY", "0")];
    let app = TestApp::start_with(&database, &variables).await;
    let admin = app.signed_in().await;
    let account =
        admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    let text = |key: &Value| key["body"]["key"].as_str().unwrap().to_owned();
    let rotate = async |minutes: i64| {
        let body = json!({"retain_period_minutes": minutes});
        text(&admin.put(&format!("{keys}/k/rotate"), body).await.expect_ok())
    };
    let made_with = async |key: &str| {
        let login = app.anonymous().post_form("/api/v1/login", &[("password", key)]).await.expect_ok();
        let holder = app.anonymous().with_token(login["access_token"].as_str().unwrap());
        let (_, path, holder) = new_token(&holder, &app, "expires_in=3000").await;
        (path, holder)
    };
    let (first, holder_of_first) = made_with(&text(&key)).await;
    let (second, holder_of_second) = made_with(&rotate(5).await).await;
    assert_eq!(status_of(&admin, &first, &holder_of_first).await, "active");
    // The test itself takes seconds on a busy machine.
    app.clock.advance(270);
    assert_eq!(status_of(&admin, &first, &holder_of_first).await, "active");
    app.clock.advance(31);
    assert_eq!(status_of(&admin, &first, &holder_of_first).await, "ended");
    assert_eq!(status_of(&admin, &second, &holder_of_second).await, "active");
    // The first is two rotations old now, and has no time left.
    let (third, holder_of_third) = made_with(&rotate(5).await).await;
    assert_eq!(status_of(&admin, &first, &holder_of_first).await, "ended");
    assert_eq!(status_of(&admin, &second, &holder_of_second).await, "active");
    rotate(0).await;
    assert_eq!(status_of(&admin, &second, &holder_of_second).await, "ended");
    assert_eq!(status_of(&admin, &third, &holder_of_third).await, "ended");

    for (id, root) in [("1", "NULL"), ("2", "'00000000000000000000000000000001'")] {
        let sql = format!(
            "INSERT INTO pipeline_run (id, created, updated, name, status, in_progress, enable_heartbeat, `index`, \
             root_run_id, project_id) SELECT '{id:0>32}', created, created, '{id}', 'running', 1, 0, {id}, {root}, id \
             FROM project"
        );
        database.execute(&sql).await;
    }
    let nested = "token_type=workload&pipeline_run_id=00000000-0000-0000-0000-000000000002";
    let root = "token_type=workload&pipeline_run_id=00000000-0000-0000-0000-000000000001";
    let (_, _, root) = new_token(&admin, &app, root).await;
    let (_, nested, holder) = new_token(&root, &app, nested).await;
    assert_eq!(status_of(&admin, &nested, &holder).await, "active");
    database
        .execute("UPDATE pipeline_run SET in_progress = 0, end_time = '2026-01-01 00:00:00' WHERE name = '1'")
        .await;
    holder.until(401, CURRENT_USER, "").await;
    assert_eq!(status_of(&admin, &nested, &holder).await, "ended");
}

async fn the_list_says_what_is_live(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, bob) = (app.signed_in().await, app.new_user("bob", false).await);
    new_token(&admin, &app, "name=a&expires_in=3000").await;
    let (_, b, _) = new_token(&admin, &app, "name=b&expires_in=3000").await;
    new_token(&admin, &app, "name=c&expires_in=60").await;
    new_token(&bob, &app, "name=d&expires_in=3000").await;
    admin.delete(&b).await.expect_ok();
    app.clock.advance(61);
    let user = admin.get("/api/v1/users/bob").await.expect_ok();
    let user = format!("/api/v1/users/{}", user["id"].as_str().unwrap());
    admin.put(&user, json!({"active": false})).await.expect_ok();
    let listed = |query: &str| {
        let (admin, path) = (&admin, format!("{API_TOKENS}?{query}"));
        async move { admin.get(&path).await.expect_ok() }
    };
    let all = listed("sort_by=desc:name").await;
    let status: Vec<&str> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["body"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(names(&all), ["d", "c", "b", "a"]);
    assert_eq!(status, ["ended", "expired", "revoked", "active"]);
    assert_eq!(names(&listed("active=true").await), ["a"]);
    assert_eq!(names(&listed("active=false&sort_by=name").await), ["b", "c", "d"]);
    let page = listed("size=1&page=2&sort_by=name&name=oneof:[\"a\",\"c\"]").await;
    assert_eq!((names(&page), &page["total"]), (vec!["c"], &json!(2)));
    admin.get(&format!("{API_TOKENS}?active=maybe")).await.expect(422, "boolean");
}

async fn a_revoked_token_is_refused_at_once_on_every_replica_and_after_a_restart(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = one.signed_in().await;
    let (token, path, holder) = new_token(&admin, &one, "").await;
    let (_, _, child) = new_token(&holder, &one, "").await;
    let elsewhere = other.anonymous().with_token(&token);
    elsewhere.get(CURRENT_USER).await.expect_ok();
    admin.delete(&path).await.expect_ok();
    let answered = std::time::Instant::now();
    holder.get(CURRENT_USER).await.expect(401, "was revoked");
    elsewhere.until(401, CURRENT_USER, "was revoked").await;
    assert!(answered.elapsed() < Duration::from_secs(2), "{:?}", answered.elapsed());
    // What was made from it ends with it.
    child.get(CURRENT_USER).await.expect(401, "was revoked");
    admin.delete(&path).await.expect_ok();
    one.stop().await;
    other.stop().await;
    let again = TestApp::start(&database).await;
    again.anonymous().with_token(&token).get(CURRENT_USER).await.expect(401, "was revoked");
}

async fn whoever_holds_a_token_may_revoke_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (token, _, holder) = new_token(&admin, &app, "scope=tags:read").await;
    let revoked = app.anonymous().post(REVOKE, json!({"token": token})).await.expect_ok();
    assert_eq!(revoked, json!({"revoked": true}));
    holder.get(CURRENT_USER).await.expect(401, "was revoked");
    // A session's token, too.
    let login = app.anonymous().login("default", PASSWORD).await.expect_ok();
    let session = app.anonymous().with_token(login["access_token"].as_str().unwrap());
    app.anonymous().post(REVOKE, json!({"token": login["access_token"]})).await.expect_ok();
    session.get(CURRENT_USER).await.expect(401, "was revoked");
    for text in ["nonsense", "", "eyJhbGciOiJub25lIn0.e30."] {
        let answer = app.anonymous().post(REVOKE, json!({"token": text})).await.expect_ok();
        assert_eq!(answer, json!({"revoked": false}));
    }
}

async fn all_tokens_of_an_account_are_taken_back_at_once(database: Database) {
    let (app, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let (admin, bob) = (app.signed_in().await, app.new_user("bob", false).await);
    // A machine may have a person's name; the person is meant then.
    admin.post("/api/v1/service_accounts", json!({"name": "bob", "active": true})).await.expect_ok();
    let (_, _, of_admin) = new_token(&admin, &app, "").await;
    let (token, path, of_bob) = new_token(&bob, &app, "").await;
    let elsewhere = other.anonymous().with_token(&token);
    elsewhere.get(CURRENT_USER).await.expect_ok();
    bob.post(REVOKE, json!({"all": true})).await.expect_ok();
    of_bob.get(CURRENT_USER).await.expect(401, "was revoked");
    elsewhere.until(401, CURRENT_USER, "was revoked").await;
    assert_eq!(admin.get(&path).await.expect_ok()["body"]["status"], "revoked");
    // Sessions end too. The clock stands still, and yet what is made after is good; others' tokens are as before.
    bob.get(CURRENT_USER).await.expect(401, "was revoked");
    let bob = app.signed_in_as("bob").await;
    let (_, _, after) = new_token(&bob, &app, "").await;
    after.get(CURRENT_USER).await.expect_ok();
    of_admin.get(CURRENT_USER).await.expect_ok();
    admin.post(REVOKE, json!({"user": "bob"})).await.expect_ok();
    after.get(CURRENT_USER).await.expect(401, "was revoked");
    bob.get(CURRENT_USER).await.expect(401, "was revoked");
    app.stop().await;
    let again = TestApp::start(&database).await;
    again.anonymous().with_token(&token).get(CURRENT_USER).await.expect(401, "was revoked");
}

async fn what_is_no_revocation_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for body in [json!({}), json!({"all": false}), json!({"all": true, "user": "default"})] {
        admin.post(REVOKE, body).await.expect(400, "Say one of token, all and user");
    }
    admin.post(REVOKE, json!({"user": "nobody"})).await.expect(404, "nobody");
    admin.post(REVOKE, json!({"token": "ZENKEY_abc"})).await.expect(400, "an API key");
    app.anonymous().post(REVOKE, json!({"all": true})).await.expect(401, "Not authenticated");
    admin.delete(&format!("{API_TOKENS}/{}", uuid::Uuid::nil())).await.expect(404, "No API token");
    admin.delete(&format!("{API_TOKENS}/x")).await.expect(422, "uuid");
    // A narrowed token takes back itself, and no others without the scope.
    let (token, path, reader) = new_token(&admin, &app, "read_only=true").await;
    reader.delete(&path).await.expect(403, "api_tokens:delete");
    reader.post(REVOKE, json!({"all": true})).await.expect(403, "api_tokens:delete");
    reader.post(REVOKE, json!({"token": token})).await.expect_ok();
}

async fn tokens_that_ended_long_ago_are_forgotten(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    new_token(&admin, &app, "name=short&expires_in=60").await;
    new_token(&admin, &app, "name=long&expires_in=604800").await;
    app.state.auth.register.flush().await.unwrap();
    let sweep = async |days: i64| {
        let now = zendo::testing::Clock::now(&*app.clock);
        app.state.auth.register.sweep(now + chrono::TimeDelta::days(days)).await.unwrap();
        let page = admin.get(&format!("{API_TOKENS}?sort_by=desc:name")).await.expect_ok();
        names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(sweep(0).await, ["short", "long"]);
    assert_eq!(sweep(1).await, ["long"]);
    assert!(sweep(8).await.is_empty());
}

/// Some people make, use and revoke tokens at once, while the server is restarted now and then. The register and what
/// is refused are then as a model has them.
async fn the_register_is_right_after_many_at_once_and_restarts(database: Database) {
    let (mut live, mut revoked) = (Vec::new(), Vec::new());
    let mut app = TestApp::start(&database).await;
    for round in 0..3 {
        let admin = app.signed_in().await;
        let person = async |person: usize| {
            let (mut mine, mut taken_back) = (Vec::new(), Vec::new());
            for turn in 0..20 {
                let (token, path, holder) =
                    new_token(&admin, &app, &format!("name={round}-{person}-{turn}")).await;
                match (turn * 7 + person * 3 + round) % 5 {
                    0 => admin.delete(&path).await.expect_ok(),
                    1 => app.anonymous().post(REVOKE, json!({"token": token})).await.expect_ok(),
                    2 => holder.get(CURRENT_USER).await.expect_ok(),
                    _ => Value::Null,
                };
                let is_revoked = (turn * 7 + person * 3 + round) % 5 < 2;
                if is_revoked { &mut taken_back } else { &mut mine }.push(token);
            }
            (mine, taken_back)
        };
        for (mine, taken_back) in futures_util::future::join_all((0..4).map(person)).await {
            live.extend(mine);
            revoked.extend(taken_back);
        }
        app.stop().await;
        app = TestApp::start(&database).await;
    }
    let admin = app.signed_in().await;
    let listed = async |active: bool| {
        let page = admin.get(&format!("{API_TOKENS}?size=1000&active={active}")).await.expect_ok();
        let ids =
            page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
        ids.collect::<HashSet<String>>()
    };
    let ids = |tokens: &[String]| tokens.iter().map(|token| jti(token)).collect::<HashSet<String>>();
    assert_eq!((live.len(), revoked.len()), (144, 96));
    assert_eq!(listed(true).await, ids(&live));
    assert_eq!(listed(false).await, ids(&revoked));
    for (tokens, status) in [(&live, 200), (&revoked, 401)] {
        for token in tokens {
            assert_eq!(app.anonymous().with_token(token).get(CURRENT_USER).await.status, status);
        }
    }
}

async fn while_the_store_is_away_nothing_revoked_comes_back(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (_, revoked, taken_back) = new_token(&admin, &app, "").await;
    let (_, path, good) = new_token(&admin, &app, "").await;
    admin.delete(&revoked).await.expect_ok();
    good.get(CURRENT_USER).await.expect_ok();
    database.execute("ALTER TABLE zendo_revoked_token RENAME TO zendo_away").await;
    app.clock.advance(120);
    app.state
        .auth
        .revocations
        .refresh(zendo::testing::Clock::now(&*app.clock))
        .await
        .expect_err("it is away");
    taken_back.get(CURRENT_USER).await.expect(401, "was revoked");
    // What can't be made durable isn't answered as done, and isn't done.
    admin.delete(&path).await.expect(500, "unexpected");
    good.get(CURRENT_USER).await.expect_ok();
    app.stop().await;
    let unstarted = Program::server().on(&database).with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD).run().await;
    unstarted.expect(1, &["zendo_revoked_token"]);
    database.execute("ALTER TABLE zendo_away RENAME TO zendo_revoked_token").await;
    let again = TestApp::start(&database).await;
    again.signed_in().await.delete(&path).await.expect_ok();
}

/// `ZENDO_TEST_KILLS` says how often: each is a start of the program.
async fn a_revocation_that_was_answered_outlives_a_kill(database: Database) {
    let kills = std::env::var("ZENDO_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let program = Program::server().on(&database).with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
    let mut server = program.serve().await;
    let mut revoked = Vec::new();
    for kill in 0..kills {
        // Signed in anew each time, since all that are taken back at once are so with every sign-in.
        let admin = server.signed_in("default", PASSWORD).await;
        let token = admin.api_token(3600).await;
        let all = kill % 10 == 9;
        let body = if all { json!({"all": true}) } else { json!({"token": token}) };
        admin.post(REVOKE, body).await.expect_ok();
        server.signal("KILL");
        server.finish().await;
        revoked.push(token);
        server = program.serve().await;
        let last = revoked.last().unwrap();
        server.anonymous().with_token(last).get(CURRENT_USER).await.expect(401, "was revoked");
    }
    let mut forgotten = 0;
    for token in &revoked {
        forgotten += usize::from(server.anonymous().with_token(token).get(CURRENT_USER).await.status != 401);
    }
    println!("{} kills, {forgotten} revocations forgotten", revoked.len());
    assert_eq!(forgotten, 0);
}
