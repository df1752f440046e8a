//! Clusters that misbehave: none of them leads this server elsewhere, keeps it for long, or has it say on what only it was
//! told.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{CONNECTORS, PLAIN, made, path};
use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    a_cluster_that_leads_elsewhere_is_not_followed,
    a_cluster_that_says_too_much_is_not_heard_out,
    what_a_cluster_says_is_not_said_on,
    a_secret_that_cannot_be_used_is_not_shown_in_pieces,
    a_cluster_that_is_silent_is_given_up_and_keeps_nobody_else,
}

const NEAR: [(&str, &str); 1] = [("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1")];
const USER: &str = "ada-lovelace-1815";
/// What the far side's words have in them.
const WORD: &str = "gossip";
/// Letters in a row that are a piece of a secret.
const PIECE: usize = 6;

/// A server that tells whoever comes what the first part of the path names, in the words that it was asked with.
struct Gossip {
    url: String,
    /// The paths that it was asked for.
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Gossip {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (own, noted) = (url.clone(), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, own.clone(), Arc::clone(&noted)));
            }
        });
        Self { url, asked, serving }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Drop for Gossip {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream, own: String, asked: Arc<Mutex<Vec<String>>>) {
    let heard = hear(&mut stream).await;
    let path = heard.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    let (way, rest) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let whole = |status: &str, more: &str, body: &str| {
        let head = format!("HTTP/1.1 {status} {WORD} of {PLAIN}\r\nx-{WORD}: {PLAIN}\r\n{more}");
        format!("{head}content-length: {}\r\n\r\n{body}", body.len())
    };
    let page = format!("<html><body>{WORD}: {heard}</body></html>");
    let review = |kind: &str, user: &str| {
        let info = json!({"username": user, "extra": {WORD: [heard]}});
        json!({"kind": kind, WORD: heard, "status": {"userInfo": info}}).to_string()
    };
    let told = match way.split_once('-').unwrap_or((way, "")) {
        ("moved", status) => whole(status, &format!("location: {own}/good/{rest}\r\n"), &page),
        ("good", _) => whole("201", "", &review("SelfSubjectReview", "ada")),
        ("refused", status) => {
            let asks = format!("www-authenticate: Basic realm=\"{WORD} of {PLAIN}\"\r\n");
            whole(status, &asks, &page)
        }
        ("page", _) => whole("201", "content-type: text/html\r\n", &page),
        ("kind", _) => whole("201", "", &review(&format!("{WORD} {heard}"), "ada")),
        ("nobody", _) => whole("201", "", &review("SelfSubjectReview", "system:anonymous")),
        ("large", _) => format!("HTTP/1.1 201 Created\r\n\r\n{}", format!("{WORD} {heard}").repeat(1 << 14)),
        ("head", _) => format!("HTTP/1.1 201 Created\r\nx-{WORD}: {}\r\n\r\n", WORD.repeat(1 << 18)),
        ("noise", _) => format!("{WORD} {heard}"),
        _ => String::new(),
    };
    let _ = stream.write_all(told.as_bytes()).await;
}

/// A whole request: whoever hangs up before that is not heard either.
async fn hear(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&heard).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut heard).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

/// A cluster's connector that signs in with a token.
fn by_token(server: &str) -> Value {
    cluster("token", json!({"server": server, "cluster_name": "lab", "token": PLAIN}))
}

/// The same with a name and a password.
fn by_password(server: &str) -> Value {
    let access = json!({"server": server, "cluster_name": "lab", "username": USER, "password": PLAIN});
    cluster("password", access)
}

fn cluster(method: &str, configuration: Value) -> Value {
    json!({
        "name": uuid::Uuid::new_v4().to_string(), "connector_type": "kubernetes", "auth_method": method,
        "resource_types": ["kubernetes-cluster"], "configuration": configuration,
    })
}

/// What becomes of each request that makes this server call a connector's cluster.
async fn all_that_call(caller: &Caller, body: &Value) -> Vec<Answer> {
    let kept = path(&made(caller, body.clone()).await);
    let new = format!("{CONNECTORS}/verify");
    let list = format!("{CONNECTORS}/resources?name={}", body["name"].as_str().unwrap());
    let (kept_verify, client) = (format!("{kept}/verify"), format!("{kept}/client"));
    let (new, kept, list, client) = tokio::join!(
        caller.post(&new, body.clone()),
        caller.put(&kept_verify, Value::Null),
        caller.get(&list),
        caller.get(&client),
    );
    vec![new, kept, list, client]
}

/// Whether all of them say that, and nothing of what is secret or was said by the far side.
fn tell(answers: &[Answer], reason: &str) {
    let [new, kept, list, client] = answers else { panic!("{answers:?}") };
    for (verified, answer) in
        [(new.expect_ok(), new), (kept.expect_ok(), kept), (list.expect_ok()[0].clone(), list)]
    {
        let of_type = &verified["resources"][0];
        assert_eq!(
            (&verified["error"], &of_type["resource_ids"]),
            (&of_type["error"], &Value::Null),
            "{answer:?}"
        );
        assert!(
            verified["error"].as_str().is_some_and(|error| error.contains(reason)),
            "{reason}: {answer:?}"
        );
    }
    client.expect(401, "AuthorizationException");
    client.expect(401, reason);
    let proof = STANDARD.encode(format!("{USER}:{PLAIN}"));
    for answer in answers {
        for secret in [PLAIN, USER, &proof, &STANDARD.encode(PLAIN)] {
            for at in 0..=secret.len() - PIECE {
                let piece = &secret[at..at + PIECE];
                assert!(!answer.text.contains(piece), "{piece} in {answer:?}");
            }
        }
        assert!(!answer.text.contains(WORD) && !answer.text.contains('<'), "{answer:?}");
    }
}

