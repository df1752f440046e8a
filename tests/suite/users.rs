//! Users: who may make, see, change, deactivate and delete whom, and what it does to their tokens.

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, PASSWORD, TestApp};

const USERS: &str = "/api/v1/users";
const CURRENT_USER: &str = "/api/v1/current-user";
const NEW_PASSWORD: &str = "another horse";

on_each_store! {
    a_user_with_a_password_is_active,
    a_user_without_one_waits_for_its_activation,
    an_activation_token_is_good_once_and_for_its_user_alone,
    what_an_activation_may_not_set_is_passed_over,
    a_name_is_taken_once,
    what_can_not_be_meant_is_refused,
    who_is_no_admin_sees_and_changes_themselves_alone,
    users_are_listed_without_service_accounts,
    a_user_is_found_by_name_or_id,
    an_admin_changes_others_but_not_what_is_theirs,
    nobody_changes_their_own_rank,
    null_clears_what_may_be_empty,
    metadata_is_replaced,
    an_email_is_private_and_used_with_consent,
    a_password_is_changed_by_whoever_knows_it,
    of_changes_within_a_second_each_ends_the_tokens_before_it,
    guessing_a_secret_gets_slower,
    a_deactivated_users_tokens_end,
    an_activation_does_not_bring_back_tokens_from_before,
    a_deleted_users_tokens_end,
    a_user_who_owns_things_is_not_deleted,
    of_two_admins_who_end_each_other_one_stays,
    what_is_missing_is_not_found,
}

fn path(user: &str) -> String {
    format!("{USERS}/{user}")
}

async fn id_of(caller: &Caller) -> String {
    caller.get(CURRENT_USER).await.expect_ok()["id"].as_str().unwrap().to_owned()
}

