//! What ends, and what nobody uses any more: in the console in Chromium, and at the terminal.

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, Program, TestApp, browser, wait_until};
use crate::warnings::Receiver;

const ACCOUNTS: &str = "/api/v1/service_accounts";
const CURRENT_USER: &str = "/api/v1/current-user";
const DAY: i64 = 86_400;
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

on_each_store! {
    keys_are_made_with_an_end_and_addresses_and_show_their_uses,
    warnings_are_told_on_their_page_and_by_webhook,
    what_nobody_uses_is_found_in_the_lists,
    tokens_that_nobody_uses_are_listed_at_the_terminal,
}

async fn jobs(app: &TestApp) {
    zendo::testing::do_each_job(&app.state).await.unwrap();
}

async fn service_account(admin: &Caller, name: &str) -> String {
    let account = admin.post(ACCOUNTS, json!({"name": name, "active": true})).await.expect_ok();
    format!("{ACCOUNTS}/{}/api_keys", account["id"].as_str().unwrap())
}

async fn keys_are_made_with_an_end_and_addresses_and_show_their_uses(database: Database) {
    let app = TestApp::start(&database).await;
    browser("console_keys.mjs", &app, &[]).await;
}

/// What somebody sees, and how often it was told by webhook.
async fn told(admin: &Caller, receiver: &Receiver) -> (u64, usize) {
    let page = admin.get("/api/v1/warnings").await.expect_ok();
    (page["total"].as_u64().unwrap(), receiver.bodies().await.len())
}