async fn a_cluster_that_leads_elsewhere_is_not_followed(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    let far = Gossip::new().await;
    // Whoever goes where the others lead finds a good cluster.
    let good = by_token(&format!("{}/good", far.url));
    let verified = admin.post(&format!("{CONNECTORS}/verify"), good).await.expect_ok();
    assert_eq!(verified["resources"][0]["resource_ids"], json!(["lab"]), "{verified}");
    assert_eq!(far.asked(), ["/good/apis/authentication.k8s.io/v1/selfsubjectreviews"]);
    for status in [300, 301, 302, 303, 307, 308] {
        for connector in [by_token, by_password] {
            let answers = all_that_call(&admin, &connector(&format!("{}/moved-{status}", far.url))).await;
            tell(&answers, &format!("the cluster answered {status}"));
        }
    }
    let asked = far.asked();
    assert_eq!(asked.len(), 6 * 2 * 4, "{asked:?}");
    assert!(asked.iter().all(|path| path.starts_with("/moved-")), "{asked:?}");
}

async fn a_cluster_that_says_too_much_is_not_heard_out(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    let far = Gossip::new().await;
    for (way, reason) in [("large", "is too large"), ("head", "can't be reached")] {
        for connector in [by_token, by_password] {
            tell(&all_that_call(&admin, &connector(&format!("{}/{way}", far.url))).await, reason);
        }
    }
}

async fn what_a_cluster_says_is_not_said_on(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    let far = Gossip::new().await;
    for (way, reason) in [
        ("refused-401", "the cluster answered 401"),
        ("refused-403", "the cluster answered 403"),
        ("refused-422", "the cluster answered 422"),
        ("refused-500", "the cluster answered 500"),
        ("refused-404", "knows none of the questions"),
        ("page", "not what a cluster answers"),
        ("kind", "not what a cluster answers"),
        ("nobody", "takes the connector for nobody"),
        ("noise", "can't be reached"),
        ("nothing", "can't be reached"),
    ] {
        for connector in [by_token, by_password] {
            tell(&all_that_call(&admin, &connector(&format!("{}/{way}", far.url))).await, reason);
        }
    }
    let used = admin.get("/api/v1/audit?action=connector_used").await.expect_ok();
    assert_eq!(used["total"], 0, "nothing was handed out: {used}");
}

async fn a_secret_that_cannot_be_used_is_not_shown_in_pieces(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    let admin = app.signed_in().await;
    let far = Gossip::new().await;
    let encoded = STANDARD.encode(PLAIN);
    let (header, odd) = (format!("{PLAIN}\n{PLAIN}"), format!("{PLAIN}!"));
    for (more, reason) in [
        (json!({"token": header}), "token: it has characters"),
        (json!({"client_certificate": encoded}), "go together"),
        (json!({"client_certificate": odd, "client_key": odd}), "client_certificate: it is not base64"),
        (
            json!({"client_certificate": encoded, "client_key": encoded}),
            "certificate is no certificate in PEM",
        ),
        (json!({"certificate_authority": encoded}), "authority is no certificate in PEM"),
        (json!({"certificate_authority": odd}), "certificate_authority: it is not base64"),
    ] {
        let mut connector = by_token(&format!("{}/good", far.url));
        connector["configuration"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tell(&all_that_call(&admin, &connector).await, reason);
    }
    assert_eq!(far.asked(), Vec::<String>::new(), "nobody is asked with what can't be used");
}

async fn a_cluster_that_is_silent_is_given_up_and_keeps_nobody_else(database: Database) {
    let app = TestApp::start_with(&database, &NEAR).await;
    // The machine takes connections for it, and nobody reads them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let begins = beginning().await;
    let mut waiting = Vec::new();
    for (name, server) in [
        ("ada", format!("http://{address}/{WORD}")),
        ("bob", format!("https://{address}")),
        ("eve", begins.0.clone()),
    ] {
        let caller = app.new_user(name, false).await;
        waiting.push(async move { all_that_call(&caller, &by_token(&server)).await });
    }
    let others = async {
        for _ in 0..20 {
            app.signed_in().await.get(CONNECTORS).await.expect_ok();
        }
    };
    let mut waiting = std::pin::pin!(join_all(waiting));
    tokio::select! {
        answers = &mut waiting => panic!("those who wait were first: {answers:?}"),
        () = others => {}
    }
    for answers in waiting.await {
        tell(&answers, "did not answer in time");
    }
    begins.1.abort();
}

/// Where an answer begins, and goes no further.
async fn beginning() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut begun = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            hear(&mut stream).await;
            let head = format!("HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n<{WORD}");
            let _ = stream.write_all(head.as_bytes()).await;
            begun.push(stream);
        }
    });
    (url, serving)
}
