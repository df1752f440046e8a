//! The web console, as people use it in Chromium, and what its answers promise to browsers.

use axum::http::Method;
use serde_json::json;

use crate::support::{
    ADMIN, Answer, Caller, Database, PASSWORD, TestApp, browser, missing, reference_python,
};

const HOME: &str = "/console/settings/api-tokens";
const SESSION: (&str, &str) = ("x-zendo-session", "console");

on_each_store! {
    a_new_server_is_activated_and_its_first_token_works_in_curl,
    a_session_of_the_console_counts_with_its_csrf_token_alone,
    tokens_are_created_by_keyboard_seen_and_taken_back,
    workloads_are_trusted_by_forms_warned_of_tested_and_deleted,
    webhooks_are_made_rotated_and_their_deliveries_counted,
    connectors_are_seen_verified_and_deleted_without_their_secrets,
}

async fn a_new_server_is_activated_and_its_first_token_works_in_curl(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_AUTO_ACTIVATE", "false")]).await;
    let wget = match std::process::Command::new("wget").arg("--version").output() {
        Ok(_) => "wget",
        Err(_) => {
            missing("wget", "run tests/run, which installs it");
            ""
        }
    };
    let python = reference_python().unwrap_or_default().display().to_string();
    browser("console_first_steps.mjs", &app, &[("WGET", wget), ("PYTHON", &python)]).await;
}

async fn tokens_are_created_by_keyboard_seen_and_taken_back(database: Database) {
    let app = TestApp::start(&database).await;
    browser("console_tokens.mjs", &app, &[]).await;
}

