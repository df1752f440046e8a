//! One database, two servers: zendo and ZenML's own open each other's, side by side or in turn.

use serde_json::{Value, json};

use crate::support::{Caller, Database, ReferenceServer, TestApp};

const SECRET: &str = "a signing secret that both of the servers have been given";
const SHARED: [(&str, &str); 1] = [("ZENML_SERVER_JWT_SECRET_KEY", SECRET)];
const CURRENT_USER: &str = "/api/v1/current-user";

on_each_store! {
    zenml_opens_a_database_of_zendo,
    zendo_opens_a_database_of_zenml,
    keys_and_devices_of_either_are_the_others_too,
    secrets_of_either_are_the_others_too,
    secrets_without_a_key_are_the_others_too,
}

async fn zenml_opens_a_database_of_zendo(database: Database) {
    let app = TestApp::start_with(&database, &SHARED).await;
    let script = app.script(600).await;
    let Some(reference) = ReferenceServer::start(&database, &SHARED).await else { return };

    // The password, and what was made at the first start.
    let person = reference.signed_in().await;
    let user = person.get(CURRENT_USER).await.expect_ok();
    assert_eq!(user, script.get(CURRENT_USER).await.expect_ok());
    assert_eq!(person.get("/api/v1/stacks").await.expect_ok()["total"], 1);
    assert_eq!(person.get("/api/v1/projects").await.expect_ok()["total"], 1);
    let flavors = person.get("/api/v1/flavors?size=100").await.expect_ok();
    assert_eq!((&flavors["total"], flavors["items"].as_array().unwrap().len()), (&Value::from(82), 82));
    let info = async |caller: Caller| caller.get("/api/v1/info").await.expect_ok();
    assert_eq!(info(reference.anonymous()).await["id"], info(app.anonymous()).await["id"]);

    // A token of either is good at the other.
    let token = script.api_token(300).await;
    reference.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    let token = person.api_token(300).await;
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
    let forged = format!("{token}x");
    app.anonymous().with_token(&forged).get(CURRENT_USER).await.expect(401, "Signature");

    // zendo goes on with what ZenML's server leaves behind.
    reference.stop().await;
    app.stop().await;
    let app = TestApp::start_with(&database, &SHARED).await;
    app.anonymous().with_token(&token).get(CURRENT_USER).await.expect_ok();
}

async fn zendo_opens_a_database_of_zenml(database: Database) {
    let Some(reference) = ReferenceServer::start(&database, &SHARED).await else { return };
    let app = TestApp::start_with(&database, &SHARED).await;
    let (of_zenml, of_zendo) = (reference.signed_in().await, app.signed_in().await);
    let stacks = of_zenml.get("/api/v1/stacks").await.expect_ok();
    let stack = stacks["items"][0]["id"].as_str().unwrap();
    for path in [
        CURRENT_USER.to_owned(),
        "/api/v1/projects".to_owned(),
        "/api/v1/projects?hydrate=true".to_owned(),
        "/api/v1/projects/default".to_owned(),
        "/api/v1/stacks".to_owned(),
        "/api/v1/stacks?hydrate=true".to_owned(),
        format!("/api/v1/stacks/{stack}"),
    ] {
        let expected = of_zenml.get(&path).await.expect_ok();
        assert_eq!(of_zendo.get(&path).await.expect_ok(), expected, "{path}");
    }
    // Nobody's rows were added.
    assert_eq!(database.texts("SELECT name FROM user").await, ["default"]);
    assert_eq!(database.texts("SELECT name FROM flavor").await.len(), 82);

    reference.stop().await;
    app.stop().await;
    let reference = ReferenceServer::start(&database, &SHARED).await.unwrap();
    reference.signed_in().await.get(CURRENT_USER).await.expect_ok();
}

