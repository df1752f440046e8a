//! API keys that end, in time and place: what is made from them ends with them.

use serde_json::{Value, json};
use zendo::testing::Clock;

use crate::support::{Caller, Database, TestApp};

const ALL: &str = "/api/v1/service_accounts";
const CURRENT_USER: &str = "/api/v1/current-user";
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
const EXPIRED: &str = "has expired";
const ELSEWHERE: &str = "may not be used from";

on_each_store! {
    a_key_ends_with_all_that_was_made_from_it,
    a_key_without_an_end_has_none,
    the_server_caps_how_long_keys_live,
    a_rotated_key_lives_as_long_again_and_its_old_secret_no_longer,
    the_end_of_a_key_can_be_changed,
    a_key_that_was_made_with_a_token_ends_with_it_at_the_latest,
    a_key_is_good_at_its_addresses_alone,
    other_programs_are_told_where_a_key_is_good,
    nothing_of_a_deleted_key_stays,
    what_nobody_uses_is_found,
}

/// A new service account's path to its keys.
async fn keys_of(admin: &Caller) -> String {
    let account = admin.post(ALL, json!({"name": "ci", "active": true})).await.expect_ok();
    format!("{ALL}/{}/api_keys", account["id"].as_str().unwrap())
}

fn text_of(key: &Value) -> &str {
    key["body"]["key"].as_str().unwrap()
}

async fn sign_in(caller: &Caller, key: &str) -> crate::support::Answer {
    caller.post_form("/api/v1/login", &[("password", key)]).await
}

async fn session(app: &TestApp, key: &str) -> Caller {
    let login = sign_in(&app.anonymous(), key).await.expect_ok();
    app.anonymous().with_token(login["access_token"].as_str().unwrap())
}

fn end_of(app: &TestApp, seconds: i64) -> String {
    let end = app.clock.now() + chrono::TimeDelta::seconds(seconds);
    end.format("%Y-%m-%dT%H:%M:%S").to_string()
}

async fn a_key_ends_with_all_that_was_made_from_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let key = admin.post(&keys, json!({"name": "k", "expires_in": HOUR})).await.expect_ok();
    let end = key["body"]["expires"].as_str().unwrap().to_owned();
    assert!(end.starts_with(&end_of(&app, HOUR)[..16]), "{end}");
    let ci = session(&app, text_of(&key)).await;
    // No token of it is dated later, whatever is asked for.
    let token = ci.api_token(86_400).await;
    let listed = ci.get("/api/v1/api_tokens").await.expect_ok()["items"][0]["body"]["expires"].clone();
    assert_eq!(listed.as_str().unwrap()[..19], end[..19]);
    let token = app.anonymous().with_token(&token);
    let bearer = app.anonymous().with_token(text_of(&key));
    for good in [&ci, &token, &bearer] {
        good.get(CURRENT_USER).await.expect_ok();
    }
    app.clock.advance(HOUR + 1);
    for ended in [&ci, &token, &bearer] {
        ended.get(CURRENT_USER).await.expect(401, EXPIRED);
    }
    sign_in(&app.anonymous(), text_of(&key)).await.expect(401, EXPIRED);
    let told = admin.post_form("/oauth/introspect", &[("token", text_of(&key))]).await;
    assert_eq!(told.expect_ok(), json!({"active": false}));
    // It stays in the list, with its end and its last use.
    let shown = admin.get(&format!("{keys}?hydrate=true&expires=isnotnull:")).await.expect_ok();
    assert_eq!((&shown["total"], &shown["items"][0]["body"]["expires"]), (&json!(1), &json!(end)));
    zendo::testing::do_each_job(&app.state).await.unwrap();
    let shown = admin.get(&format!("{keys}/k")).await.expect_ok();
    assert!(shown["metadata"]["last_login"].is_string(), "{shown}");
    let active = admin.get("/api/v1/api_tokens?active=true").await.expect_ok();
    assert_eq!(active["total"], 0, "{active}");
}

