//! Webhooks: what they keep, what takes deliveries, and what is counted of them.

use axum::http::Method;
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use zendo::testing::Clock;

use crate::support::{Answer, Caller, Database, TestApp, wait_until};

on_each_store! {
    a_made_secret_is_shown_once_and_kept_where_nobody_sees_it,
    the_old_secret_is_good_for_nothing_after_a_rotation,
    what_a_project_had_is_gone_with_it,
    a_delivery_that_is_sent_again_is_accepted_again_and_counted_once,
    of_deliveries_at_once_with_one_id_one_is_counted,
    refusals_are_told_in_their_order_and_counted,
    deliveries_that_nobody_sends_any_more_are_forgotten,
    a_webhook_that_triggers_wait_for_stays,
    counts_outlive_a_restart,
    no_piece_of_work_touches_webhooks_and_no_narrowed_token_more_than_it_may,
    counts_of_refusals_are_written_by_the_servers_own_job,
    a_repeated_creation_makes_one_webhook_and_its_secret_is_written_nowhere,
}

pub async fn project(caller: &Caller) -> String {
    caller.get("/api/v1/projects/default").await.expect_ok()["id"].as_str().unwrap().to_owned()
}

pub async fn make(caller: &Caller, kind: &str, name: &str, more: Value) -> Answer {
    let mut body = json!({"project": project(caller).await, "name": name, "webhook_type": kind});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    caller.post("/api/v1/webhooks", body).await
}

pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// A webhook that takes deliveries of one's own.
pub struct Hook {
    pub id: String,
    pub secret: String,
}

impl Hook {
    pub async fn custom(caller: &Caller, name: &str) -> Self {
        let made = make(caller, "custom", name, json!({})).await.expect_ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { id: text(&made["id"]), secret: text(&made["secret"]) }
    }

    pub fn events(&self) -> String {
        format!("/api/v1/webhooks/custom/{}/events", self.id)
    }

    /// A delivery as it should be.
    pub async fn deliver(&self, app: &TestApp, delivery: Option<&str>, body: &str) -> Answer {
        let caller = app.anonymous().with("x-zenml-event", "e");
        let signature = format!("sha256={}", sign(&self.secret, body.as_bytes()));
        let caller = caller.with("x-zenml-signature-256", &signature);
        let caller = match delivery {
            Some(id) => caller.with("x-zenml-delivery", id),
            None => caller,
        };
        caller.request(Method::POST, &self.events(), body.to_owned()).await
    }

    pub async fn stats(&self, caller: &Caller) -> Value {
        let webhook = caller.get(&format!("/api/v1/webhooks/{}", self.id)).await.expect_ok();
        webhook["metadata"]["stats"].clone()
    }

    /// Received, accepted, not signed, unreadable.
    pub async fn counts(&self, caller: &Caller) -> [u64; 4] {
        let stats = self.stats(caller).await;
        ["received_count", "accepted_count", "auth_failed_count", "invalid_payload_count"]
            .map(|count| stats[count].as_u64().unwrap())
    }
}

async fn a_made_secret_is_shown_once_and_kept_where_nobody_sees_it(database: Database) {
    let app =
        TestApp::start_with(&database, &[("ZENML_SERVER_SERVER_URL", "https://zen.example.com/")]).await;
    let admin = app.signed_in().await;
    let made = make(&admin, "github", "one", json!({})).await.expect_ok();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert_eq!(secret.len(), 43);
    let url = format!("https://zen.example.com/api/v1/webhooks/github/{id}/events");
    assert_eq!(made["body"]["endpoint_url"], url);
    assert_eq!(
        make(&admin, "github", "two", json!({"secret": "given"})).await.expect_ok()["secret"],
        Value::Null
    );
    for path in [format!("/api/v1/webhooks/{id}"), "/api/v1/webhooks?hydrate=true".to_owned()] {
        assert!(!admin.get(&path).await.text.contains(secret), "{path}");
    }
    assert_eq!(admin.get("/api/v1/secrets").await.expect_ok()["total"], 0);
    let of_webhook = database.texts("SELECT secret_id FROM webhook").await;
    admin.get(&format!("/api/v1/secrets/{}", of_webhook[0])).await.expect(404, "secret");
    make(&admin, "github", "three", json!({"secret": ""})).await.expect(422, "secret");
    admin.delete(&format!("/api/v1/webhooks/{id}")).await.expect_ok();
    assert_eq!(database.texts("SELECT CAST(COUNT(*) AS CHAR) FROM secret").await, ["1"]);
}