async fn names(caller: &Caller, query: &str) -> Vec<String> {
    let page = caller.get(&format!("{USERS}?{query}")).await.expect_ok();
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

/// A new user who waits, and the activation token.
async fn waiting(admin: &Caller, name: &str) -> String {
    let user = admin.post(USERS, json!({"name": name, "is_admin": false})).await.expect_ok();
    user["body"]["activation_token"].as_str().unwrap().to_owned()
}

async fn a_user_with_a_password_is_active(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let request = json!({
        "name": "ada", "full_name": "Ada L.", "is_admin": false, "password": PASSWORD, "email": "ada@lab.example",
        "avatar_url": "https://lab.example/ada.png", "user_metadata": {"team": ["vision", 1.50]},
        "oidc_claims": {"sub": "1"}, "external_user_id": "00000000-0000-0000-0000-000000000007", "active": false,
    });
    let made = admin.post(USERS, request).await.expect_ok();
    let body = &made["body"];
    assert_eq!((&made["name"], &made["permission_denied"]), (&json!("ada"), &json!(false)));
    assert_eq!((&body["active"], &body["activation_token"]), (&json!(true), &Value::Null));
    assert_eq!((&body["full_name"], &body["email_opted_in"]), (&json!("Ada L."), &Value::Null));
    assert_eq!(body["avatar_url"], "https://lab.example/ada.png");
    let metadata = json!({
        "password_changed_at": null, "email": null, "user_metadata": {"team": ["vision", 1.50]},
        "oidc_claims": {"sub": "1"}, "external_user_id": "00000000-0000-0000-0000-000000000007",
    });
    assert_eq!(made["metadata"], metadata);
    let own = app.signed_in_as("ada").await.get(CURRENT_USER).await.expect_ok();
    assert_eq!(own["metadata"]["email"], "ada@lab.example");
    assert!(own["metadata"]["password_changed_at"].is_string());
}

async fn a_user_without_one_waits_for_its_activation(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let token = waiting(&admin, "ada").await;
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    let waiting = admin.get(&path("ada")).await.expect_ok();
    assert_eq!(waiting["body"]["active"], false);
    assert_eq!(waiting["body"]["activation_token"], Value::Null, "it is shown once");
    let stored = database.texts("SELECT activation_token FROM user WHERE name = 'ada'").await;
    assert!(stored[0].starts_with("$2b$"), "{stored:?}");
    app.anonymous().login("ada", PASSWORD).await.expect(401, "invalid username or password");

    let nobody = app.anonymous();
    let activation = json!({"activation_token": token, "password": PASSWORD, "full_name": "Ada L."});
    let active = nobody.put("/api/v1/users/ada/activate", activation).await.expect_ok();
    assert_eq!((&active["body"]["active"], &active["body"]["full_name"]), (&json!(true), &json!("Ada L.")));
    app.signed_in_as("ada").await;
}

async fn an_activation_token_is_good_once_and_for_its_user_alone(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (ada, bob) = (waiting(&admin, "ada").await, waiting(&admin, "bob").await);
    let nobody = app.anonymous();
    let activate =
        async |name: &str, body: Value| nobody.put(&format!("{USERS}/{name}/activate"), body).await;
    let with = |token: &str| json!({"activation_token": token, "password": PASSWORD});
    for (name, body) in [
        ("ada", with(&bob)),
        ("ada", with("")),
        ("ada", json!({"password": PASSWORD})),
        ("nobody", with(&ada)),
        (ADMIN, with(&ada)),
    ] {
        activate(name, body).await.expect(401, "CredentialsNotValid");
    }
    activate("ada", json!({"activation_token": ada})).await.expect(422, "password");
    let both = tokio::join!(activate("ada", with(&ada)), activate("ada", with(&ada)));
    let mut statuses = [both.0.status, both.1.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{both:?}");
    activate("ada", with(&ada)).await.expect(401, "CredentialsNotValid");
    // Neither is it revived when an admin turns the user on and off.
    for active in [true, false] {
        admin.put(&path("bob"), json!({"active": active})).await.expect_ok();
    }
    activate("bob", with(&bob)).await.expect(401, "CredentialsNotValid");
}

async fn what_an_activation_may_not_set_is_passed_over(database: Database) {
    let app = TestApp::start(&database).await;
    let token = waiting(&app.signed_in().await, "ada").await;
    let activation = json!({
        "activation_token": token, "password": PASSWORD, "name": "eve", "is_admin": true, "active": false,
        "email": "eve@lab.example", "external_user_id": uuid::Uuid::nil(), "oidc_claims": {"a": 1},
    });
    let user = app.anonymous().put("/api/v1/users/ada/activate", activation).await.expect_ok();
    assert_eq!((&user["name"], &user["body"]["is_admin"]), (&json!("eve"), &json!(false)));
    assert_eq!((&user["body"]["active"], &user["body"]["email_opted_in"]), (&json!(true), &json!(true)));
    assert_eq!(user["metadata"]["oidc_claims"], json!({}));
    assert_eq!(user["metadata"]["external_user_id"], Value::Null);
}

async fn a_name_is_taken_once(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let ada = app.new_user("ada", false).await;
    app.new_user("bob", false).await;
    let again = json!({"name": "ada", "is_admin": false, "password": PASSWORD});
    admin.post(USERS, again).await.expect(409, "EntityExistsError");
    admin.put(&path("ada"), json!({"name": "bob"})).await.expect(409, "EntityExistsError");
    ada.put(CURRENT_USER, json!({"name": "bob"})).await.expect(409, "EntityExistsError");
    ada.put(CURRENT_USER, json!({"name": "ada"})).await.expect_ok();
    assert_eq!(ada.put(CURRENT_USER, json!({"name": "eve"})).await.expect_ok()["name"], "eve");
}

async fn what_can_not_be_meant_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!(" ")),
        ("name", json!("a\nb")),
        ("name", json!("x".repeat(256))),
        ("name", Value::Null),
        ("password", json!("")),
        ("password", json!("x".repeat(73))),
        ("password", json!(5)),
        ("full_name", json!("x".repeat(256))),
        ("user_metadata", json!([])),
        ("external_user_id", json!("x")),
    ] {
        let mut request = json!({"name": "ada", "is_admin": false});
        request[field] = value;
        let answer = admin.post(USERS, request.clone()).await;
        answer.expect(422, &format!("('body', '{field}')"));
        assert_eq!(answer.json()[0], "ValueError", "the bare list of a failed validation");
    }
    admin.post(USERS, json!({"name": "ada"})).await.expect(422, "is_admin");
    for update in [json!({"name": ""}), json!({"password": "", "old_password": PASSWORD}), json!([])] {
        admin.put(CURRENT_USER, update.clone()).await.expect(422, "ValueError");
        admin.put(&path(ADMIN), update).await.expect(422, "ValueError");
    }
    assert_eq!(names(&admin, "").await, [ADMIN]);
}

