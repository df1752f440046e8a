//! The OpenAPI document.

use serde_json::Value;

use crate::query_counts::Maker;
use crate::support::{Database, TestApp, python};

/// Places of references that lead nowhere.
fn dangling(document: &Value, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| dangling(document, item, found)),
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(Value::as_str).map(|text| text.trim_start_matches('#'));
            found.extend(target.filter(|target| document.pointer(target).is_none()).map(str::to_owned));
            fields.values().for_each(|field| dangling(document, field, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_document_has_the_operations_that_answer_and_is_whole() {
    let app = TestApp::start(&Database::sqlite()).await;
    let document = app.anonymous().get("/openapi.json").await.expect_ok();
    let mut documented: Vec<(String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        documented
            .extend(item.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    documented.sort();
    let there = zendo::testing::operations();
    let mut there: Vec<_> =
        there.into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    there.sort();
    assert_eq!(documented, there, "each operation is in ZenML's contract, and each that is there documented");
    let mut found = Vec::new();
    dangling(&document, &document, &mut found);
    assert!(found.is_empty(), "{found:?}");
}

/// schemathesis calls every operation with what the document lets it send, and more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_as_documented() {
    let app = TestApp::start(&Database::sqlite()).await;
    Maker::new(&app).await.make_all(0).await;
    let device = [("client_id", "00000000-0000-0000-0000-00000000c11e")];
    app.anonymous().post_form("/api/v1/device_authorization", &device).await.expect_ok();
    python("check_document.py", &app.url(), &[]).await;
}

/// All schemas of an operation's answers with that status, references followed.
fn answered(document: &Value, operation: &Value, status: &str) -> String {
    let mut all = operation["responses"][status].to_string();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(name) = all
        .split("#/components/schemas/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .find(|name| !seen.contains(name))
    {
        all += &document["components"]["schemas"][&name].to_string();
        seen.insert(name);
    }
    all
}

#[tokio::test]
async fn the_document_says_moments_refusals_and_kinds_of_content_as_they_are() {
    let app = TestApp::start(&Database::sqlite()).await;
    let document = app.anonymous().get("/openapi.json").await.expect_ok();
    let (mut moments, mut refusals) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let good = answered(&document, operation, "200");
            assert!(!good.contains(r#""format":"date-time""#), "{method} {path}");
            moments += usize::from(good.contains("date-time-local"));
            let responses = operation["responses"].as_object().unwrap();
            if path.starts_with("/api/") && responses.contains_key("422") {
                let shapes = &responses["422"]["content"]["application/json"]["schema"]["anyOf"];
                let shapes = shapes.as_array().unwrap().iter().map(|shape| shape["$ref"].as_str().unwrap());
                let names: Vec<&str> = shapes.map(|shape| shape.rsplit('/').next().unwrap()).collect();
                assert_eq!(names, ["ErrorModel", "InvalidRequest"], "{method} {path}");
                refusals += 1;
            }
        }
    }
    assert!(moments > 100 && refusals > 180, "{moments} {refusals}");
    for path in ["/health", "/ready", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
        let answer = app.anonymous().get(path).await;
        let content = document["paths"][path]["get"]["responses"]["200"]["content"].as_object().unwrap();
        let answered = answer.header("content-type").unwrap().split(';').next().unwrap();
        assert_eq!(content.keys().collect::<Vec<_>>(), [answered], "{path}");
    }
    let data = &document["paths"]["/api/v1/artifact_versions/{artifact_version_id}/data"]["get"];
    assert!(data["responses"]["200"]["content"]["application/gzip"].is_object());
    // A moment as a list has it fits what the document says of it.
    let user = app.signed_in().await.get("/api/v1/current-user").await.expect_ok();
    let said = &document["components"]["schemas"]["UserResponseBody"]["properties"]["created"];
    let pattern = regex::Regex::new(said["pattern"].as_str().unwrap()).unwrap();
    assert!(pattern.is_match(user["body"]["created"].as_str().unwrap()), "{user}");
}

#[tokio::test]
async fn the_docs_page_can_be_read() {
    let app = TestApp::start(&Database::sqlite()).await;
    let page = app.anonymous().get("/docs/").await;
    page.expect(200, "Swagger UI");
    let script = app.anonymous().get("/docs/swagger-initializer.js").await;
    script.expect(200, "/openapi.json");
}
