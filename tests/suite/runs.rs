//! Runs: what is told of many at once, and of one as a graph, the same on each store.

use serde_json::{Value, json};

use crate::parity::bodies;
use crate::support::{Database, Lab, TestApp, read};

on_each_store! {
    runs_are_counted_by_what_they_have_in_common,
    a_run_is_a_graph_of_its_steps,
    of_many_that_ask_for_a_run_one_makes_it,
    the_first_run_that_ends_is_noted_once,
    a_pipeline_takes_the_tags_and_metadata_of_its_runs_with_it,
    what_changes_nothing_of_a_thing_is_no_news_of_it,
}

async fn runs_are_counted_by_what_they_have_in_common(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let at = |start: &str, end: &str| json!({"start_time": start, "end_time": end, "tags": ["nightly"]});
    let one = lab.run("one", at("2026-01-05T10:00:00", "2026-01-05T10:00:30")).await;
    lab.run("two", at("2026-01-11T23:00:00", "2026-01-11T23:01:00")).await;
    lab.run("three", at("2026-01-12T00:00:00", "2026-01-12T00:00:10")).await;
    lab.step(&one, "load", json!({"status": "cached"})).await;
    let metadata = json!({
        "project": lab.project, "resources": [{"id": one["id"], "type": "pipeline_run"}],
        "values": {"speed": 1.5}, "types": {"speed": "float"},
    });
    lab.caller.post("/api/v1/run-metadata", metadata).await.expect_ok();
    let by_week = json!({
        "filter": {},
        "groupings": [{"name": "week", "type": "time", "granularity": "week"}],
        "metrics": [
            {"name": "seconds", "source": "duration", "aggregation": "sum"},
            {"name": "cached", "source": "cached_step_count", "aggregation": "max"},
            {"name": "speed", "source": "metadata", "metadata_key": "speed", "aggregation": "avg"},
        ],
    });
    let groups = lab.statistics(by_week).await;
    let keys = |groups: &Value, name: &str| -> Vec<Value> {
        groups.as_array().unwrap().iter().map(|group| group["group_keys"][name].clone()).collect()
    };
    assert_eq!(keys(&groups, "week"), ["2026-01-05", "2026-01-12"]);
    assert!((groups[0]["metrics"]["seconds"].as_f64().unwrap() - 90.0).abs() < 0.01, "{groups}");
    assert_eq!(groups[0]["metrics"]["cached"], 1.0);
    assert_eq!(groups[0]["metrics"]["speed"], 1.5);
    assert_eq!(groups[1]["metrics"]["speed"], Value::Null);
    assert_eq!((&groups[0]["run_count"], &groups[1]["run_count"]), (&json!(2), &json!(1)));
    for (kind, expected) in [
        ("status", json!("running")),
        ("tag", json!("nightly")),
        ("snapshot", lab.snapshot["id"].clone()),
        ("source_snapshot", Value::Null),
    ] {
        let body = json!({"filter": {"name": "startswith:t"}, "groupings": [{"name": "key", "type": kind}]});
        let groups = lab.statistics(body).await;
        assert_eq!(
            groups,
            json!([{"group_keys": {"key": expected}, "metrics": {}, "run_count": 2}]),
            "{kind}"
        );
    }
}

async fn a_run_is_a_graph_of_its_steps(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let run = lab.run("one", json!({})).await;
    lab.step(&run, "load", json!({})).await;
    let path = format!("/api/v1/runs/{}/dag", run["id"].as_str().unwrap());
    let graph = lab.caller.get(&path).await.expect_ok();
    let nodes: Vec<&str> =
        graph["nodes"].as_array().unwrap().iter().map(|node| node["node_id"].as_str().unwrap()).collect();
    let outputs = ["load/outputs/step_output/load_out", "train/outputs/step_output/train_out"];
    assert_eq!(nodes, ["step/load", "step/train", outputs[0], outputs[1]]);
    let edges: Vec<(&str, &str)> = graph["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| (edge["source"].as_str().unwrap(), edge["target"].as_str().unwrap()))
        .collect();
    let expected = [("step/load", outputs[0]), (outputs[0], "step/train"), ("step/train", outputs[1])];
    assert_eq!(edges, expected);
    assert_eq!(graph["nodes"][0]["metadata"]["status"], "running");
    assert_eq!(graph["nodes"][1]["id"], Value::Null);
}

async fn of_many_that_ask_for_a_run_one_makes_it(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let ask = || lab.caller.post("/api/v1/runs", lab.run_body("one", json!({})));
    let (one, two, three, four, five) = tokio::join!(ask(), ask(), ask(), ask(), ask());
    let answers: Vec<Value> = [one, two, three, four, five].iter().map(|answer| answer.expect_ok()).collect();
    let made = answers.iter().filter(|answer| answer[1] == true).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| answer[0]["id"] == answers[0][0]["id"]));
    let next = lab.run("two", json!({})).await;
    assert_eq!(next["body"]["index"], 2, "no number is lost");
}

async fn the_first_run_that_ends_is_noted_once(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    for name in ["one", "two"] {
        let run = lab.run(name, json!({})).await;
        lab.step(&run, "load", json!({"status": "completed"})).await;
        lab.step(&run, "train", json!({"status": "completed"})).await;
        let path = format!("/api/v1/runs/{}/status", run["id"].as_str().unwrap());
        assert_eq!(lab.caller.get(&path).await.expect_ok(), "completed");
    }
    let steps = lab.caller.get("/api/v1/onboarding_state").await.expect_ok();
    assert_eq!(steps, json!(["project_created", "pipeline_run"]));
}

