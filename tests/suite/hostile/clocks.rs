//! Replicas whose clocks are wrong: for a moment, or all the time. They hear of each other's revocations, nobody is locked
//! out, and whatever was signed can be taken back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, Program, TestApp, wait_until};

const CURRENT_USER: &str = "/api/v1/current-user";
const REVOKE: &str = "/api/v1/api_tokens/revoke";
const HOUR: i64 = 3600;
const SECONDS: Duration = Duration::from_secs(5);

on_each_store! {
    revocations_are_heard_though_a_clock_was_or_is_wrong,
    all_taken_back_under_a_wrong_clock_locks_nobody_out,
    a_password_changed_under_a_wrong_clock_locks_nobody_out,
    a_change_ends_what_a_clock_ahead_has_issued,
    whoever_signs_in_after_a_change_is_known_everywhere_at_once,
    a_token_that_is_not_yet_valid_is_taken_back,
    a_session_that_is_not_yet_valid_is_signed_out,
    a_token_of_a_retired_key_is_taken_back,
    a_wrong_password_under_a_clock_ahead_makes_nobody_wait,
    a_wait_that_a_wrong_clock_has_written_is_no_longer_than_the_rule,
    revocations_of_older_servers_are_heard_and_kept,
    a_backup_in_the_stores_place_is_followed,
    a_server_tells_that_its_clock_is_wrong,
    a_follower_sees_the_records_of_a_server_whose_clock_is_wrong,
}

/// Two servers on one store, whose second one's clock is so many seconds ahead.
async fn replicas(database: &Database, ahead: i64) -> (TestApp, TestApp) {
    let (right, wrong) = (TestApp::start(database).await, TestApp::start(database).await);
    wrong.clock.advance(ahead);
    (right, wrong)
}

/// A token of the admin, made here.
async fn token(app: &TestApp) -> String {
    app.signed_in().await.api_token(600).await
}

async fn revoke(app: &TestApp, token: &str) -> Value {
    app.anonymous().post(REVOKE, json!({"token": token})).await.expect_ok()
}

/// Takes a token of one server back there, and the other one hears of it.
async fn expect_heard(from: &TestApp, at: &TestApp, what: &str) {
    let token = token(from).await;
    let holder = at.anonymous().with_token(&token);
    assert_eq!(revoke(from, &token).await, json!({"revoked": true}), "{what}");
    let heard =
        wait_until(what, SECONDS, async || holder.get(CURRENT_USER).await.text.contains("was revoked"));
    heard.await;
}

async fn revocations_are_heard_though_a_clock_was_or_is_wrong(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    // For a moment, in which it reads and writes.
    other.clock.advance(HOUR);
    expect_read(&other).await;
    revoke(&other, &token(&other).await).await;
    expect_read(&one).await;
    other.clock.advance(-HOUR);
    expect_heard(&one, &other, "one was an hour ahead").await;
    expect_heard(&other, &one, "the other way").await;
    // All the time, but within what a token may be early.
    for ahead in [-5, 5, 5] {
        other.clock.advance(ahead);
        expect_heard(&one, &other, "one is ahead or behind").await;
        expect_heard(&other, &one, "the other way").await;
    }
    // Far ahead all the time: another one's token is in use there.
    let token = token(&one).await;
    other.clock.advance(85);
    let holder = other.anonymous().with_token(&token);
    holder.get(CURRENT_USER).await.expect_ok();
    revoke(&one, &token).await;
    holder.until(401, CURRENT_USER, "was revoked").await;
    // And far behind: it comes too early to be used, and is over when its time comes.
    let token = self::token(&one).await;
    other.clock.advance(-180);
    revoke(&one, &token).await;
    expect_read(&other).await;
    other.clock.advance(90);
    other.anonymous().with_token(&token).get(CURRENT_USER).await.expect(401, "was revoked");
}

/// A server reads what is new, as it does several times a second.
async fn expect_read(app: &TestApp) {
    app.state.auth.revocations.refresh(zendo::testing::Clock::now(&*app.clock)).await.unwrap();
}

