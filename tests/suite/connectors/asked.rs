//! What is asked of connectors that are served: changes that they need, what they reach, and a record of each credential
//! that they hand out.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{CONNECTORS, PLAIN, TYPES, docker, made, path};
use crate::support::{Caller, Database, FarSide, TestApp};

on_each_store! {
    another_method_needs_a_configuration_of_its_own,
    a_clusters_only_resource_is_told_without_being_asked_for,
    each_credential_that_is_handed_out_is_on_record_with_its_end,
}

async fn another_method_needs_a_configuration_of_its_own(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let of = |kind: &str, method: &str, configuration: &Value| {
        json!({
            "name": format!("{kind} {method}"), "connector_type": kind, "auth_method": method,
            "configuration": configuration,
        })
    };
    let api = json!({"api_url": "https://api.example", "access_token": PLAIN});
    let client = json!({
        "api_url": "https://api.example", "token_url": "https://api.example/token", "client_id": "c", "client_secret": PLAIN,
    });
    let cluster = json!({"server": "https://c.example", "cluster_name": "c", "token": PLAIN});
    let user =
        json!({"server": "https://c.example", "cluster_name": "c", "username": "u", "password": PLAIN});
    let cloud = json!({"region": "eu", "aws_access_key_id": PLAIN, "aws_secret_access_key": PLAIN});
    for (kind, method, configuration, other, of_other) in [
        ("oauth2", "token", &api, "client-credentials", &client),
        ("kubernetes", "token", &cluster, "password", &user),
        ("aws", "session-token", &cloud, "secret-key", &cloud),
    ] {
        let connector = made(&admin, of(kind, method, configuration)).await;
        let path = path(&connector);
        admin.put(&path, json!({"auth_method": other})).await.expect(400, "a configuration of its own");
        for elsewhere in ["docker", "azure", "somewhere"] {
            admin.put(&path, json!({"connector_type": elsewhere})).await.expect(400, "of its own");
        }
        let docker = admin.get(&format!("{TYPES}/docker")).await.expect_ok();
        admin.put(&path, json!({"connector_type": docker})).await.expect(400, "of its own");
        let same = admin.get(&path).await.expect_ok();
        assert_eq!((&same["body"], &same["metadata"]), (&connector["body"], &connector["metadata"]));
        let changed = json!({"auth_method": other, "configuration": of_other});
        let changed = admin.put(&path, changed).await.expect_ok();
        assert_eq!(changed["body"]["auth_method"], other);
    }
}

async fn a_clusters_only_resource_is_told_without_being_asked_for(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1")]).await;
    let admin = app.signed_in().await;
    let Some(cluster) = FarSide::cluster(&[]).await else { return };
    let body = json!({
        "name": "lab", "connector_type": "kubernetes", "auth_method": "token",
        "configuration": {
            "server": cluster.url(), "cluster_name": "lab", "certificate_authority": cluster.base64("ca.pem"),
            "token": "a service account's token",
        },
    });
    let kept = path(&made(&admin, body.clone()).await);
    let expected = json!([{"resource_type": "kubernetes-cluster", "resource_ids": ["lab"], "error": null}]);
    for query in ["", "?list_resources=false", "?list_resources=true"] {
        for answer in [
            admin.post(&format!("{CONNECTORS}/verify{query}"), body.clone()).await,
            admin.put(&format!("{kept}/verify{query}"), Value::Null).await,
        ] {
            let verified = answer.expect_ok();
            assert_eq!((&verified["resources"], &verified["error"]), (&expected, &Value::Null), "{query}");
        }
    }
}

/// An endpoint that gives whoever asks the same token.
async fn token_endpoint() -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 8192];
            let _ = stream.read(&mut asked).await;
            let body = format!(r#"{{"access_token": "issued {PLAIN}", "expires_in": 600}}"#);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    (url, serving)
}

async fn each_credential_that_is_handed_out_is_on_record_with_its_end(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENDO_CONNECTOR_NETWORKS", "127.0.0.1")]).await;
    let (admin, ada) = (app.signed_in().await, app.new_user("ada", false).await);
    let (url, serving) = token_endpoint().await;
    let issuing = json!({
        "name": "issuing", "connector_type": "oauth2", "auth_method": "client-credentials",
        "configuration": {
            "api_url": "https://api.example", "token_url": url, "client_id": "c", "client_secret": PLAIN,
        },
    });
    let fixed = json!({
        "name": "fixed", "connector_type": "oauth2", "auth_method": "token", "expires_at": "2090-01-01T00:00:00+02:00",
        "configuration": {"api_url": "https://api.example", "access_token": PLAIN},
    });
    let [issuing, fixed, endless] = [
        made(&admin, issuing).await,
        made(&admin, fixed).await,
        made(&admin, docker("endless", json!({}))).await,
    ];
    let old = json!({"expires_at": "2020-01-01T00:00:00Z"});
    let old = made(&admin, docker("old", old)).await;
    let client = async |caller: &Caller, connector: &Value, query: &str| {
        caller.get(&format!("{}/client{query}", path(connector))).await
    };
    let mut ends = Vec::new();
    for connector in [&issuing, &fixed, &endless] {
        let given = client(&ada, connector, "").await.expect_ok();
        ends.push(given["body"]["expires_at"].clone());
    }
    assert_eq!((ends[1].as_str(), &ends[2]), (Some("2089-12-31T22:00:00"), &Value::Null));
    // What is only verified, read, or refused is no credential.
    client(&ada, &old, "").await.expect(401, "expired");
    client(&ada, &endless, "?resource_id=other.example").await.expect(401, "other.example");
    client(&ada, &endless, "?resource_type=s3-bucket").await.expect(400, "resource type");
    admin.put(&format!("{}/verify", path(&endless)), Value::Null).await.expect_ok();
    admin.get(&path(&endless)).await.expect_ok();
    let audit = admin.get("/api/v1/audit?action=connector_used&sort_by=created").await;
    assert!(!audit.text.contains(PLAIN), "{}", audit.text);
    let records = audit.expect_ok()["items"].as_array().unwrap().clone();
    assert_eq!(records.len(), 3, "{records:?}");
    for ((record, connector), end) in records.iter().zip([&issuing, &fixed, &endless]).zip(ends) {
        let facts =
            [&record["user_name"], &record["subject_kind"], &record["subject_id"], &record["subject_name"]];
        let expected = [&json!("ada"), &json!("service_connector"), &connector["id"], &connector["name"]];
        assert_eq!(facts, expected);
        let details = &record["details"];
        let resource = match connector["name"].as_str().unwrap() {
            "endless" => ("docker-registry", "r.example"),
            _ => ("oauth2-api", "https://api.example"),
        };
        assert_eq!(
            (details["resource_type"].as_str(), details["resource_id"].as_str()),
            (Some(resource.0), Some(resource.1))
        );
        let seconds = |text: &str| text.get(..19).map(str::to_owned);
        assert_eq!(
            details["expires_at"].as_str().and_then(seconds),
            end.as_str().and_then(seconds),
            "{record}"
        );
    }
    serving.abort();
}
