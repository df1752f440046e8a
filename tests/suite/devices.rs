//! Devices: asked for by a machine, approved by a person, locked and deleted by nobody else.

use serde_json::{Value, json};
use uuid::Uuid;
use zendo::store::Id;
use zendo::testing::ApiError;
use zendo::testing::UserRow;
use zendo::testing::{DeviceRow, DeviceStatus, exchange_device_code, find_device_for_authentication};

use crate::support::{Caller, Database, TestApp};

on_each_store! {
    a_device_asks_is_approved_and_gets_its_grant_once,
    a_pending_device_is_shown_to_whoever_has_its_code,
    wrong_user_codes_lock_a_device,
    wrong_device_codes_lock_a_device,
    a_device_that_asks_too_often_is_told,
    an_approval_has_an_end,
    a_device_is_its_owners_alone,
    unlocking_is_no_approval,
    a_device_that_asks_again_takes_its_own_place,
    another_person_on_the_same_machine_has_a_device_of_their_own,
    a_device_ends_where_sign_ins_end,
    a_request_that_nobody_approved_is_cleared_away,
    what_is_no_request_is_refused,
    of_several_at_once_one_wins,
    a_device_that_nobody_uses_is_found,
}

const AUTHORIZE: &str = "/api/v1/device_authorization";

/// A machine and what it was told.
struct Machine {
    client_id: Uuid,
    answer: Value,
    path: String,
}

impl Machine {
    async fn asks(app: &TestApp, client_id: Uuid) -> Self {
        let client = app.anonymous().with("user-agent", "Host/my-host ZenML/0.98.0 Python/3.11 OS/linux");
        let answer = client.post_form(AUTHORIZE, &[("client_id", &client_id.to_string())]).await.expect_ok();
        let uri = answer["verification_uri_complete"].as_str().unwrap();
        let id = uri.split_once("device_id=").unwrap().1.split('&').next().unwrap();
        Self { client_id, path: format!("/api/v1/devices/{id}"), answer }
    }

    fn user_code(&self) -> &str {
        self.answer["user_code"].as_str().unwrap()
    }

    fn id(&self) -> Id {
        Id(Uuid::try_parse(self.path.rsplit('/').next().unwrap()).unwrap())
    }

    async fn approve(&self, person: &Caller) -> Value {
        let approval = json!({"user_code": self.user_code()});
        person.put(&format!("{}/verify", self.path), approval).await.expect_ok()
    }

    /// The grant's result, or its OAuth error.
    async fn comes(&self, app: &TestApp) -> Result<(UserRow, DeviceRow), String> {
        self.comes_with(app, self.answer["device_code"].as_str().unwrap()).await
    }

    async fn comes_with(&self, app: &TestApp, device_code: &str) -> Result<(UserRow, DeviceRow), String> {
        let exchanged = exchange_device_code(
            &app.state,
            &zendo::testing::Origin::operator(),
            Id(self.client_id),
            device_code.to_owned().into(),
        )
        .await;
        match exchanged {
            Ok(exchanged) => Ok(exchanged),
            Err(error) => Err(oauth_error(error.into()).await),
        }
    }

    async fn row(&self, app: &TestApp) -> DeviceRow {
        find_device_for_authentication(&app.state.store, self.id()).await.unwrap().unwrap()
    }
}

async fn oauth_error(error: ApiError) -> String {
    use axum::response::IntoResponse;
    let response = error.into_response();
    assert_eq!(response.status(), 400);
    let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body["error_description"].is_string() && body["error_uri"].is_null(), "{body}");
    body["error"].as_str().unwrap().to_owned()
}

fn is(result: &Result<(UserRow, DeviceRow), String>, error: &str) -> bool {
    result.as_ref().is_err_and(|found| found == error)
}

