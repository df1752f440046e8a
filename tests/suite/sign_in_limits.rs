//! Guessing passwords gets slower and slower, and nobody else feels it.

use crate::support::{ADMIN, Answer, Database, PASSWORD, TestApp};

on_each_store! {
    guessing_an_accounts_password_gets_slower,
    a_right_password_forgets_the_failures,
    guessing_from_one_address_gets_slower_whatever_the_names,
    replicas_share_the_counts,
}

fn retry_after(answer: &Answer) -> u64 {
    answer.expect(429, "Too many failed attempts");
    answer.header("retry-after").unwrap().parse().unwrap()
}

async fn fail(app: &TestApp, name: &str, times: usize) {
    for _ in 0..times {
        app.anonymous().login(name, "wrong").await.expect(401, "invalid username or password");
    }
}

async fn guessing_an_accounts_password_gets_slower(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let script = app.script(3600).await;
    fail(&app, ADMIN, 6).await;
    // Even the right password waits, or the wait would tell which one is right.
    assert_eq!(retry_after(&app.anonymous().login(ADMIN, PASSWORD).await), 1);
    for wait in [2, 4, 8, 16, 30, 30] {
        app.clock.advance(wait);
        fail(&app, ADMIN, 1).await;
        let left = retry_after(&app.anonymous().login(ADMIN, PASSWORD).await);
        assert!(left <= 30 && left >= u64::try_from(wait).unwrap() - 1, "{left} after {wait}");
    }
    // An account that doesn't exist is the same to a guesser, and other accounts and tokens are not touched.
    fail(&app, "nobody", 6).await;
    retry_after(&app.anonymous().login("nobody", "wrong").await);
    script.get("/api/v1/current-user").await.expect_ok();
    app.clock.advance(60);
    app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
}

async fn a_right_password_forgets_the_failures(database: Database) {
    let app = TestApp::start(&database).await;
    for _ in 0..3 {
        fail(&app, ADMIN, 4).await;
        app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    }
}

async fn guessing_from_one_address_gets_slower_whatever_the_names(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    app.clock.hold();
    let from = |address: &str| app.anonymous().with("x-forwarded-for", address);
    for number in 0..21 {
        from("203.0.113.7").login(&format!("name{number}"), "wrong").await.expect(401, "invalid");
    }
    retry_after(&from("203.0.113.7").login("another", "wrong").await);
    retry_after(&from("8.8.8.8, 203.0.113.7").login("another", "wrong").await);
    from("203.0.113.8").login(ADMIN, PASSWORD).await.expect_ok();

    // Without the setting, what a caller says of its address counts for nothing.
    let app = TestApp::start(&database).await;
    app.clock.hold();
    for number in 0..21 {
        let caller = app.anonymous().with("x-forwarded-for", &format!("203.0.113.{number}"));
        caller.login(&format!("x{number}"), "wrong").await.expect(401, "invalid");
    }
    retry_after(&app.anonymous().with("x-forwarded-for", "198.51.100.1").login("y", "wrong").await);
}

async fn replicas_share_the_counts(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    one.clock.hold();
    other.clock.hold_with(&one.clock);
    fail(&one, ADMIN, 3).await;
    fail(&other, ADMIN, 3).await;
    retry_after(&one.anonymous().login(ADMIN, PASSWORD).await);
    retry_after(&other.anonymous().login(ADMIN, PASSWORD).await);
}

#[tokio::test]
async fn zenmls_own_limit_is_kept_when_it_is_set() {
    let settings =
        [("ZENML_SERVER_RATE_LIMIT_ENABLED", "true"), ("ZENML_SERVER_LOGIN_RATE_LIMIT_MINUTE", "2")];
    let app = TestApp::start_with(&Database::sqlite(), &settings).await;
    for _ in 0..5 {
        app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    }
    fail(&app, ADMIN, 2).await;
    let answer = app.anonymous().login(ADMIN, PASSWORD).await;
    answer.expect(429, "Minute request limit exceeded.");
    assert!(answer.header("retry-after").is_some());
    app.clock.advance(61);
    app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
}
