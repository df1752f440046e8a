//! What a snapshot, and a template of it, can be run with: a template of the configuration and its schema.

use serde_json::{Value, json};

use crate::parity::bodies;
use crate::support::{Caller, Database, Lab, TestApp};

on_each_store! {
    each_template_of_a_snapshot_says_all_of_it,
    a_schema_has_the_settings_of_the_stack_and_the_parameters_of_the_steps,
    names_of_steps_meet_no_others,
}

/// A caller with a snapshot whose images were built for a stack that is elsewhere.
struct FarLab {
    caller: Caller,
    snapshot: String,
    project: Value,
}

impl FarLab {
    async fn of(app: &TestApp, steps: Value, more: Value) -> Self {
        let Lab { caller, project, pipeline, .. } = Lab::of(app).await;
        let mut components = serde_json::Map::new();
        for (kind, flavor, configuration) in [
            ("orchestrator", "kubernetes", json!({})),
            ("artifact_store", "s3", json!({"path": "s3://x"})),
            ("experiment_tracker", "wandb", json!({"api_key": "x"})),
            ("step_operator", "sagemaker", json!({"role": "r"})),
        ] {
            let body = json!({"name": "far", "type": kind, "flavor": flavor, "configuration": configuration});
            let id = caller.post("/api/v1/components", body).await.expect_ok()["id"].clone();
            components.insert(kind.to_owned(), json!([id]));
        }
        let stack = json!({"name": "far", "components": components});
        let stack = caller.post("/api/v1/stacks", stack).await.expect_ok()["id"].clone();
        let build = json!({"project": project, "is_local": false, "contains_code": true, "stack": stack});
        let build = caller.post("/api/v1/pipeline_builds", build).await.expect_ok()["id"].clone();
        let snapshot = json!({
            "project": project, "stack": stack, "pipeline": pipeline, "build": build, "run_name_template": "again",
            "pipeline_configuration": {"name": "training", "enable_cache": false, "retry": {"delay": 2}},
            "pipeline_spec": {"steps": []}, "step_configurations": steps,
        });
        let snapshot = bodies::merged(snapshot, more);
        let snapshot = caller.post("/api/v1/pipeline_snapshots", snapshot).await.expect_ok();
        let snapshot = snapshot["id"].as_str().unwrap().to_owned();
        Self { caller, snapshot, project }
    }

    async fn metadata(&self, query: &str) -> Value {
        let path = format!("/api/v1/pipeline_snapshots/{}{query}", self.snapshot);
        self.caller.get(&path).await.expect_ok()["metadata"].clone()
    }
}

fn step(name: &str, more: Value) -> Value {
    let spec = json!({"source": "m.f", "upstream_steps": []});
    json!({"spec": spec, "config": bodies::merged(json!({"name": name}), more)})
}

async fn each_template_of_a_snapshot_says_all_of_it(database: Database) {
    let app = TestApp::start(&database).await;
    let lab = FarLab::of(&app, json!({"load": step("load", json!({}))}), json!({})).await;
    for name in ["one", "two", "three"] {
        let template = json!({"project": lab.project, "name": name, "source_snapshot_id": lab.snapshot});
        lab.caller.post("/api/v1/run_templates", template).await.expect_ok();
    }
    let templates = lab.caller.get("/api/v1/run_templates?hydrate=true").await.expect_ok();
    let said: Vec<&Value> =
        templates["items"].as_array().unwrap().iter().map(|template| &template["metadata"]).collect();
    assert_eq!(said.len(), 3);
    for metadata in said {
        assert_eq!(metadata["pipeline_spec"]["steps"], json!([]));
        assert_eq!(metadata["config_template"]["run_name"], "again");
        assert_eq!(metadata["config_schema"]["title"], "Result");
    }
}

async fn a_schema_has_the_settings_of_the_stack_and_the_parameters_of_the_steps(database: Database) {
    let app = TestApp::start(&database).await;
    let steps = json!({
        "load": step("load", json!({"parameters": {"rate": 1}, "success_hook_source": "a.b"})),
        "train": step("train", json!({"settings": {"docker": {}, "x": {"y": 1}}})),
    });
    let lab = FarLab::of(&app, steps, json!({})).await;
    let without = lab.metadata("").await;
    assert_eq!((&without["config_schema"], &without["config_template"]), (&Value::Null, &Value::Null));
    let with = lab.metadata("?include_config_schema=true&step_configuration_filter=train").await;
    assert_eq!(
        with["config_template"],
        json!({
            "run_name": "again", "enable_cache": false, "retry": {"delay": 2},
            "steps": {
                "load": {"parameters": {"rate": 1}, "success_hook_source": "a.b"},
                "train": {"settings": {"x": {"y": 1}}},
            },
        })
    );
    let schema = &with["config_schema"];
    let definitions = &schema["$defs"];
    assert_eq!(schema["required"], json!(["steps"]));
    assert_eq!(definitions["Steps"]["required"], json!(["load"]));
    assert_eq!(definitions["load_parameters"]["required"], json!(["rate"]));
    assert_eq!(definitions["StepOperators"]["enum"], json!(["far"]));
    assert_eq!(definitions["ExperimentTrackers"]["enum"], json!(["far"]));
    let settings = definitions["Settings"]["properties"].as_object().unwrap();
    for name in ["resources", "orchestrator:far", "experiment_tracker:far", "step_operator:far"] {
        assert!(settings.contains_key(name), "{name}");
    }
    let orchestrator = &definitions["KubernetesOrchestratorSettings"]["properties"];
    assert!(orchestrator["max_parallelism"]["description"].is_string());
    assert!(orchestrator.get("kubernetes_context").is_none(), "that is for the component alone");
    assert!(definitions["KubernetesPodSettings"].is_object());
    let fields = definitions["train"]["properties"].as_object().unwrap();
    assert!(fields.contains_key("enable_cache") && !fields.contains_key("runtime"));
}

async fn names_of_steps_meet_no_others(database: Database) {
    let app = TestApp::start(&database).await;
    let names = ["Settings", "Model", "Steps", "a b", "a/b", "ä\"'~"];
    let steps: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), step(name, json!({"parameters": {"p": 1}})))).collect();
    let lab = FarLab::of(&app, steps.into(), json!({"is_dynamic": true})).await;
    let schema = lab.metadata("?include_config_schema=true").await["config_schema"].clone();
    let properties = schema["$defs"]["Steps"]["properties"].as_object().unwrap();
    assert_eq!(properties.len(), names.len());
    for (name, reference) in properties {
        let definition = reference["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        assert_eq!(schema.pointer(definition).unwrap()["title"], **name);
    }
    assert_eq!(schema["properties"]["parameters"]["$ref"], "#/$defs/Parameters");
}
