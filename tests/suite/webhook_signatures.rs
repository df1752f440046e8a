//! Who brings a delivery is known by its signature alone, as each provider signs.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zendo::testing::Clock;

use crate::support::{Answer, Caller, Database, TestApp};
use crate::webhooks::{Hook, make, sign};

on_each_store! {
    each_providers_signature_is_taken_and_no_other,
    a_signature_of_slack_is_good_for_five_minutes,
    the_age_of_a_signature_counts_from_when_the_delivery_has_come,
    a_signature_is_of_one_webhook_and_its_body,
}

const CUSTOM: &str = "custom";
const GITHUB: &str = "github";
const CLICKUP: &str = "clickup";
const SLACK: &str = "slack";
const PROVIDERS: [&str; 4] = [CUSTOM, GITHUB, CLICKUP, SLACK];
/// Machines are busy.
const LIMIT: Duration = Duration::from_secs(20);

/// A webhook of some provider, and what it signs with.
struct Signer {
    kind: &'static str,
    hook: Hook,
}

impl Signer {
    async fn new(caller: &Caller, kind: &'static str, name: &str) -> Self {
        let made = make(caller, kind, name, json!({})).await.expect_ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { kind, hook: Hook { id: text(&made["id"]), secret: text(&made["secret"]) } }
    }

    fn path(&self) -> String {
        format!("/api/v1/webhooks/{}/{}/events", self.kind, self.hook.id)
    }

    /// A body that its provider could send.
    fn body(&self) -> &'static str {
        match self.kind {
            CLICKUP => r#"{"event": "taskCreated", "webhook_id": "w"}"#,
            SLACK => r#"{"type": "event_callback", "event_id": "E", "event": {"type": "message"}}"#,
            _ => r#"{"a": "ä"}"#,
        }
    }

    /// The header that its signature is in, and one of that body with that secret.
    fn signature(&self, secret: &str, moment: i64, body: &str) -> (&'static str, String) {
        let signed = sign(secret, body.as_bytes());
        match self.kind {
            CUSTOM => ("x-zenml-signature-256", format!("sha256={signed}")),
            GITHUB => ("x-hub-signature-256", format!("sha256={signed}")),
            CLICKUP => ("x-signature", signed),
            _ => (
                "x-slack-signature",
                format!("v0={}", sign(secret, format!("v0:{moment}:{body}").as_bytes())),
            ),
        }
    }

    /// What its provider sends besides.
    fn headers(&self, moment: i64) -> Vec<(&'static str, String)> {
        match self.kind {
            CUSTOM => vec![("x-zenml-event", "e".to_owned())],
            GITHUB => vec![("x-github-event", "push".to_owned())],
            SLACK => vec![("x-slack-request-timestamp", moment.to_string())],
            _ => Vec::new(),
        }
    }

    async fn send(&self, app: &TestApp, moment: i64, signature: Option<(&'static str, &str)>) -> Answer {
        let mut caller = app.anonymous();
        for (name, value) in self.headers(moment) {
            caller = caller.with(name, &value);
        }
        if let Some((name, value)) = signature {
            caller = caller.with(name, value);
        }
        caller.request(Method::POST, &self.path(), self.body()).await
    }

    /// A delivery of that moment, rightly signed.
    async fn deliver(&self, app: &TestApp, moment: i64) -> Answer {
        let (name, value) = self.signature(&self.hook.secret, moment, self.body());
        self.send(app, moment, Some((name, &value))).await
    }
}

fn now(app: &TestApp) -> i64 {
    app.clock.now().timestamp()
}

