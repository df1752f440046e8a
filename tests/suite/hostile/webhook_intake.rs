//! Deliveries are brought by anybody: none of them may cost more than its sender pays.

use axum::http::Method;
use serde_json::json;

use crate::support::{Database, TestApp};
use crate::webhooks::{Hook, project, sign};

on_each_store! {
    what_nobody_knows_leaves_no_trace,
    one_address_cannot_keep_others_from_delivering,
    a_body_is_taken_up_to_a_mebibyte_and_no_further,
    deep_and_hostile_bodies_are_refused_and_change_nothing,
}

async fn what_nobody_knows_leaves_no_trace(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let rows = async || {
        let mut rows = Vec::new();
        for table in ["webhook_stats", "zendo_webhook_delivery", "zendo_audit", "zendo_sign_in_failure"] {
            rows.extend(database.texts(&format!("SELECT CAST(COUNT(*) AS CHAR) FROM {table}")).await);
        }
        rows
    };
    zendo::testing::do_each_job(&app.state).await.unwrap();
    let before = rows().await;
    for number in 0..50 {
        let path = format!("/api/v1/webhooks/custom/00000000-0000-0000-0000-0000000000{number:02}/events");
        let answer = app.anonymous().request(Method::POST, &path, "{}").await;
        assert_eq!(answer.status, 404);
    }
    zendo::testing::do_each_job(&app.state).await.unwrap();
    assert_eq!(rows().await, before);
    assert_eq!(hook.counts(&admin).await, [0, 0, 0, 0]);
}

async fn one_address_cannot_keep_others_from_delivering(database: Database) {
    let settings = [("ZENDO_WEBHOOK_RATE", "5"), ("ZENDO_TRUSTED_PROXIES", "127.0.0.1")];
    let app = TestApp::start_with(&database, &settings).await;
    let admin = app.signed_in().await;
    let (hook, other) = (Hook::custom(&admin, "w").await, Hook::custom(&admin, "v").await);
    let from = async |hook: &Hook, address: &str, secret: &str| {
        let signature = format!("sha256={}", sign(secret, b"{}"));
        let caller = app.anonymous().with("x-forwarded-for", address).with("x-zenml-event", "e");
        let caller = caller.with("x-zenml-signature-256", &signature);
        caller.request(Method::POST, &hook.events(), "{}").await
    };
    for _ in 0..5 {
        assert_eq!(from(&hook, "192.0.2.1", "wrong").await.status, 401);
    }
    let refused = from(&hook, "192.0.2.1", "wrong").await;
    refused.expect(429, "too many");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    assert_eq!(hook.counts(&admin).await, [5, 0, 5, 0], "what is refused so is not even counted");
    // The neighbours in a network of IPv6 are one.
    for number in 0..5 {
        assert_eq!(from(&hook, &format!("2001:db8::{number}"), &hook.secret).await.status, 202);
    }
    assert_eq!(from(&hook, "2001:db8::9", &hook.secret).await.status, 429);
    assert_eq!(from(&hook, "192.0.2.2", &hook.secret).await.status, 202, "another address");
    assert_eq!(from(&other, "192.0.2.1", &other.secret).await.status, 202, "another webhook");
    app.clock.advance(60);
    assert_eq!(from(&hook, "192.0.2.1", &hook.secret).await.status, 202, "another minute");
    // Many ids are no way round.
    let mut statuses = Vec::new();
    for number in 0..60 {
        let stranger =
            Hook { id: format!("00000000-0000-0000-0000-0000000000{number:02}"), secret: String::new() };
        statuses.push(from(&stranger, "192.0.2.3", "x").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 50, "{statuses:?}");
    assert!(statuses[50..].iter().all(|status| *status == 429), "{statuses:?}");
}

async fn a_body_is_taken_up_to_a_mebibyte_and_no_further(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let of_length = |length: usize| format!("{{\"a\": \"{}\"}}", "x".repeat(length - 9));
    assert_eq!(of_length(100).len(), 100);
    hook.deliver(&app, None, &of_length(1 << 20)).await.expect(202, "");
    hook.deliver(&app, None, &of_length((1 << 20) + 1)).await.expect(413, "1048576");
    // Nor when nobody says how long it is.
    let pieces = futures_util::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(100_000))));
    let unmeasured = reqwest::Body::wrap_stream(pieces);
    let answer = app.anonymous().request(Method::POST, &hook.events(), unmeasured).await;
    answer.expect(413, "1048576");
    assert_eq!(hook.counts(&admin).await, [1, 1, 0, 0]);
}

async fn deep_and_hostile_bodies_are_refused_and_change_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let deep = format!("{}{}", r#"{"a":"#.repeat(100_000), "1");
    for body in [deep.as_str(), "{\"a\": 1e999999}", "\u{0}", "{\"a\": \"\\ud800\"}", "nul", "{\"a\":1}{}"] {
        let answer = hook.deliver(&app, None, body).await;
        assert!([202, 400].contains(&answer.status), "{answer:?}");
    }
    let hostile = "<script>'; DROP TABLE webhook; --";
    hook.deliver(&app, Some(hostile), "{}").await.expect(202, "");
    let made = json!({
        "project": project(&admin).await, "name": "t", "type": "webhook", "webhook_id": hook.id,
        "configuration": {"target_events": [{"event_type": hostile, "filters": {"a[\"'\"]": hostile}}]},
    });
    let made = admin.post("/api/v1/triggers", made).await.expect_ok();
    assert_eq!(made["body"]["configuration"]["target_events"][0]["event_type"], hostile);
}
