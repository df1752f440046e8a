//! What a caller makes long or deep has a bound, and costs nobody else anything.

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp, stays_well};

on_each_store! {
    a_long_filter_is_refused,
    long_lists_and_deep_bodies_are_refused,
    many_names_are_read_in_their_number,
}

/// As many as the attack had.
const MANY: usize = 50_000;

fn many(number: usize) -> Vec<String> {
    (0..number).map(|number| format!("a{number}")).collect()
}

async fn default_project(caller: &Caller) -> Value {
    caller.get("/api/v1/projects/default").await.expect_ok()["id"].clone()
}

/// A token that may only read, in one project.
async fn reader(app: &TestApp) -> Caller {
    let token =
        app.signed_in().await.get("/api/v1/api_token?expires_in=600&scope=*:read&project=default").await;
    app.anonymous().with_token(token.expect_ok().as_str().unwrap())
}

async fn a_long_filter_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let (admin, reader) = (app.signed_in().await, reader(&app).await);
    let by_name = |name: Value| json!({"filter": {"project": "default", "name": name}});
    let statistics = "/api/v1/runs/statistics";
    let attack = async {
        for name in [
            json!(vec!["a"; MANY]),
            json!(format!("oneof:{}", json!(many(MANY)))),
            json!(many(501)),
            json!(format!("oneof:{}", json!(many(5_001)))),
            json!("a".repeat(100_000)),
            json!(vec![vec!["a"; 10_000]; 10]),
        ] {
            reader.post(statistics, by_name(name)).await.expect(422, "");
        }
        let grouping = |number: usize| json!({"name": number.to_string(), "type": "status"});
        let groupings: Vec<Value> = (0..MANY / 100).map(grouping).collect();
        reader.post(statistics, json!({"filter": {}, "groupings": groupings})).await.expect(422, "more than");
        for list in ["runs", "artifact_versions", "users", "tags", "models", "secrets", "api_tokens", "audit"]
        {
            for field in ["id", "user", "created", "tags", "run_metadata", "nothing"] {
                for operator in ["or", "and"] {
                    let filters = format!("&{field}=x:1").repeat(501);
                    let path = format!("/api/v1/{list}?logical_operator={operator}{filters}");
                    let status = admin.get(&path).await.status;
                    assert!(status == 200 || (400..500).contains(&status), "{status} {list} {field}");
                }
            }
            let path = format!("/api/v1/{list}?id=oneof:[{}\"\"]", "%22%22,".repeat(5_001));
            let status = admin.get(&path).await.status;
            assert!((400..500).contains(&status), "{status} {list}");
        }
        for filter in
            ["name=", "name=contains:", "user=startswith:", "run_metadata=a:contains:", "id=notcontains:"]
        {
            let path = format!("/api/v1/runs?{filter}{}", "a".repeat(60_000));
            admin.get(&path).await.expect(422, "at most");
        }
    };
    stays_well(&admin, attack).await;
    // What is below the bound works, whatever joins it.
    for operator in ["or", "and"] {
        let names: String = many(500).iter().map(|name| format!("&user={name}")).collect();
        admin.get(&format!("/api/v1/runs?logical_operator={operator}{names}")).await.expect(200, "items");
        let filter = json!({"project": "default", "logical_operator": operator, "name": many(500)});
        reader.post(statistics, json!({"filter": filter})).await.expect(200, "groups");
    }
    let many = json!(many(3_000)).to_string();
    let filter = json!({"filter": {"project": "default", "user": format!("oneof:{many}")}});
    reader.post(statistics, filter).await.expect(200, "groups");
}

async fn long_lists_and_deep_bodies_are_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = default_project(&admin).await;
    let nested = format!("{}1{}", "{\"a\":".repeat(MANY), "}".repeat(MANY));
    let things: Vec<Value> = (0..1_000).map(|_| json!({"id": project, "type": "pipeline_run"})).collect();
    let values: serde_json::Map<String, Value> = many(500).into_iter().map(|name| (name, json!(1))).collect();
    let types: serde_json::Map<String, Value> =
        many(500).into_iter().map(|name| (name, json!("int"))).collect();
    let link = json!({"tag_id": project, "resource_id": project, "resource_type": "pipeline"});
    let attack = async {
        for path in ["/api/v1/tags", "/api/v1/projects", "/api/v1/runs/statistics", "/api/v1/stacks"] {
            let json = admin.clone().with("content-type", "application/json");
            json.request(reqwest::Method::POST, path, nested.clone()).await.expect(400, "");
        }
        let tagged = |name: &str| json!({"project": project, "name": name, "tags": many(201)});
        for path in ["/api/v1/pipelines", "/api/v1/artifacts", "/api/v1/models"] {
            admin.post(path, tagged("n")).await.expect(422, "more than");
        }
        admin.post("/api/v1/tag_resources/batch", json!(vec![link.clone(); 1_001])).await.expect(422, "1000");
        let metadata = json!({"project": project, "resources": things, "values": values, "types": types});
        admin.post("/api/v1/run-metadata", metadata).await.expect(422, "");
        let stack = json!({"name": "s", "components": {"orchestrator": [], "image_builder": many(1_000)}});
        let status = admin.post("/api/v1/stacks", stack).await.status;
        assert!((400..500).contains(&status), "{status}");
        let configuration = json!({"name": "p", "extra": {"a": "a".repeat(100_000)}});
        let step = json!({"spec": {"source": "a.b", "upstream_steps": []}, "config": {"name": "s"}});
        let steps: serde_json::Map<String, Value> =
            many(1_000).into_iter().map(|name| (name, step.clone())).collect();
        let snapshot = json!({
            "project": project, "run_name_template": "x", "pipeline_configuration": configuration,
            "step_configurations": steps, "stack": project, "pipeline": project,
        });
        admin.post("/api/v1/pipeline_snapshots", snapshot).await.expect(422, "in all steps");
    };
    stays_well(&admin, attack).await;
    assert_eq!(database.texts("SELECT name FROM tag WHERE name LIKE 'a%'").await, Vec::<String>::new());
}

/// Two bodies with 60,000 names each held all threads for 25 seconds.
async fn many_names_are_read_in_their_number(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let names: serde_json::Map<String, Value> =
        (0..60_000).map(|number| (format!("a{number}"), json!("b"))).collect();
    let attack = async {
        let secret = json!({"name": "s", "values": names});
        let stack = json!({"name": "s", "components": {}, "environment": names});
        let component = json!({
            "name": "c", "type": "orchestrator", "flavor": "local", "configuration": {}, "environment": names,
        });
        tokio::join!(
            async { admin.post("/api/v1/secrets", secret.clone()).await.expect(400, "at most") },
            async { admin.post("/api/v1/secrets", secret.clone()).await.expect(400, "at most") },
            async { admin.post("/api/v1/stacks", stack).await.expect(422, "") },
            async { admin.post("/api/v1/components", component).await.expect(422, "at most") },
        );
    };
    let start = std::time::Instant::now();
    stays_well(&admin, attack).await;
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    // In their order, and the last of a repeated one counts.
    let repeated = r#"{"name": "t", "values": {"b": "1", "a": "2", "b": "3"}}"#;
    let json = admin.clone().with("content-type", "application/json");
    let made = json.request(reqwest::Method::POST, "/api/v1/secrets", repeated).await.expect_ok();
    assert_eq!(made["body"]["values"], json!({"a": "2", "b": "3"}));
}
