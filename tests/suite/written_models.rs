//! What a client reads back as a model is one when it is written: checked, with what wasn't sent filled in.

use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::parity::bodies;
use crate::support::{Database, Lab, TestApp, keeps_its_promises};

on_each_store! {
    what_no_client_could_read_is_refused_with_its_place,
    a_snapshot_is_kept_whole,
    a_dynamic_steps_configuration_is_checked_too,
    what_clients_read_as_something_else_is_refused_elsewhere_too,
    what_was_written_is_read_by_the_official_client,
    a_snapshot_of_hundreds_of_steps_is_written_in_little_time,
}

fn spec() -> Value {
    json!({"source": {"module": "m", "type": "user"}, "upstream_steps": [], "invocation_id": "load"})
}

async fn what_no_client_could_read_is_refused_with_its_place(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::of(&app).await;
    let step = |more: Value| {
        let step =
            json!({"spec": spec(), "config": {"name": "load"}, "step_config_overrides": {"name": "load"}});
        json!({"step_configurations": {"load": bodies::merged(step, more)}})
    };
    let config = |more: Value| step(json!({"config": bodies::merged(json!({"name": "load"}), more)}));
    let pipeline =
        |more: Value| json!({"pipeline_configuration": bodies::merged(json!({"name": "x"}), more)});
    for (more, place) in [
        (
            json!({"pipeline_configuration": {}}),
            "'missing', 'loc': ('body', 'pipeline_configuration', 'name')",
        ),
        (pipeline(json!({"name": 5})), "'string_type', 'loc': ('body', 'pipeline_configuration', 'name')"),
        (pipeline(json!({"enable_cache": "maybe"})), "'bool_parsing', "),
        (pipeline(json!({"execution_mode": "now"})), "'enum', "),
        (pipeline(json!({"model": {}})), "('body', 'pipeline_configuration', 'model', 'name')"),
        (pipeline(json!({"settings": {"docker": 5}})), "'settings', 'docker')"),
        (pipeline(json!({"retry": {"delay": -1}})), "'greater_than_equal', "),
        (pipeline(json!({"failure_hook_source": {"module": "a"}})), "'failure_hook_source', 'type')"),
        (json!({"pipeline_spec": {}}), "('body', 'pipeline_spec', 'steps')"),
        (json!({"pipeline_spec": {"steps": 5}}), "'list_type', 'loc': ('body', 'pipeline_spec', 'steps')"),
        (json!({"pipeline_spec": {"steps": [{"upstream_steps": []}]}}), "'steps', 0, 'source')"),
        (json!({"pipeline_spec": {"steps": [], "outputs": [{}]}}), "'outputs', 0, 'step_name')"),
        (json!({"step_configurations": {"load": {}}}), "('body', 'step_configurations', 'load', 'spec')"),
        (step(json!({"spec": {}})), "'load', 'spec', 'source')"),
        (step(json!({"spec": {"source": "a.b", "upstream_steps": 5}})), "'list_type', "),
        (step(json!({"config": {}})), "'load', 'config', 'name')"),
        (config(json!({"heartbeat_healthy_threshold": 5})), "'heartbeat_healthy_threshold')"),
        (config(json!({"outputs": {"one": {}}})), "'outputs', 'one', 'materializer_source')"),
        (config(json!({"step_operator": 5})), "'step_operator', 'bool')"),
        (config(json!({"command": "ls"})), "'list_type', "),
        (json!({"code_reference": {}}), "('body', 'code_reference', 'commit')"),
    ] {
        let answer = lab.post_snapshot(more.clone()).await;
        answer.expect(422, place);
        assert!(answer.json()[1].as_str().unwrap().contains("validation error"), "{more}");
    }
    // Steps take the environment over, in which there are texts alone.
    let with_step = bodies::merged(step(json!({})), pipeline(json!({"environment": {"A": 5}})));
    lab.post_snapshot(with_step).await.expect(422, "'environment', 'A')");
    lab.post_snapshot(pipeline(json!({"environment": {"A": 5}}))).await.expect_ok();
    assert_eq!(lab.caller.get("/api/v1/pipeline_snapshots").await.expect_ok()["total"], 1);
}

