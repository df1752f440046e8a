//! The server as a process: how it is told what to do, and how it starts, ends and fails.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Database, PASSWORD, Program, ServerProcess, wait_until};

const LIMIT: Duration = Duration::from_secs(20);
const NAME_AND_PASSWORD: &str = "username=default&password=correct+horse+battery+staple";

/// A free port, the admin's password, and a database in its own folder.
fn server() -> Program {
    Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD)
}

/// A sign-in that the server has begun to read; its body is still to come.
async fn begin_to_sign_in(server: &ServerProcess) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = format!(
        "POST /api/v1/login HTTP/1.1\r\nHost: zendo\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        NAME_AND_PASSWORD.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    stream
}

async fn until_nobody_listens(server: &ServerProcess) {
    let refused = async || TcpStream::connect(server.address()).await.is_err();
    wait_until("the server takes no more connections", LIMIT, refused).await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_end() {
    for signal in ["TERM", "INT"] {
        let server = server().serve().await;
        let mut stream = begin_to_sign_in(&server).await;
        server.signal(signal);
        until_nobody_listens(&server).await;
        stream.write_all(NAME_AND_PASSWORD.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("access_token"), "{answer}");
        server.finish().await.expect(0, &["requests under way are finished first"]);
    }
}

#[tokio::test]
async fn callers_who_say_nothing_do_not_keep_the_server() {
    let server = server().with("ZENML_SERVER_REQUEST_TIMEOUT", "1").serve().await;
    let _silent = TcpStream::connect(server.address()).await.unwrap();
    let _idle = server.anonymous().get("/health").await;
    let mut slow = TcpStream::connect(server.address()).await.unwrap();
    slow.write_all(b"GET /api/v1/info HTTP/1.1\r\nHo").await.unwrap();
    let _half = begin_to_sign_in(&server).await;
    server.signal("TERM");
    let finished = tokio::time::timeout(LIMIT, server.finish()).await.expect("it still runs");
    finished.expect(0, &[]);
}

#[tokio::test]
async fn a_port_that_is_taken_ends_the_start_with_advice() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = Program::new(&["serve", "--listen", &address]).run().await;
    finished.expect(1, &[&address, "give a free address with --listen or ZENDO_LISTEN"]);
    assert_eq!(finished.stdout, "");
}

#[tokio::test]
async fn healthcheck_tells_a_server_that_is_ready_from_none() {
    let server = server().with("ZENML_SERVER_ROOT_URL_PATH", "/zen").serve().await;
    let address = server.address().to_owned();
    let check = Program::new(&["healthcheck", "--listen", &address]);
    let of_a_root = check.clone().with("ZENML_SERVER_ROOT_URL_PATH", "/zen");
    of_a_root.run().await.expect(0, &[]);
    check.run().await.expect(0, &[]);
    let elsewhere = check.clone().with("ZENML_SERVER_ROOT_URL_PATH", "/other");
    elsewhere.run().await.expect(1, &["is not ready"]);
    Program::new(&["healthcheck"])
        .with("ZENDO_LISTEN", &address)
        .with("ZENML_SERVER_ROOT_URL_PATH", "/zen")
        .run()
        .await
        .expect(0, &[]);
    server.stop().await;
    of_a_root.run().await.expect(1, &["is not ready"]);
}

