//! What a cloud's tools are given to set up a stack: a token that is no wider than its caller's, and words that stay words.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp};

const CONFIG: &str = "/api/v1/stack-deployment/config";
const STACK: &str = "/api/v1/stack-deployment/stack";
const INFO: &str = "/api/v1/stack-deployment/info";

on_each_store! {
    its_token_is_listed_ends_with_its_callers_and_can_be_taken_back,
    nobody_gets_more_than_they_have,
    words_of_the_caller_stay_words,
    each_cloud_is_known,
    the_newest_stack_that_was_set_up_so_is_found,
}

async fn narrowed(parent: &Caller, app: &TestApp, asked: &str) -> Caller {
    let token = parent.get(&format!("/api/v1/api_token?{asked}")).await.expect_ok();
    app.anonymous().with_token(token.as_str().unwrap())
}

async fn config(caller: &Caller, query: &str) -> Value {
    caller.get(&format!("{CONFIG}?{query}")).await.expect_ok()
}

/// The token that stands in a configuration.
fn token_in(answer: &Value) -> String {
    let text = answer.to_string();
    let from = text.find("eyJ").expect("a token");
    text[from..]
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter))
        .collect()
}

async fn its_token_is_listed_ends_with_its_callers_and_can_be_taken_back(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let holder = app.anonymous().with_token(&token_in(&config(&admin, "provider=aws&stack_name=mine").await));
    holder.get("/api/v1/current-user").await.expect_ok();
    let listed = admin.get("/api/v1/api_tokens?name=stack deployment mine").await.expect_ok();
    let (token, ended) = (&listed["items"][0], 6 * 60 * 60);
    let moment = |name: &str| -> DateTime<Utc> {
        format!("{}Z", token["body"][name].as_str().unwrap()).parse().unwrap()
    };
    let lives = moment("expires") - moment("created");
    assert!((ended - lives.num_seconds()).abs() <= 1, "{token}");
    admin.delete(&format!("/api/v1/api_tokens/{}", token["id"].as_str().unwrap())).await.expect_ok();
    holder.get("/api/v1/current-user").await.expect(401, "was revoked");

    // It ends with the token that asked for it, and is as short.
    let script = app.script(600).await;
    let holder = app.anonymous().with_token(&token_in(&config(&script, "provider=azure&stack_name=s").await));
    app.clock.advance(500);
    holder.get("/api/v1/current-user").await.expect_ok();
    app.clock.advance(115);
    holder.get("/api/v1/current-user").await.expect(401, "expired");
    let script = app.script(600).await;
    let holder = app.anonymous().with_token(&token_in(&config(&script, "provider=gcp&stack_name=s").await));
    let revoke = script.header("authorization").unwrap().trim_start_matches("Bearer ").to_owned();
    app.anonymous().post("/api/v1/api_tokens/revoke", json!({"token": revoke})).await.expect_ok();
    holder.get("/api/v1/current-user").await.expect(401, "was revoked");
}

async fn nobody_gets_more_than_they_have(database: Database) {
    let cap = [("ZENML_SERVER_GENERIC_API_TOKEN_MAX_LIFETIME", "3600")];
    let app = TestApp::start_with(&database, &cap).await;
    let admin = app.signed_in().await;
    let asked = format!("{CONFIG}?provider=aws&stack_name=s");
    let project = "project=default";
    for asked_for in ["read_only=true", "scope=stacks:write+components:write+stack-deployment:read", project]
    {
        narrowed(&admin, &app, asked_for).await.get(&asked).await.expect(403, "IllegalOperationError");
    }
    let schedule = json!({
        "project": admin.get("/api/v1/projects/default").await.expect_ok()["id"], "name": "s", "active": true,
        "cron_expression": "* * * * *", "orchestrator_id": null, "pipeline_id": null,
    });
    let schedule = admin.post("/api/v1/schedules", schedule).await.expect_ok();
    let workload = format!("token_type=workload&schedule_id={}", schedule["id"].as_str().unwrap());
    let work = narrowed(&admin, &app, &workload).await;
    work.get(&asked).await.expect(403, "IllegalOperationError");
    work.get(&format!("{INFO}?provider=aws")).await.expect_ok();

    let account = json!({"name": "robot", "active": true});
    let account = admin.post("/api/v1/service_accounts", account).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "key"})).await.expect_ok();
    let robot = app.anonymous().with_token(key["body"]["key"].as_str().unwrap());
    robot.get("/api/v1/current-user").await.expect_ok();
    robot.get(&asked).await.expect(401, "AuthorizationException");
    app.anonymous().get(&asked).await.expect(401, "Not authenticated");

    // The operator's maximum holds here, too.
    let holder = app.anonymous().with_token(&token_in(&config(&admin, "provider=aws&stack_name=s").await));
    app.clock.advance(3500);
    holder.get("/api/v1/current-user").await.expect_ok();
    app.clock.advance(115);
    holder.get("/api/v1/current-user").await.expect(401, "expired");
}