async fn a_snapshot_is_kept_whole(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::of(&app).await;
    let answer = lab
        .post_snapshot(json!({
            "pipeline_configuration": {
                "name": "x", "enable_cache": "yes", "retry": {"delay": "3"}, "cache_policy": "default",
                "success_hook_source": "a.b", "unknown": 1, "environment": {"A": "1"},
            },
            "pipeline_spec": {"steps": [], "source": "a.b"},
            "step_configurations": {"load": {
                "spec": {"source": "a.b", "upstream_steps": [], "pipeline_parameter_name": "loading"},
                "config": {"name": "load", "outputs": {"one": {"materializer_source": "m.n"}}},
            }},
        }))
        .await
        .expect_ok();
    let id = answer["id"].as_str().unwrap();
    let read = lab.caller.get(&format!("/api/v1/pipeline_snapshots/{id}")).await.expect_ok();
    let source = json!({"module": "a", "attribute": "b", "type": "unknown"});
    for answer in [answer, read] {
        let pipeline = &answer["metadata"]["pipeline_configuration"];
        assert_eq!(pipeline["enable_cache"], true);
        assert_eq!(pipeline["retry"], json!({"max_retries": 1, "delay": 3, "backoff": 0}));
        assert_eq!(pipeline["success_hook_source"], source);
        assert_eq!(pipeline["execution_mode"], "continue_on_failure");
        assert!(pipeline.get("unknown").is_none());
        assert_eq!(answer["metadata"]["pipeline_spec"]["version"], "0.5");
        let step = &answer["metadata"]["step_configurations"]["load"];
        assert_eq!(step["spec"]["invocation_id"], "loading");
        assert_eq!(step["config"]["heartbeat_healthy_threshold"], 30);
        assert_eq!(step["config"]["environment"], json!({"A": "1"}));
        let materializer = json!([{"module": "m", "attribute": "n", "type": "unknown"}]);
        assert_eq!(step["config"]["outputs"]["one"]["materializer_source"], materializer);
    }
}

async fn a_dynamic_steps_configuration_is_checked_too(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::of(&app).await;
    let snapshot = lab.post_snapshot(json!({"is_dynamic": true})).await.expect_ok();
    let run = json!({
        "project": lab.project, "snapshot": snapshot["id"], "name": "r", "orchestrator_run_id": "r",
        "status": "running",
    });
    let run = lab.caller.post("/api/v1/runs", run).await.expect_ok()[0]["id"].clone();
    let step = async |dynamic_config: Value| {
        let body = json!({
            "project": lab.project, "pipeline_run_id": run, "name": "load", "status": "running",
            "start_time": "2026-01-05T10:00:00", "dynamic_config": dynamic_config,
        });
        lab.caller.post("/api/v1/steps", body).await
    };
    let config = json!({"name": "load"});
    for (dynamic_config, place) in [
        (json!({}), "'dynamic_config', 'spec')"),
        (json!({"spec": {}, "config": config}), "'spec', 'source')"),
        (json!({"spec": spec(), "config": {"name": 5}}), "'config', 'name')"),
        (json!({"spec": spec(), "config": config, "step_config_overrides": []}), "'step_config_overrides')"),
    ] {
        step(dynamic_config).await.expect(422, place);
    }
    let made =
        step(json!({"spec": spec(), "config": {"name": "load", "enable_cache": "no"}})).await.expect_ok();
    assert_eq!(made["metadata"]["config"]["enable_cache"], false);
    assert_eq!(made["metadata"]["config"]["heartbeat_healthy_threshold"], 30);
}

