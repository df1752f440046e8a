//! Service accounts: admins keep them, everyone sees them.

use serde_json::{Value, json};

use crate::support::{ADMIN, Caller, Database, TestApp};

on_each_store! {
    an_admin_makes_changes_and_deletes_a_service_account,
    only_admins_change_service_accounts,
    a_name_is_taken_once_and_means_something,
    a_service_account_that_owns_something_stays,
    service_accounts_are_listed_and_filtered,
    what_an_external_system_made_is_left_to_it,
}

const ALL: &str = "/api/v1/service_accounts";

async fn made(admin: &Caller, name: &str) -> Value {
    admin.post(ALL, json!({"name": name, "active": true})).await.expect_ok()
}

async fn an_admin_makes_changes_and_deletes_a_service_account(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let request = json!({"name": "ci", "active": true, "description": "d", "avatar_url": "http://a"});
    let account = admin.post(ALL, request).await.expect_ok();
    assert_eq!(account["body"]["active"], true);
    assert_eq!(
        (&account["body"]["full_name"], &account["body"]["avatar_url"]),
        (&json!(""), &json!("http://a"))
    );
    assert_eq!(account["metadata"], json!({"description": "d", "external_user_id": null}));
    let path = format!("{ALL}/{}", account["id"].as_str().unwrap());
    assert_eq!(admin.get(&path).await.expect_ok(), account);
    assert_eq!(admin.get(&format!("{ALL}/ci")).await.expect_ok(), account);
    assert_eq!(admin.get(&format!("{path}?hydrate=false")).await.expect_ok()["metadata"], Value::Null);

    let changed =
        admin.put(&path, json!({"name": null, "full_name": "CI", "active": false})).await.expect_ok();
    assert_eq!((&changed["name"], &changed["body"]["full_name"]), (&json!("ci"), &json!("CI")));
    assert_eq!(
        (&changed["body"]["active"], &changed["metadata"]["description"]),
        (&json!(false), &json!("d"))
    );
    assert_eq!(admin.put(&path, json!({"name": "cd"})).await.expect_ok()["name"], "cd");

    assert_eq!(admin.delete(&format!("{ALL}/cd")).await.expect_ok(), Value::Null);
    admin.delete(&path).await.expect(404, "no service account");
    admin.get(&path).await.expect(404, "KeyError");
}

async fn only_admins_change_service_accounts(database: Database) {
    let app = TestApp::start(&database).await;
    made(&app.signed_in().await, "ci").await;
    let bob = app.new_user("bob", false).await;
    bob.get(&format!("{ALL}/ci")).await.expect_ok();
    bob.post(ALL, json!({"name": "x", "active": true})).await.expect(403, "IllegalOperationError");
    bob.post(ALL, json!({"name": "x"})).await.expect(422, "active");
    bob.put(&format!("{ALL}/ci"), json!({"active": false})).await.expect(403, "IllegalOperationError");
    bob.delete(&format!("{ALL}/ci")).await.expect(403, "IllegalOperationError");
    bob.delete(&format!("{ALL}/nope")).await.expect(404, "KeyError");
}

async fn a_name_is_taken_once_and_means_something(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    made(&admin, "ci").await;
    admin.post(ALL, json!({"name": "ci", "active": true})).await.expect(409, "EntityExistsError");
    // A user of that name is somebody else.
    made(&admin, ADMIN).await;
    admin.put(&format!("{ALL}/ci"), json!({"name": ADMIN})).await.expect(409, "EntityExistsError");
    admin.get(&format!("{ALL}/nobody")).await.expect(404, "KeyError");
    for name in ["", " ", &"x".repeat(256)] {
        admin.post(ALL, json!({"name": name, "active": true})).await.expect(422, "name");
        admin.put(&format!("{ALL}/ci"), json!({"name": name})).await.expect(422, "name");
    }
}

async fn a_service_account_that_owns_something_stays(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let account = made(&admin, "ci").await;
    let keys = format!("{ALL}/{}/api_keys", account["id"].as_str().unwrap());
    admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    let owned = "(SELECT id FROM user WHERE name = 'ci')";
    database.execute(&format!("UPDATE stack SET user_id = {owned}")).await;
    admin.delete(&format!("{ALL}/ci")).await.expect(403, "IllegalOperationError");
    database.execute("UPDATE stack SET user_id = NULL").await;
    admin.delete(&format!("{ALL}/ci")).await.expect_ok();
    // Its keys go with it.
    assert_eq!(database.texts("SELECT id FROM api_key").await, Vec::<String>::new());
    assert_eq!(database.texts("SELECT digest FROM zendo_api_key_digest").await, Vec::<String>::new());
}

async fn service_accounts_are_listed_and_filtered(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    made(&admin, "ci").await;
    admin.post(ALL, json!({"name": "old", "active": false, "description": "of old"})).await.expect_ok();
    for (query, expected) in [
        ("sort_by=name", vec!["ci", "old"]),
        ("active=false", vec!["old"]),
        ("description=contains:of", vec!["old"]),
        ("name=startswith:c&logical_operator=or&active=false&sort_by=name", vec!["ci", "old"]),
        ("name=default", vec![]),
    ] {
        let page = admin.get(&format!("{ALL}?{query}")).await.expect_ok();
        let names: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{query}");
    }
    admin.get(&format!("{ALL}?sort_by=full_name")).await.expect(422, "sort_by");
}

async fn what_an_external_system_made_is_left_to_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let account = made(&admin, "ci").await;
    let keys = format!("{ALL}/{}/api_keys", account["id"].as_str().unwrap());
    admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    database.execute(&format!("UPDATE user SET external_user_id = '{:032}' WHERE name = 'ci'", 7)).await;
    admin.put(&format!("{ALL}/ci"), json!({"active": false})).await.expect(403, "external");
    admin.delete(&format!("{ALL}/ci")).await.expect(403, "external");
    admin.post(&keys, json!({"name": "l"})).await.expect(403, "external");
    admin.put(&format!("{keys}/k"), json!({"name": "l"})).await.expect(403, "external");
    admin.put(&format!("{keys}/k/rotate"), json!({})).await.expect(403, "external");
    admin.put(&format!("{keys}/k"), json!({"active": false})).await.expect_ok();
    admin.delete(&format!("{keys}/k")).await.expect_ok();
}
