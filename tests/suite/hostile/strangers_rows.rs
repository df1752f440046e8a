//! What somebody without a credential can leave behind is bounded, in number and in age. Each flood is a hundredth of what
//! a minute of it was; whoever is honest gets through meanwhile.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp, stays_well, wait_until};

const CURRENT_USER: &str = "/api/v1/current-user";
const REVOKE: &str = "/api/v1/api_tokens/revoke";
const LOGOUT: &str = "/api/v1/logout";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SECONDS: Duration = Duration::from_secs(10);

on_each_store! {
    what_is_revoked_already_leaves_nothing,
    made_up_keys_are_counted_in_one_record,
    many_names_from_one_address_are_a_few_records,
    requests_of_devices_are_bounded_and_an_honest_one_gets_through,
}

async fn rows(database: &Database, table: &str) -> usize {
    database.texts(&format!("SELECT id FROM {table}")).await.len()
}

async fn records_of(admin: &Caller, action: &str) -> Vec<Value> {
    let page = admin.get(&format!("/api/v1/audit?size=1000&action={action}")).await.expect_ok();
    page["items"].as_array().unwrap().clone()
}

fn times(records: &[Value]) -> i64 {
    records.iter().map(|record| record["times"].as_i64().unwrap()).sum()
}

async fn what_is_revoked_already_leaves_nothing(database: Database) {
    let (app, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = app.signed_in().await;
    let token = admin.api_token(600).await;
    let login = app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
    let session = login["access_token"].as_str().unwrap();
    let session_of = |app: &TestApp| app.anonymous().with_token(session);
    app.anonymous().post(REVOKE, json!({"token": token})).await.expect_ok();
    session_of(&app).get(LOGOUT).await.expect_ok();
    for token in [&token, session] {
        other.anonymous().with_token(token).until(401, CURRENT_USER, "was revoked").await;
    }
    let again = async {
        for app in std::iter::repeat_n([&app, &other], 20).flatten() {
            let again = app.anonymous().post(REVOKE, json!({"token": token})).await.expect_ok();
            assert_eq!(again, json!({"revoked": true}));
            session_of(app).get(LOGOUT).await.expect_ok();
            app.signed_in().await.post_form("/oauth/revoke", &[("token", &token)]).await.expect_ok();
        }
    };
    stays_well(&admin, again).await;
    assert_eq!(records_of(&admin, "token_revoked").await.len(), 1);
    assert_eq!(records_of(&admin, "sign_out").await.len(), 1);
    assert_eq!(database.texts("SELECT jti FROM zendo_revoked_token").await.len(), 2);
    // Nor does what ended long ago.
    let short = admin.api_token(5).await;
    app.clock.advance(3 * 86_400);
    app.anonymous().post(REVOKE, json!({"token": short})).await.expect_ok();
    app.clock.advance(-3 * 86_400);
    assert_eq!(database.texts("SELECT jti FROM zendo_revoked_token").await.len(), 2);
}

/// A key as it would be, of an id that nobody has.
fn made_up_key() -> String {
    use base64::Engine;
    let key = json!({"id": uuid::Uuid::new_v4(), "key": "0".repeat(64)}).to_string();
    format!("ZENKEY_{}", base64::engine::general_purpose::STANDARD.encode(key))
}

async fn made_up_keys_are_counted_in_one_record(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    stays_well(&admin, async {
        for _ in 0..200 {
            app.anonymous().with_token(&made_up_key()).get(CURRENT_USER).await.expect(401, "");
        }
    })
    .await;
    let refused = async || records_of(&admin, "sign_in_refused").await;
    wait_until("all are counted", SECONDS, async || times(&refused().await) == 200).await;
    let records = refused().await;
    // Two, if a minute went by.
    assert!(records.len() <= 2, "{records:#?}");
    // Whoever else is refused has a record of their own.
    app.anonymous().login(ADMIN, "guess").await.expect(401, "");
    let records = refused().await;
    assert!(
        records.iter().any(|record| record["user_name"] == ADMIN && record["times"] == 1),
        "{records:#?}"
    );
}

async fn many_names_from_one_address_are_a_few_records(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    stays_well(&admin, async {
        for number in 0..60 {
            let key = format!("{}{number}", made_up_key());
            app.anonymous().login(&format!("nobody {number}"), "guess").await;
            app.anonymous().with_token(&key).get(CURRENT_USER).await.expect(401, "");
        }
    })
    .await;
    let refused = async || records_of(&admin, "sign_in_refused").await;
    wait_until("all are counted", SECONDS, async || times(&refused().await) == 120).await;
    let records = refused().await;
    assert!(records.len() <= 2 * 17, "{} records", records.len());
    app.stop().await;
    // None is lost at the stop, either.
    let again = TestApp::start(&database).await;
    let admin = again.anonymous().with("authorization", admin.header("authorization").unwrap());
    let kept = records_of(&admin, "sign_in_refused").await;
    assert_eq!(times(&kept), 120);
}

async fn ask(app: &TestApp, client: &str) -> Value {
    app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", client)]).await.expect_ok()
}

async fn requests_of_devices_are_bounded_and_an_honest_one_gets_through(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let client = uuid::Uuid::new_v4().to_string();
    let mut honest = Value::Null;
    stays_well(&admin, async {
        for number in 0..150 {
            if number == 100 {
                honest = ask(&app, &client).await;
            }
            ask(&app, &uuid::Uuid::new_v4().to_string()).await;
        }
    })
    .await;
    assert!(rows(&database, "auth_devices").await <= 100);
    let asked = async || records_of(&admin, "device_authorized").await;
    wait_until("all are counted", SECONDS, async || times(&asked().await) == 151).await;
    assert!(asked().await.len() <= 2 * 17, "{:#?}", asked().await);
    let link = honest["verification_uri_complete"].as_str().unwrap();
    let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap();
    let approval = json!({"user_code": honest["user_code"], "trusted_device": false});
    admin.put(&format!("/api/v1/devices/{id}/verify"), approval).await.expect_ok();
    let code = honest["device_code"].as_str().unwrap();
    let form = [("grant_type", GRANT), ("client_id", client.as_str()), ("device_code", code)];
    let login = app.anonymous().post_form("/api/v1/login", &form).await.expect_ok();
    let device = app.anonymous().with_token(login["access_token"].as_str().unwrap());
    // Of many addresses, the one that has left most gives way to somebody at another one.
    let row = |number: usize, address: &str| {
        format!(
            "INSERT INTO auth_devices (id, created, updated, client_id, user_code, device_code, status, \
             failed_auth_attempts, expires, trusted_device, ip_address) VALUES ('{number:032}', '2099-01-01 00:00:00', \
             '2099-01-01 00:00:00', '{number:032}', 'x', 'x', 'pending', 0, '2099-01-01 00:00:00', 0, '{address}');"
        )
    };
    let lone: String = row(9_000, "10.1.0.1");
    let many: Vec<String> =
        (0..2100).map(|number| row(number, &format!("10.0.0.{}", number / 100))).collect();
    database.execute(&(many.concat() + &lone)).await;
    ask(&app, &uuid::Uuid::new_v4().to_string()).await;
    let waiting = database.texts("SELECT id FROM auth_devices WHERE user_id IS NULL").await;
    assert!(waiting.len() <= 2000 + 100, "{}", waiting.len());
    assert!(waiting.contains(&format!("{:032}", 9_000)));
    device.get(CURRENT_USER).await.expect_ok();
}
