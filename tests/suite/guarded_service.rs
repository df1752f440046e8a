//! The real nginx, with config/nginx-forward-auth.conf as it is shipped, guards another web service.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Caller, Database, Guard, Proxy, TestApp};

const HEADERS: [&str; 6] = [
    "remote-user",
    "x-auth-request-projects",
    "x-auth-request-scope",
    "x-auth-request-token-id",
    "x-auth-request-user",
    "x-auth-request-user-id",
];

on_each_store! {
    nobody_gets_there_without_a_good_token,
}

async fn nobody_gets_there_without_a_good_token(database: Database) {
    let app = TestApp::start(&database).await;
    let Some(guard) = Guard::start(Proxy::Nginx, &app.url()).await else { return };
    let anonymous = || guard.anonymous();
    let forged =
        |caller: Caller| HEADERS.into_iter().fold(caller, |caller, name| caller.with(name, "default"));

    let answer = forged(anonymous()).get("/some/page").await;
    answer.expect(401, "");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    anonymous().with_token("a.b.c").get("/").await.expect(401, "");
    let preflight =
        anonymous().with("origin", "https://a.example").with("access-control-request-method", "GET");
    preflight.request(Method::OPTIONS, "/", "").await.expect(401, "");

    let ada = app.new_user("ada", false).await;
    let user = ada.get("/api/v1/current-user").await.expect_ok();
    let token = ada.api_token(600).await;
    let script = anonymous().with_token(&token);
    for (method, body) in [(Method::GET, ""), (Method::POST, "a=b"), (Method::PUT, "[]")] {
        let seen = forged(script.clone()).request(method, "/some/page?x=y", body).await.expect_ok();
        assert_eq!((&seen["x-auth-request-user"], &seen["remote-user"]), (&json!("ada"), &json!("ada")));
        assert_eq!(seen["x-auth-request-user-id"], user["id"]);
        assert_eq!(
            (&seen["x-auth-request-scope"], &seen["x-auth-request-projects"]),
            (&json!("*:write"), &json!("*"))
        );
        assert_ne!(seen["x-auth-request-token-id"], "default");
        assert_eq!(seen["authorization"], Value::Null, "the service doesn't see the token");
    }
    // An upload is for the service to take or refuse.
    let upload = script.clone().with("content-type", "multipart/form-data; boundary=x");
    upload.request(Method::POST, "/upload", "--x--").await.expect_ok();
    // The way to zendo is no way in.
    anonymous().get("/zendo-forward-auth").await.expect(404, "");

    // Without an id of its own, a key's header is empty, and the caller's is not passed on for it.
    let admin = app.signed_in().await;
    let account =
        admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "key"})).await.expect_ok();
    let key = anonymous().with_token(key["body"]["key"].as_str().unwrap());
    let seen = forged(key).get("/").await.expect_ok();
    assert_eq!(seen["x-auth-request-user"], "service-account:ci");
    assert_eq!(seen["x-auth-request-token-id"], Value::Null);

    admin.post_form("/oauth/revoke", &[("token", &token)]).await.expect(200, "");
    script.get("/some/page").await.expect(401, "");
    // A zendo that is away lets nobody in.
    app.stop().await;
    let answer = script.get("/some/page").await;
    assert!(answer.status >= 500, "{answer:?}");
}
