//! Large pages are compressed for whoever takes them so, and nothing that holds a secret ever is.

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp, wait_until};

const FLAVORS: &str = "/api/v1/flavors?size=100&hydrate=true";
const ALL: &str = "gzip, deflate, br, zstd";

on_each_store! {
    large_pages_are_the_same_in_each_encoding,
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn encoding(&self) -> Option<&str> {
        self.headers.get("content-encoding").map(|value| value.to_str().unwrap())
    }

    fn varies_by_encoding(&self) -> bool {
        let all = self.headers.get_all("vary").iter();
        all.flat_map(|value| value.to_str().unwrap().split(',')).any(|name| name.trim() == "accept-encoding")
    }

    fn json(&self) -> Value {
        let mut plain = Vec::new();
        match self.encoding() {
            None => plain = self.body.clone(),
            Some("gzip") => drop(GzDecoder::new(&*self.body).read_to_end(&mut plain).unwrap()),
            Some("zstd") => plain = zstd::decode_all(&*self.body).unwrap(),
            Some(other) => panic!("{other} was not asked for"),
        }
        serde_json::from_slice(&plain).unwrap()
    }
}

async fn get_as(app: &TestApp, caller: &Caller, method: Method, path: &str, encodings: Option<&str>) -> Got {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", app.url()));
    request = request.header("authorization", caller.header("authorization").unwrap());
    if let Some(encodings) = encodings {
        request = request.header("accept-encoding", encodings);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    Got { status, headers, body: answer.bytes().await.unwrap().to_vec() }
}

async fn large_pages_are_the_same_in_each_encoding(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let narrow = admin.get("/api/v1/api_token?scope=flavors:read").await.expect_ok();
    let narrow = app.anonymous().with_token(narrow.as_str().unwrap());
    let get = async |encodings| get_as(&app, &admin, Method::GET, FLAVORS, encodings).await;
    let plain = get(None).await;
    assert!(plain.encoding().is_none() && plain.varies_by_encoding());
    assert_eq!(plain.headers["content-length"], *plain.body.len().to_string());
    for (encodings, expected) in [
        ("gzip", Some("gzip")),
        ("zstd", Some("zstd")),
        (ALL, Some("zstd")),
        ("gzip, deflate", Some("gzip")),
        ("gzip;q=0.5, zstd;q=0.1", Some("gzip")),
        ("*", Some("zstd")),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("nonsense", None),
        ("", None),
        ("*;q=0", None),
    ] {
        let got = get(Some(encodings)).await;
        assert_eq!((got.status, got.encoding()), (StatusCode::OK, expected), "{encodings:?}");
        assert!(got.varies_by_encoding(), "{encodings:?}: {:?}", got.headers);
        assert_eq!(got.headers["content-type"], "application/json");
        assert_eq!(got.json(), plain.json(), "{encodings:?}");
        if expected.is_some() {
            assert!(got.body.len() * 4 < plain.body.len(), "{} of {}", got.body.len(), plain.body.len());
            println!("{encodings:?}: {} of {} bytes", got.body.len(), plain.body.len());
        }
    }
    let head = get_as(&app, &admin, Method::HEAD, FLAVORS, Some("gzip")).await;
    assert_eq!((head.encoding(), head.body.len()), (Some("gzip"), 0));
    let narrowed = get_as(&app, &narrow, Method::GET, FLAVORS, Some("gzip")).await;
    assert_eq!((narrowed.encoding(), narrowed.json()), (Some("gzip"), plain.json()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_small_and_no_secret_is_compressed() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let text = "long ".repeat(40);
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let made = (0..60).map(async |number: u32| {
        let secret = json!({"name": format!("s{number}"), "values": {"key": text}});
        admin.post("/api/v1/secrets", secret).await.expect_ok();
        let config = json!({"token": text});
        let source = json!({"module": "a", "attribute": "B", "type": "user"});
        let repository = json!({
            "name": format!("r{number}"), "project": project, "config": config, "source": source
        });
        admin.post("/api/v1/code_repositories", repository).await.expect_ok();
        let component = json!({
            "name": format!("c{number}"), "type": "orchestrator", "flavor": "local", "configuration": {},
            "labels": {"key": text}
        });
        admin.post("/api/v1/components", component).await.expect_ok();
        admin.api_token(60 + number).await;
        app.anonymous().login("default", "wrong").await;
    });
    join_all(made).await;
    let tokens = "/api/v1/audit?action=token_issued&size=1";
    let recorded = async || admin.get(tokens).await.expect_ok()["total"].as_u64() >= Some(60);
    wait_until("all that was done is recorded", Duration::from_secs(30), recorded).await;
    for path in [
        "/api/v1/secrets?size=100&hydrate=true",
        "/api/v1/code_repositories?size=100&hydrate=true",
        "/api/v1/components?size=100&hydrate=true",
        "/api/v1/api_tokens?size=100&hydrate=true",
        "/api/v1/audit?size=100",
    ] {
        let got = get_as(&app, &admin, Method::GET, path, Some(ALL)).await;
        assert!(got.status == StatusCode::OK && got.body.len() > 20_000, "{path}: {} bytes", got.body.len());
        assert!(got.encoding().is_none() && !got.varies_by_encoding(), "{path}");
    }
    for path in [
        "/api/v1/projects",
        "/api/v1/current-user",
        "/api/v1/api_token",
        "/api/v1/info",
        "/api/v1/users?size=100",
    ] {
        let got = get_as(&app, &admin, Method::GET, path, Some(ALL)).await;
        assert!(got.status == StatusCode::OK && got.encoding().is_none(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_tag_or_its_own_encoding_stays_as_it_was() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let document = get_as(&app, &admin, Method::GET, "/openapi.json", Some(ALL)).await;
    assert_eq!(document.encoding(), Some("gzip"));
    let tag = document.headers["etag"].to_str().unwrap().to_owned();
    let again = app.anonymous().with("if-none-match", &tag).get("/openapi.json").await;
    assert_eq!(again.status, 304);
    assert!(document.json()["paths"].is_object());
}