#[tokio::test]
async fn a_setting_that_can_not_be_meant_ends_the_start_with_one_line() {
    for (name, value, accepted) in [
        ("ZENML_SERVER_GENERIC_API_TOKEN_LIFETIME", "abc", "whole number of at least 1"),
        ("ZENML_SERVER_GENERIC_API_TOKEN_LIFETIME", "604801", "at most"),
        ("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "0", "whole number of at least 1"),
        ("ZENML_SERVER_JWT_TOKEN_ALGORITHM", "none", "HS256, HS384, HS512"),
        ("ZENML_SERVER_AUTH_SCHEME", "MAGIC", "OAUTH2_PASSWORD_BEARER"),
        ("ZENML_SERVER_AUTO_ACTIVATE", "perhaps", "true, false"),
        ("ZENML_SERVER_ROOT_URL_PATH", "zenml", "start with /"),
        ("ZENML_STORE_URL", "postgres://x/y", "mysql"),
        ("ZENML_STORE_URL", "mysql://a:b@127.0.0.1/c?charset=utf8", "charset is not known"),
        ("ZENML_STORE_URL", "mysql://a:b@127.0.0.1/c?ssl=perhaps", "ssl is not accepted"),
        ("ZENML_SECRETS_STORE_TYPE", "aws", "sql"),
        ("ZENML_STORE_SSL_CERT", "cert.pem", "ZENML_STORE_SSL_KEY"),
        ("ZENDO_LISTEN", "8080", "ADDRESS:PORT"),
    ] {
        let finished = Program::new(&["serve"]).with(name, value).run().await;
        finished.expect(2, &[name, accepted]);
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
        assert_eq!(finished.stdout, "");
    }
}

#[tokio::test]
async fn a_misspelt_setting_is_warned_about_and_the_server_starts() {
    let program = server().with("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFTIME", "60");
    let finished = program.serve().await.stop().await;
    let advice = "did you mean ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME?";
    finished.expect(0, &["ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFTIME is not a known setting", advice]);
}

#[tokio::test]
async fn settings_of_the_environment_are_used_and_flags_win() {
    let plain = Program::new(&[]).with("ZENDO_LISTEN", "127.0.0.1:0").with("ZENDO_DATA_DIR", "from-variable");
    plain.serve().await.stop().await;
    assert!(plain.folder().join("from-variable/zendo.db").exists());

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let flags = Program::new(&["--listen", "127.0.0.1:0", "--data-dir", "from-flag"])
        .with("ZENDO_LISTEN", &taken.local_addr().unwrap().to_string())
        .with("ZENDO_DATA_DIR", "from-variable");
    flags.serve().await.stop().await;
    assert!(flags.folder().join("from-flag/zendo.db").exists());
    assert!(!flags.folder().join("from-variable").exists());
    // With nothing said, the data are in the folder where it was started.
    let silent = server();
    silent.serve().await.stop().await;
    assert!(silent.folder().join("zendo-data/zendo.db").exists());
}

#[tokio::test]
async fn a_root_path_is_told_and_a_proxy_may_take_it_away() {
    let server = server().with("ZENML_SERVER_ROOT_URL_PATH", "/zen").serve().await;
    assert!(server.url().ends_with("/zen"), "{}", server.url());
    let token = server.signed_in("default", PASSWORD).await.api_token(60).await;
    let script = server.anonymous().with_token(&token);
    script.get("/api/v1/current-user").await.expect_ok();
    let unmoved = crate::support::Caller::new(format!("http://{}", server.address())).with_token(&token);
    for path in ["/health", "/ready", "/api/v1/info", "/api/v1/current-user", "/openapi.json", "/docs/"] {
        assert_eq!(script.get(path).await.status, 200, "{path}");
        assert_eq!(unmoved.get(path).await.status, 200, "{path}");
    }
}

/// Everything that is secret in one run, and all that the run has printed.
async fn expect_no_secret_printed(mut program: Program, mut secrets: Vec<String>) {
    let settings = [
        ("ZENML_SERVER_JWT_SECRET_KEY", "the-secret-that-signs-each-of-the-tokens"),
        ("ZENML_DEFAULT_USER_PASSWORD", "the-secret-of-the-first-admin"),
    ];
    for (name, value) in settings {
        program = program.with(name, value);
        secrets.push(value.to_owned());
    }
    let server = program.with("ZENDO_LOG", "trace").serve().await;
    let password = settings[1].1;
    let login = server.anonymous().login("default", password).await;
    let token = login.expect_ok()["access_token"].as_str().unwrap().to_owned();
    let script = server.anonymous().with_token(&token);
    let generic = script.api_token(60).await;
    server.anonymous().with_token(&generic).get("/api/v1/current-user").await.expect_ok();
    server.anonymous().with_token(&format!("{generic}x")).get("/api/v1/current-user").await.expect(401, "");
    server.anonymous().login("default", "a-password-with-a-typing-error").await.expect(401, "");
    secrets.extend([token, generic, "a-password-with-a-typing-error".to_owned()]);
    let finished = server.stop().await;
    for secret in secrets {
        let printed = [&finished.stdout, &finished.stderr];
        assert!(!printed.iter().any(|text| text.contains(&secret)), "{secret} in {finished:?}");
    }
}

#[tokio::test]
async fn no_secret_is_printed_or_logged() {
    expect_no_secret_printed(Program::server(), Vec::new()).await;
}

#[tokio::test]
async fn no_secret_of_the_store_is_printed_or_logged() {
    let Some(database) = Database::mariadb("secrets").await else { return };
    let secret = "the-secret-of-the-store";
    let place = database.url().rsplit('@').next().unwrap().to_owned();
    database
        .execute(&format!(
            "CREATE OR REPLACE USER operator@'127.0.0.1' IDENTIFIED BY '{secret}'; \
             GRANT ALL ON `t{}\\_%`.* TO operator@'127.0.0.1'",
            std::process::id()
        ))
        .await;
    let program = |password: &str| {
        Program::server().with("ZENML_STORE_URL", &format!("mysql://operator:{password}@{place}"))
    };
    expect_no_secret_printed(program(secret), vec![secret.to_owned()]).await;
    let refused = program("a-wrong-secret").run().await;
    refused.expect(1, &["can't be opened", "MySQL 127.0.0.1:"]);
    assert!(!refused.stderr.contains("a-wrong-secret"), "{refused:?}");
}
