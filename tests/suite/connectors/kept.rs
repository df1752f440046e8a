//! What is kept of them, and what is refused.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{CONNECTORS, NONE, PLAIN, TYPES, aws, docker, made, merged, names, path, rows};
use crate::support::{Database, TestApp};

on_each_store! {
    secrets_of_connectors_lie_nowhere_in_the_open,
    what_is_wrong_is_refused_and_nothing_of_it_is_kept,
    lists_find_connectors_by_what_they_are,
    a_change_checks_the_connector_as_it_will_be,
    of_a_name_at_once_one_connector_is_made,
    connectors_of_zenmls_server_show_no_secrets_unasked,
    types_are_listed_as_clients_ask_for_them,
}

async fn types_are_listed_as_clients_ask_for_them(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let words = async |query: &str| {
        let list = caller.get(&format!("{TYPES}{query}")).await.expect_ok();
        list.as_array()
            .unwrap()
            .iter()
            .map(|it| it["connector_type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(words("").await, ["docker", "kubernetes", "oauth2"]);
    assert_eq!(words("?auth_method=token").await, ["kubernetes", "oauth2"]);
    assert_eq!(words("?resource_type=docker-registry&auth_method=password").await, ["docker"]);
    assert_eq!(words("?connector_type=oauth2&connector_type=docker").await, ["docker"]);
    assert_eq!(words("?unknown=x&connector_type=docker").await, ["docker"]);
    for nothing in
        ["?connector_type=", "?connector_type=Docker", "?connector_type=aws", "?resource_type=s3-bucket"]
    {
        assert!(words(nothing).await.is_empty(), "{nothing}");
    }
    let docker = caller.get(&format!("{TYPES}/docker")).await.expect_ok();
    assert_eq!((&docker["local"], &docker["remote"]), (&json!(true), &json!(false)));
    assert_eq!(caller.get(TYPES).await.expect_ok()[0], docker);
    for unknown in ["aws", "nothing", "Docker"] {
        caller.get(&format!("{TYPES}/{unknown}")).await.expect(404, "KeyError");
    }
    for path in [TYPES.to_owned(), format!("{TYPES}/docker"), CONNECTORS.to_owned()] {
        app.anonymous().get(&path).await.expect(401, "Not authenticated");
    }
}

async fn secrets_of_connectors_lie_nowhere_in_the_open(database: Database) {
    let key = [("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "a key")];
    let app = TestApp::start_with(&database, &key).await;
    let caller = app.signed_in().await.with("idempotency-key", &uuid::Uuid::new_v4().to_string());
    let first = caller.post(CONNECTORS, docker("My Registry", json!({}))).await.expect_ok();
    assert_eq!(caller.post(CONNECTORS, docker("My Registry", json!({}))).await.expect_ok(), first);
    let caller = app.signed_in().await;
    let cloud = made(&caller, aws("cloud", json!({}))).await;
    let unknown = json!({"configuration": {"key": PLAIN, "count": 5}, "connector_type": "elsewhere"});
    let unknown = made(&caller, docker("unknown", unknown)).await;
    assert_eq!(unknown["metadata"]["configuration"], json!({"key": PLAIN, "count": 5}));
    assert_eq!(
        (&cloud["body"]["connector_type"], &first["body"]["connector_type"]["name"]),
        (&json!("aws"), &json!("Docker Service Connector"))
    );
    for (table, rows) in database.contents().await {
        assert!(
            !rows.iter().any(|row| row.contains(PLAIN) || row.contains("b3Blbi1zZXNhbWUtNTM0M")),
            "{table}"
        );
    }
    let secret = database.texts("SELECT name FROM secret WHERE internal = 1 ORDER BY name").await;
    assert!(
        secret.iter().any(|name| name.starts_with("connector-my-registry-") && name.len() == 26),
        "{secret:?}"
    );

    // Whoever asks gets them, whoever doesn't want them doesn't.
    let shown = async |path: &str| caller.get(path).await.expect_ok();
    let open = json!({"username": "me", "password": PLAIN, "registry": "r.example"});
    assert_eq!(shown(&path(&first)).await["metadata"]["configuration"], open);
    assert_eq!(shown(&format!("{}?hydrate=false", path(&first))).await["metadata"]["configuration"], open);
    let closed = shown(&format!("{}?expand_secrets=false", path(&first))).await;
    assert_eq!(closed["metadata"]["configuration"], json!({"registry": "r.example"}));
    let bare = shown(&format!("{}?expand_secrets=false&hydrate=false", path(&first))).await;
    assert_eq!(
        (&bare["metadata"], bare["resources"]["user"]["name"].as_str()),
        (&Value::Null, Some("default"))
    );
    for (query, is_open, has_metadata) in [
        ("", true, true),
        ("?hydrate=true&expand_secrets=false", false, true),
        ("?expand_secrets=false", false, false),
    ] {
        let list = caller.get(&format!("{CONNECTORS}{query}")).await;
        assert_eq!(list.text.contains(PLAIN), is_open, "{query}");
        assert_eq!(list.expect_ok()["items"][0]["metadata"].is_object(), has_metadata, "{query}");
    }
    caller.get(&format!("{CONNECTORS}?expand_secrets=perhaps")).await.expect(422, "expand_secrets");
    caller.get(&format!("{}?expand_secrets=perhaps", path(&first))).await.expect(422, "expand_secrets");
    // Nor is the secret one of its own.
    assert_eq!(caller.get("/api/v1/secrets").await.expect_ok()["total"], 0);
    let secret =
        database.texts("SELECT secret_id FROM service_connector WHERE name = 'cloud'").await.remove(0);
    caller.get(&format!("/api/v1/secrets/{secret}")).await.expect(404, "KeyError");
    caller.delete(&format!("/api/v1/secrets/{secret}")).await.expect(404, "KeyError");
    app.stop().await;

    // With another key the rest can be read, and new values can be given.
    let app = TestApp::start_with(&database, &[("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "another")]).await;
    let caller = app.signed_in().await;
    let configuration = &caller.get(&path(&first)).await.expect_ok()["metadata"]["configuration"];
    assert_eq!(*configuration, json!({"registry": "r.example"}));
    let new = json!({"configuration": {"username": "you", "password": "new"}});
    let changed = caller.put(&path(&first), new.clone()).await.expect_ok();
    assert_eq!(changed["metadata"]["configuration"], new["configuration"]);
    for connector in [&first, &cloud, &unknown] {
        assert_eq!(caller.delete(&path(connector)).await.expect_ok(), Value::Null);
    }
    assert_eq!(rows(&database).await, (0, 0));
}

async fn what_is_wrong_is_refused_and_nothing_of_it_is_kept(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let configured = |configuration: Value| json!({"configuration": configuration});
    let azure = json!({
        "connector_type": "azure", "auth_method": "access-token", "resource_types": ["blob-container"],
        "configuration": {"token": PLAIN},
    });
    let gcp = json!({
        "connector_type": "gcp", "auth_method": "service-account", "resource_types": [],
        "configuration": {"service_account_json": PLAIN},
    });
    for (status, body) in [
        (400, docker("x", json!({"auth_method": "token"}))),
        (400, docker("x", json!({"resource_types": ["s3-bucket"]}))),
        (400, docker("x", configured(json!({"username": "me"})))),
        (400, docker("x", configured(json!({"username": "me", "password": null})))),
        (400, docker("x", configured(json!({"username": 5, "password": PLAIN})))),
        (400, docker("x", configured(json!({"username": "me", "password": PLAIN, "registry": ["r"]})))),
        (400, docker("x", json!({"resource_id": "!!"}))),
        (400, docker("x", json!({"expiration_seconds": 3600}))),
        (400, aws("x", json!({"auth_method": "none"}))),
        (400, aws("x", json!({"auth_method": "iam-role"}))),
        (400, aws("x", json!({"resource_id": "s3://NotABucket"}))),
        (400, aws("x", json!({"auth_method": "session-token", "expiration_seconds": 899}))),
        (400, docker("x", azure.clone())),
        (400, docker("x", gcp)),
        (422, docker(&"x".repeat(241), json!({}))),
        (422, docker(&"x".repeat(256), json!({}))),
        (422, docker("x", json!({"labels": {"a": 1}}))),
        (422, docker("x", json!({"expires_at": "soon"}))),
        (422, docker("x", json!({"configuration": []}))),
        (422, docker("x", json!({"description": "x".repeat(256)}))),
        (422, json!({"name": "x"})),
        (400, docker("x", configured(json!({"username": "me", "password": "x".repeat(64 * 1024)})))),
    ] {
        let answer = caller.post(CONNECTORS, body.clone()).await;
        answer.expect(status, "");
        assert!(!answer.text.contains(PLAIN), "{}", answer.text);
    }
    assert_eq!(rows(&database).await, (0, 0));
    // A moment is that of its zone, and what ends by itself says when.
    let ends = merged(azure, &json!({"expires_at": "2030-01-01T01:00:00+02:00"}));
    let connector = made(&caller, docker("x", ends)).await;
    assert_eq!(connector["body"]["expires_at"], "2029-12-31T23:00:00");
    // The type may be the whole of it, and the workspace needn't be there.
    let whole = caller.get(&format!("{TYPES}/docker")).await.expect_ok();
    let elsewhere = "/api/v1/workspaces/none/service_connectors";
    let connector = docker(&"x".repeat(240), json!({"connector_type": whole, "resource_types": ["a", "b"]}));
    let connector = caller.post(elsewhere, connector).await.expect_ok();
    assert_eq!(connector["body"]["resource_types"], json!(["docker-registry"]));
    assert_eq!(caller.get(elsewhere).await.expect_ok()["total"], 2);
    caller.post(CONNECTORS, docker("x", json!({}))).await.expect(409, "EntityExistsError");
    assert_eq!(rows(&database).await, (2, 2));
}

async fn lists_find_connectors_by_what_they_are(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    for (name, more) in [
        ("c", json!({"labels": {"team": "red", "empty": ""}})),
        ("a", json!({"labels": {"team": "blue"}, "resource_id": "r.example"})),
        ("b", json!({})),
    ] {
        made(&caller, docker(name, more)).await;
    }
    made(&caller, aws("d", json!({"resource_types": []}))).await;
    for (query, expected) in [
        ("", vec!["c", "a", "b", "d"]),
        ("sort_by=name", vec!["a", "b", "c", "d"]),
        ("sort_by=desc:name&size=2&page=2", vec!["b", "a"]),
        ("connector_type=aws", vec!["d"]),
        ("connector_type=startswith:do&name=oneof:[\"a\",\"d\"]", vec!["a"]),
        ("auth_method=secret-key", vec!["d"]),
        ("resource_id=contains:example", vec!["a"]),
        ("resource_id=none&resource_id=contains:example", vec!["a"]),
        ("resource_type=docker-registry&sort_by=name", vec!["a", "b", "c", "d"]),
        ("resource_type=s3-bucket", vec!["d"]),
        ("resource_type=s3", vec![]),
        ("resource_type=", vec!["c", "a", "b", "d"]),
        ("labels_str=team", vec!["c", "a"]),
        ("labels_str=team%3Dred", vec!["c"]),
        ("labels_str=team,empty%3D", vec!["c"]),
        ("labels_str=%7B%22team%22%3A%20null%2C%20%22empty%22%3A%20%22%22%7D", vec!["c"]),
        ("labels_str=%7B%22team%22%3A%201%7D", vec![]),
        ("labels_str=null&name=a", vec!["a"]),
        ("labels_str=", vec![]),
        ("labels_str=team%3Dred&name=a&logical_operator=or", vec![]),
        ("name=a&name=b&logical_operator=or", vec!["a", "b"]),
        ("user=default&name=a", vec!["a"]),
        ("user=nobody", vec![]),
    ] {
        let list = caller.get(&format!("{CONNECTORS}?{query}")).await.expect_ok();
        assert_eq!(names(&list), expected, "{query}");
    }
    for wrong in ["labels_str=%5B1%5D", "labels_str=1", "sort_by=labels", "sort_by=configuration", "size=0"] {
        caller.get(&format!("{CONNECTORS}?{wrong}")).await.expect(422, "");
    }
    caller.get(&format!("{CONNECTORS}?page=9")).await.expect(400, "");
}

async fn a_change_checks_the_connector_as_it_will_be(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let more = json!({"resource_id": "r.example", "labels": {"a": "b"}, "description": "d"});
    let connector = made(&caller, docker("one", more)).await;
    made(&caller, docker("two", json!({}))).await;
    let path = path(&connector);
    let put = async |change: Value| caller.put(&path, change).await;
    // What isn't sent stays, but for the id and the seconds.
    let changed = put(json!({"name": "renamed", "labels": null, "configuration": null})).await.expect_ok();
    assert_eq!((&changed["name"], &changed["body"]["resource_id"]), (&json!("renamed"), &Value::Null));
    assert_eq!(
        (&changed["metadata"]["labels"], &changed["body"]["description"]),
        (&json!({"a": "b"}), &json!("d"))
    );
    assert_eq!(changed["metadata"]["configuration"]["password"], PLAIN);
    assert_eq!(put(json!({"labels": {}})).await.expect_ok()["metadata"]["labels"], json!({}));
    let oauth2 = json!({
        "connector_type": "oauth2", "auth_method": "token",
        "configuration": {"api_url": "https://api.example", "access_token": PLAIN},
    });
    for (status, change) in [
        (400, json!({"connector_type": "oauth2"})),
        (400, json!({"auth_method": "token"})),
        (400, json!({"connector_type": "aws", "auth_method": "secret-key"})),
        (400, json!({"resource_types": ["s3-bucket"]})),
        (400, json!({"resource_id": "!!"})),
        (400, json!({"expiration_seconds": 5})),
        (400, json!({"configuration": {}})),
        (400, json!({"configuration": {"username": "me"}})),
        (400, merged(oauth2.clone(), &json!({"auth_method": "password"}))),
        (409, json!({"name": "two"})),
        (422, json!({"name": "x".repeat(241)})),
        (422, json!({"labels": {"a": null}})),
        (422, json!({"configuration": 5})),
    ] {
        put(change.clone()).await.expect(status, "");
        let same = caller.get(&path).await.expect_ok();
        assert_eq!(same["metadata"]["configuration"]["password"], PLAIN, "{change}");
    }
    caller.put(&format!("{CONNECTORS}/{NONE}"), json!({})).await.expect(404, "KeyError");
    caller.delete(&format!("{CONNECTORS}/{NONE}")).await.expect(404, "KeyError");
    // Another type with a configuration of its own is one; the whole of its own type is no news.
    let whole = caller.get(&format!("{TYPES}/docker")).await.expect_ok();
    put(json!({"connector_type": whole})).await.expect_ok();
    let changed = put(oauth2).await.expect_ok();
    assert_eq!(changed["body"]["connector_type"]["connector_type"], "oauth2");
    assert_eq!(changed["body"]["resource_types"], json!(["oauth2-api"]));
    assert_eq!(changed["metadata"]["configuration"]["access_token"], PLAIN);
    assert_eq!(rows(&database).await, (2, 2));
    // Without secrets there is none left behind.
    let implicit =
        json!({"connector_type": "aws", "auth_method": "implicit", "configuration": {"region": "eu"}});
    put(implicit).await.expect_ok();
    assert_eq!(rows(&database).await, (2, 1));
    let back = docker("one", json!({}));
    assert_eq!(put(back).await.expect_ok()["metadata"]["configuration"]["password"], PLAIN);
    assert_eq!(rows(&database).await, (2, 2));
}

async fn of_a_name_at_once_one_connector_is_made(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let answers = join_all((0..8).map(|_| caller.post(CONNECTORS, docker("one", json!({}))))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    assert_eq!(rows(&database).await, (1, 1));
    // Changes at once leave one secret, and one configuration of it.
    let path = path(&answers.into_iter().find(|answer| answer.status == 200).unwrap().json());
    let change = |number: usize| {
        let password = format!("password {number}");
        json!({"configuration": {"username": format!("user {number}"), "password": password}})
    };
    for answer in join_all((0..8).map(|number| caller.put(&path, change(number)))).await {
        answer.expect_ok();
    }
    let kept_now = &caller.get(&path).await.expect_ok()["metadata"]["configuration"];
    assert!((0..8).any(|number| change(number)["configuration"] == *kept_now), "{kept_now}");
    assert_eq!(rows(&database).await, (1, 1));
}

/// As ZenML's server keeps those of types whose libraries it hasn't.
async fn connectors_of_zenmls_server_show_no_secrets_unasked(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let connector = made(&caller, aws("cloud", json!({}))).await;
    let unknown = docker("unknown", json!({"connector_type": "elsewhere"}));
    let unknown = made(&caller, unknown).await;
    let all = json!({"aws_access_key_id": PLAIN, "aws_secret_access_key": PLAIN, "region": "eu"}).to_string();
    let all = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, all);
    database
        .execute(&format!("UPDATE service_connector SET configuration = '{all}', secret_id = NULL"))
        .await;
    for connector in [&connector, &unknown] {
        let path = path(connector);
        let shown = caller.get(&path).await.expect_ok();
        assert_eq!(shown["metadata"]["configuration"]["aws_secret_access_key"], PLAIN);
        let answer = caller.get(&format!("{path}?expand_secrets=false")).await;
        assert!(!answer.text.contains(PLAIN), "{}", answer.text);
    }
}
