//! Callers who hang up: what they have begun is counted, recorded and felt all the same.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp, wait_until};

const CURRENT_USER: &str = "/api/v1/current-user";
const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

on_each_store! {
    a_guess_is_counted_recorded_and_slows_the_next_one,
    a_wrong_old_password_is_counted,
    a_password_change_is_made_and_felt,
    a_wrong_code_of_a_device_is_counted,
    a_token_is_revoked_whichever_way,
    a_session_ends,
    a_lock_is_set,
    a_refused_key_is_recorded,
    the_server_does_not_stop_before_what_was_begun,
    whoever_only_reads_begins_nothing,
}

/// Sends a request to a server whose writes are held back, and hangs up when it has begun.
async fn hang_up(app: &TestApp, head: &str, content_type: &str, body: &str) {
    let before = app.state.edge.detached.begun();
    let url = app.url();
    let mut connection = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let (length, host) = (body.len(), "Host: zendo.example");
    let request =
        format!("{head} HTTP/1.1\r\n{host}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n");
    // The head's own headers stand behind its first line.
    let request = match head.split_once("\r\n") {
        None => request,
        Some((first, headers)) => format!(
            "{first} HTTP/1.1\r\n{host}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{headers}\r\n"
        ),
    };
    connection.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    wait_until("the request has begun", LIMIT, async || app.state.edge.detached.begun() > before).await;
    drop(connection);
}

async fn hang_up_form(app: &TestApp, path: &str, body: &str) {
    hang_up(app, &format!("POST {path}"), "application/x-www-form-urlencoded", body).await;
}

/// As somebody with a token.
async fn hang_up_as(app: &TestApp, token: &str, method_and_path: &str, body: serde_json::Value) {
    let head = format!("{method_and_path}\r\nAuthorization: Bearer {token}");
    hang_up(app, &head, "application/json", &body.to_string()).await;
}

async fn login_token(app: &TestApp, name: &str) -> String {
    app.anonymous().login(name, PASSWORD).await.expect_ok()["access_token"].as_str().unwrap().to_owned()
}

async fn records(admin: &Caller, action: &str, count: i64) {
    let path = format!("/api/v1/audit?action={action}&size=100");
    wait_until(&format!("{count} records of {action}"), LIMIT, async || {
        let items = admin.get(&path).await.expect_ok()["items"].clone();
        let times = items.as_array().unwrap().iter().map(|item| item["times"].as_i64().unwrap());
        times.sum::<i64>() == count
    })
    .await;
}

async fn a_guess_is_counted_recorded_and_slows_the_next_one(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let admin = app.signed_in().await;
    app.new_user("ada", false).await;
    for guess in 0..6 {
        let held = database.hold_writes().await;
        hang_up_form(&app, "/api/v1/login", &format!("username=ada&password=guess{guess}")).await;
        held.release().await;
        // One after the other, or those that come too early are not judged.
        records(&admin, "sign_in_refused", guess + 1).await;
    }
    app.anonymous().login("ada", PASSWORD).await.expect(429, "Too many failed attempts");
}

async fn a_wrong_old_password_is_counted(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let admin = app.signed_in().await;
    let token = login_token(&app, ADMIN).await;
    for guess in 0..6 {
        let held = database.hold_writes().await;
        let body = json!({"old_password": format!("guess{guess}"), "password": "another horse"});
        hang_up_as(&app, &token, "PUT /api/v1/current-user", body).await;
        held.release().await;
        records(&admin, "password_changed", guess + 1).await;
    }
    let right = json!({"old_password": PASSWORD, "password": "another horse"});
    admin.put(CURRENT_USER, right).await.expect(429, "Too many failed attempts");
}

async fn a_password_change_is_made_and_felt(database: Database) {
    let app = TestApp::start(&database).await;
    let ada = app.new_user("ada", false).await;
    let token = login_token(&app, "ada").await;
    let held = database.hold_writes().await;
    let body = json!({"old_password": PASSWORD, "password": "another horse"});
    hang_up_as(&app, &token, "PUT /api/v1/current-user", body).await;
    held.release().await;
    ada.until(401, CURRENT_USER, "before the user's password was changed").await;
    app.anonymous().login("ada", "another horse").await.expect_ok();
}

