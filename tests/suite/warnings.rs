//! Warnings: told once, listed for those whose business they are, and sent as webhooks until they are taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::support::{Caller, Database, TestApp, python, wait_until};

const ACCOUNTS: &str = "/api/v1/service_accounts";
const DAY: i64 = 86_400;
const SECONDS: Duration = Duration::from_secs(10);
pub(crate) const SECRETS: &str =
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

on_each_store! {
    the_end_of_a_key_is_told_once_at_each_time,
    what_lives_shortly_is_not_told_early,
    a_token_that_is_used_elsewhere_is_told,
    many_refusals_of_an_account_are_told,
    warnings_are_for_those_whose_business_they_are,
    a_webhook_is_signed_and_sent_until_it_is_taken,
    no_webhook_goes_to_an_inner_address,
}

pub(crate) async fn jobs(app: &TestApp) {
    zendo::testing::do_each_job(&app.state).await.unwrap();
}

async fn new_key(admin: &Caller, expires_in: i64) -> Value {
    let account = admin.post(ACCOUNTS, json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("{ACCOUNTS}/{}/api_keys", account["id"].as_str().unwrap());
    admin.post(&keys, json!({"name": "nightly", "expires_in": expires_in})).await.expect_ok()
}

/// The warnings that somebody sees, the oldest first.
async fn told(caller: &Caller) -> Vec<Value> {
    let page = caller.get("/api/v1/warnings?sort_by=created&size=100").await.expect_ok();
    page["items"].as_array().unwrap().clone()
}

async fn the_end_of_a_key_is_told_once_at_each_time(database: Database) {
    let app = TestApp::start(&database).await;
    let other = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let key = new_key(&admin, 30 * DAY).await;
    let mut expected = Vec::new();
    for (days, left) in [(15, None), (2, Some(14)), (6, Some(7)), (6, Some(1)), (2, Some(0)), (30, None)] {
        for server in [&app, &other] {
            server.clock.advance(days * DAY);
        }
        for _ in 0..2 {
            tokio::join!(jobs(&app), jobs(&other));
        }
        expected.extend(left.map(|left| json!(left)));
        let days: Vec<Value> =
            told(&admin).await.iter().map(|told| told["details"]["days"].clone()).collect();
        assert_eq!(days, expected);
    }
    let told = told(&admin).await;
    let kinds: Vec<&str> = told.iter().map(|told| told["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["api_key.expiring", "api_key.expiring", "api_key.expiring", "api_key.expired"]);
    assert_eq!((&told[0]["subject_id"], &told[0]["subject_name"]), (&key["id"], &json!("nightly")));
    let text = told[0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("API key 'nightly' of the service account 'ci' ends within 14 days, at "),
        "{text}"
    );
    // A new end is told anew.
    let account = told[0]["details"]["service_account_id"].as_str().unwrap();
    let path = format!("{ACCOUNTS}/{account}/api_keys/nightly/rotate");
    admin.put(&path, json!({"expires_in": 8 * DAY})).await.expect_ok();
    app.clock.advance(DAY + 1);
    jobs(&app).await;
    assert_eq!(self::told(&admin).await.len(), 5);
}

async fn what_lives_shortly_is_not_told_early(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    new_key(&admin, 3 * DAY).await;
    jobs(&app).await;
    assert_eq!(told(&admin).await.len(), 0);
    app.clock.advance(2 * DAY);
    jobs(&app).await;
    assert_eq!(told(&admin).await[0]["details"]["days"], 1);
    // Nobody waits for a key that was switched off.
    let account = admin.get(&format!("{ACCOUNTS}/ci")).await.expect_ok();
    let key = format!("{ACCOUNTS}/{}/api_keys/nightly", account["id"].as_str().unwrap());
    admin.put(&key, json!({"active": false})).await.expect_ok();
    app.clock.advance(2 * DAY);
    jobs(&app).await;
    assert_eq!(told(&admin).await.len(), 1);
}

async fn a_token_that_is_used_elsewhere_is_told(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    let token = admin.get("/api/v1/api_token?name=nightly").await.expect_ok();
    let token = token.as_str().unwrap();
    let used = async |address: &str, expected: usize| {
        let there = app.anonymous().with("x-forwarded-for", address).with_token(token);
        there.get("/api/v1/current-user").await.expect_ok();
        jobs(&app).await;
        // The server's own job may have taken the use before.
        let what = format!("{expected} warnings after a use from {address}");
        wait_until(&what, SECONDS, async || told(&admin).await.len() == expected).await;
    };
    used("10.0.0.1", 0).await;
    let known = "SELECT network FROM zendo_token_network";
    wait_until("the first network is known", SECONDS, async || database.texts(known).await.len() == 1).await;
    used("10.0.0.99", 0).await;
    used("192.0.2.1", 1).await;
    used("192.0.2.1", 1).await;
    used("10.0.0.1", 1).await;
    used("2001:db8::1", 2).await;
    let told = told(&admin).await;
    assert_eq!(told[0]["kind"], "api_token.used_elsewhere");
    assert_eq!(told[0]["details"], json!({"network": "192.0.2.0/24", "before": ["10.0.0.0/24"]}));
    // The token's own answer says where it was used.
    let id = told[0]["subject_id"].as_str().unwrap();
    let shown = admin.get(&format!("/api/v1/api_tokens/{id}")).await.expect_ok();
    let networks = shown["metadata"]["networks"].as_array().unwrap().iter();
    let mut networks: Vec<&str> = networks.map(|used| used["network"].as_str().unwrap()).collect();
    networks.sort_unstable();
    assert_eq!(networks, ["10.0.0.0/24", "192.0.2.0/24", "2001:db8::/64"]);
    // One that moves all the time is told of no more.
    for number in 0..9 {
        used(&format!("172.16.{number}.1"), 7.min(3 + number)).await;
    }
}

async fn many_refusals_of_an_account_are_told(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("ada", false).await;
    let token = admin.get("/api/v1/api_token?addresses=192.0.2.1").await.expect_ok();
    let elsewhere = app.anonymous().with_token(token.as_str().unwrap());
    for _ in 0..19 {
        elsewhere.get("/api/v1/current-user").await.expect(403, "");
    }
    jobs(&app).await;
    assert_eq!(told(&admin).await.len(), 0);
    for _ in 0..30 {
        elsewhere.get("/api/v1/current-user").await.expect(403, "");
        jobs(&app).await;
    }
    wait_until("the refusals are told", SECONDS, async || !told(&admin).await.is_empty()).await;
    let told = told(&admin).await;
    assert_eq!((told.len(), &told[0]["kind"]), (1, &json!("account.many_refusals")));
    assert_eq!(told[0]["subject_name"], "default");
}

async fn warnings_are_for_those_whose_business_they_are(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    let (ada, bob) = (app.new_user("ada", false).await, app.new_user("bob", false).await);
    let token = ada.api_token(600).await;
    for address in ["10.0.0.1", "192.0.2.1"] {
        let there = app.anonymous().with("x-forwarded-for", address).with_token(&token);
        there.get("/api/v1/current-user").await.expect_ok();
        jobs(&app).await;
    }
    wait_until("it is told", SECONDS, async || !told(&admin).await.is_empty()).await;
    for (caller, count) in [(&admin, 1), (&ada, 1), (&bob, 0)] {
        assert_eq!(told(caller).await.len(), count);
    }
    app.anonymous().get("/api/v1/warnings").await.expect(401, "");
    let found = admin.get("/api/v1/warnings?kind=api_key.expired").await.expect_ok();
    assert_eq!(found["total"], 0);
    app.clock.advance(91 * DAY);
    jobs(&app).await;
    assert_eq!(told(&admin).await.len(), 0);
}

/// A receiver on this machine, and what it was sent.
pub struct Receiver {
    pub url: String,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    /// Refuses as often, and takes what comes then.
    pub async fn start(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (seen, refused) = (Arc::clone(&requests), AtomicUsize::new(0));
        tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { return };
                let request = read_request(&mut stream).await;
                let status = match refused.fetch_add(1, Ordering::SeqCst) < refusals {
                    true => "500 Not now",
                    false => "204 Taken",
                };
                seen.lock().await.push(request);
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, requests }
    }

    pub async fn count(&self) -> usize {
        self.requests.lock().await.len()
    }

    /// The bodies of what it was sent.
    pub async fn bodies(&self) -> Vec<Value> {
        let requests = self.requests.lock().await;
        let body =
            |request: &String| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        requests.iter().map(body).collect()
    }
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or_default() {
                return text.into_owned();
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&request).into_owned(),
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
    }
}

pub(crate) fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {request}")).split_once(": ").unwrap().1
}

