//! A stop is over within the time limit of a request and a second, whatever callers, readers and the database do.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{ADMIN, Database, Line, PASSWORD, Program, ServerProcess, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
/// Three seconds of a request and one more, and what a busy machine adds.
const IN_TIME: Duration = Duration::from_secs(6);

on_each_store! {
    callers_of_all_kinds_hold_no_stop,
}

fn server() -> Program {
    Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD).with("ZENML_SERVER_REQUEST_TIMEOUT", "3")
}

async fn stops_in_time(server: ServerProcess) {
    let start = Instant::now();
    server.stop().await;
    println!("the stop took {:?}", start.elapsed());
    assert!(start.elapsed() < IN_TIME, "the stop took {:?}", start.elapsed());
}

async fn send(server: &ServerProcess, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn callers_of_all_kinds_hold_no_stop(database: Database) {
    let server = server().on(&database).serve().await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    let authorization = admin.header("authorization").unwrap().to_owned();
    for number in 0..3 {
        admin.post("/api/v1/tags", json!({"name": format!("tag {number}")})).await.expect_ok();
    }
    super::ended_queries::make_tags_slow(&database, &admin).await;
    let head = |first: &str| format!("{first} HTTP/1.1\r\nHost: zendo\r\nAuthorization: {authorization}\r\n");
    let mut callers = Vec::new();
    for _ in 0..5 {
        // Half a head, half a body, an answer that is never taken, a query that takes for ever.
        callers.push(send(&server, "GET /api/v1/info HTTP/1.1\r\nHo").await);
        let body = format!(
            "{}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
            head("POST /api/v1/users")
        );
        callers.push(send(&server, &body).await);
        let many = format!("{}\r\n", head("GET /api/v1/flavors?size=100&hydrate=true")).repeat(50);
        callers.push(send(&server, &many).await);
        callers.push(send(&server, &format!("{}\r\n", head("GET /api/v1/tags?name=startswith:a"))).await);
    }
    // One that hangs up while it waits for the writer.
    let held = database.hold_writes().await;
    let form = "username=default&password=wrong";
    let length = form.len();
    let login = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: zendo\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n\r\n{form}"
    );
    drop(send(&server, &login).await);
    callers.push(send(&server, &login).await);
    stops_in_time(server).await;
    held.release().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_silent_holds_no_stop() {
    let Some(database) = Database::mariadb("silent").await else { return };
    let line = Line::to(&database).await;
    let server = server().with("ZENML_STORE_URL", line.url()).serve().await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    admin.api_token(60).await;
    line.freeze();
    let before = line.held();
    // A commit and a list are under way, and rows wait to be written.
    let asked = tokio::spawn({
        let admin = admin.clone();
        async move {
            let tag = json!({"name": "any"});
            tokio::join!(admin.post("/api/v1/tags", tag), admin.get("/api/v1/tags"))
        }
    });
    wait_until("both have asked the database", LIMIT, async || line.held() >= before + 2).await;
    stops_in_time(server).await;
    let (written, listed) = asked.await.unwrap();
    assert!(
        [429, 503].contains(&written.status) && [429, 503].contains(&listed.status),
        "{written:?} {listed:?}"
    );
}

/// Lines of the audit go to a pipe whose reader takes none.
#[tokio::test]
async fn a_reader_of_lines_who_takes_none_holds_no_stop() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let _reader = std::fs::File::options().read(true).write(true).open(&pipe).unwrap();
    let server = server().with("ZENDO_AUDIT_LOG", pipe.to_str().unwrap()).serve().await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    for _ in 0..300 {
        admin.api_token(60).await;
    }
    let written = async || admin.get("/api/v1/audit?action=token_issued&size=1").await.json()["total"] == 300;
    wait_until("more lines are written than a pipe holds", LIMIT, written).await;
    stops_in_time(server).await;
}