async fn a_wrong_code_of_a_device_is_counted(database: Database) {
    let app = TestApp::start(&database).await;
    let token = login_token(&app, ADMIN).await;
    let form = [("client_id", "00000000-0000-0000-0000-00000000c11e")];
    let asked = app.anonymous().post_form("/api/v1/device_authorization", &form).await.expect_ok();
    let link = asked["verification_uri_complete"].as_str().unwrap();
    let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap();
    let failed = async || database.texts("SELECT CAST(failed_auth_attempts AS CHAR) FROM auth_devices").await;
    for (count, request) in [
        (1, format!("PUT /api/v1/devices/{id}/verify")),
        (2, format!("GET /api/v1/devices/{id}?user_code=wrong")),
        (3, format!("PUT /api/v1/devices/{id}/verify")),
    ] {
        let held = database.hold_writes().await;
        hang_up_as(&app, &token, &request, json!({"user_code": "wrong"})).await;
        held.release().await;
        wait_until("the wrong code is counted", LIMIT, async || failed().await == [count.to_string()]).await;
    }
    let right = json!({"user_code": asked["user_code"]});
    let admin = app.anonymous().with_token(&token);
    admin.put(&format!("/api/v1/devices/{id}/verify"), right).await.expect(400, "does not wait");
}

async fn a_token_is_revoked_whichever_way(database: Database) {
    let app = TestApp::start(&database).await;
    let script = async |admin: &Caller| {
        let token = admin.api_token(600).await;
        let caller = app.anonymous().with_token(&token);
        caller.get(CURRENT_USER).await.expect_ok();
        let listed = admin.get("/api/v1/api_tokens?size=1&sort_by=desc:created").await.expect_ok();
        (token, listed["items"][0]["id"].as_str().unwrap().to_owned(), caller)
    };
    for way in 0..4 {
        // Anew each time, since one of the ways ends every sign-in.
        let (admin, session) = (app.signed_in().await, login_token(&app, ADMIN).await);
        let (token, id, caller) = script(&admin).await;
        let held = database.hold_writes().await;
        match way {
            0 => hang_up_as(&app, &session, &format!("DELETE /api/v1/api_tokens/{id}"), json!({})).await,
            1 => hang_up_as(&app, &session, "POST /api/v1/api_tokens/revoke", json!({"token": token})).await,
            2 => hang_up_as(&app, &session, "POST /api/v1/api_tokens/revoke", json!({"all": true})).await,
            _ => {
                let head = format!("POST /oauth/revoke\r\nAuthorization: Bearer {session}");
                let form = "application/x-www-form-urlencoded";
                hang_up(&app, &head, form, &format!("token={token}")).await;
            }
        }
        held.release().await;
        caller.until(401, CURRENT_USER, "").await;
        records(&app.signed_in().await, "token_revoked", way + 1).await;
    }
}

async fn a_session_ends(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, session) = (app.signed_in().await, login_token(&app, ADMIN).await);
    let held = database.hold_writes().await;
    hang_up_as(&app, &session, "GET /api/v1/logout", json!({})).await;
    held.release().await;
    app.anonymous().with_token(&session).until(401, CURRENT_USER, "was revoked").await;
    records(&admin, "sign_out", 1).await;
}

async fn a_lock_is_set(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, session) = (app.signed_in().await, login_token(&app, ADMIN).await);
    let ada = app.new_user("ada", false).await;
    let held = database.hold_writes().await;
    hang_up_as(&app, &session, "PUT /api/v1/users/ada", json!({"active": false})).await;
    held.release().await;
    ada.until(401, CURRENT_USER, "is not active").await;
    records(&admin, "user_deactivated", 1).await;
}

async fn a_refused_key_is_recorded(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let account = json!({"name": "robot", "active": true});
    let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "ci"})).await.expect_ok();
    admin.delete(&format!("{keys}/ci")).await.expect_ok();
    let held = database.hold_writes().await;
    hang_up_as(&app, key["body"]["key"].as_str().unwrap(), "GET /api/v1/current-user", json!({})).await;
    held.release().await;
    records(&admin, "sign_in_refused", 1).await;
}

async fn the_server_does_not_stop_before_what_was_begun(database: Database) {
    let app = TestApp::start(&database).await;
    app.signed_in().await;
    let held = database.hold_writes().await;
    hang_up_form(&app, "/api/v1/login", "username=default&password=wrong").await;
    let (stopped, ()) = tokio::join!(app.stop(), held.release());
    let () = stopped;
    let refused = database.texts("SELECT action FROM zendo_audit WHERE result = 'refused'").await;
    assert_eq!(refused, ["sign_in_refused"]);
    let failures = database.texts("SELECT subject FROM zendo_sign_in_failure").await;
    assert_eq!(failures.len(), 2, "a place and an address");
}

async fn whoever_only_reads_begins_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let before = app.state.edge.detached.begun();
    for path in
        [CURRENT_USER, "/api/v1/users", "/api/v1/runs?project=default", "/api/v1/api_tokens", "/api/v1/info"]
    {
        admin.get(path).await.expect_ok();
    }
    assert_eq!(app.state.edge.detached.begun(), before);
    admin.api_token(60).await;
    assert_eq!(app.state.edge.detached.begun(), before + 1);
}
