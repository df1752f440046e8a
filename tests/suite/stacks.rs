//! Stacks and their components, projects and tags: on either engine, and at once.

use futures_util::future::join;
use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp, keeps_its_promises};

on_each_store! {
    a_stack_is_made_changed_and_deleted,
    no_stack_loses_a_component_that_it_was_made_with,
    flavors_are_set_back,
    a_synchronized_flavor_is_called_what_its_maker_calls_it,
    every_field_of_every_flavor_says_what_it_is_for,
    flavors_of_an_older_installation_get_their_descriptions_at_the_start,
    a_project_goes_with_all_that_is_in_it,
    a_project_goes_with_its_runs_and_what_they_made,
    a_tag_becomes_exclusive_where_nothing_shares_it,
}

fn id(answer: &Value) -> &str {
    answer["id"].as_str().unwrap()
}

async fn component(caller: &Caller, name: &str, kind: &str) -> Value {
    let request = json!({"name": name, "type": kind, "flavor": "local", "configuration": {}});
    caller.post("/api/v1/components", request).await.expect_ok()
}

async fn a_stack_is_made_changed_and_deleted(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let secret = caller.post("/api/v1/secrets", json!({"name": "s", "values": {"a": "b"}})).await.expect_ok();
    let (orchestrator, store) =
        (component(&caller, "o", "orchestrator").await, component(&caller, "a", "artifact_store").await);
    let components = json!({"orchestrator": [id(&orchestrator)], "artifact_store": [id(&store)]});
    let request = json!({"name": "mine", "components": components, "labels": {"l": [1.5]}, "secrets": ["s"]});
    let stack = caller.post("/api/v1/stacks", request).await.expect_ok();
    assert_eq!(stack["metadata"]["secrets"], json!([id(&secret)]));
    assert_eq!(stack["metadata"]["labels"], json!({"l": [1.5]}));
    assert_eq!(id(&stack["metadata"]["components"]["artifact_store"][0]), id(&store));
    let path = format!("/api/v1/stacks/{}", id(&stack));
    for query in
        ["component=o", &format!("component_id={}", id(&store)), "user=default", "sort_by=user&name=mine"]
    {
        let found = caller.get(&format!("/api/v1/stacks?hydrate=true&{query}")).await.expect_ok();
        assert_eq!((&found["total"], &found["items"][0]), (&json!(1), &stack), "{query}");
    }
    let parts = format!("/api/v1/components?sort_by=name&stack_id={}", id(&stack));
    assert_eq!(caller.get(&parts).await.expect_ok()["items"][1]["name"], "o");

    let sandboxes = [component(&caller, "x", "sandbox").await, component(&caller, "y", "sandbox").await];
    let mut more = components.clone();
    more["sandbox"] = json!([id(&sandboxes[1]), id(&sandboxes[0])]);
    let update = json!({"components": more, "environment": {"A": "é"}, "remove_secrets": ["s"]});
    let changed = caller.put(&path, update).await.expect_ok();
    assert_eq!(
        id(&changed["metadata"]["components"]["sandbox"][0]),
        id(&sandboxes[1]),
        "the default comes first"
    );
    assert_eq!(changed["metadata"]["environment"], json!({"A": "é"}));
    assert_eq!(changed["metadata"]["secrets"], json!([]));

    let store_path = format!("/api/v1/components/{}", id(&store));
    caller.delete(&store_path).await.expect(403, "stacks");
    caller.delete(&path).await.expect_ok();
    caller.delete(&store_path).await.expect_ok();
    assert!(database.texts("SELECT secret_id FROM secret_resource").await.is_empty());
}

async fn no_stack_loses_a_component_that_it_was_made_with(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let orchestrator = component(&caller, "o", "orchestrator").await;
    for number in 0..10 {
        let name = format!("n{number}");
        let store = component(&caller, &name, "artifact_store").await;
        let components = json!({"orchestrator": [id(&orchestrator)], "artifact_store": [id(&store)]});
        let path = format!("/api/v1/components/{}", id(&store));
        let (made, deleted) = join(
            caller.post("/api/v1/stacks", json!({"name": name, "components": components})),
            caller.delete(&path),
        )
        .await;
        match (made.status, deleted.status) {
            (200, 403) => {
                let stack = made.json();
                assert_eq!(id(&stack["metadata"]["components"]["artifact_store"][0]), id(&store));
                caller.get(&path).await.expect_ok();
            }
            (404, 200) => {}
            other => panic!("{other:?} {} {}", made.text, deleted.text),
        }
    }
}

