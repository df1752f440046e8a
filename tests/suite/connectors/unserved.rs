//! Connectors of types that this server doesn't serve: what is secret of them is kept as all secrets are, nobody is called
//! for them, and nothing is handed out.

use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{CONNECTORS, PLAIN, made, path, rows};
use crate::support::{Database, TestApp};

on_each_store! {
    no_secret_of_theirs_lies_in_the_open,
    nobody_is_called_for_them_and_nothing_is_handed_out,
    each_is_listed_once_for_each_type_of_resource,
}

/// One of each method of each type that is kept only. What may name an address names this one.
fn all_that_are_kept(address: &str) -> Vec<Value> {
    let id = "6f9619ff-8b86-d011-b42d-00cf4fc964f0";
    let gcp = |kind: &str, more: Value| {
        let mut key = json!({
            "type": kind, "project_id": "p", "private_key_id": "i", "private_key": PLAIN, "client_email": "e",
            "client_id": "c", "client_secret": PLAIN, "refresh_token": PLAIN, "auth_uri": address, "token_uri": address,
            "token_url": address, "auth_provider_x509_cert_url": address, "client_x509_cert_url": address,
            "subject_token_type": "t",
        });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key.to_string()
    };
    let service = gcp("service_account", json!({}));
    let aws = |more: Value| {
        let mut all = json!({
            "aws_access_key_id": PLAIN, "aws_secret_access_key": PLAIN, "region": "eu-west-1", "endpoint_url": address,
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let ssh = json!({
        "base64_ssh_key": PLAIN, "ssh_passphrase": PLAIN, "hostnames": ["127.0.0.1"], "username": "u",
    });
    let of = |kind: &str, resource: &str, methods: Vec<(&str, Value)>| {
        let one = |(method, configuration): (&str, Value)| {
            json!({
                "name": format!("{kind} {method}"), "connector_type": kind, "auth_method": method,
                "resource_types": [resource], "configuration": configuration, "expires_at": "2090-01-01T00:00:00Z",
            })
        };
        methods.into_iter().map(one).collect::<Vec<Value>>()
    };
    let aws = vec![
        ("implicit", json!({"region": "eu-west-1", "endpoint_url": address})),
        ("secret-key", aws(json!({}))),
        ("sts-token", aws(json!({"aws_session_token": PLAIN}))),
        ("iam-role", aws(json!({"role_arn": "arn:aws:iam::123456789012:role/r"}))),
        ("session-token", aws(json!({}))),
        ("federation-token", aws(json!({}))),
    ];
    let gcp = vec![
        ("implicit", json!({"project_id": "p"})),
        ("user-account", json!({"project_id": "p", "user_account_json": gcp("authorized_user", json!({}))})),
        ("service-account", json!({"service_account_json": service})),
        (
            "external-account",
            json!({"project_id": "p", "external_account_json": gcp("external_account", json!({}))}),
        ),
        ("oauth2-token", json!({"project_id": "p", "token": PLAIN})),
        (
            "impersonation",
            json!({"project_id": "p", "target_principal": "t", "service_account_json": STANDARD.encode(&service)}),
        ),
    ];
    let azure = vec![
        ("implicit", json!({})),
        ("service-principal", json!({"tenant_id": id, "client_id": id, "client_secret": PLAIN})),
        ("access-token", json!({"token": PLAIN})),
    ];
    let keys = ["rsa-key", "dsa-key", "ecdsa-key", "ed25519-key"].map(|method| (method, ssh.clone()));
    [
        of("aws", "aws-generic", aws),
        of("gcp", "gcp-generic", gcp),
        of("azure", "azure-generic", azure),
        of("hyperai", "hyperai-instance", keys.into()),
        of("elsewhere", "something", vec![("somehow", json!({"key": PLAIN, "address": address}))]),
    ]
    .concat()
}

async fn no_secret_of_theirs_lies_in_the_open(database: Database) {
    let key = [("ZENML_SECRETS_STORE_ENCRYPTION_KEY", "a key")];
    let app = TestApp::start_with(&database, &key).await;
    let admin = app.signed_in().await;
    let all = all_that_are_kept("https://far.example");
    for body in &all {
        let connector = made(&admin, body.clone()).await;
        let asked = admin.get(&path(&connector)).await.expect_ok();
        for (name, value) in body["configuration"].as_object().unwrap() {
            assert_eq!(&asked["metadata"]["configuration"][name], value, "{} {name}", body["name"]);
        }
        let unasked = admin.get(&format!("{}?expand_secrets=false", path(&connector))).await;
        assert!(!unasked.text.contains(PLAIN), "{}", unasked.text);
    }
    let listed = admin.get(&format!("{CONNECTORS}?expand_secrets=false&hydrate=true&size=100")).await;
    assert_eq!(listed.expect_ok()["total"], all.len());
    assert!(!listed.text.contains(PLAIN), "{}", listed.text);
    for (table, rows) in database.contents().await {
        assert!(!rows.iter().any(|row| row.contains(PLAIN)), "{table}");
    }
    let kept = "SELECT CAST(configuration AS CHAR) FROM service_connector WHERE configuration IS NOT NULL";
    for text in database.texts(kept).await {
        let text = String::from_utf8(STANDARD.decode(text.trim()).unwrap()).unwrap();
        assert!(!text.contains(PLAIN) && !text.contains("private_key"), "{text}");
    }
    // The three that are implicit have none.
    assert_eq!(rows(&database).await, (all.len(), all.len() - 3));
}

async fn nobody_is_called_for_them_and_nothing_is_handed_out(database: Database) {
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    far.set_nonblocking(true).unwrap();
    let address = format!("http://{}", far.local_addr().unwrap());
    let app = TestApp::start_with(&database, &[("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    for body in all_that_are_kept(&address) {
        let connector = made(&admin, body.clone()).await;
        let kind = body["connector_type"].as_str().unwrap();
        let path = path(&connector);
        let info = json!({
            "type": kind, "auth_method": body["auth_method"], "configuration": body["configuration"],
        });
        let whole = format!("{CONNECTORS}/full_stack_resources");
        for answer in [
            admin.post(&format!("{CONNECTORS}/verify"), body.clone()).await,
            admin.put(&format!("{path}/verify"), Value::Null).await,
            admin.put(&format!("{path}/verify?list_resources=false"), Value::Null).await,
            admin.get(&format!("{path}/client")).await,
            admin.get(&format!("{path}/client?resource_type=docker-registry&resource_id=x")).await,
            admin.post(&whole, info).await,
            admin
                .post(&format!("{whole}?connector_uuid={}", connector["id"].as_str().unwrap()), Value::Null)
                .await,
        ] {
            answer.expect(501, &format!("'{kind}'"));
            assert!(!answer.text.contains(PLAIN), "{}", answer.text);
        }
    }
    admin.get(&format!("{CONNECTORS}/resources")).await.expect_ok();
    assert!(
        far.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock),
        "somebody called"
    );
    assert_eq!(admin.get("/api/v1/audit?action=connector_used").await.expect_ok()["total"], 0);
}

async fn each_is_listed_once_for_each_type_of_resource(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (kind, method, word, configuration) in [
        ("aws", "implicit", "s3-bucket", json!({"region": "eu-west-1"})),
        ("gcp", "oauth2-token", "gcs-bucket", json!({"project_id": "p", "token": PLAIN})),
        ("azure", "implicit", "blob-container", json!({})),
        ("elsewhere", "somehow", "something", json!({"key": PLAIN})),
    ] {
        let body = json!({
            "name": kind, "connector_type": kind, "auth_method": method, "resource_types": [word],
            "configuration": configuration,
        });
        made(&admin, body).await;
        let answer = admin.get(&format!("{CONNECTORS}/resources?resource_type={word}")).await;
        assert!(!answer.text.contains(PLAIN), "{}", answer.text);
        let reached = answer.expect_ok();
        let entries = reached[0]["resources"].as_array().unwrap();
        assert_eq!((reached.as_array().unwrap().len(), entries.len()), (1, 1), "{reached}");
        assert_eq!((&reached[0]["name"], &entries[0]["resource_type"]), (&json!(kind), &json!(word)));
        assert!(entries[0]["error"].as_str().unwrap().contains(kind), "{reached}");
    }
    let all = admin.get(&format!("{CONNECTORS}/resources")).await.expect_ok();
    assert_eq!(all.as_array().unwrap().len(), 4);
}