async fn all_taken_back_under_a_wrong_clock_locks_nobody_out(database: Database) {
    for ahead in [HOUR, 90, -90] {
        let (right, wrong) = replicas(&database, ahead).await;
        let before = right.anonymous().with_token(&token(&right).await);
        before.get(CURRENT_USER).await.expect_ok();
        let admin = wrong.signed_in().await;
        admin.post(REVOKE, json!({"user": ADMIN})).await.expect_ok();
        before.until(401, CURRENT_USER, "was revoked").await;
        expect_read(&right).await;
        for app in [&right, &wrong] {
            let after = app.anonymous().with_token(&token(app).await);
            after.get(CURRENT_USER).await.expect_ok();
        }
        right.stop().await;
        wrong.stop().await;
        // Whoever starts later knows the same.
        let again = TestApp::start(&database).await;
        again.anonymous().with_token(&token(&again).await).get(CURRENT_USER).await.expect_ok();
        again.stop().await;
    }
}

async fn change_password(caller: &Caller, old: &str, new: &str) {
    let change = json!({"password": new, "old_password": old});
    caller.put(CURRENT_USER, change).await.expect_ok();
}

async fn a_password_changed_under_a_wrong_clock_locks_nobody_out(database: Database) {
    let mut passwords = (PASSWORD.to_owned(), "another horse 0".to_owned());
    for (number, ahead) in [HOUR, 90, -90].into_iter().enumerate() {
        let (right, wrong) = replicas(&database, ahead).await;
        let sign_in = async |app: &TestApp, password: &str| {
            let login = app.anonymous().login(ADMIN, password).await.expect_ok();
            app.anonymous().with_token(login["access_token"].as_str().unwrap())
        };
        let before = sign_in(&right, &passwords.0).await;
        let made_before = right.anonymous().with_token(&before.api_token(600).await);
        change_password(&sign_in(&wrong, &passwords.0).await, &passwords.0, &passwords.1).await;
        before.until(401, CURRENT_USER, "password").await;
        made_before.get(CURRENT_USER).await.expect(401, "password");
        for app in [&right, &wrong] {
            let after = sign_in(app, &passwords.1).await;
            after.get(CURRENT_USER).await.expect_ok();
            let made = app.anonymous().with_token(&after.api_token(600).await);
            made.get(CURRENT_USER).await.expect_ok();
            let listed = after.get("/api/v1/api_tokens?active=true&size=100").await.expect_ok();
            assert!(listed["total"].as_i64().unwrap() > 0, "{ahead}: {listed:#}");
        }
        passwords = (passwords.1, format!("another horse {}", number + 1));
        right.stop().await;
        wrong.stop().await;
    }
}

/// The tokens of a server whose clock is ahead are dated after the end of all, and end with all.
async fn a_change_ends_what_a_clock_ahead_has_issued(database: Database) {
    let (right, ahead) = replicas(&database, 9).await;
    let login = ahead.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    let session = ahead.anonymous().with_token(login["access_token"].as_str().unwrap());
    let made = ahead.anonymous().with_token(&session.api_token(600).await);
    right.signed_in().await.post(REVOKE, json!({"user": ADMIN})).await.expect_ok();
    made.until(401, CURRENT_USER, "was revoked").await;
    let login = ahead.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    let session = ahead.anonymous().with_token(login["access_token"].as_str().unwrap());
    session.get(CURRENT_USER).await.expect_ok();
    change_password(&right.signed_in().await, PASSWORD, "another horse").await;
    session.until(401, CURRENT_USER, "password").await;
}

/// Though the other server has read the account just before.
async fn whoever_signs_in_after_a_change_is_known_everywhere_at_once(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let mut old = PASSWORD.to_owned();
    for number in 0..5 {
        let login = async |password: &str| {
            let login = one.anonymous().login(ADMIN, password).await.expect_ok();
            login["access_token"].as_str().unwrap().to_owned()
        };
        let before = login(&old).await;
        let new = format!("another horse {number}");
        other.anonymous().with_token(&before).get(CURRENT_USER).await.expect_ok();
        change_password(&one.anonymous().with_token(&before), &old, &new).await;
        let after = login(&new).await;
        other.anonymous().with_token(&after).get(CURRENT_USER).await.expect_ok();
        other.anonymous().with_token(&before).get(CURRENT_USER).await.expect(401, "password");
        old = new;
    }
}