async fn each_providers_signature_is_taken_and_no_other(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for kind in PROVIDERS {
        let signer = Signer::new(&admin, kind, kind).await;
        let moment = now(&app);
        let accepted = if kind == SLACK { 200 } else { 202 };
        let answer = signer.deliver(&app, moment).await;
        assert_eq!((answer.status, answer.text.as_str()), (accepted, ""), "{kind}");
        assert_eq!(signer.hook.counts(&admin).await, [1, 1, 0, 0], "{kind}");

        let secret = &signer.hook.secret;
        let (header, right) = signer.signature(secret, moment, signer.body());
        let (prefix, digits) = right.split_at(right.len() - 64);
        let of_other = |secret: &str, body: &str| signer.signature(secret, moment, body).1;
        let mut wrong = vec![
            of_other("another", signer.body()),
            of_other("", signer.body()),
            of_other(secret, "{}"),
            of_other(secret, &format!("{} ", signer.body())),
            format!("{prefix}{}", &digits[..62]),
            format!("{prefix}{digits}00"),
            format!("{prefix}{}", "0".repeat(64)),
            prefix.to_owned(),
            "x".to_owned(),
            format!("{prefix}{}", &digits[1..]),
            format!("{right},{right}"),
        ];
        // Without its prefix, or with another one.
        wrong.extend(if prefix.is_empty() {
            vec![format!("sha256={digits}")]
        } else {
            vec![digits.to_owned()]
        });
        wrong.push(format!("sha1={digits}"));
        let count = wrong.len() as u64 + 2;
        for value in &wrong {
            let refused = signer.send(&app, moment, Some((header, value))).await;
            refused.expect(401, r#"{"detail":"#);
            assert!(!refused.text.contains(digits), "{refused:?}");
        }
        signer.send(&app, moment, None).await.expect(401, "detail");
        // What another provider would call it.
        let other = if kind == CUSTOM { "x-hub-signature-256" } else { "x-zenml-signature-256" };
        signer.send(&app, moment, Some((other, &right))).await.expect(401, "detail");
        assert_eq!(signer.hook.counts(&admin).await, [1 + count, 1, count, 0], "{kind}");

        // ClickUp's digits may be of any case.
        let upper = format!("{prefix}{}", digits.to_uppercase());
        let status = if kind == CLICKUP { 202 } else { 401 };
        assert_eq!(signer.send(&app, moment, Some((header, &upper))).await.status, status, "{kind}");
    }
}

async fn a_signature_is_of_one_webhook_and_its_body(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for kind in PROVIDERS {
        let (own, other) = (Signer::new(&admin, kind, "own").await, Signer::new(&admin, kind, "other").await);
        let moment = now(&app);
        let (name, value) = own.signature(&own.hook.secret, moment, own.body());
        other.send(&app, moment, Some((name, &value))).await.expect(401, "detail");
        assert!(own.send(&app, moment, Some((name, &value))).await.status < 300, "{kind}");
        // One that is not active knows no more of it.
        let webhook = format!("/api/v1/webhooks/{}", own.hook.id);
        admin.put(&webhook, json!({"active": false})).await.expect_ok();
        own.send(&app, moment, Some((name, &value))).await.expect(409, "not active");
        other.send(&app, moment, Some((name, &value))).await.expect(401, "detail");
        admin.delete(&webhook).await.expect_ok();
        admin.delete(&format!("/api/v1/webhooks/{}", other.hook.id)).await.expect_ok();
    }
}

async fn a_signature_of_slack_is_good_for_five_minutes(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let signer = Signer::new(&admin, SLACK, "w").await;
    // A test takes some seconds itself.
    for (age, status) in
        [(0, 200), (290, 200), (-290, 200), (310, 401), (-310, 401), (86_400, 401), (-86_400, 401)]
    {
        let answer = signer.deliver(&app, now(&app) - age).await;
        assert_eq!(answer.status, status, "{age}: {answer:?}");
    }
    // What was good is not good for ever, though nothing of it has changed.
    let moment = now(&app);
    assert_eq!(signer.deliver(&app, moment).await.status, 200);
    app.clock.advance(310);
    signer.deliver(&app, moment).await.expect(401, "detail");
    // Nor does another moment make it younger: it is signed, too.
    let (name, old) = signer.signature(&signer.hook.secret, moment, signer.body());
    signer.send(&app, now(&app), Some((name, &old))).await.expect(401, "detail");
    for odd in ["", "x", "-1", "1e9", "99999999999999999999"] {
        let signed =
            format!("v0={}", sign(&signer.hook.secret, format!("v0:{odd}:{}", signer.body()).as_bytes()));
        let caller =
            app.anonymous().with("x-slack-request-timestamp", odd).with("x-slack-signature", &signed);
        caller.request(Method::POST, &signer.path(), signer.body()).await.expect(401, "detail");
    }
    let unsaid = app.anonymous().with(name, &old);
    unsaid.request(Method::POST, &signer.path(), signer.body()).await.expect(401, "detail");
    let [received, accepted, refused, unreadable] = signer.hook.counts(&admin).await;
    assert_eq!((received, refused, unreadable), (accepted + refused, 12, 0));
    // The same event is counted once, however often it is rightly brought.
    assert_eq!(accepted, 1);
}

/// A delivery whose body comes after so many seconds of the server's clock, signed with a moment that many seconds after
/// its first byte.
async fn slow(app: &TestApp, signer: &Signer, signed_after: i64, seconds: i64) -> u16 {
    let host = app.url().trim_start_matches("http://").to_owned();
    let (body, moment) = (signer.body(), now(app) + signed_after);
    let (name, value) = signer.signature(&signer.hook.secret, moment, body);
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\
         {name}: {value}\r\n",
        signer.path(),
        body.len()
    );
    for (name, value) in signer.headers(moment) {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(&host).await.unwrap();
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    // Whoever asks for the body has read all before it.
    let mut heard = Vec::new();
    let begun = async {
        while !heard.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut heard).await.unwrap(), 0, "{}", String::from_utf8_lossy(&heard));
        }
    };
    tokio::time::timeout(LIMIT, begun).await.expect("the body is asked for");
    assert!(heard.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&heard));
    app.clock.advance(seconds);
    stream.write_all(body.as_bytes()).await.unwrap();
    heard.clear();
    tokio::time::timeout(LIMIT, stream.read_to_end(&mut heard)).await.expect("an answer").unwrap();
    let status = String::from_utf8_lossy(&heard).split(' ').nth(1).map(str::to_owned);
    status.unwrap().parse().unwrap()
}

async fn the_age_of_a_signature_counts_from_when_the_delivery_has_come(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let signer = Signer::new(&admin, SLACK, "w").await;
    assert_eq!(slow(&app, &signer, 0, 200).await, 200);
    assert_eq!(slow(&app, &signer, 0, 310).await, 401, "it has become too old on the way");
    assert_eq!(slow(&app, &signer, -200, 110).await, 401);
    assert_eq!(slow(&app, &signer, 400, 400).await, 200, "its moment has come");
    assert_eq!(slow(&app, &signer, 400, 50).await, 401);
    assert_eq!(signer.hook.counts(&admin).await, [4, 1, 3, 0]);
}
