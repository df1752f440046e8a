//! API keys: shown once, rotated, and gone when they are gone.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use zendo::store::{Id, SecretText};
use zendo::testing::ApiKey;
use zendo::testing::{KeyToProve, find_key_to_prove, upgrade};

use crate::support::{Caller, Database, TestApp};

on_each_store! {
    a_key_is_shown_once_and_kept_as_hashes,
    a_rotated_key_is_a_new_one_beside_the_one_before,
    keys_are_changed_and_deleted,
    only_admins_change_keys,
    a_keys_name_is_taken_once_an_account,
    keys_of_one_account_are_listed,
    a_key_that_zenml_made_gets_its_digest_when_it_was_proven,
}

const ALL: &str = "/api/v1/service_accounts";

/// A new service account's path to its keys.
async fn keys_of(admin: &Caller, name: &str) -> String {
    let account = admin.post(ALL, json!({"name": name, "active": true})).await.expect_ok();
    format!("{ALL}/{}/api_keys", account["id"].as_str().unwrap())
}

fn decoded(answer: &Value) -> ApiKey {
    ApiKey::decode(answer["body"]["key"].as_str().unwrap()).unwrap()
}

async fn proof(app: &TestApp, id: Id) -> Option<KeyToProve> {
    find_key_to_prove(&app.state.store, id).await.unwrap()
}

/// What is stored is for this key: ZenML's bcrypt and zendo's keyed hash.
fn proves(app: &TestApp, hash: Option<&SecretText>, digest: Option<&String>, key: &ApiKey) -> (bool, bool) {
    let is_hash = hash.is_some_and(|hash| bcrypt::verify(key.secret.expose_secret(), hash.expose()).unwrap());
    (is_hash, digest.is_some_and(|digest| app.state.auth.api_key_digests.verify(&key.secret, digest)))
}

async fn a_key_is_shown_once_and_kept_as_hashes(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin, "ci").await;
    let answer = admin.post(&keys, json!({"name": "k", "description": "d"})).await.expect_ok();
    let key = decoded(&answer);
    assert_eq!(answer["id"], key.id.to_string());
    assert_eq!(answer["body"]["service_account"]["name"], "ci");
    let metadata =
        json!({"description": "d", "retain_period_minutes": 0, "last_login": null, "last_rotated": null});
    assert_eq!(answer["metadata"], metadata);
    for path in ["k".to_owned(), key.id.to_string()] {
        let shown = admin.get(&format!("{keys}/{path}")).await.expect_ok();
        assert_eq!((&shown["body"]["key"], &shown["metadata"]), (&Value::Null, &metadata));
    }
    let stored = proof(&app, key.id).await.unwrap();
    assert_eq!(proves(&app, Some(&stored.key.key), stored.digest.as_ref(), &key), (true, true));
    assert_eq!((stored.account_name.as_str(), stored.account_active), ("ci", true));
    assert_eq!((stored.key.key_generation, stored.key.body.active), (1, true));
    assert!(stored.previous_digest.is_none());
    let secret = key.secret.expose_secret();
    for (table, rows) in database.contents().await {
        assert!(!rows.iter().any(|row| row.contains(secret)), "the secret is in {table}");
    }
}

async fn a_rotated_key_is_a_new_one_beside_the_one_before(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin, "ci").await;
    let first = decoded(&admin.post(&keys, json!({"name": "k"})).await.expect_ok());
    let rotate = async |body: Value| admin.put(&format!("{keys}/k/rotate"), body).await.expect_ok();
    let answer = rotate(json!({"retain_period_minutes": 5})).await;
    let second = decoded(&answer);
    assert_eq!((first.id, &answer["metadata"]), (second.id, &Value::Null));
    let stored = proof(&app, first.id).await.unwrap();
    assert_eq!((stored.key.key_generation, stored.key.metadata.retain_period), (2, 5));
    assert_eq!(stored.key.metadata.last_rotated, Some(stored.key.body.updated));
    assert_eq!(proves(&app, Some(&stored.key.key), stored.digest.as_ref(), &second), (true, true));
    let previous = (stored.key.previous_key.as_ref(), stored.previous_digest.as_ref());
    assert_eq!(proves(&app, previous.0, previous.1, &first), (true, true));

    let third = decoded(&rotate(json!({})).await);
    let stored = proof(&app, first.id).await.unwrap();
    assert_eq!((stored.key.key_generation, stored.key.metadata.retain_period), (3, 0));
    assert_eq!(proves(&app, Some(&stored.key.key), stored.digest.as_ref(), &third), (true, true));
    assert_eq!(database.texts("SELECT digest FROM zendo_api_key_digest").await.len(), 2);
    admin
        .put(&format!("{keys}/k/rotate"), json!({"retain_period_minutes": 1e20}))
        .await
        .expect(422, "retain");
    admin.put(&format!("{keys}/nope/rotate"), json!({})).await.expect(404, "KeyError");
}

