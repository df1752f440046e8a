//! Settings as they are found in compose files, charts and the configurations of older releases.

use crate::support::{ADMIN, Caller, Database, Guard, PASSWORD, Program, Proxy, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use zendo::testing::variable_names;

/// With every setting there is set to nothing.
fn with_nothing(program: Program) -> Program {
    variable_names().iter().fold(program, |program, name| program.with(name, ""))
}

#[tokio::test]
async fn a_server_starts_with_every_setting_set_to_nothing() {
    let program = with_nothing(Program::server());
    let server = program.serve().await;
    let password = server.printed_password().expect("it made one");
    server.signed_in(ADMIN, &password).await.api_token(60).await;
    with_nothing(Program::new(&["healthcheck", "--listen", server.address()])).run().await.expect(0, &[]);
    let log = server.stop().await.stderr;
    assert!(!log.contains("WARN"), "{log}");
    assert!(program.folder().join("zendo-data/zendo.db").exists());
    for name in [
        "ZENML_DEFAULT_USER_PASSWORD",
        "ZENML_SERVER_JWT_SECRET_KEY",
        "ZENML_SERVER_JWT_TOKEN_LEEWAY_SECONDS",
        "ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME",
        "ZENDO_LOG",
    ] {
        Program::server().with(name, "").serve().await.stop().await;
    }
}

#[tokio::test]
async fn names_of_older_releases_are_told_as_what_they_are() {
    let program = Program::server()
        .with("ZENML_SERVER_AUTO_CREATE_DEFAULT_USER", "True")
        .with("ZENML_SERVER_USE_LEGACY_DASHBOARD", "false")
        .with("ZENML_STORE_BACKUP_STRATEGY", "disabled");
    let finished = program.serve().await.stop().await;
    finished.expect(0, &["ZENML_SERVER_AUTO_CREATE_DEFAULT_USER is set", "no longer since 0.68"]);
    assert!(!finished.stderr.contains("did you mean") && !finished.stderr.contains("BACKUP"), "{finished:?}");
}

#[tokio::test]
async fn localhost_is_meant() {
    for program in [
        Program::new(&["serve", "--listen", "localhost:0"]),
        Program::new(&["serve"]).with("ZENDO_LISTEN", "localhost:0"),
    ] {
        let server = program.serve().await;
        let port = server.address().rsplit(':').next().unwrap().to_owned();
        assert_eq!(server.address(), format!("127.0.0.1:{port}"));
        let named = format!("localhost:{port}");
        Program::new(&["healthcheck", "--listen", &named]).run().await.expect(0, &[]);
        let taken = Program::new(&["serve", "--listen", &named]).run().await;
        taken.expect(1, &[&named, "give a free address with --listen or ZENDO_LISTEN"]);
        server.stop().await;
        Program::new(&["healthcheck", "--listen", &named]).run().await.expect(1, &["is not ready"]);
    }
    let unknown = Program::new(&["serve", "--listen", "zendo.invalid:8080"]).run().await;
    unknown.expect(1, &["can't listen on zendo.invalid:8080"]);
    Program::new(&["serve", "--listen", "localhost"]).run().await.expect(2, &["NAME:PORT"]);
}

#[tokio::test]
async fn a_proxy_that_is_not_believed_is_told_of_once() {
    const TOLD: &str = "ZENDO_TRUSTED_PROXIES";
    let proxied = async |server: &crate::support::ServerProcess| {
        server.anonymous().get("/api/v1/info").await.expect_ok();
        let caller = server.anonymous().with("x-forwarded-for", "192.0.2.7");
        for path in ["/api/v1/info", "/console/sign-in", "/api/v1/current-user", "/oauth/forward-auth"] {
            caller.get(path).await;
        }
    };
    let server = Program::server().serve().await;
    proxied(&server).await;
    let log = server.stop().await.stderr;
    assert_eq!((log.matches(TOLD).count(), log.matches("X-Forwarded-For").count()), (1, 1), "{log}");
    assert!(log.contains("127.0.0.1"), "{log}");
    let server = Program::server().with("ZENDO_TRUSTED_PROXIES", "127.0.0.0/8").serve().await;
    proxied(&server).await;
    let log = server.stop().await.stderr;
    assert!(!log.contains(TOLD), "{log}");
}

/// A server below /zen, and callers at its root path and at none.
async fn below_root() -> (TestApp, Caller, Caller) {
    let app = TestApp::start_with(&Database::sqlite(), &[("ZENML_SERVER_ROOT_URL_PATH", "/zen")]).await;
    let bare = app.url().trim_end_matches("/zen").to_owned();
    let callers = (Caller::without_redirects(app.url()), Caller::without_redirects(bare));
    (app, callers.0, callers.1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_may_take_the_root_path_away_or_leave_it() {
    let (app, below, bare) = below_root().await;
    let token = app.signed_in().await.api_token(60).await;
    for caller in [below.clone(), bare.clone()] {
        caller.login(ADMIN, PASSWORD).await.expect_ok();
        let script = caller.clone().with_token(&token);
        for path in [
            "/health",
            "/ready",
            "/api/v1/info",
            "/api/v1/current-user?x=/zen/y",
            "/api/v1/users?name=default",
            "/openapi.json",
            "/docs/",
            "/redoc",
            "/console/sign-in",
            "/oauth/forward-auth",
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server",
        ] {
            assert_eq!(script.get(path).await.status, 200, "{path}");
        }
        for path in ["/zen/zen/api/v1/info", "/zenith/api/v1/info", "/api/v1/nothing", "/zen.api/v1/info"] {
            assert_eq!(script.get(path).await.status, 404, "{path}");
        }
        // Its rules are the same by either way.
        let narrow = script.get("/api/v1/api_token?scope=projects:read").await.expect_ok();
        let narrow = caller.clone().with_token(narrow.as_str().unwrap());
        narrow.get("/api/v1/projects").await.expect_ok();
        narrow.get("/api/v1/users").await.expect(403, "users:read");
    }
    bare.get("/.well-known/oauth-authorization-server/zen").await.expect(200, "/zen/oauth/token");
    assert_eq!(below.get("/openapi.json").await.expect_ok()["servers"], json!([{"url": "/zen"}]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_and_redirects_keep_the_root_path() {
    let (app, below, bare) = below_root().await;
    let host = app.url().trim_end_matches("/zen").to_owned();
    for (caller, at) in [(&below, app.url()), (&bare, host.clone())] {
        for (path, leads_to) in [
            ("/docs", "/docs/"),
            ("/", "/console/"),
            ("/console/", "/console/settings/api-tokens"),
            ("/devices/verify?user_code=1", "/console/devices/verify?user_code=1"),
            ("/console/settings/members", "/console/sign-in?next=%2Fzen%2Fconsole%2Fsettings%2Fmembers"),
        ] {
            let answer = caller.get(path).await;
            assert_eq!(answer.status, 303, "{path}: {answer:?}");
            let from = url::Url::parse(&format!("{at}{path}")).unwrap();
            let to = from.join(answer.header("location").unwrap()).unwrap();
            // From /docs to itself, by whatever path; all else by the path that the operator has named.
            let expected =
                if path == "/docs" { format!("{at}/docs/") } else { format!("{host}/zen{leads_to}") };
            assert_eq!(to.as_str(), expected, "{path}");
        }
        let page = caller.get("/console/sign-in").await;
        page.expect(200, "\"/zen/console/assets/");
        assert!(!page.text.contains("\"/console/"), "{page:?}");
    }
    let without_slash = Caller::without_redirects(host).get("/zen").await;
    assert_eq!(without_slash.header("location"), Some("/zen/console/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_can_be_read_where_zenml_has_it() {
    let (_app, below, bare) = below_root().await;
    for caller in [&below, &bare] {
        let page = caller.get("/redoc").await;
        page.expect(200, "<title>zendo");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let mut found = 0;
        for part in page.text.split(['"']).filter(|part| part.starts_with("docs/")) {
            assert_eq!(caller.get(&format!("/{part}")).await.status, 200, "{part}");
            found += 1;
        }
        assert_eq!(found, 4, "{page:?}");
        caller.get("/docs/reader.js").await.expect(200, "\"openapi.json\"");
    }
}

const PREFLIGHT: [(&str, &str); 2] =
    [("origin", "https://a.example"), ("access-control-request-method", "PUT")];

fn with_all(caller: Caller, headers: &[(&'static str, &str)]) -> Caller {
    headers.iter().fold(caller, |caller, (name, value)| caller.with(name, value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_gets_through_forward_auth_only_as_the_operator_says() {
    for (setting, by_method, by_header) in
        [("", 401, 401), ("request", 200, 401), ("x-forwarded-method", 401, 200)]
    {
        let variables = [("ZENDO_FORWARD_AUTH_PREFLIGHT", setting)];
        let app = TestApp::start_with(&Database::sqlite(), &variables).await;
        let ask = async |method: Method, headers: &[(&'static str, &str)]| {
            let caller = with_all(app.anonymous(), headers);
            caller.request(method, "/oauth/forward-auth/some/page?x=y", "").await
        };
        let forwarded = [PREFLIGHT[0], PREFLIGHT[1], ("x-forwarded-method", "OPTIONS")];
        let asked = ask(Method::OPTIONS, &PREFLIGHT).await;
        assert_eq!(asked.status, by_method, "{setting}: {asked:?}");
        let told = ask(Method::GET, &forwarded).await;
        assert_eq!(told.status, by_header, "{setting}: {told:?}");
        for answer in [asked, told].iter().filter(|answer| answer.status == 200) {
            for name in
                ["x-auth-request-user", "x-auth-request-user-id", "x-auth-request-scope", "remote-user"]
            {
                assert_eq!(answer.header(name), Some(""), "lest the caller's own is handed on");
            }
        }
        // What is no preflight is asked for its token.
        for (method, headers) in [
            (Method::OPTIONS, vec![]),
            (Method::OPTIONS, vec![PREFLIGHT[0]]),
            (Method::OPTIONS, vec![PREFLIGHT[1]]),
            (Method::GET, PREFLIGHT.to_vec()),
            (Method::GET, vec![PREFLIGHT[0], PREFLIGHT[1], ("x-forwarded-method", "GET")]),
            (Method::GET, vec![PREFLIGHT[0], PREFLIGHT[1], ("x-forwarded-method", "options, GET")]),
            (Method::GET, vec![PREFLIGHT[0], ("x-forwarded-method", "OPTIONS")]),
        ] {
            assert_eq!(ask(method.clone(), &headers).await.status, 401, "{setting}: {method} {headers:?}");
        }
    }
}

async fn lets_preflights_through(proxy: Proxy, setting: &str) {
    let variables = [("ZENDO_FORWARD_AUTH_PREFLIGHT", setting)];
    let app = TestApp::start_with(&Database::sqlite(), &variables).await;
    let Some(guard) = Guard::start(proxy, &app.url()).await else { return };
    let preflight = with_all(guard.anonymous(), &PREFLIGHT).with("x-auth-request-user", "forged");
    let seen = preflight.request(Method::OPTIONS, "/page", "").await.expect_ok();
    assert_eq!(seen["origin"], "https://a.example", "{proxy:?}");
    assert!(matches!(seen["x-auth-request-user"].as_str(), None | Some("")), "{proxy:?}: {seen}");
    // Whoever only says so gets no further.
    let forged = preflight.with("x-forwarded-method", "OPTIONS");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = forged.request(method, "/page", "").await;
        assert_eq!(answer.status, 401, "{proxy:?}: {answer:?}");
    }
    let token = app.signed_in().await.api_token(60).await;
    let seen: Value = guard.anonymous().with_token(&token).get("/page").await.expect_ok();
    assert_eq!(seen["x-auth-request-user"], ADMIN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_lets_preflights_through() {
    lets_preflights_through(Proxy::Nginx, "x-forwarded-method").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_lets_preflights_through() {
    lets_preflights_through(Proxy::Caddy, "x-forwarded-method").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_lets_preflights_through() {
    lets_preflights_through(Proxy::Envoy, "request").await;
}
