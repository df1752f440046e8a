//! Whoever may not see the secrets of connectors gets the answer of whoever didn't ask for them, and no other.

use serde_json::{Value, json};

use super::{CONNECTORS, PLAIN, aws, docker, made, merged, path};
use crate::support::{Caller, Database, TestApp};

on_each_store! {
    a_token_without_the_scope_of_secrets_gets_what_is_shown_without_them,
    so_it_does_of_what_it_makes_and_changes,
    so_it_does_of_each_page_of_a_list,
}

const OF_A_PROJECT: &str = "/api/v1/workspaces/none/service_connectors";

async fn with_scope(app: &TestApp, scope: &str) -> Caller {
    let admin = app.signed_in().await;
    let token = admin.get(&format!("/api/v1/api_token?scope={scope}")).await.expect_ok();
    app.anonymous().with_token(token.as_str().unwrap())
}

/// One of each kind: served with secrets of each form, not served, and of a type that nobody knows.
async fn all_kinds(admin: &Caller) -> Vec<Value> {
    let of = |name: &str, kind: &str, method: &str, configuration: Value| {
        json!({
            "name": name, "connector_type": kind, "auth_method": method, "configuration": configuration,
            "labels": {"team": "red"}, "description": "d", "expires_at": "2090-01-01T00:00:00Z",
        })
    };
    let api = json!({"api_url": "https://api.example", "access_token": PLAIN});
    let client = json!({
        "api_url": "https://api.example", "token_url": "https://api.example/token", "client_id": "c", "client_secret": PLAIN,
        "token_params": {"a": "b"},
    });
    let cluster =
        json!({"server": "https://c.example", "cluster_name": "c", "token": PLAIN, "insecure": true});
    let mut all = Vec::new();
    for body in [
        docker("docker", json!({"labels": {"team": "red"}})),
        of("api", "oauth2", "token", api),
        of("client", "oauth2", "client-credentials", client),
        of("cluster", "kubernetes", "token", cluster),
        aws("cloud", json!({})),
        docker("unknown", json!({"connector_type": "elsewhere"})),
    ] {
        all.push(made(admin, body).await);
    }
    all
}

async fn a_token_without_the_scope_of_secrets_gets_what_is_shown_without_them(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let reader = with_scope(&app, "service_connectors:read").await;
    let auditor = with_scope(&app, "service_connectors:read%20service_connectors:secrets").await;
    let paths: Vec<String> = all_kinds(&admin).await.iter().map(path).collect();
    for path in paths.iter().map(String::as_str).chain([CONNECTORS, OF_A_PROJECT]) {
        for hydrate in ["", "hydrate=true", "hydrate=false"] {
            let unasked = admin.get(&format!("{path}?{hydrate}&expand_secrets=false")).await;
            assert!(!unasked.text.contains(PLAIN), "{unasked:?}");
            let unasked = unasked.expect_ok();
            let open = admin.get(&format!("{path}?{hydrate}")).await.expect_ok();
            assert_ne!(open, unasked, "{path}: there is something to hide");
            for expand in ["", "expand_secrets=true", "expand_secrets=false"] {
                let asked = format!("{path}?{hydrate}&{expand}");
                assert_eq!(reader.get(&asked).await.expect_ok(), unasked, "{asked}");
            }
            assert_eq!(auditor.get(&format!("{path}?{hydrate}")).await.expect_ok(), open, "{path}");
        }
    }
}

async fn so_it_does_of_what_it_makes_and_changes(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let writer = with_scope(&app, "service_connectors:create%20service_connectors:update").await;
    let unasked = async |connector: &Value| {
        let asked = format!("{}?hydrate=true&expand_secrets=false", path(connector));
        admin.get(&asked).await.expect_ok()
    };
    for (at, kind) in [(CONNECTORS, docker("one", json!({}))), (OF_A_PROJECT, aws("two", json!({})))] {
        let new = writer.post(at, kind.clone()).await.expect_ok();
        assert_eq!(new, unasked(&new).await);
        let other = json!({"configuration": merged(kind["configuration"].clone(), &json!({"region": "us"}))});
        for change in [json!({"description": "new"}), other] {
            let changed = writer.put(&path(&new), change).await.expect_ok();
            assert_eq!(changed, unasked(&new).await);
        }
    }
}

async fn so_it_does_of_each_page_of_a_list(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let reader = with_scope(&app, "service_connectors:read").await;
    all_kinds(&admin).await;
    for query in
        ["sort_by=desc:name", "connector_type=docker", "labels_str=team", "size=2&page=2", "name=contains:c"]
    {
        let unasked = admin.get(&format!("{CONNECTORS}?{query}&expand_secrets=false")).await.expect_ok();
        assert_eq!(reader.get(&format!("{CONNECTORS}?{query}")).await.expect_ok(), unasked, "{query}");
        assert!(!unasked["items"].as_array().unwrap().is_empty(), "{query}");
    }
}