async fn flavors_are_set_back(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let local = "/api/v1/flavors?name=local&type=orchestrator&hydrate=true";
    let before = caller.get(local).await.expect_ok()["items"][0].clone();
    let path = format!("/api/v1/flavors/{}", id(&before));
    caller.put(&path, json!({"logo_url": null, "config_schema": {}})).await.expect_ok();
    database.execute("DELETE FROM flavor WHERE name = 's3'").await;
    let sync = caller.request(reqwest::Method::PATCH, "/api/v1/flavors/sync", "").await;
    assert_eq!(sync.expect_ok(), Value::Null);
    let after = caller.get(local).await.expect_ok()["items"][0].clone();
    assert_eq!(
        (&after["body"]["logo_url"], &after["metadata"]),
        (&before["body"]["logo_url"], &before["metadata"])
    );
    assert_eq!(caller.get("/api/v1/flavors").await.expect_ok()["total"], 82);
}

async fn a_synchronized_flavor_is_called_what_its_maker_calls_it(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let total = async |filter: &str| {
        caller.get(&format!("/api/v1/flavors?display_name={filter}")).await.expect_ok()["total"].clone()
    };
    let names = async || {
        let mut all = all_flavors(&caller).await;
        all.sort_by_key(|flavor| flavor["name"].to_string() + &flavor["body"]["type"].to_string());
        all.iter().map(|flavor| flavor["body"]["display_name"].clone()).collect::<Vec<_>>()
    };
    let before = names().await;
    assert_eq!((total("isnull:").await, total("SageMaker").await), (json!(82), json!(0)));
    database.execute("DELETE FROM flavor WHERE name = 'mlflow' AND type = 'model_registry'").await;
    for _ in 0..2 {
        let sync = caller.request(reqwest::Method::PATCH, "/api/v1/flavors/sync", "").await;
        assert_eq!(sync.expect_ok(), Value::Null);
        let after = names().await;
        let renamed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert_eq!(renamed.len(), 25, "{renamed:?}");
        for (first, then) in [("Sagemaker", "SageMaker"), ("Mlflow", "MLflow"), ("B2", "Backblaze B2")] {
            assert!(renamed.contains(&(&json!(first), &json!(then))), "{renamed:?}");
        }
        assert_eq!((total("isnull:").await, total("SageMaker").await), (json!(0), json!(2)));
    }
}

/// The fields of a flavor's configuration, and of what they are made of, that say nothing.
fn undescribed(flavor: &Value) -> Vec<String> {
    let schema = &flavor["metadata"]["config_schema"];
    let parts = schema["$defs"].as_object().into_iter().flatten().map(|(_, part)| part);
    let fields = std::iter::once(schema).chain(parts).flat_map(|part| part["properties"].as_object());
    let bare = fields.flatten().filter(|(_, field)| field["description"].as_str().is_none_or(str::is_empty));
    bare.map(|(name, _)| format!("{} {name}", flavor["name"])).collect()
}

async fn all_flavors(caller: &Caller) -> Vec<Value> {
    let flavors = caller.get("/api/v1/flavors?size=100&hydrate=true").await.expect_ok();
    flavors["items"].as_array().unwrap().clone()
}

async fn every_field_of_every_flavor_says_what_it_is_for(database: Database) {
    let app = TestApp::start(&database).await;
    let flavors = all_flavors(&app.signed_in().await).await;
    assert_eq!(flavors.len(), 82);
    assert_eq!(flavors.iter().flat_map(undescribed).collect::<Vec<_>>(), Vec::<String>::new());
}

async fn flavors_of_an_older_installation_get_their_descriptions_at_the_start(database: Database) {
    let app = TestApp::start(&database).await;
    let before = all_flavors(&app.signed_in().await).await;
    let bare: Value = serde_json::from_str(include_str!("../../contract/flavors.json")).unwrap();
    // As text: a flavor's fields have an order.
    let texts =
        include_str!("../../contract/flavors.json").lines().filter(|line| line.contains("config_schema"));
    for (flavor, text) in bare.as_array().unwrap().iter().zip(texts) {
        let (name, kind) = (flavor["name"].as_str().unwrap(), flavor["type"].as_str().unwrap());
        let (_, schema) = text.split_once("\"config_schema\":").unwrap();
        let schema =
            schema.trim_end_matches(',').strip_suffix('}').unwrap().replace('\'', "''").replace('\\', "\\\\");
        let schema = if database.is_mariadb() { schema } else { schema.replace("\\\\", "\\") };
        let schema = if name == "s3" { "{\"properties\":{\"own\":{}}}" } else { &schema };
        let sql =
            format!("UPDATE flavor SET config_schema = '{schema}' WHERE name = '{name}' AND type = '{kind}'");
        database.execute(&sql).await;
    }
    app.stop().await;
    let app = TestApp::start(&database).await;
    let after = all_flavors(&app.signed_in().await).await;
    // What an admin has changed stays.
    let mut other = after.iter().zip(&before).filter(|(after, before)| after != before);
    let changed = &other.next().unwrap().0["metadata"]["config_schema"];
    assert_eq!(changed, &json!({"properties": {"own": {}}}));
    assert_eq!(other.count(), 0);
}