async fn a_token_that_is_not_yet_valid_is_taken_back(database: Database) {
    let (right, ahead) = replicas(&database, 60).await;
    let early = token(&ahead).await;
    right.anonymous().with_token(&early).get(CURRENT_USER).await.expect(401, "not yet valid");
    assert_eq!(revoke(&right, &early).await, json!({"revoked": true}));
    let also_early = token(&ahead).await;
    let form = [("token", also_early.as_str())];
    right.signed_in().await.post_form("/oauth/revoke", &form).await.expect_ok();
    right.clock.advance(60);
    for token in [&early, &also_early] {
        right.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
        ahead.anonymous().with_token(token).until(401, CURRENT_USER, "was revoked").await;
    }
    // Nor is one that this server takes for expired: another one's clock may be behind.
    let short = right.signed_in().await.api_token(5).await;
    right.clock.advance(60);
    right.anonymous().with_token(&short).get(CURRENT_USER).await.expect(401, "expired");
    assert_eq!(revoke(&right, &short).await, json!({"revoked": true}));
    right.clock.advance(-60);
    right.anonymous().with_token(&short).get(CURRENT_USER).await.expect(401, "was revoked");
}

async fn a_session_that_is_not_yet_valid_is_signed_out(database: Database) {
    let (right, ahead) = replicas(&database, 60).await;
    let login = ahead.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    let session = login["access_token"].as_str().unwrap();
    right.anonymous().with_token(session).get("/api/v1/logout").await.expect_ok();
    ahead.anonymous().with_token(session).until(401, CURRENT_USER, "was revoked").await;
}

async fn a_token_of_a_retired_key_is_taken_back(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_SIGNING_ALGORITHM", "ES256")]).await;
    let old = token(&app).await;
    let keys = app.state.auth.signing_keys.list().await.unwrap();
    database
        .execute(&format!(
            "UPDATE zendo_signing_key SET retired_ms = 1, private_key = NULL WHERE kid = '{}'",
            keys[0].kid.to_hex()
        ))
        .await;
    app.anonymous().with_token(&old).until(401, CURRENT_USER, "retired").await;
    assert_eq!(revoke(&app, &old).await, json!({"revoked": true}));
}

async fn a_wrong_password_under_a_clock_ahead_makes_nobody_wait(database: Database) {
    for ahead in [15, HOUR] {
        let (right, wrong) = replicas(&database, ahead).await;
        wrong.anonymous().login(ADMIN, "guess").await.expect(401, "");
        right.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
        // The clock that was ahead goes back.
        wrong.anonymous().login(ADMIN, "guess").await.expect(401, "");
        wrong.clock.advance(-ahead);
        wrong.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
        right.stop().await;
        wrong.stop().await;
    }
}

async fn a_wait_that_a_wrong_clock_has_written_is_no_longer_than_the_rule(database: Database) {
    let (right, wrong) = replicas(&database, HOUR).await;
    let waits = async |app: &TestApp| {
        let answer = app.anonymous().login("nobody at all", "guess").await;
        let after =
            answer.headers.get("retry-after").map(|after| after.to_str().unwrap().parse::<i64>().unwrap());
        (answer.status, after)
    };
    wait_until("it has to wait", SECONDS, async || waits(&wrong).await.0 == 429).await;
    let (status, after) = waits(&right).await;
    assert!(status == 401 || after.is_some_and(|after| after <= 30), "{status} {after:?}");
    // It counts from when it was seen, though the moment in the store was an hour away.
    right.clock.advance(31);
    assert_eq!(waits(&right).await.0, 401);
}