async fn what_clients_read_as_something_else_is_refused_elsewhere_too(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::of(&app).await;
    let (caller, project) = (&lab.caller, &lab.project);
    let repository =
        |source: Value| json!({"project": project, "name": "code", "config": {}, "source": source});
    let build = |images: Value| json!({"project": project, "is_local": true, "contains_code": true, "images": images});
    let flavor = |more: Value| {
        let body = json!({"name": "own", "type": "alerter", "source": "a.B", "integration": null, "config_schema": {}});
        bodies::merged(body, more)
    };
    let tag = |more: Value| bodies::merged(json!({"name": "weekly"}), more);
    for (path, body, place) in [
        ("code_repositories", repository(json!({"module": "m"})), "('body', 'source', 'type')"),
        (
            "code_repositories",
            repository(json!({"module": 5, "type": "user"})),
            "('body', 'source', 'module')",
        ),
        ("code_repositories", repository(json!("")), "('body', 'source')"),
        ("code_repositories", repository(json!(null)), "('body', 'source')"),
        ("pipeline_builds", build(json!({"a": {}})), "('body', 'images', 'a', 'image')"),
        ("pipeline_builds", build(json!({"a": {"image": 5}})), "('body', 'images', 'a', 'image')"),
        ("pipeline_builds", build(json!([])), "'dict_type', "),
        ("flavors", flavor(json!({"display_name": 5})), "('body', 'display_name')"),
        ("flavors", flavor(json!({"config_schema": []})), "('body', 'config_schema')"),
        ("flavors", flavor(json!({"type": "nothing"})), "('body', 'type')"),
        ("tags", tag(json!({"color": "mauve"})), "('body', 'color')"),
        ("tags", tag(json!({"color": null})), "('body', 'color')"),
        ("tags", tag(json!({"exclusive": "maybe"})), "('body', 'exclusive')"),
    ] {
        caller.post(&format!("/api/v1/{path}"), body.clone()).await.expect(422, place);
    }
    caller.post("/api/v1/tags", tag(json!({"color": "red", "exclusive": "no"}))).await.expect_ok();
    let made = caller.post("/api/v1/flavors", flavor(json!({"is_custom": "yes"}))).await.expect_ok();
    let path = format!("/api/v1/flavors/{}", made["id"].as_str().unwrap());
    caller.put(&path, json!({"display_name": {}})).await.expect(422, "('body', 'display_name')");
    let timed = bodies::merged(build(json!({"a": {"image": "i"}})), json!({"duration": 12.0}));
    let timed = caller.post("/api/v1/pipeline_builds", timed).await.expect_ok();
    assert_eq!(timed["metadata"]["duration"], 12);
    assert_eq!(timed["metadata"]["images"]["a"]["contains_code"], true);
}

async fn what_was_written_is_read_by_the_official_client(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("written_models", &[], &app.url()).await;
}

async fn a_snapshot_of_hundreds_of_steps_is_written_in_little_time(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = Lab::of(&app).await;
    let steps: Map<String, Value> =
        (0..200).map(|number| (format!("step_{number}"), bodies::step("load", &[], json!({})))).collect();
    let specs: Vec<&Value> = steps.values().map(|step| &step["spec"]).collect();
    let body = json!({"pipeline_spec": {"steps": specs}, "step_configurations": steps});
    let model = zendo::testing::check_model;
    let whole = bodies::merged(
        json!({
            "project": lab.project, "stack": lab.stack, "pipeline": lab.pipeline, "run_name_template": "x",
            "pipeline_configuration": {"name": "training"},
        }),
        body.clone(),
    );
    let whole = serde_json::value::to_raw_value(&whole).unwrap();
    let start = Instant::now();
    model("PipelineSnapshotRequest", &whole).unwrap();
    let checked = start.elapsed();
    let start = Instant::now();
    lab.post_snapshot(body).await.expect_ok();
    println!(
        "{} bytes of 200 steps: checked in {checked:?}, answered in {:?}",
        whole.get().len(),
        start.elapsed()
    );
    assert!(checked.as_secs() < 5, "{checked:?}");
}