async fn a_project_goes_with_all_that_is_in_it(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let project = caller.post("/api/v1/projects", json!({"name": "lab"})).await.expect_ok();
    let request = json!({"name": "p", "project": id(&project), "tags": ["t"]});
    let pipeline = caller.post("/api/v1/pipelines", request).await.expect_ok();
    let source = json!({"module": "m", "attribute": "A", "type": "user"});
    let request = json!({"name": "r", "project": id(&project), "config": {}, "source": source});
    let repository = caller.post("/api/v1/code_repositories", request).await.expect_ok();
    let statistics = caller.get("/api/v1/projects/lab/statistics").await.expect_ok();
    assert_eq!(statistics, json!({"pipelines": 1, "runs": 0}));

    caller.delete("/api/v1/projects/lab").await.expect_ok();
    caller.get(&format!("/api/v1/pipelines/{}", id(&pipeline))).await.expect(404, "KeyError");
    caller.get(&format!("/api/v1/code_repositories/{}", id(&repository))).await.expect(404, "KeyError");
    assert_eq!(database.texts("SELECT name FROM tag").await, ["t"], "a tag is of no project");
    assert!(database.texts("SELECT resource_id FROM tag_resource").await.is_empty());
    caller.delete("/api/v1/projects/default").await.expect(403, "IllegalOperationError");
}

async fn a_project_goes_with_its_runs_and_what_they_made(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("artifacts_and_models", &[], &app.url()).await;
    let caller = app.signed_in().await;
    // The default project can't be deleted, but this is no longer it.
    database.execute("UPDATE project SET name = 'old'").await;
    caller.delete("/api/v1/projects/old").await.expect_ok();
    for table in [
        "artifact",
        "artifact_version",
        "logs",
        "model",
        "model_version",
        "pipeline",
        "pipeline_run",
        "pipeline_snapshot",
        "run_metadata",
        "run_metadata_resource",
        "step_run",
        "tag_resource",
    ] {
        let left = database.texts(&format!("SELECT id FROM {table}")).await;
        assert!(left.is_empty(), "{table}: {left:?}");
    }
}

async fn a_tag_becomes_exclusive_where_nothing_shares_it(database: Database) {
    let app = TestApp::start(&database).await;
    let caller = app.signed_in().await;
    let project = caller.get("/api/v1/projects/default").await.expect_ok();
    let tag = caller.post("/api/v1/tags", json!({"name": "t"})).await.expect_ok();
    let path = format!("/api/v1/tags/{}", id(&tag));
    let version = async |artifact: &str, number: u32| {
        let request = json!({
            "project": id(&project), "artifact_name": artifact, "version": number, "type": "DataArtifact",
            "uri": "/a", "save_type": "step_output", "tags": ["t"],
            "materializer": {"module": "m", "attribute": "M", "type": "internal"},
            "data_type": {"module": "builtins", "attribute": "int", "type": "builtin"},
        });
        caller.post("/api/v1/artifact_versions", request).await.expect_ok()
    };
    let (_, other) = (version("one", 1).await, version("two", 1).await);
    caller.put(&path, json!({"exclusive": true})).await.expect_ok();
    caller.put(&path, json!({"exclusive": false})).await.expect_ok();
    let shared = version("two", 2).await;
    caller.put(&path, json!({"exclusive": true})).await.expect(400, "artifact_version");
    let link = json!({"tag_id": id(&tag), "resource_id": id(&other), "resource_type": "artifact_version"});
    let json = caller.clone().with("content-type", "application/json");
    let detach = json.request(reqwest::Method::DELETE, "/api/v1/tag_resources", link.to_string());
    detach.await.expect_ok();
    caller.put(&path, json!({"exclusive": true})).await.expect_ok();

    // Attached to the other one again, the exclusive tag leaves the one that shares its artifact, and no other.
    caller.post("/api/v1/tag_resources", link).await.expect_ok();
    let tags = async |version: &Value| {
        let path = format!("/api/v1/artifact_versions/{}", id(version));
        caller.get(&path).await.expect_ok()["resources"]["tags"].as_array().unwrap().len()
    };
    assert_eq!((tags(&other).await, tags(&shared).await), (1, 0));
    assert_eq!(caller.get(&path).await.expect_ok()["metadata"]["tagged_count"], 2);
}
