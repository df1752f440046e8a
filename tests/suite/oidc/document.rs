//! docs/sign-in.md, tried as it is written.

use std::time::Duration;

use serde_json::{Value, json};

use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor};
use crate::support::{ADMIN, Database, PASSWORD, TestApp, apart, end_of};

on_each_store! {
    curl_alone_gets_a_token,
}

const DOCUMENT: &str = include_str!("../../../docs/sign-in.md");
const URL: &str = "https://zen.example.com";

/// The document's block that begins so.
fn block(start: &str) -> &'static str {
    let block = DOCUMENT.split("```sh\n").find(|block| block.starts_with(start)).unwrap();
    block.split("```").next().unwrap()
}

async fn curl_alone_gets_a_token(database: Database) {
    let app = TestApp::start(&database).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("typed"), format!("{PASSWORD}\n")).unwrap();
    let mut shell = apart("bash", folder.path());
    shell.args(["-ec", &block("read -rs PASSWORD").replace("http://127.0.0.1:8080", &app.url())]);
    shell.stdin(std::fs::File::open(folder.path().join("typed")).unwrap());
    let (status, said) = end_of(&mut shell.spawn().unwrap(), folder.path(), Duration::from_secs(60)).await;
    assert!(status.success(), "{said}");
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["name"], ADMIN, "{said}");
}

/// The settings of the document's block, in their order.
fn settings() -> Vec<(String, String)> {
    let lines = block("ZENML_SERVER_SERVER_URL").lines();
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    lines.map(pair).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_says_works_as_it_is_written() {
    let Some(provider) = FarSide::certified().await else { return };
    let mut settings = settings();
    for (name, value) in &mut settings {
        match name.as_str() {
            "ZENDO_OIDC_ISSUER" => *value = provider.url.clone(),
            "ZENDO_OIDC_CLIENT_SECRET" => *value = "the secret of zendo".to_owned(),
            _ => {}
        }
    }
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::start_with(&Database::sqlite(), &settings).await;
    let claims = json!({"preferred_username": "ada", "email": "ada@example.com", "email_verified": true, "groups": ["platform"]});
    provider.tell("person", json!({"subject": "ada", "claims": claims})).await;
    let mut ada = Visitor::of(&app);
    let address = ada.start(json!({})).await;
    let redirect_uri = asked(&address, "redirect_uri");
    assert!(
        redirect_uri.starts_with(URL) && DOCUMENT.contains(&format!("`{redirect_uri}`")),
        "{redirect_uri}"
    );
    let code = provider.code(&address, "ada", "s").await;
    ada.come_back(code).await.expect_ok();
    let user = ada.with_cookies().get(CURRENT_USER).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["is_admin"]), (&json!("ada"), &json!(true)));
    // An admin links another one, as the document says.
    let new = json!({"name": "carl", "is_admin": false, "password": "a long enough password"});
    ada.with_cookies().post("/api/v1/users", new).await.expect_ok();
    assert!(DOCUMENT.contains("`POST /api/v1/users/NAME/identities` and `{\"subject\": \"...\"}`"));
    ada.with_cookies().post("/api/v1/users/carl/identities", json!({"subject": "bob"})).await.expect_ok();
    assert!(DOCUMENT.contains(&format!("`{URL}/api/v1/oidc/backchannel_logout`")));
    assert_eq!(provider.log_out(&app.url(), "ada", None).await["status"], 200);
    ada.with_cookies().until(401, CURRENT_USER, "").await;
}