async fn keys_are_changed_and_deleted(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin, "ci").await;
    let key = decoded(&admin.post(&keys, json!({"name": "k"})).await.expect_ok());
    let change = json!({"name": "l", "description": "D", "active": false});
    let changed = admin.put(&format!("{keys}/k"), change).await.expect_ok();
    assert_eq!((&changed["name"], &changed["body"]["active"]), (&json!("l"), &json!(false)));
    assert_eq!(changed["metadata"]["description"], "D");
    assert!(!proof(&app, key.id).await.unwrap().key.body.active);
    let unchanged = admin.put(&format!("{keys}/l"), json!({"name": null, "active": null})).await.expect_ok();
    assert_eq!(unchanged["body"]["active"], false);
    assert_eq!(admin.delete(&format!("{keys}/{}", key.id)).await.expect_ok(), Value::Null);
    admin.delete(&format!("{keys}/l")).await.expect(404, "KeyError");
    assert!(proof(&app, key.id).await.is_none());
    assert_eq!(database.texts("SELECT digest FROM zendo_api_key_digest").await, Vec::<String>::new());
}

async fn only_admins_change_keys(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin, "ci").await;
    admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    let bob = app.new_user("bob", false).await;
    bob.get(&format!("{keys}/k")).await.expect_ok();
    bob.get(&keys).await.expect_ok();
    bob.post(&keys, json!({"name": "x"})).await.expect(403, "IllegalOperationError");
    bob.put(&format!("{keys}/k"), json!({"active": false})).await.expect(403, "IllegalOperationError");
    bob.put(&format!("{keys}/k/rotate"), json!({})).await.expect(403, "IllegalOperationError");
    bob.delete(&format!("{keys}/nope")).await.expect(403, "IllegalOperationError");
}

async fn a_keys_name_is_taken_once_an_account(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (keys, others) = (keys_of(&admin, "ci").await, keys_of(&admin, "cd").await);
    admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    admin.post(&keys, json!({"name": "k"})).await.expect(409, "EntityExistsError");
    admin.post(&keys, json!({"name": ""})).await.expect(422, "name");
    admin.post(&keys, json!({})).await.expect(422, "name");
    admin.get(&format!("{others}/k")).await.expect(404, "KeyError");
    let other = admin.post(&others, json!({"name": "k"})).await.expect_ok();
    admin.get(&format!("{keys}/{}", other["id"].as_str().unwrap())).await.expect(404, "KeyError");
    admin.post(&keys, json!({"name": "l"})).await.expect_ok();
    admin.put(&format!("{keys}/l"), json!({"name": "k"})).await.expect(409, "EntityExistsError");
    let nobody = format!("{ALL}/{}/api_keys", uuid::Uuid::nil());
    admin.post(&nobody, json!({"name": "k"})).await.expect(404, "no service account");
    admin.get(&nobody).await.expect(404, "no service account");
    admin.get(&format!("{ALL}/ci/api_keys")).await.expect(422, "('path', 'service_account_id')");
    admin.get(&format!("{ALL}/ci/api_keys/k")).await.expect(422, "('path', 'service_account_id')");
}

async fn keys_of_one_account_are_listed(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (keys, others) = (keys_of(&admin, "ci").await, keys_of(&admin, "cd").await);
    for (path, name) in [(&keys, "a"), (&keys, "b"), (&others, "c")] {
        admin.post(path, json!({"name": name})).await.expect_ok();
    }
    admin.put(&format!("{keys}/b"), json!({"active": false})).await.expect_ok();
    for (query, expected) in
        [("sort_by=name", vec!["a", "b"]), ("active=true", vec!["a"]), ("name=c&logical_operator=or", vec![])]
    {
        let page = admin.get(&format!("{keys}?{query}")).await.expect_ok();
        let names: Vec<&str> =
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{query}");
        assert!(page["items"].as_array().unwrap().iter().all(|item| item["body"]["key"].is_null()));
    }
    admin.get(&format!("{keys}?sort_by=key")).await.expect(422, "sort_by");
    admin.get(&format!("{keys}?sort_by=service_account")).await.expect(422, "sort_by");
}

async fn a_key_that_zenml_made_gets_its_digest_when_it_was_proven(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let keys = keys_of(&admin, "ci").await;
    let key = decoded(&admin.post(&keys, json!({"name": "k"})).await.expect_ok());
    database.execute("DELETE FROM zendo_api_key_digest").await;
    let stored = proof(&app, key.id).await.unwrap();
    assert!(stored.digest.is_none());
    let digest = app.state.auth.api_key_digests.digest(&key.secret);
    for _ in 0..2 {
        upgrade(&app.state.store, key.id, stored.key.key.expose(), &digest).await.unwrap();
    }
    assert_eq!(proof(&app, key.id).await.unwrap().digest, Some(digest));
}
