//! A service that knows people is believed in who they are, not in whose account here is theirs; and a slow one costs
//! no more than a few threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

use crate::support::{ADMIN, Answer, Database, TestApp, wait_until};

const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

on_each_store! {
    an_account_that_is_bound_elsewhere_is_not_adopted,
    a_name_like_anothers_is_refused,
    names_that_are_none_are_refused,
    unknown_bearers_wait_longer_each_time,
    a_slow_authority_holds_few_threads,
}

/// A service that tells what it is told to, when it is let.
#[derive(Clone)]
struct Authority {
    url: String,
    /// Whom `Bearer good` means.
    account: Arc<Mutex<Value>>,
    gate: Arc<Semaphore>,
    asked_now: Arc<AtomicUsize>,
    asked_at_most: Arc<AtomicUsize>,
}

impl Authority {
    async fn start(permits: usize) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = Self {
            url: format!("http://{}/user_info", listener.local_addr().unwrap()),
            account: Arc::default(),
            gate: Arc::new(Semaphore::new(permits)),
            asked_now: Arc::default(),
            asked_at_most: Arc::default(),
        };
        let router = Router::new().route("/user_info", routing::get(user_info)).with_state(authority.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        authority
    }

    async fn tells(&self, id: u128, username: &str) {
        *self.account.lock().await = json!({"id": uuid::Uuid::from_u128(id), "username": username});
    }

    async fn app(&self, database: &Database) -> TestApp {
        let settings = [
            ("ZENML_SERVER_AUTH_SCHEME", "EXTERNAL"),
            ("ZENML_SERVER_EXTERNAL_LOGIN_URL", "https://login.example/start"),
            ("ZENML_SERVER_EXTERNAL_USER_INFO_URL", &self.url),
            ("ZENDO_TRUSTED_PROXIES", "127.0.0.0/8"),
        ];
        TestApp::start_with(database, &settings).await
    }
}

async fn user_info(
    State(authority): State<Authority>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    let now = authority.asked_now.fetch_add(1, Ordering::SeqCst) + 1;
    authority.asked_at_most.fetch_max(now, Ordering::SeqCst);
    let _permit = authority.gate.acquire().await.unwrap();
    authority.asked_now.fetch_sub(1, Ordering::SeqCst);
    match headers["authorization"].to_str().unwrap() {
        "Bearer good" => Ok(Json(authority.account.lock().await.clone())),
        _ => Err(StatusCode::FORBIDDEN),
    }
}

async fn sign_in(app: &TestApp, bearer: &str, address: &str) -> Answer {
    let caller = app.anonymous().with("authorization", &format!("Bearer {bearer}"));
    caller.with("x-forwarded-for", address).post_form("/api/v1/login", &[]).await
}

/// The id here of whoever signs in.
async fn id_of(app: &TestApp, login: &Answer) -> Value {
    let token = login.expect_ok()["access_token"].as_str().unwrap().to_owned();
    app.anonymous().with_token(&token).get("/api/v1/current-user").await.expect_ok()["id"].clone()
}

async fn an_account_that_is_bound_elsewhere_is_not_adopted(database: Database) {
    let authority = Authority::start(1).await;
    let app = authority.app(&database).await;
    authority.tells(1, "ada").await;
    let ada = id_of(&app, &sign_in(&app, "good", "203.0.113.1").await).await;
    // Somebody else of that name, and somebody of another name who takes it over there.
    authority.tells(2, "ada").await;
    sign_in(&app, "good", "203.0.113.1").await.expect(401, "another account's");
    authority.tells(2, "eve").await;
    let eve = id_of(&app, &sign_in(&app, "good", "203.0.113.1").await).await;
    authority.tells(2, "ada").await;
    sign_in(&app, "good", "203.0.113.1").await.expect(401, "another account's");
    // The first one is who they were, under a new name as well.
    authority.tells(1, "ada l.").await;
    assert_eq!(id_of(&app, &sign_in(&app, "good", "203.0.113.1").await).await, ada);
    assert_ne!(ada, eve);
    // An account that nobody has there is adopted, once.
    authority.tells(3, ADMIN).await;
    let adopted = id_of(&app, &sign_in(&app, "good", "203.0.113.1").await).await;
    authority.tells(4, ADMIN).await;
    sign_in(&app, "good", "203.0.113.1").await.expect(401, "another account's");
    authority.tells(3, ADMIN).await;
    assert_eq!(id_of(&app, &sign_in(&app, "good", "203.0.113.1").await).await, adopted);
}

async fn a_name_like_anothers_is_refused(database: Database) {
    let authority = Authority::start(1).await;
    let app = authority.app(&database).await;
    for (number, name) in ["DEFAULT", "Default", "Default "].into_iter().enumerate() {
        authority.tells(number as u128 + 10, name).await;
        let answer = sign_in(&app, "good", "203.0.113.1").await;
        assert!([401, 409].contains(&answer.status), "{name:?}: {answer:?}");
    }
    assert_eq!(database.texts("SELECT name FROM user").await, [ADMIN]);
}

async fn names_that_are_none_are_refused(database: Database) {
    let authority = Authority::start(1).await;
    let app = authority.app(&database).await;
    for name in ["", " ", "eve\nadmin", "eve\r\n", "eve\tadmin", "e\u{0}ve", "e\u{85}ve", &"e".repeat(256)] {
        authority.tells(1, name).await;
        sign_in(&app, "good", "203.0.113.1").await.expect(401, "Unknown external authenticator error");
    }
    assert_eq!(database.texts("SELECT name FROM user").await, [ADMIN]);
}

async fn unknown_bearers_wait_longer_each_time(database: Database) {
    let authority = Authority::start(1).await;
    let app = authority.app(&database).await;
    app.clock.hold();
    for _ in 0..21 {
        sign_in(&app, "bad", "198.51.100.1").await.expect(401, "Not authorized");
    }
    sign_in(&app, "bad", "198.51.100.1").await.expect(429, "Too many failed attempts");
    authority.tells(1, "ada").await;
    sign_in(&app, "good", "203.0.113.1").await.expect_ok();
}

async fn a_slow_authority_holds_few_threads(database: Database) {
    let authority = Authority::start(0).await;
    let app = Arc::new(authority.app(&database).await);
    authority.tells(1, "ada").await;
    // From one address, from many, and some who hang up.
    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..120 {
        let app = Arc::clone(&app);
        let address = if number < 30 { 1 } else { number };
        attempts.spawn(async move { sign_in(&app, "good", &format!("203.0.113.{address}")).await.status });
    }
    let refused =
        async |attempts: &mut tokio::task::JoinSet<u16>| attempts.join_next().await.unwrap().unwrap();
    for _ in 0..22 {
        assert_eq!(refused(&mut attempts).await, 429, "one address asks eight times at once");
    }
    wait_until("it is asked", LIMIT, async || authority.asked_now.load(Ordering::SeqCst) == 32).await;
    attempts.abort_all();
    // Nobody else feels it, and no further thread is taken.
    app.anonymous().get("/health").await.expect(200, "");
    app.anonymous().get("/api/v1/info").await.expect_ok();
    assert_eq!(authority.asked_at_most.load(Ordering::SeqCst), 32);
    authority.gate.add_permits(1000);
    sign_in(&app, "good", "192.0.2.1").await.expect_ok();
    assert!(authority.asked_at_most.load(Ordering::SeqCst) <= 32);
}