async fn a_key_without_an_end_has_none(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    for (name, asked) in
        [("a", json!({})), ("b", json!({"expires_in": 0})), ("c", json!({"expires_in": null}))]
    {
        let mut body = json!({"name": name});
        body.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let key = admin.post(&keys, body).await.expect_ok();
        assert_eq!((&key["body"]["expires"], &key["body"]["addresses"]), (&Value::Null, &Value::Null));
        app.clock.advance(400 * DAY);
        session(&app, text_of(&key)).await.get(CURRENT_USER).await.expect_ok();
    }
    for wrong in [json!(-1), json!("soon"), json!(3_155_760_001_i64)] {
        admin.post(&keys, json!({"name": "x", "expires_in": wrong})).await.expect(422, "expires_in");
    }
}

async fn the_server_caps_how_long_keys_live(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_API_KEY_MAX_LIFETIME", "86400")]).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    // As ZenML's client asks.
    let key = admin.post(&keys, json!({"name": "k", "description": ""})).await.expect_ok();
    assert!(key["body"]["expires"].as_str().unwrap().starts_with(&end_of(&app, DAY)[..16]), "{key}");
    for more in [DAY + 1, 0] {
        let body = json!({"name": "x", "expires_in": more});
        admin.post(&keys, body).await.expect(400, "86400 seconds");
        admin.put(&format!("{keys}/k"), json!({"expires_in": more})).await.expect(400, "86400 seconds");
        admin
            .put(&format!("{keys}/k/rotate"), json!({"expires_in": more}))
            .await
            .expect(400, "86400 seconds");
    }
    admin.post(&keys, json!({"name": "short", "expires_in": HOUR})).await.expect_ok();
    app.clock.advance(DAY);
    session_is_refused(&app, text_of(&key)).await;
    let key = admin.put(&format!("{keys}/k/rotate"), json!({})).await.expect_ok();
    session(&app, text_of(&key)).await.get(CURRENT_USER).await.expect_ok();
}

async fn session_is_refused(app: &TestApp, key: &str) {
    sign_in(&app.anonymous(), key).await.expect(401, EXPIRED);
    app.anonymous().with_token(key).get(CURRENT_USER).await.expect(401, EXPIRED);
}

async fn a_rotated_key_lives_as_long_again_and_its_old_secret_no_longer(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let first = admin.post(&keys, json!({"name": "k", "expires_in": HOUR})).await.expect_ok();
    app.clock.advance(HOUR / 2);
    let rotate = async |body: Value| admin.put(&format!("{keys}/k/rotate"), body).await.expect_ok();
    let second = rotate(json!({"retain_period_minutes": 1000})).await;
    assert!(second["body"]["expires"].as_str().unwrap().starts_with(&end_of(&app, HOUR)[..16]), "{second}");
    let of_first = session(&app, text_of(&first)).await;
    app.clock.advance(HOUR / 2 + 1);
    of_first.get(CURRENT_USER).await.expect(401, EXPIRED);
    session_is_refused(&app, text_of(&first)).await;
    session(&app, text_of(&second)).await.get(CURRENT_USER).await.expect_ok();
    // What has ended doesn't come back with a rotation that keeps it.
    app.clock.advance(HOUR);
    let third = rotate(json!({"retain_period_minutes": 1000, "expires_in": 60})).await;
    session_is_refused(&app, text_of(&second)).await;
    session(&app, text_of(&third)).await.get(CURRENT_USER).await.expect_ok();
    app.clock.advance(61);
    session_is_refused(&app, text_of(&third)).await;
    let fourth = rotate(json!({"expires_in": 0})).await;
    assert_eq!(fourth["body"]["expires"], Value::Null);
}

