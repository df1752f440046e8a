//! Callers who send large bodies, or who send one to a server that has answered already.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::line::{Line, Reply};
use crate::support::{
    ADMIN, Caller, Database, PASSWORD, Program, TestApp, missing, python, stays_well, wait_until,
};

const LARGE: usize = 200_000_000;
const NGINX: &str = include_str!("../../../config/nginx.conf");

fn head(method: &str, path: &str, length: usize, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: zendo\r\nContent-Length: {length}\r\n{more}\r\n")
}

fn address(app: &TestApp) -> String {
    app.url().trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn whoever_is_not_known_sends_kilobytes() {
    let app = TestApp::start(&Database::sqlite()).await;
    let open = zendo::testing::open_operations();
    // Deliveries may be longer (webhook_intake.rs).
    let is_small = |(method, path): &(&str, &str)| *method != "GET" && !path.ends_with("/events");
    let open = open.iter().copied().filter(is_small);
    let mut asked = 0;
    for (method, path) in open.chain([("POST", "/api/v1/tags"), ("POST", "/oauth/introspect")]) {
        let path = path.replace("{user_name_or_id}", "default");
        let mut line = Line::to(&address(&app)).await;
        line.send(head(method, &path, LARGE, "")).await.unwrap();
        // Nothing of the body has to come for that.
        let reply = line.reply().await.unwrap();
        assert!(matches!(reply.status, 401 | 413) && reply.says_close(), "{path} {reply:?}");
        let chunks = (0..20).map(|_| Ok::<_, std::io::Error>("x".repeat(10_000)));
        let chunks = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        let answer = app.anonymous().request(method.parse().unwrap(), &path, chunks).await;
        assert!(matches!(answer.status, 401 | 413), "{path} {answer:?}");
        asked += 1;
    }
    assert!(asked >= 5, "{asked}");
    // Who is known may send more.
    let tag = json!({"name": "x".repeat(100_000)});
    app.signed_in().await.post("/api/v1/tags", tag).await.expect(422, "");
}

#[tokio::test]
async fn sign_ins_of_megabytes_take_no_memory() {
    let server = Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD).serve().await;
    let other = server.signed_in(ADMIN, PASSWORD).await;
    let before = server.peak_memory();
    let attack = join_all((0..12).map(|_| async {
        let form = server.anonymous().with("content-type", "application/x-www-form-urlencoded");
        let body = format!("username=default&password={}", "x".repeat(20_000_000));
        form.request(reqwest::Method::POST, "/api/v1/login", body).await.expect(413, "");
    }));
    stays_well(&other, attack).await;
    let more = server.peak_memory() - before;
    println!("12 sign-ins of 20 MB took {more} bytes more");
    assert!(more < 16 << 20, "{more}");
}