async fn warnings_are_told_on_their_page_and_by_webhook(database: Database) {
    let receiver = Receiver::start(0).await;
    let variables = [
        ("ZENDO_WARNING_WEBHOOKS", receiver.url.as_str()),
        ("ZENDO_WARNING_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("ZENDO_WARNING_NETWORKS", "127.0.0.0/8"),
        ("ZENDO_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let app = TestApp::start_with(&database, &variables).await;
    let admin = app.signed_in().await;
    let keys = service_account(&admin, "ci").await;
    for (name, days) in [("soon", 100), ("over", 30)] {
        admin.post(&keys, json!({"name": name, "expires_in": days * DAY})).await.expect_ok();
    }
    app.clock.advance(91 * DAY);
    let admin = app.signed_in().await;
    let roaming = admin.get("/api/v1/api_token?name=roaming").await.expect_ok();
    for address in ["10.0.0.1", "192.0.2.1"] {
        let there = app.anonymous().with("x-forwarded-for", address).with_token(roaming.as_str().unwrap());
        there.get(CURRENT_USER).await.expect_ok();
        let known =
            format!("SELECT network FROM zendo_token_network WHERE network LIKE '{}%'", &address[..4]);
        wait_until("the network is known", LIMIT, async || {
            jobs(&app).await;
            !database.texts(&known).await.is_empty()
        })
        .await;
    }
    let bound =
        app.new_user("ada", false).await.get("/api/v1/api_token?addresses=192.0.2.1").await.expect_ok();
    let elsewhere = app.anonymous().with_token(bound.as_str().unwrap());
    for _ in 0..25 {
        elsewhere.get(CURRENT_USER).await.expect(403, "may not be used from");
    }
    wait_until("each kind of warning is told", LIMIT, async || {
        app.clock.advance(2);
        jobs(&app).await;
        told(&admin, &receiver).await == (4, 4)
    })
    .await;
    let sent = receiver.bodies().await;
    let sent = sent.iter().map(|body| json!({"type": body["type"], "text": body["data"]["text"]}));
    let sent = sent.collect::<Value>().to_string();
    browser("console_warnings.mjs", &app, &[("TOLD", &sent)]).await;
}

/// A machine of that name signs in, and the admin approves it.
async fn device(app: &TestApp, admin: &Caller, host: &str, client_id: &str) {
    let machine =
        app.anonymous().with("user-agent", &format!("Host/{host} ZenML/0.98.0 Python/3.11 OS/linux"));
    let client = [("client_id", client_id)];
    let asked = machine.post_form("/api/v1/device_authorization", &client).await.expect_ok();
    let link = asked["verification_uri_complete"].as_str().unwrap();
    let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap();
    let approval = json!({"user_code": asked["user_code"]});
    admin.put(&format!("/api/v1/devices/{id}/verify"), approval).await.expect_ok();
    let code = asked["device_code"].as_str().unwrap();
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    machine.post_form("/api/v1/login", &[client[0], ("device_code", code), grant]).await.expect_ok();
}

async fn what_nobody_uses_is_found_in_the_lists(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = service_account(&admin, "ci").await;
    service_account(&admin, "idle").await;
    let used = admin.post(&keys, json!({"name": "nightly"})).await.expect_ok();
    admin.post(&keys, json!({"name": "forgotten"})).await.expect_ok();
    device(&app, &admin, "old-host", "00000000-0000-0000-0000-000000000001").await;
    app.clock.advance(91 * DAY);
    let admin = app.signed_in().await;
    app.anonymous().with_token(used["body"]["key"].as_str().unwrap()).get(CURRENT_USER).await.expect_ok();
    device(&app, &admin, "new-host", "00000000-0000-0000-0000-000000000002").await;
    wait_until("the use is known", LIMIT, async || {
        jobs(&app).await;
        admin.get(&format!("{keys}?unused_days=90")).await.expect_ok()["total"] == 1
    })
    .await;
    browser("console_unused.mjs", &app, &[]).await;
}

async fn tokens_that_nobody_uses_are_listed_at_the_terminal(database: Database) {
    let long = [("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "31536000")];
    let app = TestApp::start_with(&database, &long).await;
    let made = async |admin: &Caller, name: &str| {
        let path = format!("/api/v1/api_token?expires_in=31536000&name={name}");
        app.anonymous().with_token(admin.get(&path).await.expect_ok().as_str().unwrap())
    };
    let admin = app.signed_in().await;
    let (used, once) = (made(&admin, "used").await, made(&admin, "once").await);
    made(&admin, "never").await;
    once.get(CURRENT_USER).await.expect_ok();
    jobs(&app).await;
    app.clock.advance(91 * DAY);
    used.get(CURRENT_USER).await.expect_ok();
    let admin = app.signed_in().await;
    made(&admin, "new").await;
    let unused = async |days: u32| {
        let page =
            admin.get(&format!("/api/v1/api_tokens?unused_days={days}&sort_by=name")).await.expect_ok();
        let names = page["items"].as_array().unwrap().iter().map(|token| token["name"].clone());
        names.collect::<Value>()
    };
    wait_until("the use is known", LIMIT, async || {
        jobs(&app).await;
        unused(90).await == json!(["never", "once"])
    })
    .await;
    let list = async |args: &[&str]| {
        let program = Program::new(&[&["token", "list"], args].concat());
        let folder = program.folder().display().to_string();
        let signed_in = program
            .with("HOME", &folder)
            .with("ZENML_CONFIG_PATH", &format!("{folder}/zenml"))
            .with("ZENML_STORE_URL", &app.url())
            .with("ZENML_STORE_USERNAME", ADMIN)
            .with("ZENML_STORE_PASSWORD", PASSWORD);
        signed_in.run().await
    };
    for (args, expected) in [
        (&["--unused"][..], &["never", "once"][..]),
        (&["--unused", "90"], &["never", "once"]),
        (&["--unused", "92"], &[]),
        (&[], &["never", "new", "once", "used"]),
    ] {
        let finished = list(&[args, &["--output", "json"]].concat()).await;
        finished.expect(0, &[]);
        let tokens: Value = serde_json::from_str(&finished.stdout).unwrap();
        let mut names: Vec<&str> =
            tokens.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{args:?}");
        let table = list(args).await.stdout;
        let lines = table.lines().skip(1);
        assert_eq!(lines.count(), expected.len(), "{args:?}: {table}");
    }
    list(&["--unused", "0"]).await.expect(2, &["--unused"]);
}
