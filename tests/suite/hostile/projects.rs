//! Open routes that act for a principal ask of its token what closed ones ask.

use serde_json::json;

use super::narrowed;
use crate::support::{Database, TestApp};

on_each_store! {
    a_narrowed_token_revokes_nobody,
    whoever_holds_a_tokens_text_may_still_end_it,
}

const REVOKE: &str = "/api/v1/api_tokens/revoke";

async fn a_narrowed_token_revokes_nobody(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let ada = app.new_user("ada", true).await;
    let victim = app.anonymous().with_token(&ada.api_token(600).await);
    let ada_id = ada.get("/api/v1/current-user").await.expect_ok()["id"].clone();
    for (asked, missing) in [
        ("project=default", "for some projects only"),
        ("project=default&scope=*:write", "for some projects only"),
        ("project=default&scope=api_tokens:write", "for some projects only"),
        ("scope=runs:write", "api_tokens:delete"),
        ("read_only=true", "api_tokens:delete"),
        ("scope=api_tokens:none", "api_tokens:delete"),
        ("scope=api_tokens:read,api_tokens:create,api_tokens:update", "api_tokens:delete"),
    ] {
        for holder in [&admin, &ada] {
            let script = narrowed(&app, holder, asked).await;
            for body in [json!({"user": "ada"}), json!({"user": ada_id}), json!({"all": true})] {
                script.post(REVOKE, body).await.expect(403, missing);
            }
            // Neither is it a way to end itself: it is as good as before.
            script.get("/api/v1/current-user").await.expect_ok();
        }
        victim.get("/api/v1/current-user").await.expect_ok();
    }
    let wide = narrowed(&app, &admin, "scope=api_tokens:delete").await;
    wide.post(REVOKE, json!({"user": "ada"})).await.expect_ok();
    victim.get("/api/v1/current-user").await.expect(401, "");
}

async fn whoever_holds_a_tokens_text_may_still_end_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let found = admin.api_token(600).await;
    let finder = narrowed(&app, &admin, "project=default&scope=runs:read").await;
    assert_eq!(finder.post(REVOKE, json!({"token": found})).await.expect_ok()["revoked"], true);
    app.anonymous().with_token(&found).get("/api/v1/current-user").await.expect(401, "");
}
