//! Tokens for some addresses: they are good there and nowhere else, and nothing wider is made with them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, Program, TestApp, wait_until};

const CURRENT_USER: &str = "/api/v1/current-user";
const FORWARD_AUTH: &str = "/oauth/forward-auth";
const INSIDE: &str = "10.1.2.3";
const OUTSIDE: &str = "192.0.2.7";
const REASON: &str = "may not be used from";

on_each_store! {
    a_token_for_addresses_is_refused_elsewhere_with_a_record,
    nothing_wider_is_made_with_it,
    it_is_shown_with_its_addresses,
    other_programs_are_told_of_its_addresses,
    only_a_trusted_proxy_says_where_a_token_is_used,
    what_is_no_address_is_refused,
}

/// A server behind a proxy on this machine.
async fn app(database: &Database) -> TestApp {
    TestApp::start_with(database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1,10.9.0.0/16")]).await
}

fn at(app: &TestApp, address: &str) -> Caller {
    app.anonymous().with("x-forwarded-for", address)
}

async fn token_for(caller: &Caller, addresses: &str) -> String {
    let asked = format!("/api/v1/api_token?addresses={addresses}");
    caller.get(&asked).await.expect_ok().as_str().unwrap().to_owned()
}

async fn refusals(admin: &Caller) -> Vec<Value> {
    let page = admin.get("/api/v1/audit?action=sign_in_refused").await.expect_ok();
    page["items"].as_array().unwrap().clone()
}

async fn a_token_for_addresses_is_refused_elsewhere_with_a_record(database: Database) {
    let app = app(&database).await;
    let admin = app.signed_in().await;
    let token = token_for(&admin, "10.0.0.0/8,2001:db8::/32").await;
    for inside in [INSIDE, "10.255.0.1, 10.9.0.1", "2001:db8::9", "::ffff:10.0.0.1"] {
        at(&app, inside).with_token(&token).get(CURRENT_USER).await.expect_ok();
    }
    for outside in [OUTSIDE, "2001:db9::1", "10.1.2.3, 192.0.2.7", "192.0.2.7, 10.9.0.1"] {
        let answer = at(&app, outside).with_token(&token).get(CURRENT_USER).await;
        answer.expect(403, REASON);
        assert_eq!(answer.json()["detail"][0], "IllegalOperationError");
    }
    // Nowhere else either: open routes that act for whoever asks, a cookie, a token of one's own.
    let outside = at(&app, OUTSIDE);
    let revoke =
        outside.clone().with_token(&token).post("/api/v1/api_tokens/revoke", json!({"all": true})).await;
    revoke.expect(403, REASON);
    outside.clone().with_token(&token).get("/api/v1/api_token").await.expect(403, REASON);
    let id = admin.get("/api/v1/info").await.expect_ok()["id"].as_str().unwrap().to_owned();
    let cookie = format!("zenml-server-{id}={token}");
    outside.with("cookie", &cookie).get(CURRENT_USER).await.expect(403, REASON);

    let found = refusals(&admin).await;
    let of_address = found.iter().find(|record| record["address"] == OUTSIDE).unwrap();
    assert!(of_address["reason"].as_str().unwrap().contains(REASON), "{of_address}");
    assert_eq!((&of_address["credential"], &of_address["user_name"]), (&json!("token"), &json!(ADMIN)));

    // A flood of them is one record.
    for _ in 0..50 {
        at(&app, OUTSIDE).with_token(&token).get(CURRENT_USER).await.expect(403, REASON);
    }
    assert_eq!(refusals(&admin).await.len(), found.len());
    wait_until("the refusals are counted", Duration::from_secs(10), async || {
        refusals(&admin).await.iter().any(|record| record["times"].as_i64() >= Some(50))
    })
    .await;
}

async fn nothing_wider_is_made_with_it(database: Database) {
    let app = app(&database).await;
    let parent = token_for(&app.signed_in().await, "10.0.0.0/8").await;
    let parent = at(&app, INSIDE).with_token(&parent);
    let child = parent.api_token(60).await;
    at(&app, OUTSIDE).with_token(&child).get(CURRENT_USER).await.expect(403, REASON);
    let child = token_for(&parent, "10.1.0.0/16,192.0.2.0/24").await;
    at(&app, INSIDE).with_token(&child).get(CURRENT_USER).await.expect_ok();
    for outside in [OUTSIDE, "10.2.0.1"] {
        at(&app, outside).with_token(&child).get(CURRENT_USER).await.expect(403, REASON);
    }
    let answer = parent.get("/api/v1/api_token?addresses=192.0.2.0/24").await;
    answer.expect(403, "for other addresses only");
    // What could be used elsewhere isn't made with it.
    for (path, body) in [
        ("/api/v1/users", json!({"name": "eve", "password": PASSWORD, "active": true})),
        ("/api/v1/service_accounts", json!({"name": "ci", "active": true})),
    ] {
        parent.post(path, body).await.expect(403, "narrowed");
    }
    parent.put(CURRENT_USER, json!({"password": "another one"})).await.expect(403, "narrowed");
}

async fn it_is_shown_with_its_addresses(database: Database) {
    let app = app(&database).await;
    let admin = app.signed_in().await;
    token_for(&admin, "192.0.2.1&addresses=10.1.0.0/8&name=there").await;
    admin.get("/api/v1/api_token?name=anywhere").await.expect_ok();
    let shown = async |name: &str| {
        let page = admin.get(&format!("/api/v1/api_tokens?name={name}")).await.expect_ok();
        page["items"][0]["body"]["addresses"].clone()
    };
    assert_eq!(shown("there").await, json!(["10.0.0.0/8", "192.0.2.1/32"]));
    assert_eq!(shown("anywhere").await, Value::Null);
}

async fn other_programs_are_told_of_its_addresses(database: Database) {
    let app = app(&database).await;
    let admin = app.signed_in().await;
    let token = token_for(&admin, "10.0.0.0/8").await;
    let ask = async |fields: &[(&str, &str)]| {
        let fields = [&[("token", token.as_str())], fields].concat();
        admin.post_form("/oauth/introspect", &fields).await
    };
    // Where the program stands says nothing of where the token is used.
    let told = ask(&[]).await.expect_ok();
    assert_eq!((&told["active"], &told["addresses"]), (&json!(true), &json!(["10.0.0.0/8"])));
    assert_eq!(ask(&[("address", INSIDE)]).await.expect_ok()["active"], true);
    assert_eq!(ask(&[("address", OUTSIDE)]).await.expect_ok(), json!({"active": false}));
    ask(&[("address", "there")]).await.expect(400, "invalid_request");

    let guarded = async |address: &str| at(&app, address).with_token(&token).get(FORWARD_AUTH).await;
    assert_eq!(guarded(INSIDE).await.status, 200);
    guarded(OUTSIDE).await.expect(403, REASON);
    assert_eq!(refusals(&admin).await.len(), 1);
    // Whoever has its text takes it back, wherever.
    let revoke = json!({"token": token});
    at(&app, OUTSIDE).post("/api/v1/api_tokens/revoke", revoke).await.expect_ok();
    at(&app, INSIDE).with_token(&token).get(CURRENT_USER).await.expect(401, "revoked");
}

async fn only_a_trusted_proxy_says_where_a_token_is_used(database: Database) {
    let app = TestApp::start(&database).await;
    let token = token_for(&app.signed_in().await, "10.0.0.0/8").await;
    at(&app, INSIDE).with_token(&token).get(CURRENT_USER).await.expect(403, "127.0.0.1");
    at(&app, INSIDE).with_token(&token).get(FORWARD_AUTH).await.expect(403, "127.0.0.1");
    let here = token_for(&app.signed_in().await, "127.0.0.1").await;
    at(&app, INSIDE).with_token(&here).get(CURRENT_USER).await.expect_ok();
}

async fn what_is_no_address_is_refused(database: Database) {
    let app = app(&database).await;
    let admin = app.signed_in().await;
    for wrong in ["example.com", "10.0.0.0/33", "", ",", "10.0.0.1%2Fx"] {
        admin.get(&format!("/api/v1/api_token?addresses={wrong}")).await.expect(422, "addresses");
    }
    let many: Vec<String> = (0..65).map(|number| format!("10.{number}.0.1")).collect();
    admin.get(&format!("/api/v1/api_token?addresses={}", many.join(","))).await.expect(422, "more than 64");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_terminal_asks_for_addresses_and_tells_them() {
    let app = app(&Database::sqlite()).await;
    let run = async |args: &[&str]| {
        let program = Program::new(&[&["token"], args].concat());
        let folder = program.folder().display().to_string();
        let program = program.with("HOME", &folder).with("ZENML_CONFIG_PATH", &format!("{folder}/zenml"));
        let program = program.with("ZENML_STORE_URL", &app.url()).with("ZENML_STORE_USERNAME", ADMIN);
        let finished = program.with("ZENML_STORE_PASSWORD", PASSWORD).run().await;
        finished.expect(0, &[]);
        finished.stdout
    };
    let token = run(&["--name", "there", "--address", "10.0.0.0/8", "--address", "192.0.2.1"]).await;
    let token = token.trim_end();
    at(&app, INSIDE).with_token(token).get(CURRENT_USER).await.expect_ok();
    at(&app, "192.0.2.2").with_token(token).get(CURRENT_USER).await.expect(403, REASON);
    let listed: Value = serde_json::from_str(&run(&["list", "--output", "json"]).await).unwrap();
    assert_eq!(listed[0]["addresses"], json!(["10.0.0.0/8", "192.0.2.1/32"]));
    let told = Program::new(&["token", "inspect", "-"]).reading(token).run().await;
    assert!(told.stdout.contains("Usable from  10.0.0.0/8, 192.0.2.1/32"), "{told:?}");
}