async fn the_old_secret_is_good_for_nothing_after_a_rotation(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let mut hook = Hook::custom(&admin, "w").await;
    let old = Hook { id: hook.id.clone(), secret: hook.secret.clone() };
    let path = format!("/api/v1/webhooks/{}/secret", hook.id);
    hook.secret = admin.put(&path, json!({})).await.expect_ok()["secret"].as_str().unwrap().to_owned();
    assert_eq!(old.deliver(&app, None, "{}").await.status, 401);
    assert_eq!(hook.deliver(&app, None, "{}").await.status, 202);
    admin.put(&path, json!({"secret": "mine"})).await.expect(200, r#"{"secret":"mine"}"#);
    hook.secret = "mine".to_owned();
    assert_eq!(hook.deliver(&app, None, "{}").await.status, 202);
    let records = admin.get("/api/v1/audit?action=webhook_secret_rotated").await;
    assert_eq!(records.expect_ok()["total"], 2);
    assert!(!records.text.contains("mine") && !records.text.contains(&old.secret));
}

async fn what_a_project_had_is_gone_with_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let other = admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok();
    make(&admin, "slack", "w", json!({"project": other["id"]})).await.expect_ok();
    admin.delete("/api/v1/projects/other").await.expect_ok();
    for table in ["webhook", "webhook_stats", "secret"] {
        let count = format!("SELECT CAST(COUNT(*) AS CHAR) FROM {table}");
        assert_eq!(database.texts(&count).await, ["0"], "{table}");
    }
    let gone = json!({"project": other["id"]});
    make(&admin, "slack", "w", gone).await.expect(404, "project");
}

async fn a_delivery_that_is_sent_again_is_accepted_again_and_counted_once(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (hook, other) = (Hook::custom(&admin, "w").await, Hook::custom(&admin, "v").await);
    let long = "d".repeat(3000);
    for delivery in [Some("one"), Some("one"), Some(long.as_str()), Some(long.as_str()), None, None] {
        let answer = hook.deliver(&app, delivery, "{}").await;
        assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    }
    assert_eq!(hook.counts(&admin).await, [4, 4, 0, 0]);
    assert_eq!(other.deliver(&app, Some("one"), "{}").await.status, 202);
    assert_eq!(other.counts(&admin).await, [1, 1, 0, 0], "another webhook's deliveries are others");
    let slack = make(&admin, "slack", "s", json!({"secret": "s"})).await.expect_ok();
    let path = format!("/api/v1/webhooks/slack/{}/events", slack["id"].as_str().unwrap());
    let now = app.clock.now().timestamp().to_string();
    let body = r#"{"type":"event_callback","event_id":"E","event":{"type":"message"}}"#;
    let challenge = r#"{"type":"url_verification","challenge":"<c>"}"#;
    for (body, said) in [(body, ""), (body, ""), (challenge, "<c>")] {
        let signature = format!("v0={}", sign("s", format!("v0:{now}:{body}").as_bytes()));
        let caller = app.anonymous().with("x-slack-signature", &signature);
        let caller = caller.with("x-slack-request-timestamp", &now);
        let answer = caller.request(Method::POST, &path, body).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, said));
    }
    let slack = Hook { id: slack["id"].as_str().unwrap().to_owned(), secret: String::new() };
    assert_eq!(slack.counts(&admin).await, [2, 2, 0, 0]);
}

async fn of_deliveries_at_once_with_one_id_one_is_counted(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let all = join_all((0..20).map(|_| hook.deliver(&app, Some("same"), "{}"))).await;
    assert!(all.iter().all(|answer| answer.status == 202), "{all:?}");
    assert_eq!(hook.counts(&admin).await, [1, 1, 0, 0]);
}