async fn words_of_the_caller_stay_words(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let host = app.url().replace("http://", "");
    let words = "a%20b%26c%22%24%7Bx%7D";
    let aws = config(&admin, &format!("provider=aws&stack_name={words}&location=eu%23x")).await;
    let url = aws["deployment_url"].as_str().unwrap();
    assert!(
        url.contains(
            "home?region=eu%23x#/stacks/create/review?stackName=a%20b%26c%22%24%7Bx%7D&templateURL="
        ),
        "{url}"
    );
    assert!(url.contains(&format!("ZenMLServerURL=https%3A%2F%2F{}&", host.replace(':', "%3A"))), "{url}");
    let gcp = config(&admin, &format!("provider=gcp&stack_name={words}&location=x'y")).await;
    let variables = gcp["configuration"].as_str().unwrap();
    for line in [
        r#"ZENML_STACK_NAME='a b&c"${x}'"#,
        r"ZENML_STACK_REGION='x'\''y'",
        &format!("ZENML_SERVER_URL=https://{host}"),
    ] {
        assert!(variables.lines().any(|found| found == line), "{line}: {variables}");
    }
    let azure = config(&admin, &format!("provider=azure&stack_name={words}")).await;
    let terraform = azure["configuration"].as_str().unwrap();
    assert!(terraform.contains(r#"zenml_stack_name = "a b&c\"$${x}""#), "{terraform}");
    for provider in ["aws", "gcp", "azure"] {
        let answer = config(&admin, &format!("provider={provider}&stack_name=s&terraform=true")).await;
        assert!(
            answer["configuration"].as_str().unwrap().contains(r#"zenml_stack_deployment = "terraform""#)
        );
        admin.get(&format!("{CONFIG}?provider={provider}&stack_name=a%0Ab")).await.expect(422, "control");
    }
    admin.get(&format!("{CONFIG}?provider=aws")).await.expect(422, "stack_name");
    let operator = [("ZENML_SERVER_SERVER_URL", "https://zendo.example/zenml")];
    let app = TestApp::start_with(&Database::sqlite(), &operator).await;
    let told = config(&app.signed_in().await, "provider=gcp&stack_name=s").await;
    assert!(
        told["configuration"].as_str().unwrap().contains("ZENML_SERVER_URL=https://zendo.example/zenml\n")
    );
}

async fn each_cloud_is_known(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (provider, region, integration) in
        [("aws", "eu-central-1", "s3"), ("gcp", "europe-west3", "gcp"), ("azure", "westeurope", "azure")]
    {
        let info = admin.get(&format!("{INFO}?provider={provider}")).await.expect_ok();
        assert_eq!(info["provider"], provider);
        assert!(info["locations"].as_object().unwrap().values().any(|found| found == region), "{info}");
        assert!(info["integrations"].as_array().unwrap().contains(&json!(integration)), "{info}");
        assert!(!info["skypilot_default_regions"].as_object().unwrap().is_empty(), "{info}");
    }
    admin.get(&format!("{INFO}?provider=hetzner")).await.expect(422, "aws");
    app.anonymous().get(&format!("{INFO}?provider=aws")).await.expect(401, "Not authenticated");
}

/// An orchestrator with a connector, in a stack with these labels.
async fn stack(admin: &Caller, database: &Database, name: &str, labels: Value, is_connected: bool) -> String {
    let orchestrator =
        json!({"name": name, "type": "orchestrator", "flavor": "kubernetes", "configuration": {}});
    let orchestrator = admin.post("/api/v1/components", orchestrator).await.expect_ok()["id"].clone();
    if is_connected {
        let id = orchestrator.as_str().unwrap().replace('-', "");
        let connector = format!(
            "INSERT INTO service_connector (id, created, updated, name, description, connector_type, auth_method, \
             resource_types, supports_instances) SELECT '{id}', created, created, '{name}', '', 'kubernetes', 'token', \
             'W10=', 0 FROM stack_component WHERE id = '{id}'"
        );
        database.execute(&connector).await;
        let connect = format!("UPDATE stack_component SET connector_id = '{id}' WHERE id = '{id}'");
        database.execute(&connect).await;
    }
    let store =
        admin.get("/api/v1/components?type=artifact_store").await.expect_ok()["items"][0]["id"].clone();
    let stack = json!({
        "name": name, "labels": labels, "components": {"orchestrator": [orchestrator], "artifact_store": [store]},
    });
    admin.post("/api/v1/stacks", stack).await.expect_ok()["id"].as_str().unwrap().to_owned()
}

async fn the_newest_stack_that_was_set_up_so_is_found(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let by = |provider: &str, deployment: &str| json!({"zenml:provider": provider, "zenml:deployment": deployment});
    let find = async |query: &str| admin.get(&format!("{STACK}?stack_name=any&{query}")).await.expect_ok();
    assert_eq!(find("provider=aws").await, Value::Null);
    stack(&admin, &database, "unconnected", by("aws", "cloud-formation"), false).await;
    stack(&admin, &database, "other", by("aws", "terraform"), true).await;
    assert_eq!(find("provider=aws").await, Value::Null);
    let made = stack(&admin, &database, "made", by("aws", "cloud-formation"), true).await;
    let found = find("provider=aws&location=anywhere").await;
    assert_eq!((&found["stack"]["id"], &found["stack"]["name"]), (&json!(made), &json!("made")));
    assert_eq!(found["service_connector"]["name"], "made", "{found}");
    assert_eq!(find("provider=aws&terraform=true").await["stack"]["name"], "other");
    assert_eq!(find("provider=azure").await, Value::Null);
    assert_eq!(find("provider=aws&date_start=2999-01-01T00:00:00Z").await, Value::Null);
    assert_eq!(find("provider=aws&date_start=2020-01-01 00:00:00").await["stack"]["name"], "made");
    admin.get(&format!("{STACK}?stack_name=s&provider=aws&date_start=soon")).await.expect(422, "date_start");
    let narrow = narrowed(&admin, &app, "scope=stack-deployment:read").await;
    narrow.get(&format!("{STACK}?stack_name=s&provider=aws")).await.expect(403, "stacks:read");
    let narrow = narrowed(&admin, &app, "scope=stacks:read").await;
    narrow.get(&format!("{STACK}?stack_name=s&provider=aws")).await.expect(403, "service_connectors:read");
}