async fn the_end_of_a_key_can_be_changed(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let path = format!("{keys}/k");
    let key = admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    let ci = session(&app, text_of(&key)).await;
    let changed = admin.put(&path, json!({"expires_in": HOUR, "description": "d"})).await.expect_ok();
    assert!(changed["body"]["expires"].is_string() && changed["metadata"]["description"] == "d", "{changed}");
    let unchanged = admin.put(&path, json!({"description": "e"})).await.expect_ok();
    assert_eq!(unchanged["body"]["expires"], changed["body"]["expires"]);
    app.clock.advance(HOUR + 1);
    // It holds for what was made before, too.
    ci.get(CURRENT_USER).await.expect(401, EXPIRED);
    admin.put(&path, json!({"expires_in": 0})).await.expect_ok();
    session(&app, text_of(&key)).await.get(CURRENT_USER).await.expect_ok();
    let records = admin.get("/api/v1/audit?action=api_key_updated").await.expect_ok();
    assert_eq!(records["items"][2]["details"]["changed"], json!(["description", "expires"]), "{records}");
    // A program's token gives no more time than it has.
    let program = app.anonymous().with_token(&admin.api_token(600).await);
    for body in [json!({"expires_in": DAY}), json!({"addresses": []})] {
        program.put(&path, body).await.expect(403, "signed in");
    }
    program.put(&path, json!({"description": "f"})).await.expect_ok();
}

async fn a_key_that_was_made_with_a_token_ends_with_it_at_the_latest(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let program = app.anonymous().with_token(&admin.api_token(600).await);
    let end = |key: &Value| key["body"]["expires"].as_str().unwrap()[..16].to_owned();
    let long = program.post(&keys, json!({"name": "long", "expires_in": DAY})).await.expect_ok();
    assert_eq!(end(&long), end_of(&app, 600)[..16]);
    let short = program.post(&keys, json!({"name": "short", "expires_in": 60})).await.expect_ok();
    assert_eq!(end(&short), end_of(&app, 60)[..16]);
    let never = admin.put(&format!("{keys}/long"), json!({"expires_in": 0})).await.expect_ok();
    assert_eq!(end(&never), end_of(&app, 600)[..16]);
    app.clock.advance(601);
    sign_in(&app.anonymous(), text_of(&long)).await.expect(401, "has ended with it");
}

async fn a_key_is_good_at_its_addresses_alone(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let body = json!({"name": "k", "addresses": ["10.0.0.0/8", "2001:db8::1"]});
    let key = admin.post(&keys, body).await.expect_ok();
    assert_eq!(key["body"]["addresses"], json!(["10.0.0.0/8", "2001:db8::1/128"]));
    let (inside, outside) = ("10.1.1.1", "192.0.2.1");
    let at = |address: &str| app.anonymous().with("x-forwarded-for", address);
    sign_in(&at(outside), text_of(&key)).await.expect(403, ELSEWHERE);
    at(outside).with_token(text_of(&key)).get(CURRENT_USER).await.expect(403, ELSEWHERE);
    at(inside).with_token(text_of(&key)).get(CURRENT_USER).await.expect_ok();
    let login = sign_in(&at(inside), text_of(&key)).await.expect_ok();
    let login = login["access_token"].as_str().unwrap();
    at(outside).with_token(login).get(CURRENT_USER).await.expect(403, ELSEWHERE);
    let token = at(inside).with_token(login).api_token(600).await;
    at(outside).with_token(&token).get(CURRENT_USER).await.expect(403, ELSEWHERE);
    at(inside).with_token(&token).get(CURRENT_USER).await.expect_ok();
    let refused = admin.get("/api/v1/audit?action=sign_in_refused&user=ci").await.expect_ok();
    let of_key = refused["items"].as_array().unwrap().iter().find(|record| record["credential"] == "api_key");
    assert_eq!((&of_key.unwrap()["address"], &of_key.unwrap()["api_key_id"]), (&json!(outside), &key["id"]));

    // A change holds for what was made before.
    admin.put(&format!("{keys}/k"), json!({"addresses": ["10.2.0.0/16"]})).await.expect_ok();
    for was_good in [login, &token, text_of(&key)] {
        at(inside).with_token(was_good).get(CURRENT_USER).await.expect(403, ELSEWHERE);
        at("10.2.0.1").with_token(was_good).get(CURRENT_USER).await.expect_ok();
    }
    let free = admin.put(&format!("{keys}/k"), json!({"addresses": []})).await.expect_ok();
    assert_eq!(free["body"]["addresses"], Value::Null);
    at(outside).with_token(text_of(&key)).get(CURRENT_USER).await.expect_ok();
    for wrong in [json!(["here"]), json!("10.0.0.0/8"), json!(["10.0.0.0/64"])] {
        admin.post(&keys, json!({"name": "x", "addresses": wrong})).await.expect(422, "addresses");
    }
}