async fn a_webhook_is_signed_and_sent_until_it_is_taken(database: Database) {
    let receiver = Receiver::start(2).await;
    let variables = [
        ("ZENDO_WARNING_WEBHOOKS", receiver.url.as_str()),
        ("ZENDO_WARNING_SECRET", SECRETS),
        ("ZENDO_WARNING_NETWORKS", "127.0.0.0/8"),
    ];
    let app = TestApp::start_with(&database, &variables).await;
    let other = TestApp::start_with(&database, &variables).await;
    let admin = app.signed_in().await;
    let key = new_key(&admin, 1).await;
    let waiting = async || database.texts("SELECT id FROM zendo_warning_delivery").await.len();
    let pass = async |seconds: i64, expected: (usize, usize)| {
        for server in [&app, &other] {
            server.clock.advance(seconds);
        }
        for _ in 0..2 {
            tokio::join!(jobs(&app), jobs(&other));
        }
        // The server's own jobs may be at it, too.
        let what = format!("{expected:?} after {seconds} seconds");
        let found = async || (receiver.count().await, waiting().await) == expected;
        wait_until(&what, SECONDS, found).await;
    };
    // It is refused, and tried again after five seconds, and then after five minutes.
    pass(2, (1, 1)).await;
    pass(10, (2, 1)).await;
    pass(60, (2, 1)).await;
    pass(250, (3, 0)).await;
    pass(DAY, (3, 0)).await;

    let requests = receiver.requests.lock().await.clone();
    let (first, last) = (&requests[0], &requests[2]);
    assert!(first.starts_with("POST /hook HTTP/1.1"), "{first}");
    let body = |request: &str| request.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!((header(first, "webhook-id"), body(first)), (header(last, "webhook-id"), body(last)));
    let said: Value = serde_json::from_str(&body(first)).unwrap();
    assert_eq!((&said["type"], &said["data"]["subject_id"]), (&json!("api_key.expired"), &key["id"]));
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(header(first, name)))).collect();
    let received = json!({"headers": headers, "body": body(first)}).to_string();
    python("verify_webhook.py", &app.url(), &[("WEBHOOK", &received), ("SECRETS", SECRETS)]).await;
}

async fn no_webhook_goes_to_an_inner_address(database: Database) {
    let receiver = Receiver::start(0).await;
    let variables = [("ZENDO_WARNING_WEBHOOKS", receiver.url.as_str()), ("ZENDO_WARNING_SECRET", SECRETS)];
    let app = TestApp::start_with(&database, &variables).await;
    new_key(&app.signed_in().await, 1).await;
    app.clock.advance(2);
    for _ in 0..3 {
        jobs(&app).await;
        app.clock.advance(400);
    }
    assert_eq!(receiver.count().await, 0);
    let tried = database.texts("SELECT CAST(attempts AS CHAR) FROM zendo_warning_delivery").await;
    assert!(tried[0].parse::<u32>().unwrap() >= 2, "{tried:?}");
}