/// Asks to send a body that long, and returns whether the server wants it by now.
async fn offer(app: &TestApp, token: &str, length: usize) -> Line {
    let mut line = Line::to(&address(app)).await;
    let more = format!(
        "Authorization: Bearer {token}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    );
    line.send(head("POST", "/api/v1/tags", length, &more)).await.unwrap();
    line
}

#[tokio::test]
async fn large_bodies_wait_for_each_other() {
    let limit = ("ZENML_SERVER_MAX_REQUEST_BODY_SIZE_IN_BYTES", "1000000");
    let app = TestApp::start_with(&Database::sqlite(), &[limit]).await;
    let (admin, ada) = (app.signed_in().await, app.new_user("ada", false).await);
    let (admins, adas) = (admin.api_token(600).await, ada.api_token(600).await);
    let mut first = offer(&app, &admins, 600_000).await;
    assert_eq!(first.reply().await.unwrap().status, 100);
    // The same account's next one waits, another's doesn't, nor do small ones.
    let mut second = offer(&app, &admins, 600_000).await;
    let mut adas_line = offer(&app, &adas, 600_000).await;
    assert_eq!(adas_line.reply().await.unwrap().status, 100);
    let mut small = offer(&app, &admins, 1000).await;
    assert_eq!(small.reply().await.unwrap().status, 100);
    assert!(tokio::time::timeout(Duration::from_millis(50), second.reply()).await.is_err());
    stays_well(&ada, async {
        first.send(vec![b' '; 600_000]).await.unwrap();
        assert_eq!(first.reply().await.unwrap().status, 422);
        assert_eq!(second.reply().await.unwrap().status, 100);
    })
    .await;
    // One that hangs up gives its room back.
    let mut third = offer(&app, &admins, 600_000).await;
    drop(second);
    assert_eq!(third.reply().await.unwrap().status, 100);
    offer(&app, &admins, 1_000_001).await.reply().await.map(|reply| assert_eq!(reply.status, 413)).unwrap();
}

/// The same request twice on one line, as a client makes it that goes by what `Connection` says.
async fn twice_on_a_line(app: &TestApp, head: &str, body: &[u8]) -> [Reply; 2] {
    let mut line = Line::to(&address(app)).await;
    let mut replies = Vec::new();
    for _ in 0..2 {
        // The server may have ended the line before all was sent; the answer is there all the same.
        let sent = line.send([head.as_bytes(), body].concat()).await;
        let reply = line.reply().await.unwrap_or_else(|error| panic!("{head} {error} {sent:?}"));
        if reply.says_close() {
            line = Line::to(&address(app)).await;
        } else {
            sent.unwrap();
        }
        replies.push(reply);
    }
    replies.try_into().unwrap_or_else(|_| unreachable!())
}

#[tokio::test]
async fn an_answer_before_the_body_was_read_does_not_spoil_the_line() {
    let limits =
        [("ZENML_SERVER_MAX_REQUEST_BODY_SIZE_IN_BYTES", "6000000"), ("ZENML_SERVER_REQUEST_TIMEOUT", "5")];
    let app = TestApp::start_with(&Database::sqlite(), &limits).await;
    let token = app.signed_in().await.api_token(600).await;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let json = format!("{bearer}Content-Type: application/json\r\n");
    let keyed = format!("{json}Idempotency-Key: 00000000-0000-4000-8000-000000000001\r\n");
    let upload = format!("{bearer}Content-Type: multipart/form-data; boundary=x\r\n");
    let tag = json!({"name": "replayed"}).to_string();
    for length in [10, 70_000, 300_000, 700_000, 5_000_000] {
        let body = format!("{tag}{}", " ".repeat(length)).into_bytes();
        for (status, path, more) in [
            (401, "/api/v1/tags", ""),
            (401, "/oauth/introspect", ""),
            (403, "/api/v1/tags", upload.as_str()),
            (404, "/api/v1/nothing", ""),
            (405, "/api/v1/version", json.as_str()),
            (200, "/api/v1/tags", keyed.as_str()),
        ] {
            let method = if status == 404 { "GET" } else { "POST" };
            let head = head(method, path, body.len(), more);
            for reply in twice_on_a_line(&app, &head, &body).await {
                assert_eq!(reply.status, status, "{path} {length} {reply:?}");
                // A short rest is read, and the line goes on.
                assert!(length > 300_000 || !reply.says_close(), "{path} {length} {reply:?}");
            }
        }
        let too_long = head("POST", "/api/v1/login", length + 100_000, "");
        for reply in twice_on_a_line(&app, &too_long, &vec![b'x'; length + 100_000]).await {
            assert_eq!(reply.status, 413);
        }
    }
    // Who waits to be asked for the body is not asked in vain.
    let mut line = Line::to(&address(&app)).await;
    line.send(head("POST", "/api/v1/tags", 1000, "Expect: 100-continue\r\n")).await.unwrap();
    let reply = line.reply().await.unwrap();
    assert!(reply.status == 401 && reply.says_close(), "{reply:?}");
    line.expect_end().await;
}

/// http.client and requests in Python, and hyper here, keep their lines and send bodies whole before they listen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_hear_their_refusals_and_go_on() {
    let limits = [("ZENML_SERVER_MAX_REQUEST_BODY_SIZE_IN_BYTES", "6000000")];
    let app = TestApp::start_with(&Database::sqlite(), &limits).await;
    python("refused_bodies.py", &app.url(), &[]).await;
    let nobody = app.anonymous().with("content-type", "application/json");
    for length in [10, 70_000, 300_000, 700_000, 5_000_000] {
        for _ in 0..10 {
            nobody.request(reqwest::Method::POST, "/api/v1/tags", vec![b'x'; length]).await.expect(401, "");
            nobody.get("/health").await.expect(200, "ok");
        }
    }
}

/// config/nginx.conf with this test's addresses, and without TLS; with what a system's own nginx.conf is around it.
fn nginx_conf(folder: &str, port: u16, zendo: &str) -> String {
    let mut text = NGINX.to_owned();
    for (shipped, here) in [
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port};")),
        ("server 127.0.0.1:8080;", format!("server {zendo};")),
        ("listen 80;", format!("listen unix:{folder}/http;")),
        ("ssl_certificate /etc/ssl/zendo/fullchain.pem;", String::new()),
        ("ssl_certificate_key /etc/ssl/zendo/privkey.pem;", String::new()),
    ] {
        assert_eq!(text.matches(shipped).count(), 1, "{shipped}");
        text = text.replace(shipped, &here);
    }
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"));
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr crit; events {{}}\n\
         http {{ access_log off; {} {text} }}",
        temporary.join(" ")
    )
}

#[tokio::test]
async fn refusals_come_through_nginx_as_they_are() {
    if std::process::Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        return missing("nginx", "run tests/run, which installs it");
    }
    let app = TestApp::start(&Database::sqlite()).await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let conf = nginx_conf(folder.path().to_str().unwrap(), port, &address(&app));
    std::fs::write(folder.path().join("nginx.conf"), conf).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]).kill_on_drop(true);
    let _nginx = nginx.stdin(Stdio::null()).spawn().unwrap();
    let through = Caller::new(format!("http://127.0.0.1:{port}"));
    wait_until("nginx listens", Duration::from_secs(20), async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
    })
    .await;
    let mut statuses = Vec::new();
    for length in [1000, 70_000, 300_000, 2_000_000] {
        let asked = join_all((0..10).map(|number| {
            let json = through.clone().with("content-type", "application/json");
            let path = if number % 2 == 0 { "/api/v1/tags" } else { "/api/v1/runs" };
            async move { json.request(reqwest::Method::POST, path, "x".repeat(length)).await.status }
        }));
        statuses.extend(asked.await);
    }
    assert_eq!(statuses, [401; 40]);
    through.get("/health").await.expect(200, "ok");
}