async fn secrets_of_either_are_the_others_too(database: Database) {
    exchange_secrets(
        database,
        &[
            SHARED[0],
            // Without the type ZenML's server passes over the key.
            ("ZENML_SECRETS_STORE_TYPE", "sql"),
            ("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "a key for both"),
        ],
    )
    .await;
}

async fn secrets_without_a_key_are_the_others_too(database: Database) {
    exchange_secrets(database, &SHARED).await;
}

/// Each reads and changes what the other has written.
async fn exchange_secrets(database: Database, settings: &[(&str, &str)]) {
    let app = TestApp::start_with(&database, settings).await;
    let Some(reference) = ReferenceServer::start(&database, settings).await else { return };
    let (zendo, zenml) = (app.signed_in().await, reference.signed_in().await);
    for (writer, reader, name) in [(&zendo, &zenml, "of_zendo"), (&zenml, &zendo, "of_zenml")] {
        let values = json!({"user": "Zoë \"Q\"", "empty": "", "emoji": "🔑"});
        let secret = json!({"name": name, "values": values});
        let made = writer.post("/api/v1/secrets", secret).await.expect_ok();
        let path = format!("/api/v1/secrets/{}", made["id"].as_str().unwrap());
        let read = reader.get(&path).await.expect_ok();
        assert_eq!(read["body"]["values"], values, "{name}");
        assert_eq!(read, writer.get(&path).await.expect_ok());
        let patch = json!({"values": {"empty": null, "more": "1"}});
        reader.put(&format!("{path}?patch_values=true"), patch).await.expect_ok();
        let changed = json!({"user": "Zoë \"Q\"", "emoji": "🔑", "more": "1"});
        assert_eq!(writer.get(&path).await.expect_ok()["body"]["values"], changed, "{name}");
    }
}

async fn keys_and_devices_of_either_are_the_others_too(database: Database) {
    let app = TestApp::start_with(&database, &SHARED).await;
    let Some(reference) = ReferenceServer::start(&database, &SHARED).await else { return };
    let (zendo, zenml) = (app.signed_in().await, reference.signed_in().await);
    let accounts = "/api/v1/service_accounts";
    let new = |name| json!({"name": name, "active": true, "description": "d"});
    let account = zendo.post(accounts, new("ci")).await.expect_ok();
    zenml.post(accounts, new("cd")).await.expect_ok();
    let keys = format!("{accounts}/{}/api_keys", account["id"].as_str().unwrap());
    let key = zendo.post(&keys, json!({"name": "k"})).await.expect_ok();
    zenml.post(&keys, json!({"name": "l"})).await.expect_ok();

    // ZenML's server takes zendo's key, also after a rotation, and the one before.
    let key_of = |answer: &Value| answer["body"]["key"].as_str().unwrap().to_owned();
    let rotation = json!({"retain_period_minutes": 5});
    let rotated = zendo.put(&format!("{keys}/k/rotate"), rotation).await.expect_ok();
    for key in [key_of(&key), key_of(&rotated)] {
        reference.anonymous().post_form("/api/v1/login", &[("password", &key)]).await.expect_ok();
    }

    // A device that asked zendo is approved at ZenML's server and gets its token there.
    let client_id = uuid::Uuid::new_v4().to_string();
    let asked = app.anonymous().post_form("/api/v1/device_authorization", &[("client_id", &client_id)]).await;
    let asked = asked.expect_ok();
    let uri = url::Url::parse(&format!("http://x{}", asked["verification_uri_complete"].as_str().unwrap()));
    let (_, device_id) =
        uri.unwrap().query_pairs().next().map(|(k, v)| (k.into_owned(), v.into_owned())).unwrap();
    let device = format!("/api/v1/devices/{device_id}");
    let approval = json!({"user_code": asked["user_code"]});
    zenml.put(&format!("{device}/verify"), approval).await.expect_ok();
    let grant = [("client_id", client_id.as_str()), ("device_code", asked["device_code"].as_str().unwrap())];
    reference.anonymous().post_form("/api/v1/login", &grant).await.expect_ok();

    for path in [
        accounts.to_owned(),
        format!("{accounts}?hydrate=true&sort_by=name"),
        format!("{accounts}/ci"),
        format!("{accounts}/cd"),
        keys.clone(),
        format!("{keys}?hydrate=true&sort_by=name"),
        format!("{keys}/k"),
        format!("{keys}/l"),
        "/api/v1/devices".to_owned(),
        "/api/v1/devices?hydrate=true".to_owned(),
        device,
    ] {
        assert_eq!(zendo.get(&path).await.expect_ok(), zenml.get(&path).await.expect_ok(), "{path}");
    }
}