/// A row as an older server writes it has no place in the stream.
async fn revocations_of_older_servers_are_heard_and_kept(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let of_token = async |token: &str, at: i64| {
        let jti = jti(token);
        let row = format!(
            "INSERT INTO zendo_revoked_token (jti, expires, revoked_ms) VALUES ('{jti}', NULL, {at})"
        );
        database.execute(&row).await;
    };
    let now = chrono::Utc::now().timestamp_millis();
    let token = admin.api_token(600).await;
    of_token(&token, now).await;
    app.anonymous().with_token(&token).until(401, CURRENT_USER, "was revoked").await;
    // The next one's clock is a little behind.
    let other = admin.api_token(600).await;
    of_token(&other, now - 30_000).await;
    app.anonymous().with_token(&other).until(401, CURRENT_USER, "was revoked").await;
    let user = admin.get(CURRENT_USER).await.expect_ok()["id"].as_str().unwrap().replace('-', "");
    let third = admin.api_token(600).await;
    let ahead = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).format("%Y-%m-%d %H:%M:%S%.6f");
    let row = format!(
        "INSERT INTO zendo_tokens_revoked_before (user_id, revoked_before, revoked_ms) VALUES ('{user}', '{ahead}', {now})"
    );
    database.execute(&row).await;
    app.anonymous().with_token(&third).until(401, CURRENT_USER, "was revoked").await;
    // It was written by a clock that was ahead, and locks nobody out.
    let after = self::token(&app).await;
    app.anonymous().with_token(&after).get(CURRENT_USER).await.expect_ok();
    app.stop().await;
    let again = TestApp::start(&database).await;
    for token in [&token, &other, &third] {
        again.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, "was revoked");
    }
}

fn jti(token: &str) -> String {
    use base64::Engine;
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["jti"].as_str().unwrap().replace('-', "")
}

/// Places go back with it, and what is revoked from then on is heard all the same.
async fn a_backup_in_the_stores_place_is_followed(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    for _ in 0..5 {
        expect_heard(&one, &other, "before").await;
    }
    database.execute("DELETE FROM zendo_revoked_token WHERE position > 2").await;
    database.execute("UPDATE zendo_turn SET taken = 2 WHERE name = 'revocations'").await;
    expect_read(&other).await;
    let begin = Instant::now();
    expect_heard(&one, &other, "after").await;
    assert!(begin.elapsed() < SECONDS);
}

/// SQLite's clock is that of the server's own machine.
async fn a_server_tells_that_its_clock_is_wrong(database: Database) {
    let app = TestApp::start(&database).await;
    let ready = async || app.anonymous().get("/ready").await;
    assert_eq!((ready().await.status, ready().await.text), (200, "ok".to_owned()));
    for (moved, way) in [(90, "90.0 seconds ahead"), (-180, "90.0 seconds behind")] {
        app.clock.advance(moved);
        app.state.check_clock().await.unwrap();
        let answer = ready().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.text.starts_with("ok"), "{answer:?}");
        assert_eq!(answer.text.contains(way), database.is_mariadb(), "{answer:?}");
    }
    app.clock.advance(90);
    app.state.check_clock().await.unwrap();
    assert_eq!(ready().await.text, "ok");
}

async fn a_follower_sees_the_records_of_a_server_whose_clock_is_wrong(database: Database) {
    // SQLite's servers have one clock, that of the follower.
    let moves = if database.is_mariadb() { [HOUR, -2 * HOUR, HOUR] } else { [HOUR, -HOUR, 0] };
    let app = TestApp::start(&database).await;
    app.signed_in().await;
    let following = Program::new(&["audit", "--follow", "--output", "json"]).on(&database).spawn();
    let lines = || following.stdout().lines().count();
    wait_until("what was there", SECONDS, async || lines() == 1).await;
    for (number, moved) in moves.into_iter().enumerate() {
        app.clock.advance(moved);
        app.signed_in().await;
        wait_until("what is new", SECONDS, async || lines() == number + 2).await;
    }
    following.signal("INT");
    following.finish().await;
}
