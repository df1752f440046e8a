//! A provider that makes people wait, or says more than anybody can mean: nobody else waits for it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::visitor::asked;
use super::{CURRENT_USER, FarSide, Visitor, server};
use crate::support::{Answer, Database, TestApp};

/// More than the threads of the server, and its connections to the database.
const MANY: usize = 40;

/// A provider that takes each request, and answers it with so many bytes or not at all.
async fn provider(bytes: Option<usize>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(bytes) = bytes else {
                waiting.push(stream);
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            let _ = stream.write_all(&[head.into_bytes(), vec![b' '; bytes]].concat()).await;
        }
    });
    url
}

async fn server_at(issuer: &str) -> TestApp {
    let settings = [("ZENDO_OIDC_ISSUER", issuer), ("ZENDO_OIDC_CLIENT_ID", "zendo")];
    TestApp::start_with(&Database::sqlite(), &settings).await
}

/// Waits for what the provider keeps waiting, while others go on: they are done first.
async fn while_others_go_on(app: &TestApp, waiting: impl Future<Output = Vec<Answer>>) -> Vec<Answer> {
    let others = async {
        for _ in 0..20 {
            app.signed_in().await.get(CURRENT_USER).await.expect_ok();
        }
    };
    let mut waiting = std::pin::pin!(waiting);
    tokio::select! {
        answers = &mut waiting => panic!("the sign-ins were first: {answers:?}"),
        () = others => {}
    }
    waiting.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_provider_keeps_nobody_waiting_but_those_who_sign_in_there() {
    let issuer = provider(None).await;
    let app = server_at(&issuer).await;
    let caller = Visitor::of(&app).at_console();
    let starts = join_all((0..MANY).map(|_| caller.post("/api/v1/oidc/start", json!({}))));
    for answer in while_others_go_on(&app, starts).await {
        answer.expect(503, "did not answer in time");
    }
}

/// Comes back with a code that tells the misbehaving provider what to do.
async fn told(app: &TestApp, issuer: &str, what: Value) -> Answer {
    let mut visitor = Visitor::of(app);
    let address = visitor.start(json!({})).await;
    let code = URL_SAFE_NO_PAD.encode(what.to_string());
    visitor.come_back(json!({"code": code, "state": asked(&address, "state"), "iss": issuer})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_does_one_that_is_slow_to_take_a_code() {
    let Some(provider) = FarSide::misbehaving().await else { return };
    let app =
        server(&Database::sqlite(), &provider, &[("ZENML_SERVER_LOGIN_RATE_LIMIT_ENABLED", "false")]).await;
    let comings = join_all((0..MANY).map(|_| told(&app, &provider.url, json!({"seconds": 16}))));
    for answer in while_others_go_on(&app, comings).await {
        answer.expect(503, "did not answer in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_says_too_much_is_not_heard_out() {
    const BYTES: usize = 10 << 20;
    let issuer = provider(Some(BYTES)).await;
    let app = server_at(&issuer).await;
    let start = Visitor::of(&app).at_console().post("/api/v1/oidc/start", json!({})).await;
    start.expect(503, "is too large");
    let Some(provider) = FarSide::misbehaving().await else { return };
    let app = server(&Database::sqlite(), &provider, &[]).await;
    told(&app, &provider.url, json!({"bytes": BYTES})).await.expect(503, "is too large");
}