async fn who_is_no_admin_sees_and_changes_themselves_alone(database: Database) {
    let app = TestApp::start(&database).await;
    let ada = app.new_user("ada", false).await;
    assert_eq!(names(&ada, "").await, ["ada"]);
    assert_eq!(names(&ada, "name=default&logical_operator=or").await, [""; 0]);
    ada.get(&path("ada")).await.expect_ok();
    for answer in [
        ada.get(&path(ADMIN)).await,
        ada.post(USERS, json!({"name": "eve", "is_admin": true})).await,
        ada.put(&path(ADMIN), json!({"full_name": "Eve"})).await,
        ada.put(&path(ADMIN), json!({"password": NEW_PASSWORD, "old_password": PASSWORD})).await,
        ada.put("/api/v1/users/default/deactivate", json!({})).await,
        ada.delete(&path(ADMIN)).await,
    ] {
        answer.expect(403, "IllegalOperationError");
    }
    assert_eq!(ada.put(&path("ada"), json!({"full_name": "A"})).await.expect_ok()["body"]["full_name"], "A");
}

async fn users_are_listed_without_service_accounts(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("ada", false).await;
    waiting(&admin, "bob").await;
    let service_account = "00000000000000000000000000000007";
    database
        .execute(&format!(
            "INSERT INTO user (id, created, updated, name, is_service_account, full_name, active, is_admin) VALUES \
             ('{service_account}', '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000', 'ada', 1, '', 1, 0)"
        ))
        .await;
    assert_eq!(names(&admin, "sort_by=name").await, ["ada", "bob", ADMIN]);
    assert_eq!(names(&admin, "active=false").await, ["bob"]);
    assert_eq!(names(&admin, "name=ada&name=bob").await, [""; 0]);
    assert_eq!(names(&admin, "email=isnull:&sort_by=desc:name&size=1").await, [ADMIN]);
    assert_eq!(names(&admin, &format!("id={service_account}")).await, [""; 0]);
    // By its id a service account is found, but it is not changed here.
    let found = admin.get(&path(service_account)).await.expect_ok();
    assert_eq!(found["body"]["is_service_account"], true);
    admin.put(&path(service_account), json!({"full_name": "x"})).await.expect(404, "KeyError");
    admin.put(&format!("{USERS}/{service_account}/deactivate"), json!({})).await.expect(404, "KeyError");
    admin.delete(&path(service_account)).await.expect(404, "KeyError");
    assert_eq!(admin.get(&path("ada")).await.expect_ok()["body"]["is_service_account"], false);
}

async fn a_user_is_found_by_name_or_id(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let ada = app.new_user("ada", false).await;
    let id = id_of(&ada).await;
    let user = admin.get(&path("ada")).await.expect_ok();
    for spelling in [id.clone(), id.replace('-', ""), id.to_uppercase()] {
        assert_eq!(admin.get(&path(&spelling)).await.expect_ok(), user, "{spelling}");
    }
    assert_eq!(
        admin.get(&format!("{}?hydrate=false", path("ada"))).await.expect_ok()["metadata"],
        Value::Null
    );
    admin.get(&path("ADA")).await.expect(404, "KeyError");
    // Nobody stands before another by taking their id for a name.
    app.new_user("eve", false).await.put(CURRENT_USER, json!({"name": id})).await.expect_ok();
    assert_eq!(admin.get(&path(&id)).await.expect_ok(), user);
    app.signed_in_as(&id).await.get(CURRENT_USER).await.expect(200, "ada");
}

async fn an_admin_changes_others_but_not_what_is_theirs(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("ada", false).await;
    for update in [
        json!({"password": NEW_PASSWORD}),
        json!({"password": NEW_PASSWORD, "old_password": PASSWORD}),
        json!({"email": "eve@lab.example"}),
        json!({"email_opted_in": false}),
    ] {
        admin.put(&path("ada"), update).await.expect(403, "IllegalOperationError");
    }
    let update = json!({"name": "eve", "is_admin": true, "full_name": "Eve", "oidc_claims": {"a": 1}});
    let changed = admin.put(&path("ada"), update).await.expect_ok();
    assert_eq!((&changed["name"], &changed["body"]["is_admin"]), (&json!("eve"), &json!(true)));
    assert_eq!(changed["metadata"]["oidc_claims"], json!({}));
    let eve = app.signed_in_as("eve").await;
    assert_eq!(names(&eve, "sort_by=name").await, [ADMIN, "eve"]);
    admin.put(&path("eve"), json!({"is_admin": false})).await.expect_ok();
    assert_eq!(names(&eve, "").await, ["eve"], "at once");
}