async fn other_programs_are_told_where_a_key_is_good(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let key =
        admin.post(&keys, json!({"name": "k", "addresses": ["::ffff:10.0.0.0/104", "2001:db8::/32"]})).await;
    let key = key.expect_ok();
    assert_eq!(key["body"]["addresses"], json!(["10.0.0.0/8", "2001:db8::/32"]));
    let at = |address: &str| app.anonymous().with("x-forwarded-for", address);
    let login = sign_in(&at("10.1.1.1"), text_of(&key)).await.expect_ok();
    for credential in [text_of(&key), login["access_token"].as_str().unwrap()] {
        for inside in ["10.1.1.1", "::ffff:10.1.1.1", "2001:db8::7"] {
            at(inside).with_token(credential).get(CURRENT_USER).await.expect_ok();
            let guarded = at(inside).with_token(credential).get("/oauth/forward-auth").await;
            assert_eq!(guarded.status, 200, "{inside}");
            let told =
                admin.post_form("/oauth/introspect", &[("token", credential), ("address", inside)]).await;
            assert_eq!(told.expect_ok()["active"], true, "{inside}");
        }
        for outside in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db9::7"] {
            at(outside).with_token(credential).get(CURRENT_USER).await.expect(403, ELSEWHERE);
            at(outside).with_token(credential).get("/oauth/forward-auth").await.expect(403, ELSEWHERE);
            let told =
                admin.post_form("/oauth/introspect", &[("token", credential), ("address", outside)]).await;
            assert_eq!(told.expect_ok(), json!({"active": false}), "{outside}");
        }
        let told = admin.post_form("/oauth/introspect", &[("token", credential)]).await.expect_ok();
        assert_eq!(told["addresses"], json!(["10.0.0.0/8", "2001:db8::/32"]), "{told}");
    }
}

async fn nothing_of_a_deleted_key_stays(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let bounds = async || database.texts("SELECT api_key_id FROM zendo_api_key_bounds").await.len();
    for name in ["a", "b", "c"] {
        admin.post(&keys, json!({"name": name, "expires_in": HOUR})).await.expect_ok();
    }
    assert_eq!(bounds().await, 3);
    admin.delete(&format!("{keys}/a")).await.expect_ok();
    assert_eq!(bounds().await, 2);
    // As ZenML's server deletes one.
    database.execute("DELETE FROM api_key WHERE name = 'b'").await;
    zendo::testing::do_each_job(&app.state).await.unwrap();
    assert_eq!(bounds().await, 1);
    admin.delete(&format!("{ALL}/ci")).await.expect_ok();
    assert_eq!(bounds().await, 0);
}

async fn what_nobody_uses_is_found(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin).await;
    let used = admin.post(&keys, json!({"name": "used"})).await.expect_ok();
    admin.post(&keys, json!({"name": "unused"})).await.expect_ok();
    admin.post(ALL, json!({"name": "idle", "active": true})).await.expect_ok();
    let names = async |path: &str| {
        let page = admin.get(&format!("{path}?unused_days=90&sort_by=name")).await.expect_ok();
        let names =
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        (page["total"].clone(), names.collect::<Vec<String>>())
    };
    assert_eq!(names(&keys).await, (json!(0), vec![]));
    app.clock.advance(91 * DAY);
    app.anonymous().with_token(text_of(&used)).get(CURRENT_USER).await.expect_ok();
    zendo::testing::do_each_job(&app.state).await.unwrap();
    admin.post(&keys, json!({"name": "new"})).await.expect_ok();
    assert_eq!(names(&keys).await, (json!(1), vec!["unused".to_owned()]));
    assert_eq!(names(ALL).await, (json!(1), vec!["idle".to_owned()]));
    for path in [keys.as_str(), ALL, "/api/v1/devices", "/api/v1/api_tokens"] {
        for wrong in ["0", "-1", "x"] {
            admin.get(&format!("{path}?unused_days={wrong}")).await.expect(422, "unused_days");
        }
        admin.get(&format!("{path}?unused_days=1")).await.expect_ok();
    }
}
