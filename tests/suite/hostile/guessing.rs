//! Limits go by what was meant, hold wherever a secret is proved, slow strangers and let the owner in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{ADMIN, Answer, Caller, Database, PASSWORD, TestApp};

const CURRENT_USER: &str = "/api/v1/current-user";
const PROXIED: (&str, &str) = ("ZENDO_TRUSTED_PROXIES", "127.0.0.0/8");

on_each_store! {
    one_account_has_one_limit_however_it_is_spelt,
    an_activation_has_one_limit_however_its_user_is_spelt,
    basic_credentials_have_the_same_limit,
    strangers_who_guess_do_not_keep_the_owner_out,
    a_browser_is_known_by_a_cookie_that_nobody_can_make,
    a_known_place_has_a_limit_of_its_own,
    a_change_of_password_has_a_limit_that_strangers_do_not_reach,
    known_places_are_few_and_told_to_nobody,
    an_inactive_accounts_right_password_is_a_wrong_one,
    a_users_code_of_a_device_is_guessed_nowhere,
}

/// Spellings of an id that mean the same.
fn spellings(id: &str) -> Vec<String> {
    let plain = id.replace('-', "");
    let mut spellings = vec![
        id.to_owned(),
        id.to_uppercase(),
        format!("{{{id}}}"),
        format!("{{{}}}", id.to_uppercase()),
        format!("urn:uuid:{id}"),
        format!("urn:uuid:{}", id.to_uppercase()),
        plain.clone(),
        plain.to_uppercase(),
    ];
    // Each letter of its own.
    spellings.extend((0..id.len()).filter(|at| id.as_bytes()[*at].is_ascii_lowercase()).map(|at| {
        let (before, after) = id.split_at(at);
        format!("{before}{}{}", after[..1].to_uppercase(), &after[1..])
    }));
    spellings
}

fn in_a_path(text: &str) -> String {
    text.replace('{', "%7B").replace('}', "%7D")
}

async fn id_of(admin: &Caller, name: &str) -> String {
    admin.get(&format!("/api/v1/users/{name}")).await.expect_ok()["id"].as_str().unwrap().to_owned()
}

/// Tries until it is too early, from an address of its own each time, and says how many were judged.
async fn judged(app: &TestApp, names: &[String], attempt: impl AsyncFn(Caller, &str) -> Answer) -> usize {
    for (count, name) in names.iter().cycle().take(40).enumerate() {
        let caller = app.anonymous().with("x-forwarded-for", &format!("198.51.100.{count}"));
        let answer = attempt(caller, name).await;
        if answer.status == 429 {
            return count;
        }
        assert_eq!(answer.status, 401, "{name}: {answer:?}");
    }
    40
}

async fn wrong_login(caller: Caller, name: &str) -> Answer {
    caller.login(name, "wrong").await
}

async fn one_account_has_one_limit_however_it_is_spelt(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.clock.hold();
    app.new_user("ada", false).await;
    let id = id_of(&app.signed_in().await, "ada").await;
    let names = [spellings(&id), vec!["ada".to_owned()]].concat();
    assert_eq!(judged(&app, &names, wrong_login).await, 6);
    // The limit is that of all spellings, in what was tried and what was not.
    for name in ["ada", &id, &format!("{{{id}}}")] {
        let stranger = app.anonymous().with("x-forwarded-for", "198.51.100.99");
        stranger.login(name, PASSWORD).await.expect(429, "Too many failed attempts");
    }
    // Nobody's names and ids are the same to a guesser.
    let nobody = spellings("0b5e1f0c-2d3a-4c5b-8e9f-00112233aabb");
    assert_eq!(judged(&app, &nobody, wrong_login).await, 6);
    let nobody = ["eve", "EVE", "Eve", " eve", "eve ", "eVe"].map(str::to_owned);
    assert_eq!(judged(&app, &nobody, wrong_login).await, 6);
}