async fn nobody_changes_their_own_rank(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    app.new_user("ada", true).await;
    for update in [json!({"is_admin": false}), json!({"active": false})] {
        admin.put(&path(ADMIN), update.clone()).await.expect(403, "IllegalOperationError");
        // There it is passed over, as everything is that this route does not take.
        let user = admin.put(CURRENT_USER, update).await.expect_ok();
        assert_eq!((&user["body"]["is_admin"], &user["body"]["active"]), (&json!(true), &json!(true)));
    }
    admin.put(&path(ADMIN), json!({"is_admin": true, "active": true})).await.expect_ok();
    admin.put("/api/v1/users/default/deactivate", json!({})).await.expect(403, "IllegalOperationError");
    admin.delete(&path(ADMIN)).await.expect(403, "IllegalOperationError");
}

async fn null_clears_what_may_be_empty(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let update =
        json!({"default_project_id": project, "avatar_url": "x", "full_name": "A", "email": "a@b.example"});
    let set = admin.put(CURRENT_USER, update).await.expect_ok();
    assert_eq!((&set["body"]["default_project_id"], &set["body"]["avatar_url"]), (&project, &json!("x")));
    let nulls = json!({
        "default_project_id": null, "avatar_url": null, "full_name": null, "name": null, "password": null,
        "email": null, "email_opted_in": null, "user_metadata": null, "is_admin": null, "active": null,
    });
    let cleared = admin.put(CURRENT_USER, nulls.clone()).await.expect_ok();
    let body = &cleared["body"];
    assert_eq!((&body["default_project_id"], &body["avatar_url"]), (&Value::Null, &Value::Null));
    assert_eq!((&cleared["name"], &body["full_name"]), (&json!(ADMIN), &json!("A")));
    let own = admin.get(CURRENT_USER).await.expect_ok();
    assert_eq!((&own["metadata"]["email"], &own["body"]["email_opted_in"]), (&Value::Null, &Value::Null));
    app.new_user("ada", false).await;
    admin.put(&path("ada"), nulls).await.expect_ok();
    app.signed_in_as("ada").await;
    let nowhere = json!({"default_project_id": uuid::Uuid::nil()});
    admin.put(CURRENT_USER, nowhere).await.expect(404, "default_project_id");
}

async fn metadata_is_replaced(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for metadata in [json!({"a": 1, "b": {"c": null}}), json!({"d": "é"}), json!({})] {
        let update = json!({"user_metadata": metadata});
        let user = admin.put(CURRENT_USER, update).await.expect_ok();
        assert_eq!(user["metadata"]["user_metadata"], metadata);
    }
    let long = json!({"user_metadata": {"a": "x".repeat(300)}});
    let expected = if database.is_mariadb() { 422 } else { 200 };
    admin.put(CURRENT_USER, long).await.expect(expected, "");
}

async fn an_email_is_private_and_used_with_consent(database: Database) {
    let app = TestApp::start(&database).await;
    let ada = app.new_user("ada", false).await;
    let id = id_of(&ada).await;
    let consent = async || {
        let user = ada.get(CURRENT_USER).await.expect_ok();
        (user["metadata"]["email"].clone(), user["body"]["email_opted_in"].clone())
    };
    let prompt = format!("{USERS}/{id}/email-opt-in");
    let shown = ada.put(&prompt, json!({"email": "a@b.example"})).await.expect_ok();
    assert_eq!(shown["metadata"]["email"], Value::Null);
    assert_eq!(consent().await, (json!("a@b.example"), json!(true)));
    ada.put(&path("ada"), json!({"email": "c@d.example"})).await.expect_ok();
    assert_eq!(consent().await, (json!("a@b.example"), json!(true)), "not by this route");
    ada.put(CURRENT_USER, json!({"email": "c@d.example", "email_opted_in": false})).await.expect_ok();
    assert_eq!(consent().await, (json!("c@d.example"), json!(false)));
    ada.put(&prompt, json!({"email_opted_in": false})).await.expect_ok();
    assert_eq!(consent().await, (Value::Null, json!(false)));
    for caller_path in [prompt.clone(), CURRENT_USER.to_owned(), path("ada")] {
        ada.put(&caller_path, json!({"email_opted_in": true})).await.expect(422, "email");
    }
    let admin = app.signed_in().await;
    admin.put(&prompt, json!({"email_opted_in": false})).await.expect(401, "AuthorizationException");
    ada.put("/api/v1/users/ada/email-opt-in", json!({})).await.expect(401, "AuthorizationException");
}

