//! `zendo token --exchange --exec`: the token of a command is renewed for as long as it runs, each time for an identity that is
//! asked for anew, where the job has one that is given anew.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::support::{Caller, Database, Issuer, Program, TestApp, wait_until};
use crate::workload_identities::{SERVER, job, set_up};

on_each_store! {
    a_file_is_read_again_for_each_renewal_of_a_commands_token,
    github_is_asked_again_for_each_renewal_of_a_commands_token,
    what_is_in_a_variable_is_not_renewed_and_the_command_goes_on,
}

const LIMIT: Duration = Duration::from_secs(60);
const TRUSTS: &str = "/api/v1/trusts";
/// A command that uses its token, and each that comes after it, until it has had three; it says what they are.
const USES_THREE: &str = r#"
    last=$ZENDO_TOKEN
    for number in 1 2 3; do
        curl -fsS -H "Authorization: Bearer $last" "$ZENML_STORE_URL/api/v1/current-user" | grep -q '"name":"ci"'
        echo "$last"
        [ $number = 3 ] || until next=$(cat "$ZENDO_TOKEN_FILE"); [ "$next" != "$last" ]; do sleep 0.05; done
        last=${next-}
    done"#;

/// A server with a rule for an issuer's jobs.
async fn trusting(database: &Database) -> (TestApp, Caller, Arc<Issuer>) {
    let (app, admin) = set_up(database).await;
    let issuer = Arc::new(Issuer::start(1).await);
    let rule =
        json!({"name": "own", "service_account": "ci", "issuer": issuer.url, "conditions": {"sub": "job"}});
    admin.post(TRUSTS, rule).await.expect_ok();
    (app, admin, issuer)
}

/// A job that runs the command with a token that lives for three seconds.
fn running(app: &TestApp, more: &[&str], command: &str) -> Program {
    let exchange = ["token", "--exchange", "--expires-in", "3"];
    job(app, &[&exchange, more, &["--exec", "--", "sh", "-euc", command]].concat())
}

/// The three tokens that a command said: different ones, each of an exchange of its own, and none is good after its end.
async fn were_three(app: &TestApp, admin: &Caller, said: &str) {
    let mut tokens: Vec<&str> = said.lines().collect();
    assert_eq!(tokens.len(), 3, "{said}");
    for token in &tokens {
        app.anonymous().with_token(token).get("/api/v1/current-user").await.expect(401, "");
    }
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "one is there twice");
    let signed_in = admin.get("/api/v1/audit?action=sign_in&credential=subject_token").await.expect_ok();
    assert!(signed_in["total"].as_u64().unwrap() >= 3, "{signed_in}");
    let live = admin.get("/api/v1/api_tokens?active=true&token_type=generic&user=ci").await.expect_ok();
    assert_eq!(live["total"], 0, "{live}");
}

async fn a_file_is_read_again_for_each_renewal_of_a_commands_token(database: Database) {
    let (app, admin, issuer) = trusting(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    // As a kubelet does it: whoever reads finds a whole one.
    let put = || {
        let next = folder.path().join("next");
        std::fs::write(&next, issuer.token(&app, json!({"aud": SERVER}))).unwrap();
        std::fs::rename(&next, &file).unwrap();
    };
    put();
    let path = file.display().to_string();
    let program = running(&app, &["--subject-token-file", &path], USES_THREE).spawn();
    for times in 1..3 {
        // What is in the file was exchanged: the renewal looks for another one, and nothing is exchanged twice.
        let waits = || program.stderr().matches("waiting for another").count();
        wait_until("a renewal waits for another token", LIMIT, async || waits() == times).await;
        let exchanged = admin.get("/api/v1/audit?action=sign_in&credential=subject_token").await.expect_ok();
        assert_eq!(exchanged["total"], times, "{exchanged}");
        put();
        let what = "the command has the token for it";
        wait_until(what, LIMIT, async || program.stdout().lines().count() > times).await;
    }
    let finished = program.finish().await;
    finished.expect(0, &[]);
    were_three(&app, &admin, &finished.stdout).await;
}

/// Where GitHub gives a job tokens: what it was asked for, and whether it is out of order.
#[derive(Default)]
struct Asked {
    audiences: Vec<String>,
    failures: usize,
}

/// Answers as GitHub does, and fails at the second question. Returns the address with its query, and what it was asked.
async fn github(app: Arc<TestApp>, issuer: Arc<Issuer>) -> (String, Arc<Mutex<Asked>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token?api-version=2.0", listener.local_addr().unwrap());
    let asked = Arc::<Mutex<Asked>>::default();
    let noted = Arc::clone(&asked);
    let give = async move |uri: Uri, headers: HeaderMap| -> Response {
        let query = uri.query().unwrap_or_default().strip_prefix("api-version=2.0&audience=");
        let Some(audience) = query.filter(|_| headers["authorization"] == "Bearer of the job") else {
            return StatusCode::UNAUTHORIZED.into_response();
        };
        let audience = percent_encoding::percent_decode_str(audience).decode_utf8_lossy().into_owned();
        let mut noted = noted.lock().unwrap();
        if noted.audiences.len() == 1 && noted.failures == 0 {
            noted.failures = 1;
            return StatusCode::BAD_GATEWAY.into_response();
        }
        let token = issuer.token(&app, json!({"aud": audience}));
        noted.audiences.push(audience);
        Json(json!({"value": token, "count": token.len()})).into_response()
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/token", get(give))).await });
    (url, asked)
}

async fn github_is_asked_again_for_each_renewal_of_a_commands_token(database: Database) {
    let (app, admin, issuer) = trusting(&database).await;
    let app = Arc::new(app);
    let (url, asked) = github(Arc::clone(&app), issuer).await;
    let program = running(&app, &[], USES_THREE).with("ACTIONS_ID_TOKEN_REQUEST_URL", &url);
    let finished = program.with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of the job").run().await;
    // Where it gave nothing once, it was asked again, and the command went on with what it had.
    finished.expect(0, &["ACTIONS_ID_TOKEN_REQUEST_URL", "502", "trying again"]);
    were_three(&app, &admin, &finished.stdout).await;
    let asked = asked.lock().unwrap();
    assert!(asked.failures == 1 && asked.audiences.len() >= 3, "{:?}", asked.audiences);
    assert!(asked.audiences.iter().all(|audience| audience == SERVER), "{:?}", asked.audiences);
}

async fn what_is_in_a_variable_is_not_renewed_and_the_command_goes_on(database: Database) {
    let (app, admin, issuer) = trusting(&database).await;
    let command = r#"
        until [ -e told ]; do sleep 0.05; done
        [ "$(cat "$ZENDO_TOKEN_FILE")" = "$ZENDO_TOKEN" ]
        echo "$ZENDO_TOKEN"
        exit 7"#;
    let identity = issuer.token(&app, json!({"aud": SERVER}));
    let program = running(&app, &[], command).with("ZENDO_ID_TOKEN", &identity);
    let folder = program.folder().to_owned();
    let running = program.spawn();
    let what = "it says that the token is not renewed";
    wait_until(what, LIMIT, async || running.stderr().contains("is not renewed any more")).await;
    std::fs::write(folder.join("told"), "").unwrap();
    let finished = running.finish().await;
    finished.expect(7, &["the token is not renewed any more", "exchanged before"]);
    app.anonymous().with_token(finished.stdout.trim()).get("/api/v1/current-user").await.expect(401, "");
    let signed_in = admin.get("/api/v1/audit?action=sign_in&credential=subject_token").await.expect_ok();
    assert_eq!(signed_in["total"], 1, "{signed_in}");
}