/// A program of `tests/browser` on a new server.
async fn shows(program: &str) {
    let app = TestApp::start(&Database::sqlite()).await;
    browser(program, &app, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_accounts_get_keys_that_are_shown_once_rotated_and_deleted() {
    shows("console_service_accounts.mjs").await;
}

async fn workloads_are_trusted_by_forms_warned_of_tested_and_deleted(database: Database) {
    let app = TestApp::start(&database).await;
    browser("console_trusts.mjs", &app, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_added_invited_and_kept_out_of_admins_pages() {
    shows("console_members.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_approved_denied_locked_and_deleted() {
    shows("console_devices.mjs").await;
}

async fn connectors_are_seen_verified_and_deleted_without_their_secrets(database: Database) {
    browser("console_connectors.mjs", &TestApp::start(&database).await, &[]).await;
}

async fn webhooks_are_made_rotated_and_their_deliveries_counted(database: Database) {
    browser("console_webhooks.mjs", &TestApp::start(&database).await, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_leads_to_pages_of_this_server_and_a_sign_out_leaves_nothing_behind() {
    shows("console_sessions.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_can_be_used_by_everyone_and_shows_hostile_names_as_text() {
    shows("console_pages.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_a_root_path_all_of_it_works() {
    let database = Database::sqlite();
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_ROOT_URL_PATH", "/team/zen")]).await;
    browser("console_sessions.mjs", &app, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_auth_scheme_has_its_way_in() {
    for (scheme, more) in [
        ("NO_AUTH", vec![]),
        ("HTTP_BASIC", vec![]),
        (
            "EXTERNAL",
            vec![
                ("ZENML_SERVER_EXTERNAL_LOGIN_URL", "http://login.example/start?of=zendo"),
                ("ZENML_SERVER_EXTERNAL_USER_INFO_URL", "http://login.example/me"),
            ],
        ),
    ] {
        let mut variables = vec![("ZENML_SERVER_AUTH_SCHEME", scheme)];
        variables.extend(more);
        let app = TestApp::start_with(&Database::sqlite(), &variables).await;
        browser("console_schemes.mjs", &app, &[("SCHEME", scheme)]).await;
    }
}

/// The answer to a sign-in from the console's page, at that origin.
async fn console_login(app: &TestApp, origin: &str) -> Answer {
    let page = app.anonymous().with(SESSION.0, SESSION.1).with("origin", origin);
    page.login(ADMIN, PASSWORD).await
}

fn cookie_of(login: &Answer) -> String {
    login.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

/// Somebody who is signed in to the console, without its CSRF token, and that token.
async fn in_console(app: &TestApp) -> (Caller, String) {
    let login = console_login(app, &app.url()).await;
    let csrf_token = login.expect_ok()["csrf_token"].as_str().unwrap().to_owned();
    (app.anonymous().with("cookie", &cookie_of(&login)), csrf_token)
}

async fn a_session_of_the_console_counts_with_its_csrf_token_alone(database: Database) {
    const CURRENT_USER: &str = "/api/v1/current-user";
    let app = TestApp::start(&database).await;
    let login = console_login(&app, &app.url()).await;
    assert_eq!(login.expect_ok()["access_token"], "", "the token is for the cookie alone");
    let (browser, csrf_token) = in_console(&app).await;
    let page = browser.clone().with(SESSION.0, SESSION.1);
    page.clone().with("x-csrf-token", &csrf_token).get(CURRENT_USER).await.expect_ok();
    page.get(CURRENT_USER).await.expect(401, "CSRF");
    page.clone().with("x-csrf-token", "wrong").get(CURRENT_USER).await.expect(401, "CSRF");
    let (_, of_another) = in_console(&app).await;
    page.clone().with("x-csrf-token", &of_another).get(CURRENT_USER).await.expect(401, "CSRF");
    // What another page of this origin sends is no request of the console's.
    browser.get(CURRENT_USER).await.expect(401, "");
    // ZenML's session stands beside it.
    let zenml = app.anonymous().login(ADMIN, PASSWORD).await;
    assert!(zenml.header("set-cookie").unwrap().contains("SameSite=Lax"), "{zenml:?}");
    let both = format!("{}; {}", cookie_of(&zenml), cookie_of(&console_login(&app, &app.url()).await));
    app.anonymous().with("cookie", &both).get(CURRENT_USER).await.expect_ok();
    // Signing out ends the one that is meant.
    page.with("x-csrf-token", &csrf_token).get("/api/v1/logout").await.expect_ok();
    browser.get(HOME).await.expect(200, "Sign in");
    app.anonymous().with("cookie", &cookie_of(&zenml)).get(CURRENT_USER).await.expect_ok();
}

#[tokio::test]
async fn the_consoles_cookie_is_strict_and_out_of_scripts_reach() {
    let app = TestApp::start(&Database::sqlite()).await;
    let plain = console_login(&app, &app.url()).await;
    let plain = plain.header("set-cookie").unwrap();
    assert!(plain.contains("HttpOnly") && plain.contains("SameSite=Strict"), "{plain}");
    assert!(!plain.contains("Secure"), "{plain}");
    let https = console_login(&app, "https://zendo.example").await;
    assert!(https.header("set-cookie").unwrap().contains("Secure"), "{https:?}");
}

#[tokio::test]
async fn pages_are_kept_by_nobody_framed_by_nobody_and_run_nothing_of_others() {
    let settings = [("ZENML_SERVER_SECURE_HEADERS_CSP", "no"), ("ZENML_SERVER_SECURE_HEADERS_XFO", "no")];
    let app = TestApp::start_with(&Database::sqlite(), &settings).await;
    let (browser, _) = in_console(&app).await;
    for path in [HOME, "/console/settings/general", "/console/nothing", "/console/settings/members"] {
        let page = browser.get(path).await;
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        for inline in [" onclick=", " onload=", " style=", "<style", "javascript:"] {
            assert!(!page.text.contains(inline), "{path} has {inline}");
        }
        assert_eq!(page.text.matches("<script").count(), 1, "{path} has one script");
        assert_eq!(page.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_good_under_a_name_of_their_content() {
    let app = TestApp::start(&Database::sqlite()).await;
    let page = app.anonymous().get("/console/sign-in").await;
    let style = page.text.split('"').find(|text| text.ends_with("console.css")).unwrap();
    let answer = app.anonymous().get(style).await;
    answer.expect(200, "prefers-color-scheme");
    assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
    let packed = app.anonymous().with("accept-encoding", "gzip").get(style).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    app.anonymous().get("/console/assets/0000000000000000/console.css").await.expect(404, "");
    app.anonymous().get(&style.replace("console.css", "nothing.css")).await.expect(404, "");
}

#[tokio::test]
async fn without_a_dashboard_its_addresses_lead_to_the_console_and_the_api_stays_the_api() {
    for root in ["", "/zen"] {
        let variables = [("ZENML_SERVER_ROOT_URL_PATH", root)];
        let app = TestApp::start_with(&Database::sqlite(), &variables).await;
        let sent_to = async |path: &str| {
            let answer = not_following().get(format!("{}{path}", app.url())).send().await.unwrap();
            (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap().to_owned())
        };
        assert_eq!(sent_to("/").await, (303, format!("{root}/console/")));
        assert_eq!(sent_to("/console").await, (303, format!("{root}{HOME}")));
        let verify = "/devices/verify?device_id=00000000-0000-0000-0000-000000000001&user_code=2";
        assert_eq!(sent_to(verify).await, (303, format!("{root}/console{verify}")));
        let next =
            form_urlencoded::byte_serialize(format!("{root}{HOME}?page=2").as_bytes()).collect::<String>();
        let asked = sent_to(&format!("{HOME}?page=2")).await;
        assert_eq!(asked, (303, format!("{root}/console/sign-in?next={next}")));
        app.anonymous().get("/api/v1/nothing").await.expect(404, "Not Found");
        app.anonymous().get("/nothing").await.expect(404, "Not Found");
        app.anonymous().request(Method::POST, "/", "").await.expect(405, "");
    }
}

fn not_following() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn a_sign_in_goes_on_to_no_other_server() {
    let app = TestApp::start(&Database::sqlite()).await;
    for evil in [
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "https://evil.example",
        "/%09/evil.example",
    ] {
        let page = app.anonymous().get(&format!("/console/sign-in?next={evil}")).await;
        page.expect(200, &format!("data-then=\"{HOME}\""));
        assert!(!page.text.contains("evil.example"), "{evil}");
    }
}

#[tokio::test]
async fn who_is_no_admin_gets_no_admins_page() {
    let app = TestApp::start(&Database::sqlite()).await;
    app.new_user("eve", false).await;
    let login = app.anonymous().with(SESSION.0, SESSION.1).login("eve", PASSWORD).await;
    let eve = app.anonymous().with("cookie", &cookie_of(&login));
    for path in ["/console/settings/members", "/console/settings/audit-log"] {
        eve.get(path).await.expect(403, "for admins of this server");
    }
    let page = eve.get(HOME).await;
    assert!(!page.text.contains("settings/members") && !page.text.contains("of=everyone"), "{page:?}");
    // Asking for everyone's tokens is asking for one's own.
    let admins = app.script(600).await;
    admins.get("/api/v1/api_token?name=of-the-admin").await.expect_ok();
    let everyone = eve.get(&format!("{HOME}?of=everyone")).await;
    everyone.expect(200, "No live tokens");
}

#[tokio::test]
async fn what_a_page_asks_is_recorded_as_its_visitors() {
    let app = TestApp::start(&Database::sqlite()).await;
    let (browser, csrf_token) = in_console(&app).await;
    let page = browser.clone().with(SESSION.0, SESSION.1).with("x-csrf-token", &csrf_token);
    page.get("/api/v1/logout").await.expect_ok();
    let old_page = browser.with("user-agent", "A browser/1").with("x-request-id", "page-1").get(HOME).await;
    old_page.expect(200, "Sign in");
    let admin = app.signed_in().await;
    let records = admin.get("/api/v1/audit?action=sign_in_refused").await.expect_ok();
    assert_eq!(records["total"], 1, "one page leaves one record: {records}");
    let record = &records["items"][0];
    assert_eq!((&record["user_name"], &record["address"]), (&json!(ADMIN), &json!("127.0.0.1")));
    assert_eq!((&record["user_agent"], &record["request_id"]), (&json!("A browser/1"), &json!("page-1")));
}