async fn a_device_asks_is_approved_and_gets_its_grant_once(database: Database) {
    let app = TestApp::start(&database).await;
    let bob = app.new_user("bob", false).await;
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    assert_eq!((&machine.answer["expires_in"], &machine.answer["interval"]), (&json!(300), &json!(5)));
    assert_eq!(machine.answer["verification_uri"], "/devices/verify");
    assert_eq!(machine.user_code().len(), 32);
    assert_eq!(machine.answer["device_code"].as_str().unwrap().len(), 64);
    assert!(is(&machine.comes(&app).await, "authorization_pending"));

    let approval = json!({"user_code": machine.user_code(), "trusted_device": true});
    let verified = bob.put(&format!("{}/verify", machine.path), approval).await.expect_ok();
    assert_eq!(
        (&verified["body"]["status"], &verified["body"]["trusted_device"]),
        (&json!("verified"), &json!(true))
    );
    assert_eq!(verified["resources"]["user"]["name"], "bob");

    let (user, device) = machine.comes(&app).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((user.name.as_str(), device.body.status), ("bob", DeviceStatus::Active.into()));
    assert_eq!((device.user_id, device.body.expires), (Some(user.id), None));
    assert!(device.metadata.last_login.is_some());
    assert!(is(&machine.comes(&app).await, "expired_token"));
    let listed = bob.get("/api/v1/devices?status=active&trusted_device=true").await.expect_ok();
    assert_eq!(listed["items"][0]["body"]["hostname"], "my-host");
    for (table, rows) in database.contents().await {
        assert!(!rows.iter().any(|row| row.contains(machine.user_code())), "the user code is in {table}");
    }
}

async fn a_pending_device_is_shown_to_whoever_has_its_code(database: Database) {
    let app = TestApp::start(&database).await;
    let bob = app.new_user("bob", false).await;
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    let with_code = format!("{}?user_code={}", machine.path, machine.user_code());
    let shown = bob.get(&with_code).await.expect_ok();
    let body = &shown["body"];
    assert_eq!((&body["status"], &body["user_id"]), (&json!("pending"), &Value::Null));
    assert_eq!(
        (&body["os"], &body["hostname"], &body["ip_address"]),
        (&json!("linux"), &json!("my-host"), &json!("127.0.0.1"))
    );
    assert_eq!(
        (&shown["metadata"]["python_version"], &shown["metadata"]["zenml_version"]),
        (&json!("3.11"), &json!("0.98.0"))
    );
    bob.get(&machine.path).await.expect(404, "KeyError");
    bob.get(&format!("{}?user_code=wrong", machine.path)).await.expect(404, "KeyError");
    app.anonymous().get(&with_code).await.expect(401, "");
    assert_eq!(bob.get("/api/v1/devices").await.expect_ok()["total"], 0);
}

async fn wrong_user_codes_lock_a_device(database: Database) {
    let app = TestApp::start(&database).await;
    let bob = app.new_user("bob", false).await;
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    let verify = format!("{}/verify", machine.path);
    bob.put(&verify, json!({})).await.expect(422, "user_code");
    for _ in 0..2 {
        bob.put(&verify, json!({"user_code": "wrong"})).await.expect(400, "Wrong user code.");
    }
    assert_eq!(machine.row(&app).await.metadata.failed_auth_attempts, 2);
    bob.put(&verify, json!({"user_code": "wrong"})).await.expect(400, "locked");
    bob.put(&verify, json!({"user_code": machine.user_code()})).await.expect(400, "does not wait");
    assert!(is(&machine.comes(&app).await, "access_denied"));
}

async fn wrong_device_codes_lock_a_device(database: Database) {
    let app = TestApp::start(&database).await;
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    machine.approve(&app.signed_in().await).await;
    for _ in 0..3 {
        assert!(is(&machine.comes_with(&app, "wrong").await, "access_denied"));
    }
    assert_eq!(machine.row(&app).await.body.status, DeviceStatus::Locked);
    assert!(is(&machine.comes(&app).await, "access_denied"));
}

async fn a_device_that_asks_too_often_is_told(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    assert!(is(&machine.comes(&app).await, "authorization_pending"));
    assert!(is(&machine.comes(&app).await, "slow_down"));
    app.clock.advance(6);
    assert!(is(&machine.comes(&app).await, "authorization_pending"));
    let nobody = Machine { client_id: Uuid::new_v4(), ..machine };
    assert!(is(&nobody.comes(&app).await, "invalid_client"));
}

async fn an_approval_has_an_end(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_DEVICE_AUTH_TIMEOUT", "60")]).await;
    let admin = app.signed_in().await;
    let (early, late) =
        (Machine::asks(&app, Uuid::new_v4()).await, Machine::asks(&app, Uuid::new_v4()).await);
    early.approve(&admin).await;
    app.clock.advance(62);
    let approval = json!({"user_code": late.user_code()});
    admin.put(&format!("{}/verify", late.path), approval).await.expect(400, "too long");
    assert!(is(&late.comes(&app).await, "expired_token"));
    assert!(is(&early.comes(&app).await, "expired_token"));
}