async fn a_pipeline_takes_the_tags_and_metadata_of_its_runs_with_it(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let run = lab.run("one", json!({"tags": ["a"]})).await;
    let child = json!({"tags": ["a"], "parent_run_id": run["id"], "child_key": "k"});
    lab.run("two", child).await;
    let step = lab.step(&run, "load", json!({})).await;
    let path = format!("/api/v1/pipeline_snapshots/{}", lab.snapshot["id"].as_str().unwrap());
    lab.caller.put(&path, json!({"add_tags": ["a"]})).await.expect_ok();
    let resources =
        json!([{"id": run["id"], "type": "pipeline_run"}, {"id": step["id"], "type": "step_run"}]);
    let metadata = json!({
        "project": lab.project, "resources": resources, "values": {"speed": 1.5}, "types": {"speed": "float"},
    });
    lab.caller.post("/api/v1/run-metadata", metadata).await.expect_ok();
    let links = async |table: &str| {
        database.texts(&format!("SELECT CAST(COUNT(*) AS CHAR) FROM {table}")).await[0].clone()
    };
    assert_eq!((links("tag_resource").await, links("run_metadata_resource").await), ("3".into(), "2".into()));
    let pipeline = lab.snapshot["body"]["pipeline_id"].as_str().unwrap();
    lab.caller.delete(&format!("/api/v1/pipelines/{pipeline}")).await.expect_ok();
    assert_eq!((links("tag_resource").await, links("run_metadata_resource").await), ("0".into(), "0".into()));
}

async fn what_changes_nothing_of_a_thing_is_no_news_of_it(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let run = lab.run("one", json!({})).await;
    let (run_path, steps) = (format!("/api/v1/runs/{}", run["id"].as_str().unwrap()), "/api/v1/steps");
    let news = async |path: &str| {
        let shown = lab.caller.get(path).await.expect_ok()["body"]["updated"].clone();
        shown != json!("2020-01-01T00:00:00")
    };
    let age = async |table: &str| {
        database.execute(&format!("UPDATE {table} SET updated = '2020-01-01 00:00:00.000000'")).await;
    };
    age("pipeline_run").await;
    let load = lab.step(&run, "load", json!({})).await;
    assert!(!news(&run_path).await, "a step that begins");
    lab.caller.put(&format!("{run_path}/disable_heartbeat"), json!({})).await.expect_ok();
    assert!(!news(&run_path).await, "no heartbeat");
    let metadata = json!({
        "project": lab.project, "resources": [{"id": run["id"], "type": "pipeline_run"}],
        "values": {"speed": 1.5}, "types": {"speed": "float"},
    });
    lab.caller.post("/api/v1/run-metadata", metadata).await.expect_ok();
    assert!(!news(&run_path).await, "metadata");
    let load = format!("{steps}/{}", load["id"].as_str().unwrap());
    age("step_run").await;
    lab.caller.put(&format!("{load}/heartbeat"), json!({})).await.expect_ok();
    assert!(!news(&load).await && !news(&run_path).await, "a heartbeat");
    lab.caller.put(&load, json!({"status": "completed"})).await.expect_ok();
    assert!(news(&run_path).await, "a step that ends");
    // A step of a run that isn't there.
    let mut nowhere = read(&bodies::step_run("load", json!({"project": lab.project})));
    nowhere["pipeline_run_id"] = json!("00000000-0000-0000-0000-000000000001");
    lab.caller.post(steps, nowhere).await.expect(404, "");

    // A template gives its snapshot a name.
    let one = async |path: &str, body: Value| lab.caller.post(path, body).await.expect_ok()["id"].clone();
    let component = async |kind: &str, flavor: &str, configuration: Value| {
        let body = json!({"name": kind, "type": kind, "flavor": flavor, "configuration": configuration});
        one("/api/v1/components", body).await
    };
    let orchestrator = component("orchestrator", "kubernetes", json!({"kubernetes_context": "x"})).await;
    let store = component("artifact_store", "s3", json!({"path": "s3://x"})).await;
    let parts = json!({"orchestrator": [orchestrator], "artifact_store": [store]});
    let stack = one("/api/v1/stacks", json!({"name": "far", "components": parts})).await;
    let pipeline = lab.caller.get("/api/v1/pipelines").await.expect_ok()["items"][0]["id"].clone();
    let build = json!({"project": lab.project, "is_local": false, "contains_code": true, "stack": stack,
        "pipeline": pipeline});
    let build = one("/api/v1/pipeline_builds", build).await;
    let more = json!({"project": lab.project, "stack": stack, "pipeline": pipeline, "build": build});
    let snapshot = one("/api/v1/pipeline_snapshots", read(&bodies::snapshot(more))).await;
    age("pipeline_snapshot").await;
    let template = json!({"project": lab.project, "name": "again", "source_snapshot_id": snapshot});
    one("/api/v1/run_templates", template).await;
    let path = format!("/api/v1/pipeline_snapshots/{}", snapshot.as_str().unwrap());
    assert_eq!(lab.caller.get(&path).await.expect_ok()["name"], "again");
    assert!(!news(&path).await, "a template's name");
}