async fn a_password_is_changed_by_whoever_knows_it(database: Database) {
    let app = TestApp::start(&database).await;
    for route in [CURRENT_USER.to_owned(), path("ada")] {
        let ada = app.new_user("ada", false).await;
        ada.put(&route, json!({"password": NEW_PASSWORD})).await.expect(403, "old_password");
        let wrong = json!({"password": NEW_PASSWORD, "old_password": "wrong"});
        ada.put(&route, wrong).await.expect(403, "IllegalOperationError");
        app.clock.advance(2);
        let right = json!({"password": NEW_PASSWORD, "old_password": PASSWORD});
        ada.put(&route, right).await.expect_ok();
        ada.get(CURRENT_USER).await.expect(401, "before the user's password was changed");
        app.anonymous().login("ada", PASSWORD).await.expect(401, "invalid username or password");
        let token = app.anonymous().login("ada", NEW_PASSWORD).await.expect_ok()["access_token"].clone();
        app.anonymous().with_token(token.as_str().unwrap()).get(CURRENT_USER).await.expect_ok();
        app.signed_in().await.delete(&path("ada")).await.expect_ok();
    }
}

async fn guessing_a_secret_gets_slower(database: Database) {
    let app = TestApp::start(&database).await;
    app.clock.hold();
    let token = waiting(&app.signed_in().await, "bob").await;
    let ada = app.new_user("ada", false).await;
    let change = |old: &str| json!({"password": NEW_PASSWORD, "old_password": old});
    let activation = |token: &str| json!({"activation_token": token, "password": PASSWORD});
    let nobody = app.anonymous();
    for _ in 0..6 {
        ada.put(CURRENT_USER, change("wrong")).await.expect(403, "IllegalOperationError");
        nobody
            .put("/api/v1/users/bob/activate", activation("wrong"))
            .await
            .expect(401, "CredentialsNotValid");
    }
    ada.put(CURRENT_USER, change(PASSWORD)).await.expect(429, "Too many failed attempts");
    nobody
        .put("/api/v1/users/bob/activate", activation(&token))
        .await
        .expect(429, "Too many failed attempts");
    app.clock.advance(2);
    ada.put(CURRENT_USER, change(PASSWORD)).await.expect_ok();
    nobody.put("/api/v1/users/bob/activate", activation(&token)).await.expect_ok();
}

/// At once where it was done, and within a second on another server of the same database.
async fn expect_ended(here: &TestApp, elsewhere: &TestApp, tokens: &[String], reason: &str) {
    for token in tokens {
        here.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, reason);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for token in tokens {
        elsewhere.anonymous().with_token(token).get(CURRENT_USER).await.expect(401, reason);
    }
}

/// A sign-in's token and a generic one, both in use on each server.
async fn tokens_in_use(servers: [&TestApp; 2], name: &str) -> Vec<String> {
    let login = servers[0].anonymous().login(name, PASSWORD).await.expect_ok()["access_token"].clone();
    let login = login.as_str().unwrap().to_owned();
    let generic = servers[0].anonymous().with_token(&login).api_token(600).await;
    let tokens = vec![login, generic];
    for server in servers {
        for token in &tokens {
            server.anonymous().with_token(token).get(CURRENT_USER).await.expect_ok();
        }
    }
    tokens
}

async fn of_changes_within_a_second_each_ends_the_tokens_before_it(database: Database) {
    let app = TestApp::start(&database).await;
    let passwords = [PASSWORD, "second", "third", "fourth", "fifth"];
    for pair in passwords.windows(2) {
        let token = app.anonymous().login(ADMIN, pair[0]).await.expect_ok()["access_token"].clone();
        let caller = app.anonymous().with_token(token.as_str().unwrap());
        let change = json!({"old_password": pair[0], "password": pair[1]});
        caller.put(CURRENT_USER, change).await.expect_ok();
        caller.get(CURRENT_USER).await.expect(401, "before the user's password was changed");
    }
}

async fn an_activation_does_not_bring_back_tokens_from_before(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, ada) = (app.signed_in().await, app.new_user("ada", false).await);
    app.clock.advance(2);
    admin.put(&path("ada"), json!({"active": false})).await.expect_ok();
    ada.get("/api/v1/current-user").await.expect(401, "is not active");
    app.clock.advance(2);
    admin.put(&path("ada"), json!({"active": true})).await.expect_ok();
    ada.get("/api/v1/current-user").await.expect(401, "before the account was deactivated");
    let again = app.signed_in_as("ada").await;
    again.get("/api/v1/current-user").await.expect_ok();
    // What comes later is told as what it is.
    app.clock.advance(2);
    let other = app.signed_in_as("ada").await;
    let new = json!({"password": "another one of hers", "old_password": PASSWORD});
    other.put("/api/v1/current-user", new).await.expect_ok();
    again.get("/api/v1/current-user").await.expect(401, "before the user's password was changed");
}