async fn a_device_is_its_owners_alone(database: Database) {
    let app = TestApp::start(&database).await;
    let (bob, admin) = (app.new_user("bob", false).await, app.signed_in().await);
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    machine.approve(&bob).await;
    admin.get(&format!("{}?user_code={}", machine.path, machine.user_code())).await.expect(404, "KeyError");
    admin.put(&machine.path, json!({"locked": true})).await.expect(404, "KeyError");
    admin.delete(&machine.path).await.expect(404, "KeyError");
    assert_eq!(admin.get("/api/v1/devices").await.expect_ok()["total"], 0);

    let status = async |body: Value| bob.put(&machine.path, body).await.expect_ok()["body"]["status"].clone();
    assert_eq!(status(json!({"locked": true})).await, "locked");
    assert!(is(&machine.comes(&app).await, "access_denied"));
    assert_eq!(status(json!({"locked": null})).await, "locked");
    assert_eq!(status(json!({"locked": false})).await, "active");
    assert!(is(&machine.comes(&app).await, "expired_token"));
    assert_eq!(bob.delete(&machine.path).await.expect_ok(), Value::Null);
    bob.delete(&machine.path).await.expect(404, "KeyError");
    assert!(is(&machine.comes(&app).await, "invalid_client"));
}

async fn unlocking_is_no_approval(database: Database) {
    let app = TestApp::start(&database).await;
    let bob = app.new_user("bob", false).await;
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    bob.put(&machine.path, json!({"locked": false})).await.expect(404, "KeyError");
    machine.approve(&bob).await;
    assert!(machine.comes(&app).await.is_ok());
    let again = Machine::asks(&app, machine.client_id).await;
    bob.put(&again.path, json!({"locked": false})).await.expect(404, "KeyError");
    assert_eq!(again.row(&app).await.body.status, DeviceStatus::Pending);
}

async fn a_device_that_asks_again_takes_its_own_place(database: Database) {
    let app = TestApp::start(&database).await;
    let bob = app.new_user("bob", false).await;
    let first = Machine::asks(&app, Uuid::new_v4()).await;
    first.approve(&bob).await;
    assert!(first.comes(&app).await.is_ok());
    let second = Machine::asks(&app, first.client_id).await;
    assert_ne!((&first.path, first.user_code()), (&second.path, second.user_code()));
    // The one from before is as good as it was, until the machine comes for its new token.
    assert_eq!(second.row(&app).await.body.status, DeviceStatus::Pending);
    assert_eq!(first.row(&app).await.body.status, DeviceStatus::Active);
    let before = json!({"user_code": first.user_code()});
    bob.put(&format!("{}/verify", second.path), before).await.expect(400, "Wrong user code");
    second.approve(&bob).await;
    assert_eq!(first.row(&app).await.body.status, DeviceStatus::Active);
    assert!(is(&first.comes(&app).await, "access_denied"));
    assert!(second.comes(&app).await.is_ok());
    // To its person it is the same device.
    assert_eq!(database.texts("SELECT id FROM auth_devices").await, [first.id().to_hex()]);
}

async fn another_person_on_the_same_machine_has_a_device_of_their_own(database: Database) {
    let app = TestApp::start(&database).await;
    let (bob, eve) = (app.new_user("bob", false).await, app.new_user("eve", false).await);
    let first = Machine::asks(&app, Uuid::new_v4()).await;
    first.approve(&bob).await;
    assert!(first.comes(&app).await.is_ok());
    let second = Machine::asks(&app, first.client_id).await;
    // Eve needs the code, and isn't told whose device is there already.
    eve.get(&second.path).await.expect(404, "KeyError");
    let shown = eve.get(&format!("{}?user_code={}", second.path, second.user_code())).await.expect_ok();
    assert_eq!((&shown["body"]["user_id"], &shown["resources"]["user"]), (&Value::Null, &Value::Null));
    second.approve(&eve).await;
    let (user, device) = second.comes(&app).await.unwrap_or_else(|error| panic!("{error}"));
    // Each device carries its own person's tokens.
    assert_eq!((user.name.as_str(), device.user_id), ("eve", Some(user.id)));
    bob.get(&second.path).await.expect(404, "KeyError");
    eve.get(&first.path).await.expect(404, "KeyError");
    for person in [&bob, &eve] {
        assert_eq!(person.get("/api/v1/devices").await.expect_ok()["total"], 1);
    }
}

