//! What stands in a request's address that has no place there, and heads that are none.

use serde_json::{Value, json};

use super::line::Line;
use crate::support::{Database, TestApp};

const NAME: &str = r#"a"b<c>`"#;

async fn line(app: &TestApp) -> Line {
    Line::to(app.url().trim_start_matches("http://")).await
}

fn request(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: zendo\r\n{headers}\r\n")
}

#[tokio::test]
async fn quotes_and_brackets_mean_themselves_in_an_address() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    admin.post("/api/v1/service_accounts", json!({"name": NAME, "active": true})).await.expect_ok();
    let token = admin.api_token(600).await;
    admin.post("/api/v1/tags", json!({"name": NAME, "color": "red"})).await.expect_ok();
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let mut line = line(&app).await;
    let count = async |line: &mut Line, target: &str| {
        line.send(request(target, &bearer)).await.unwrap();
        let (reply, body) = line.reply_with_body().await.unwrap();
        assert_eq!(reply.status, 200, "{target}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()["total"].clone()
    };
    // One connection, as curl -g and scripts use it, and lists as people write them.
    for (target, expected) in [
        (format!("/api/v1/tags?name={NAME}"), 1),
        (format!("/api/v1/tags?name=equals:{NAME}&size=5"), 1),
        (r#"/api/v1/tags?name=contains:">"#.to_owned(), 0),
        (r#"/api/v1/flavors?name=oneof:["local","github"]&size=1"#.to_owned(), 6),
        ("/api/v1/tags?name=a%22b%3Cc%3E%60".to_owned(), 1),
        (r#"/api/v1/tags?name={}|\^"#.to_owned(), 0),
    ] {
        assert_eq!(count(&mut line, &target).await, expected, "{target}");
    }
    // In a path, and in pieces.
    let whole = request(&format!("/api/v1/service_accounts/{NAME}"), &bearer);
    let (start, rest) = whole.split_at("GET /api/v1/service_accounts/a\"".len());
    line.send(start).await.unwrap();
    tokio::task::yield_now().await;
    line.send(rest).await.unwrap();
    assert_eq!(line.reply().await.unwrap().status, 200);
}

#[tokio::test]
async fn what_is_no_address_stays_as_it_is() {
    let app = TestApp::start(&Database::sqlite()).await;
    let document = app.anonymous().get("/openapi.json").await;
    let tag = document.header("etag").unwrap();
    assert!(tag.contains('"'), "{tag}");
    let mut line = line(&app).await;
    // A quoted header, by itself and behind another request that was sent along with it.
    let asked = request("/openapi.json?a=\"", &format!("If-None-Match: {tag}\r\n"));
    line.send(&asked).await.unwrap();
    assert_eq!(line.reply().await.unwrap().status, 304);
    let plain = request("/openapi.json", &format!("If-None-Match: {tag}\r\n"));
    line.send(format!("{plain}{plain}")).await.unwrap();
    assert_eq!(line.reply().await.unwrap().status, 304);
    assert_eq!(line.reply().await.unwrap().status, 304);
    // A body that looks like a request.
    let body = "GET /\"<> HTTP/1.1\r\n\r\n";
    let post = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: zendo\r\nContent-Length: {}\r\n\r\n{body}{plain}",
        body.len()
    );
    line.send(post).await.unwrap();
    assert!((400..500).contains(&line.reply().await.unwrap().status));
    assert_eq!(line.reply().await.unwrap().status, 304);
}

#[tokio::test]
async fn what_can_not_be_read_as_http_is_refused_with_a_reason() {
    let app = TestApp::start(&Database::sqlite()).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: zendo\r\n\r\n", "x".repeat(70_000));
    let heads: [(&[u8], u16, &str); 7] = [
        (b"GET /api/v1/info?a=b c HTTP/1.1\r\nHost: zendo\r\n\r\n", 400, "percent-encoded"),
        (b"GET /api/v1/info?a=\x7f HTTP/1.1\r\nHost: zendo\r\n\r\n", 400, "percent-encoded"),
        (b"GET /api/v1/info?a=\xff HTTP/1.1\r\nHost: zendo\r\n\r\n", 400, "percent-encoded"),
        (b"GET /\x01 HTTP/1.1\r\nHost: zendo\r\n\r\n", 400, "no HTTP request"),
        (b"GET / HTTP/1.1\r\nNo header\r\n\r\n", 400, "no HTTP request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "no HTTP request"),
        (long.as_bytes(), 414, "too long"),
    ];
    for (head, status, reason) in heads {
        let mut line = line(&app).await;
        line.send(head).await.unwrap();
        let (reply, body) = line.reply_with_body().await.unwrap();
        assert_eq!(reply.status, status, "{body}");
        assert!(reply.says_close() && reply.head.contains("content-type: application/json\r\n"), "{reply:?}");
        let detail = serde_json::from_str::<Value>(&body).unwrap()["detail"].clone();
        assert!(detail.as_str().unwrap().contains(reason), "{body}");
    }
}