async fn an_activation_has_one_limit_however_its_user_is_spelt(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.clock.hold();
    let admin = app.signed_in().await;
    let made = admin.post("/api/v1/users", json!({"name": "ada", "is_admin": false})).await.expect_ok();
    let names = [spellings(made["id"].as_str().unwrap()), vec!["ada".to_owned()]].concat();
    let attempt = async |caller: Caller, name: &str| {
        let body = json!({"activation_token": "wrong", "password": PASSWORD});
        caller.put(&format!("/api/v1/users/{}/activate", in_a_path(name)), body).await
    };
    assert_eq!(judged(&app, &names, attempt).await, 6);
}

async fn basic_credentials_have_the_same_limit(database: Database) {
    let settings = [PROXIED, ("ZENML_SERVER_AUTH_SCHEME", "HTTP_BASIC")];
    let app = TestApp::start_with(&database, &settings).await;
    app.clock.hold();
    let basic = async |caller: Caller, name: &str, password: &str| {
        let encoded = STANDARD.encode(format!("{name}:{password}"));
        caller.with("authorization", &format!("Basic {encoded}")).get(CURRENT_USER).await
    };
    let from = |address: &str| app.anonymous().with("x-forwarded-for", address);
    let admin = basic(from("203.0.113.7"), ADMIN, PASSWORD).await.expect_ok();
    // An id has colons in one of its spellings, where a Basic name ends.
    let mut names = spellings(admin["id"].as_str().unwrap());
    names.retain(|name| !name.contains(':'));
    let wrong = async |caller: Caller, name: &str| basic(caller, name, "wrong").await;
    assert_eq!(judged(&app, &names, wrong).await, 6);
    // What was right a minute ago is remembered; another server has to ask.
    let other = TestApp::start_with(&database, &settings).await;
    other.clock.hold_with(&app.clock);
    let from = |address: &str| other.anonymous().with("x-forwarded-for", address);
    basic(from("198.51.100.99"), ADMIN, PASSWORD).await.expect(429, "Too many failed attempts");
    basic(from("203.0.113.7"), ADMIN, PASSWORD).await.expect_ok();
}

async fn strangers_who_guess_do_not_keep_the_owner_out(database: Database) {
    let (app, replica) =
        (TestApp::start_with(&database, &[PROXIED]).await, TestApp::start_with(&database, &[PROXIED]).await);
    app.clock.hold();
    replica.clock.hold_with(&app.clock);
    let from = |app: &TestApp, address: &str| app.anonymous().with("x-forwarded-for", address);
    let browser = |app: &TestApp, address: &str| from(app, address).with("origin", &app.url());
    from(&app, "203.0.113.7").login(ADMIN, PASSWORD).await.expect_ok();
    let cookie = browser_cookie(&browser(&app, "203.0.113.8").login(ADMIN, PASSWORD).await).unwrap();
    for round in 0..11 {
        assert!(judged(&app, &[ADMIN.to_owned()], wrong_login).await < 7);
        // At an address, and in a browser wherever it is, here and at the other replica.
        for app in [&app, &replica] {
            from(app, "203.0.113.7").login(ADMIN, PASSWORD).await.expect_ok();
            let elsewhere = browser(app, &format!("192.0.2.{round}")).with("cookie", &cookie);
            if round % 5 == 0 {
                elsewhere.login(ADMIN, PASSWORD).await.expect_ok();
            }
        }
        from(&app, "198.51.100.99").login(ADMIN, PASSWORD).await.expect(429, "Too many failed attempts");
        app.clock.advance(3);
        replica.clock.advance(3);
    }
    // Whoever guesses from where the owner is, too, meets the address's limit.
    for name in 0..21 {
        from(&app, "203.0.113.7").login(&format!("name{name}"), "wrong").await;
    }
    from(&app, "203.0.113.7").login(ADMIN, PASSWORD).await.expect(429, "Too many failed attempts");
}