async fn a_device_ends_where_sign_ins_end(database: Database) {
    let variables =
        [("ZENML_SERVER_JWT_TOKEN_EXPIRE_MINUTES", "60"), ("ZENML_SERVER_DEVICE_EXPIRATION_MINUTES", "2")];
    let app = TestApp::start_with(&database, &variables).await;
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    machine.approve(&app.signed_in().await).await;
    let (_, device) = machine.comes(&app).await.unwrap_or_else(|error| panic!("{error}"));
    let now = zendo::testing::Clock::now(&*app.clock);
    assert!(!device.is_expired(now));
    assert!(device.is_expired(now + chrono::TimeDelta::seconds(121)));
}

async fn a_request_that_nobody_approved_is_cleared_away(database: Database) {
    let app = TestApp::start(&database).await;
    let (forgotten, approved) =
        (Machine::asks(&app, Uuid::new_v4()).await, Machine::asks(&app, Uuid::new_v4()).await);
    approved.approve(&app.signed_in().await).await;
    app.clock.advance(3000);
    Machine::asks(&app, Uuid::new_v4()).await;
    assert!(is(&forgotten.comes(&app).await, "expired_token"));
    app.clock.advance(1000);
    Machine::asks(&app, Uuid::new_v4()).await;
    assert!(is(&forgotten.comes(&app).await, "invalid_client"));
    assert!(is(&approved.comes(&app).await, "expired_token"));
}

async fn what_is_no_request_is_refused(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_SERVER_URL", "https://a.example/z/")]).await;
    let anyone = app.anonymous();
    let field = "('body', 'client_id')";
    anyone.post_form(AUTHORIZE, &[]).await.expect(422, field);
    anyone.post_form(AUTHORIZE, &[("client_id", "zz")]).await.expect(422, field);
    anyone.post(AUTHORIZE, json!({"client_id": Uuid::new_v4()})).await.expect(422, field);
    let machine = Machine::asks(&app, Uuid::new_v4()).await;
    assert_eq!(machine.answer["verification_uri"], "https://a.example/z/devices/verify");
    let admin = app.signed_in().await;
    let nobody = format!("/api/v1/devices/{}", Uuid::nil());
    admin.get(&nobody).await.expect(404, "KeyError");
    admin.put(&format!("{nobody}/verify"), json!({"user_code": "x"})).await.expect(404, "KeyError");
    admin.get("/api/v1/devices/x").await.expect(422, "('path', 'device_id')");
}

async fn of_several_at_once_one_wins(database: Database) {
    let app = TestApp::start(&database).await;
    let (bob, admin) = (app.new_user("bob", false).await, app.signed_in().await);
    // First requests of one client make one device, and the last of its codes counts.
    let client_id = Uuid::new_v4();
    let at_once = std::iter::repeat_with(|| Machine::asks(&app, client_id)).take(8);
    futures_util::future::join_all(at_once).await;
    assert_eq!(database.texts("SELECT id FROM auth_devices").await.len(), 1);

    let machine = Machine::asks(&app, client_id).await;
    let (verify, approval) = (format!("{}/verify", machine.path), json!({"user_code": machine.user_code()}));
    let approvals = [&bob, &admin, &bob, &admin].map(|person| person.put(&verify, approval.clone()));
    let approvals = futures_util::future::join_all(approvals).await;
    assert_eq!(approvals.iter().filter(|answer| answer.status == 200).count(), 1, "{approvals:?}");

    let exchanges = futures_util::future::join_all([0; 6].map(|_| machine.comes(&app))).await;
    assert_eq!(exchanges.iter().filter(|exchanged| exchanged.is_ok()).count(), 1);
}

async fn a_device_that_nobody_uses_is_found(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let comes = async || {
        let machine = Machine::asks(&app, Uuid::new_v4()).await;
        machine.approve(&admin).await;
        machine.comes(&app).await.unwrap();
        machine.path.rsplit('/').next().unwrap().to_owned()
    };
    let unused = async |days: u32| {
        let page = admin.get(&format!("/api/v1/devices?unused_days={days}")).await.expect_ok();
        page["items"].as_array().unwrap().iter().map(|device| device["id"].clone()).collect::<Vec<Value>>()
    };
    let idle = comes().await;
    assert!(unused(90).await.is_empty());
    app.clock.advance(91 * 86_400);
    comes().await;
    assert_eq!(unused(90).await, [json!(idle)]);
    assert!(unused(92).await.is_empty());
}