async fn refusals_are_told_in_their_order_and_counted(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let anyone = app.anonymous();
    let post = async |caller: &Caller, path: &str, body: &str| {
        caller.request(Method::POST, path, body.to_owned()).await
    };
    let nobody = "/api/v1/webhooks/custom/00000000-0000-0000-0000-000000000001/events";
    for (path, status, said) in [
        (hook.events().replace("custom", "none"), 404, r#"{"detail":"Not Found"}"#),
        (hook.events().replace("custom", "clickup"), 404, r#"{"detail":"Not Found"}"#),
        (nobody.to_owned(), 404, r#"{"detail":"Not Found"}"#),
        (nobody.replace("custom", "github"), 400, "X-GitHub-Event"),
        ("/api/v1/webhooks/none/x/events".to_owned(), 422, "uuid_parsing"),
        (hook.events(), 401, r#"{"detail":"#),
    ] {
        post(&anyone, &path, "{}").await.expect(status, said);
    }
    let signed = format!("sha256={}", sign(&hook.secret, b"{}"));
    let signed = anyone.clone().with("x-zenml-signature-256", &signed);
    post(&signed, &hook.events(), "{}").await.expect(400, "X-ZenML-Event");
    post(&signed, &hook.events(), "[]").await.expect(401, "detail");
    hook.deliver(&app, None, "[]").await.expect(400, "object");
    hook.deliver(&app, None, "").await.expect(400, "JSON");
    assert_eq!(hook.counts(&admin).await, [5, 0, 2, 3]);
    let stats = hook.stats(&admin).await;
    assert_eq!(stats["last_accepted_at"], Value::Null);
    assert!(stats["last_error_summary"].as_str().is_some() && stats["last_error_at"].as_str().is_some());
    let webhook = format!("/api/v1/webhooks/{}", hook.id);
    admin.put(&webhook, json!({"active": false})).await.expect_ok();
    hook.deliver(&app, None, "{}").await.expect(409, "not active");
    post(&anyone, &hook.events(), "{}").await.expect(401, "detail");
    assert_eq!(hook.counts(&admin).await, [5, 0, 2, 3], "one that takes none counts none");
}

async fn deliveries_that_nobody_sends_any_more_are_forgotten(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    hook.deliver(&app, Some("old"), "{}").await.expect(202, "");
    let remembered = async || database.texts("SELECT digest FROM zendo_webhook_delivery").await.len();
    app.clock.advance(2 * 24 * 60 * 60);
    zendo::testing::do_each_job(&app.state).await.unwrap();
    assert_eq!(remembered().await, 1);
    hook.deliver(&app, Some("old"), "{}").await.expect(202, "");
    assert_eq!(hook.counts(&admin).await, [1, 1, 0, 0]);
    app.clock.advance(24 * 60 * 60 + 60);
    zendo::testing::do_each_job(&app.state).await.unwrap();
    assert_eq!(remembered().await, 0);
}

async fn a_webhook_that_triggers_wait_for_stays(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let trigger = json!({
        "project": project(&admin).await, "name": "t", "type": "webhook", "webhook_id": hook.id, "configuration": {},
    });
    let trigger = admin.post("/api/v1/triggers", trigger).await.expect_ok();
    let webhook = format!("/api/v1/webhooks/{}", hook.id);
    admin.delete(&webhook).await.expect(403, "triggers");
    let trigger = format!("/api/v1/triggers/{}", trigger["id"].as_str().unwrap());
    admin.delete(&trigger).await.expect_ok();
    assert_eq!(admin.get(&trigger).await.expect_ok()["body"]["webhook_id"], hook.id);
    admin.delete(&webhook).await.expect_ok();
    assert_eq!(admin.get(&trigger).await.expect_ok()["body"]["webhook_id"], Value::Null);
    hook.deliver(&app, None, "{}").await.expect(404, "Not Found");
}

async fn counts_outlive_a_restart(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    hook.deliver(&app, Some("d"), "{}").await.expect(202, "");
    hook.deliver(&app, None, "x").await.expect(400, "JSON");
    app.stop().await;
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    assert_eq!(hook.counts(&admin).await, [2, 1, 0, 1]);
    hook.deliver(&app, Some("d"), "{}").await.expect(202, "");
    assert_eq!(hook.counts(&admin).await, [2, 1, 0, 1]);
}

async fn counts_of_refusals_are_written_by_the_servers_own_job(database: Database) {
    let app = TestApp::start(&database).await;
    let hook = Hook::custom(&app.signed_in().await, "w").await;
    hook.deliver(&app, None, "x").await.expect(400, "JSON");
    let written = "SELECT CAST(invalid_payload_count AS CHAR) FROM webhook_stats";
    wait_until("it is written", std::time::Duration::from_secs(20), async || {
        database.texts(written).await == ["1"]
    })
    .await;
}

async fn a_repeated_creation_makes_one_webhook_and_its_secret_is_written_nowhere(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await.with("idempotency-key", "0b5e1f0c-2d3a-4c5b-8e9f-00112233aabb");
    let first = make(&admin, "custom", "w", json!({})).await.expect_ok();
    let second = make(&admin, "custom", "w", json!({})).await.expect_ok();
    assert!(first["secret"].is_string());
    assert_eq!(first, second);
    app.state.replays.write(app.clock.now()).await.unwrap();
    // What it made is noted, by its id: an answer with the secret would be hundreds of bytes.
    let noted = database.texts("SELECT CAST(LENGTH(result) AS CHAR(9)) FROM api_transaction_result").await;
    assert!(noted.iter().all(|length| length.parse::<usize>().unwrap() < 150), "{noted:?}");
}

async fn no_piece_of_work_touches_webhooks_and_no_narrowed_token_more_than_it_may(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let rotate = format!("/api/v1/webhooks/{}/secret", hook.id);
    let token = admin.get("/api/v1/api_token?scope=webhooks:read").await.expect_ok();
    let reader = app.anonymous().with_token(token.as_str().unwrap());
    reader.get("/api/v1/webhooks").await.expect_ok();
    reader.put(&rotate, json!({})).await.expect(403, "webhooks:update");
    let schedule = json!({
        "project": project(&admin).await, "name": "s", "active": true, "cron_expression": "* * * * *",
        "orchestrator_id": null, "pipeline_id": null,
    });
    let schedule = admin.post("/api/v1/schedules", schedule).await.expect_ok();
    let asked =
        format!("/api/v1/api_token?token_type=workload&schedule_id={}", schedule["id"].as_str().unwrap());
    let token = admin.get(&asked).await.expect_ok();
    let work = app.anonymous().with_token(token.as_str().unwrap());
    work.put(&rotate, json!({})).await.expect(403, "");
    let webhook = json!({"project": project(&admin).await, "name": "of work", "webhook_type": "custom"});
    work.post("/api/v1/webhooks", webhook).await.expect(403, "");
}