/// The cookie that names the browser, as it sends it back.
fn browser_cookie(login: &Answer) -> Option<String> {
    login.expect_ok();
    let cookies = login.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.into_iter().find(|cookie| cookie.contains("-browser="))?;
    for attribute in ["HttpOnly", "SameSite=Strict", "Max-Age", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    Some(cookie.split(';').next().unwrap().to_owned())
}

async fn a_browser_is_known_by_a_cookie_that_nobody_can_make(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.clock.hold();
    app.new_user("eve", false).await;
    let browser = |address: &str| app.anonymous().with("x-forwarded-for", address).with("origin", &app.url());
    assert_eq!(browser_cookie(&app.anonymous().login(ADMIN, PASSWORD).await), None, "a script's");
    let of_admin = browser_cookie(&browser("203.0.113.1").login(ADMIN, PASSWORD).await).unwrap();
    let of_eve = browser_cookie(&browser("203.0.113.2").login("eve", PASSWORD).await).unwrap();
    // The browser stays the one it is.
    let again = browser("203.0.113.3").with("cookie", &of_admin).login(ADMIN, PASSWORD).await;
    assert_eq!(browser_cookie(&again).as_ref(), Some(&of_admin));
    assert_eq!(judged(&app, &[ADMIN.to_owned()], wrong_login).await, 6);
    let (name, value) = of_admin.split_once('=').unwrap();
    let (id, mac) = value.split_once('.').unwrap();
    let forged = [
        of_eve,
        format!("{name}={id}"),
        format!("{name}={id}."),
        format!("{name}={id}.{}", mac.chars().rev().collect::<String>()),
        format!("{name}={}.{mac}", uuid::Uuid::new_v4()),
        format!("{name}=é.{mac}"),
    ];
    for (number, cookie) in forged.iter().enumerate() {
        let elsewhere = browser(&format!("192.0.2.{number}")).with("cookie", cookie);
        elsewhere.login(ADMIN, PASSWORD).await.expect(429, "Too many failed attempts");
    }
    let elsewhere = browser("192.0.2.99").with("cookie", &of_admin);
    elsewhere.login(ADMIN, PASSWORD).await.expect_ok();
}

async fn a_known_place_has_a_limit_of_its_own(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.clock.hold();
    let at = |address: &str| app.anonymous().with("x-forwarded-for", address);
    for address in ["203.0.113.7", "203.0.113.8"] {
        at(address).login(ADMIN, PASSWORD).await.expect_ok();
    }
    for _ in 0..6 {
        at("203.0.113.7").login(ADMIN, "wrong").await.expect(401, "invalid");
    }
    at("203.0.113.7").login(ADMIN, PASSWORD).await.expect(429, "Too many failed attempts");
    // What goes wrong there is no other place's, and no stranger's.
    at("203.0.113.8").login(ADMIN, PASSWORD).await.expect_ok();
    at("198.51.100.1").login(ADMIN, "wrong").await.expect(401, "invalid");
    app.clock.advance(31);
    at("203.0.113.7").login(ADMIN, PASSWORD).await.expect_ok();
}

async fn a_change_of_password_has_a_limit_that_strangers_do_not_reach(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.clock.hold();
    let ada = app.new_user("ada", false).await;
    assert_eq!(judged(&app, &["ada".to_owned()], wrong_login).await, 6);
    let change = async |old: &str| {
        let caller = ada.clone().with("x-forwarded-for", "192.0.2.1");
        caller.put(CURRENT_USER, json!({"old_password": old, "password": PASSWORD})).await
    };
    for _ in 0..6 {
        change("wrong").await.expect(403, "current password");
    }
    change(PASSWORD).await.expect(429, "Too many failed attempts");
    app.clock.advance(2);
    change(PASSWORD).await.expect_ok();
}

async fn known_places_are_few_and_told_to_nobody(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.clock.hold();
    let sign_in = async |address: &str| {
        let caller = app.anonymous().with("x-forwarded-for", address).with("origin", &app.url());
        caller.login(ADMIN, PASSWORD).await.expect_ok();
    };
    for number in 0..15 {
        sign_in(&format!("203.0.113.{number}")).await;
        app.clock.advance(1);
    }
    let places = async || database.texts("SELECT place FROM zendo_known_place").await;
    assert_eq!(places().await.len(), 20, "ten addresses, and a browser at each");
    // The last ones are known, the first ones aren't.
    assert_eq!(judged(&app, &[ADMIN.to_owned()], wrong_login).await, 6);
    app.anonymous().with("x-forwarded-for", "203.0.113.0").login(ADMIN, PASSWORD).await.expect(429, "");
    app.anonymous().with("x-forwarded-for", "203.0.113.14").login(ADMIN, PASSWORD).await.expect_ok();
    for (table, rows) in database.contents().await {
        let tells = table == "zendo_known_place" && rows.iter().any(|row| row.contains("203.0.113"));
        assert!(!tells, "an address is in {table}");
    }
    let sweep = async || {
        let now = zendo::testing::Clock::now(&*app.clock);
        app.state.sign_in.known_places.sweep(now).await.unwrap();
        places().await.len()
    };
    assert_eq!(sweep().await, 20);
    app.clock.advance(181 * 24 * 3600);
    assert_eq!(sweep().await, 0);
}

async fn an_inactive_accounts_right_password_is_a_wrong_one(database: Database) {
    let app = TestApp::start_with(&database, &[PROXIED]).await;
    app.new_user("ada", false).await;
    app.new_user("eve", false).await;
    app.signed_in().await.put("/api/v1/users/ada/deactivate", json!({})).await.expect_ok();
    let mut number = 0;
    let counted = async || database.texts("SELECT subject FROM zendo_sign_in_failure").await.len();
    // Each a few times: the house asks the store, too, now and then.
    let mut attempt = async |name: &str, password: &str| {
        let mut told = Vec::new();
        for _ in 0..4 {
            number += 1;
            let caller = app.anonymous().with("x-forwarded-for", &format!("192.0.2.{number}"));
            let before = app.state.store.reads();
            let answer = caller.login(name, password).await;
            told.push((app.state.store.reads() - before, answer.status, answer.text));
        }
        told.into_iter().min().unwrap()
    };
    let wrong = attempt("eve", "wrong").await;
    assert_eq!((wrong.1, counted().await), (401, 5), "an account and four addresses");
    // The same words, and the same questions to the store, which take their time.
    assert_eq!(attempt("ada", PASSWORD).await, wrong);
    assert_eq!(attempt("nobody", PASSWORD).await, wrong);
    assert_eq!(counted().await, 15);
    let right = async |caller: Caller, name: &str| caller.login(name, PASSWORD).await;
    assert_eq!(judged(&app, &["ada".to_owned()], right).await, 2);
}

async fn a_users_code_of_a_device_is_guessed_nowhere(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let form = [("client_id", "00000000-0000-0000-0000-00000000c11e")];
    let asked = app.anonymous().post_form("/api/v1/device_authorization", &form).await.expect_ok();
    let link = asked["verification_uri_complete"].as_str().unwrap();
    let id = link.split_once("device_id=").unwrap().1.split('&').next().unwrap();
    let (path, code) = (format!("/api/v1/devices/{id}"), asked["user_code"].as_str().unwrap());
    let failed = async || database.texts("SELECT CAST(failed_auth_attempts AS CHAR) FROM auth_devices").await;
    admin.get(&format!("{path}?user_code=wrong")).await.expect(404, "KeyError");
    admin.put(&format!("{path}/verify"), json!({"user_code": "wrong"})).await.expect(400, "Wrong user code.");
    admin.get(&format!("{path}?user_code={code}")).await.expect_ok();
    assert_eq!(failed().await, ["2"]);
    admin.get(&format!("{path}?user_code=wrong")).await.expect(404, "KeyError");
    let right: Value = json!({"user_code": code});
    admin.put(&format!("{path}/verify"), right).await.expect(400, "does not wait");
    admin.get(&format!("{path}?user_code={code}")).await.expect(404, "KeyError");
}
