//! A service behind a guarding proxy learns who the caller is, and gets nothing with which it could act as them.

use serde_json::Value;

use crate::support::{ADMIN, Caller, Database, Guard, PASSWORD, Proxy, TestApp};

/// What zendo's answer says of the caller, in the spellings that services take for it.
const SAID: [&str; 9] = [
    "x-auth-request-user",
    "x-auth-request-user-id",
    "x-auth-request-scope",
    "x-auth-request-projects",
    "x-auth-request-token-id",
    "remote-user",
    "x_auth_request_user",
    "x_auth_request_scope",
    "remote_user",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_hands_on_no_credential() {
    hands_on_no_credential(Proxy::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_hands_on_no_credential() {
    hands_on_no_credential(Proxy::Caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_hands_on_no_credential() {
    hands_on_no_credential(Proxy::Envoy).await;
}

/// The two sessions that a browser may have: cookies, and the CSRF token of the console's.
struct Sessions {
    zenml: String,
    console: String,
    csrf_token: String,
}

impl Sessions {
    async fn of(app: &TestApp) -> Self {
        let zenml = app.anonymous().login(ADMIN, PASSWORD).await;
        let page = app.anonymous().with("x-zendo-session", "console").with("origin", &app.url());
        let console = page.login(ADMIN, PASSWORD).await;
        let cookie = |answer: &crate::support::Answer| {
            answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
        };
        let csrf_token = console.expect_ok()["csrf_token"].as_str().unwrap().to_owned();
        Self { zenml: cookie(&zenml), console: cookie(&console), csrf_token }
    }
}

async fn hands_on_no_credential(proxy: Proxy) {
    let app = TestApp::start(&Database::sqlite()).await;
    let Some(guard) = Guard::start(proxy, &app.url()).await else { return };
    let sessions = Sessions::of(&app).await;
    let Sessions { zenml, console, csrf_token } = &sessions;
    let token = app.signed_in().await.api_token(600).await;
    let secrets =
        [zenml, console, csrf_token, &token].map(|secret| secret.rsplit('=').next().unwrap().to_owned());
    let seen = async |caller: Caller| {
        let answer =
            SAID.into_iter().fold(caller, |caller, name| caller.with(name, "forged")).get("/page").await;
        for secret in &secrets {
            assert!(!answer.text.contains(secret), "{proxy:?} hands on a credential: {answer:?}");
        }
        assert!(
            !answer.text.contains("zenml-server-") && !answer.text.contains("forged"),
            "{proxy:?}: {answer:?}"
        );
        let seen = answer.expect_ok();
        assert_eq!((&seen["x-auth-request-user"], &seen["remote-user"]), (&ADMIN.into(), &ADMIN.into()));
        for gone in ["authorization", "x-csrf-token", "x-zendo-session"] {
            assert_eq!(seen[gone], Value::Null, "{proxy:?}: {gone}");
        }
        seen
    };

    seen(guard.anonymous().with_token(&token)).await;
    // Wherever the session stands among the service's own cookies, and however often.
    let cases: [(String, &[&str]); 9] = [
        (zenml.clone(), &[]),
        (format!("a=1; {zenml}"), &["a=1"]),
        (format!("{zenml}; a=1"), &["a=1"]),
        (format!("a=1; {zenml}; b=x=y"), &["a=1", "b=x=y"]),
        (format!("a=1;{zenml};b=2"), &["a=1", "b=2"]),
        (format!("a=1;   {zenml} ;  {console}; b=2"), &["a=1", "b=2"]),
        (format!("{console}; {zenml}; not-zenml=2"), &["not-zenml=2"]),
        (format!("{zenml}; {console}; {zenml}; a=1"), &["a=1"]),
        (format!("{zenml}; {console}; {zenml}; {console}; {zenml}; {zenml}"), &[]),
    ];
    for (cookies, kept) in cases {
        let seen = seen(guard.anonymous().with("cookie", &cookies)).await;
        let handed_on = seen["cookie"].as_str().unwrap_or_default();
        let handed_on: Vec<&str> =
            handed_on.split(';').map(str::trim).filter(|cookie| !cookie.is_empty()).collect();
        // Envoy takes away all or none.
        let kept = if proxy == Proxy::Envoy { &[] } else { kept };
        assert_eq!(handed_on, kept, "{proxy:?}: {cookies}");
    }
    // The console's session, with what proves it.
    let page = guard.anonymous().with("x-zendo-session", "console").with("x-csrf-token", csrf_token);
    seen(page.with("cookie", &format!("{console}; {zenml}; a=1"))).await;
    // With a bearer beside it.
    seen(guard.anonymous().with_token(&token).with("cookie", &format!("a=1; {zenml}; {console}"))).await;

    guard.anonymous().with("cookie", "zenml-server-x=y").get("/page").await.expect(401, "");
    guard.anonymous().with("x-auth-request-user", ADMIN).get("/page").await.expect(401, "");
}
