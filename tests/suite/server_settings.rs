//! The server's settings, and what it tells of itself.

use serde_json::{Value, json};

use crate::support::{Database, TestApp};

const SETTINGS: &str = "/api/v1/settings";

on_each_store! {
    settings_are_changed_by_an_admin_alone,
    null_changes_nothing,
    a_setting_that_can_not_be_meant_is_refused,
    the_server_tells_how_much_there_is,
}

async fn settings_are_changed_by_an_admin_alone(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, user) = (app.signed_in().await, app.new_user("ada", false).await);
    let before = user.get(SETTINGS).await.expect_ok();
    assert_eq!((&before["metadata"], &before["resources"]), (&json!({}), &json!({})));
    let short = user.get("/api/v1/settings?hydrate=false").await.expect_ok();
    assert_eq!((&short["metadata"], &short["resources"]), (&Value::Null, &json!({})));

    let changes =
        json!({"server_name": "lab", "logo_url": "https://lab.example/logo.svg", "display_updates": false});
    user.put(SETTINGS, changes.clone()).await.expect(403, "IllegalOperationError");
    user.put(SETTINGS, json!({"server_name": null})).await.expect_ok();
    let after = admin.put(SETTINGS, changes).await.expect_ok()["body"].clone();
    assert_eq!((&after["server_name"], &after["display_updates"]), (&json!("lab"), &json!(false)));
    assert_eq!(after["display_announcements"], before["body"]["display_announcements"]);
    assert_eq!(app.anonymous().get("/api/v1/info").await.expect_ok()["name"], "lab", "at once");
}

async fn null_changes_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let kept = admin.put(SETTINGS, json!({"logo_url": "x", "enable_analytics": true})).await.expect_ok();
    let nulls = json!({
        "server_name": null, "logo_url": null, "enable_analytics": null, "display_announcements": null,
        "display_updates": null, "unknown": 1,
    });
    let after = admin.put(SETTINGS, nulls).await.expect_ok();
    for field in ["server_name", "logo_url", "enable_analytics", "display_announcements", "updated"] {
        assert_eq!(after["body"][field], kept["body"][field], "{field}");
    }
}

async fn a_setting_that_can_not_be_meant_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (name, value) in [
        ("server_name", json!("")),
        ("server_name", json!("x".repeat(256))),
        ("server_name", json!(7)),
        ("display_updates", json!("perhaps")),
    ] {
        let answer = admin.put(SETTINGS, json!({ name: value })).await;
        answer.expect(422, &format!("('body', '{name}')"));
    }
}

async fn the_server_tells_how_much_there_is(database: Database) {
    let app = TestApp::start(&database).await;
    let user = app.new_user("ada", false).await;
    let statistics = user.get("/api/v1/statistics").await.expect_ok();
    assert_eq!(statistics, json!({"stacks": 1, "components": 3, "projects": 1}));
    assert_eq!(user.get("/api/v1/onboarding_state").await.expect_ok(), json!(["project_created"]));
    let load = user.get("/api/v1/load-info").await.expect_ok();
    assert!(load["threads"].as_u64() > Some(0), "{load}");
    assert_eq!(load["db_connections_total"].as_u64() > Some(0), database.is_mariadb(), "{load}");
}