async fn a_deactivated_users_tokens_end(database: Database) {
    let (here, elsewhere) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let admin = here.signed_in().await;
    here.new_user("ada", false).await;
    let tokens = tokens_in_use([&here, &elsewhere], "ada").await;
    let answer = admin.put("/api/v1/users/ada/deactivate", json!({})).await.expect_ok();
    assert_eq!(answer["body"]["active"], false);
    expect_ended(&here, &elsewhere, &tokens, "is not active").await;
    elsewhere.anonymous().login("ada", PASSWORD).await.expect(401, "invalid username or password");
    let activation = json!({"activation_token": answer["body"]["activation_token"]});
    elsewhere.anonymous().put("/api/v1/users/ada/activate", activation).await.expect_ok();
    here.signed_in_as("ada").await;
}

async fn a_deleted_users_tokens_end(database: Database) {
    let (here, elsewhere) = (TestApp::start(&database).await, TestApp::start(&database).await);
    here.new_user("ada", false).await;
    let tokens = tokens_in_use([&here, &elsewhere], "ada").await;
    let admin = here.signed_in().await;
    assert_eq!(admin.delete(&path("ada")).await.expect_ok(), Value::Null);
    expect_ended(&here, &elsewhere, &tokens, "error retrieving token account").await;
    admin.get(&path("ada")).await.expect(404, "KeyError");
    here.new_user("ada", false).await;
}

async fn a_user_who_owns_things_is_not_deleted(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let id = id_of(&app.new_user("ada", false).await).await.replace('-', "");
    database.execute(&format!("UPDATE stack SET user_id = '{id}'")).await;
    admin.delete(&path("ada")).await.expect(403, "owns");
    database.execute("UPDATE stack SET user_id = NULL").await;
    admin.delete(&path("ada")).await.expect_ok();
}

/// Each of two admins takes the other one away, at once and on servers of their own: one admin is left, whatever
/// the way.
async fn of_two_admins_who_end_each_other_one_stays(database: Database) {
    let (one, other) = (TestApp::start(&database).await, TestApp::start(&database).await);
    let end = async |caller: &Caller, name: &str, way: usize| match way {
        0 => caller.delete(&path(name)).await,
        1 => caller.put(&format!("{USERS}/{name}/deactivate"), json!({})).await,
        2 => caller.put(&path(name), json!({"is_admin": false})).await,
        _ => caller.put(&path(name), json!({"active": false})).await,
    };
    let mut survivor = ADMIN.to_owned();
    let mut stopped_as_the_last = 0;
    for way in 0..8 {
        let rival = format!("rival{way}");
        let admin = one.signed_in_as(&survivor).await;
        let request = json!({"name": rival, "is_admin": true, "password": PASSWORD});
        admin.post(USERS, request).await.expect_ok();
        let challenger = other.signed_in_as(&rival).await;
        // From here on each server takes its caller for an admin for a second, whatever the other server does.
        for caller in [&admin, &challenger] {
            caller.get(CURRENT_USER).await.expect_ok();
        }
        let both = tokio::join!(end(&admin, &rival, way % 4), end(&challenger, &survivor, way % 4));
        let loser = match (both.0.status, both.1.status) {
            (200, 401 | 403) => &both.1,
            (401 | 403, 200) => &both.0,
            _ => panic!("{both:?}"),
        };
        stopped_as_the_last += u32::from(loser.text.contains("last active admin"));
        if both.1.status == 200 {
            survivor = rival;
        }
        let left = "SELECT name FROM user WHERE is_admin = 1 AND active = 1";
        assert_eq!(database.texts(left).await, [survivor.clone()]);
    }
    assert!(stopped_as_the_last > 0, "no two were ever at it at once");
}

async fn what_is_missing_is_not_found(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for name in ["nobody".to_owned(), uuid::Uuid::nil().to_string()] {
        for answer in [
            admin.get(&path(&name)).await,
            admin.put(&path(&name), json!({"full_name": "x"})).await,
            admin.put(&format!("{USERS}/{name}/deactivate"), json!({})).await,
            admin.put(&format!("{USERS}/{name}/email-opt-in"), json!({})).await,
            admin.delete(&path(&name)).await,
        ] {
            answer.expect(404, "KeyError");
        }
    }
}
