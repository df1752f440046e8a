//! A database that is away, or can't work for a time: it is told at once, and passes.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{ADMIN, Answer, Caller, Database, Line, PASSWORD, Program, TestApp, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::from_secs(2);

on_each_store! {
    what_passes_is_answered_with_when_to_come_again,
    what_others_hold_for_long_is_told,
}

fn server_by(line: &Line) -> Program {
    Program::server().with("ZENML_STORE_URL", line.url()).with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD)
}

#[track_caller]
fn expect_passing(answer: &Answer, reason: &str) {
    answer.expect(503, reason);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

/// 503 from every kind of route, each at once.
async fn is_told_at_once(nobody: &Caller, token: &str, reason: &str) {
    let admin = nobody.clone().with_token(token);
    let form = [("token", token)];
    let asked = async || {
        vec![
            nobody.login(ADMIN, PASSWORD).await,
            admin.get("/api/v1/api_token").await,
            admin.get("/api/v1/current-user").await,
            admin.get("/api/v1/tags").await,
            admin.post("/api/v1/tags", json!({"name": "any"})).await,
            admin.post_form("/oauth/introspect", &form).await,
        ]
    };
    // Who they are is remembered for a moment, and so is how the last write ended.
    let known = async || {
        let user = admin.get("/api/v1/current-user").await;
        let token = admin.get("/api/v1/api_token").await;
        [user, token].iter().all(|answer| answer.status == 503 && answer.text.contains(reason))
    };
    wait_until("the reason is known", LIMIT, known).await;
    let start = Instant::now();
    for answer in asked().await {
        expect_passing(&answer, reason);
    }
    // A page has it as HTML.
    expect_passing(&admin.get("/console/settings/profile").await, &reason.replace('\'', "&#39;"));
    nobody.get("/ready").await.expect(503, reason);
    nobody.get("/health").await.expect(200, "ok");
    assert!(start.elapsed() < AT_ONCE * 2, "nine answers took {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_told_at_once_and_comes_back() {
    let Some(database) = Database::mariadb("away").await else { return };
    let line = Line::to(&database).await;
    let server = server_by(&line).serve().await;
    let (nobody, check) = (server.anonymous(), Program::new(&["healthcheck", "--listen", server.address()]));
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    let token = admin.api_token(600).await;
    let back = async || {
        wait_until("it is ready again", LIMIT, async || nobody.get("/ready").await.status == 200).await;
        admin.get("/api/v1/tags").await.expect_ok();
        server.signed_in(ADMIN, PASSWORD).await.api_token(60).await;
        check.run().await.expect(0, &[]);
    };
    line.cut().await;
    is_told_at_once(&nobody, &token, "it can't be reached").await;
    check.run().await.expect(1, &["the database can't be used: it can't be reached"]);
    line.mend().await;
    back().await;
    // The server is there, and takes nobody.
    for (number, message, reason) in [
        (1040, "Too many connections", "it has too many connections"),
        (1053, "Server shutdown in progress", "it is not ready yet"),
        (1047, "WSREP has not yet prepared node for application use", "it is not ready yet"),
    ] {
        line.refuse(number, message).await;
        is_told_at_once(&nobody, &token, reason).await;
        line.cut().await;
        line.mend().await;
        back().await;
    }
    line.cut().await;
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < AT_ONCE, "the stop took {:?}", start.elapsed());
}

async fn what_passes_is_answered_with_when_to_come_again(database: Database) {
    if !database.is_mariadb() {
        // SQLite's own are tried with full disks.
        return;
    }
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for number in [1020, 1021, 1030, 1040, 1047, 1053, 1114, 1180, 1205, 1213, 1290, 1836] {
        let trigger = format!(
            "CREATE OR REPLACE TRIGGER fails BEFORE INSERT ON tag FOR EACH ROW \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'for a time'"
        );
        database.execute(&trigger).await;
        expect_passing(&admin.post("/api/v1/tags", json!({"name": "any"})).await, "can't be used now");
        // The other tables can be written, which is found out by the next try.
        let issued = async || admin.get("/api/v1/api_token").await.status == 200;
        wait_until("tokens are issued", LIMIT, issued).await;
    }
    database.execute("DROP TRIGGER fails").await;
    admin.post("/api/v1/tags", json!({"name": "any"})).await.expect_ok();
}

/// Somebody else's transaction holds what every write needs.
async fn what_others_hold_for_long_is_told(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let held = database.hold_writes().await;
    let start = Instant::now();
    let user = json!({"name": "ada", "is_admin": false, "password": PASSWORD});
    let answer = tokio::time::timeout(LIMIT, admin.post("/api/v1/users", user)).await.unwrap();
    assert!([429, 503].contains(&answer.status), "{answer:?} after {:?}", start.elapsed());
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    if !database.is_mariadb() {
        answer.expect(503, "other writers hold it");
    }
    admin.get("/api/v1/users").await.expect_ok();
    held.release().await;
    // The first one may have been made since: what has begun comes to its end.
    let other = json!({"name": "eve", "is_admin": false, "password": PASSWORD});
    admin.post("/api/v1/users", other).await.expect_ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_a_database_that_is_away() {
    let Some(database) = Database::mariadb("waits").await else { return };
    let line = Line::to(&database).await;
    line.cut().await;
    let waiting = server_by(&line).with("ZENDO_STORE_WAIT", "60");
    // Told to stop, it waits no more.
    let stopped = waiting.spawn();
    let says = "waiting for the database: it can't be reached; ";
    wait_until("it says that it waits", LIMIT, async || stopped.stderr().contains(says)).await;
    let start = Instant::now();
    stopped.stop().await.expect(0, &["ZENDO_STORE_WAIT"]);
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    // Neither away nor without room for it, it is waited for.
    let started = waiting.spawn();
    wait_until("it says that it waits", LIMIT, async || started.stderr().contains(says)).await;
    line.mend().await;
    line.refuse(1040, "Too many connections").await;
    line.cut().await;
    line.mend().await;
    wait_until("it starts", LIMIT, async || started.stdout().contains(" listens on ")).await;
    started.stop().await;
    // It is not waited for longer than it may, nor for what does not pass.
    line.cut().await;
    let start = Instant::now();
    let ended = server_by(&line).with("ZENDO_STORE_WAIT", "1").run().await;
    ended.expect(1, &["can't be opened", "Connection refused"]);
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < LIMIT, "{:?}", start.elapsed());
    let wrong = line.url().replace("zendo:", "nobody:");
    line.mend().await;
    let denied = Program::server().with("ZENML_STORE_URL", &wrong).run().await;
    denied.expect(1, &["can't be opened", "Access denied"]);
    assert!(!denied.stderr.contains("waiting for"), "{denied:?}");
}

#[tokio::test]
async fn the_reason_of_a_failed_open_is_said_once() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let said_once = async |program: Program, reason: &str| {
        let finished = program.run().await;
        finished.expect(1, &[reason]);
        let last = finished.stderr.lines().last().unwrap();
        assert_eq!(last.matches(reason).count(), 1, "{last}");
    };
    let away = Program::server().with("ZENML_STORE_URL", &format!("mysql://a:b@{address}/zendo"));
    said_once(away.with("ZENDO_STORE_WAIT", "0"), "Connection refused").await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| format!("sqlite:///{}", folder.path().join(name).display());
    std::fs::write(folder.path().join("text.db"), "no database, but quite a long text ".repeat(99)).unwrap();
    said_once(Program::server().with("ZENML_STORE_URL", &at("text.db")), "file is not a database").await;
    std::fs::create_dir(folder.path().join("folder.db")).unwrap();
    said_once(Program::server().with("ZENML_STORE_URL", &at("folder.db")), "Is a directory").await;
    said_once(Program::server().with("ZENML_STORE_URL", &at("text.db/a.db")), "File exists").await;
    let audit = folder.path().join("folder.db").display().to_string();
    said_once(Program::server().with("ZENDO_AUDIT_LOG", &audit), "Is a directory").await;
}

#[test]
fn the_unit_of_systemd_tries_again_and_again() {
    let unit = include_str!("../../../config/zendo.service");
    let (of_unit, of_service) = unit.split_once("[Service]").unwrap();
    assert!(of_unit.contains("\nStartLimitIntervalSec=0\n"), "five tries within ten seconds would be all");
    assert!(of_service.contains("\nRestart=on-failure\n") && of_service.contains("\nRestartSec="));
}
