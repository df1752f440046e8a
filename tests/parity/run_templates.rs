//! Run templates.

use serde_json::{Value, json};

use super::bodies::merged;
use super::step::{ADMIN, ANYONE, Scenario, Step, scenario};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![made(), listed()]
}

fn component(kind: &str, flavor: &str, configuration: &str) -> Step {
    let body = format!(
        r#"{{"name": "far {kind}", "type": "{kind}", "flavor": "{flavor}", "configuration": {configuration}}}"#
    );
    ADMIN.post("/components", &body)
}

fn build(stack: &str) -> Step {
    let body = format!(
        r#"{{"project": "{{project.id}}", "is_local": false, "contains_code": true, "pipeline": "{{pipeline.id}}",
        "stack": {stack}}}"#
    );
    ADMIN.post("/pipeline_builds", &body)
}

fn snapshot(build: &str) -> Step {
    let body = format!(
        r#"{{"project": "{{project.id}}", "run_name_template": "x", "pipeline_configuration": {{"name": "again"}},
        "client_version": "0.98.0", "server_version": "0.98.0", "stack": "{{stacks.items.0.id}}",
        "pipeline": "{{pipeline.id}}", "build": {build}}}"#
    );
    ADMIN.post("/pipeline_snapshots", &body).compared_elsewhere()
}

/// A snapshot whose steps and pipeline have much to configure.
fn configurable(is_dynamic: bool) -> Step {
    let step = |name: &str, more: Value, spec: Value| {
        let config = merged(json!({"name": name}), more);
        let spec = merged(json!({"source": "m.f", "upstream_steps": [], "invocation_id": name}), spec);
        json!({"spec": spec, "config": config, "step_config_overrides": config})
    };
    let parameter_spec = |properties: Value| {
        json!({"parameter_spec": {
            "type": "object", "properties": properties, "required": ["z"],
            "$defs": {"Z": {"type": "integer"}, "CachePolicy": {"type": "string"}},
        }})
    };
    let z = json!({"z": {"$ref": "#/$defs/Z"}});
    let body = json!({
        "project": "{project.id}", "stack": "{stack.id}", "pipeline": "{pipeline.id}", "build": "{remote.id}",
        "run_name_template": "r-x", "is_dynamic": is_dynamic,
        "pipeline_configuration": {
            "name": "p", "parameters": {"p1": 1, "_p2": 2}, "environment": {"A": "1"}, "tags": ["t"],
            "settings": {"docker": {"x": 1}, "resources": {"cpu_count": 1}}, "success_hook_source": "a.b",
            "extra": {"k": null, "l": 1}, "model": {"name": "m"}, "retry": {"delay": 2}, "enable_cache": false,
        },
        "step_configurations": {
            "load": step("load", json!({
                "parameters": {"a": 1, "_b": 2}, "settings": {"docker": {"x": 1}, "orchestrator": {"y": 1, "n": null}},
                "enable_cache": true, "failure_hook_source": "a.b", "substitutions": {"q": "w"},
                "outputs": {"o": {"materializer_source": "a.b"}},
            }), json!({})),
            "train": step("train", json!({
                "step_operator": "x",
                "cache_policy": {"include_step_code": false, "cache_func": "a.b", "source_dependencies": ["c.d"]},
            }), json!({})),
            "_eval": step("_eval", json!({"parameters": {"z": 1}}), parameter_spec(z.clone())),
            "fit": step("fit", json!({"parameters": {"z": 1}}), parameter_spec(
                merged(z, json!({"c": {"$ref": "#/$defs/CachePolicy"}})),
            )),
        },
    });
    ADMIN.post("/pipeline_snapshots", &body.to_string())
}

fn template(snapshot: &str, name: &str, fields: &str) -> Step {
    let body = format!(
        r#"{{"project": "{{project.id}}", "name": "{name}", "source_snapshot_id": "{{{snapshot}.id}}"{fields}}}"#
    );
    ADMIN.post("/run_templates", &body)
}

fn made() -> Scenario {
    let change = |body: &str| ADMIN.put("/run_templates/{template.id}", body);
    scenario(
        "run templates",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/stacks?name=default").keep("stacks"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "again"}"#).keep("pipeline"),
            ADMIN.post("/tags", r#"{"name": "weekly", "color": "red"}"#).keep("tag"),
            component("orchestrator", "kubernetes", r#"{"kubernetes_context": "x"}"#).keep("orchestrator"),
            component("artifact_store", "s3", r#"{"path": "s3://x"}"#).keep("store"),
            component("experiment_tracker", "wandb", r#"{"api_key": "x"}"#).keep("tracker"),
            component("step_operator", "sagemaker", r#"{"role": "r"}"#).keep("operator"),
            ADMIN
                .post(
                    "/stacks",
                    r#"{"name": "far", "components": {"orchestrator": ["{orchestrator.id}"], "artifact_store": ["{store.id}"],
                    "experiment_tracker": ["{tracker.id}"], "step_operator": ["{operator.id}"]}}"#,
                )
                .keep("stack"),
            build("null").keep("no_stack"),
            build(r#""{stacks.items.0.id}""#).keep("local"),
            build(r#""{stack.id}""#).keep("remote"),
            snapshot("null").keep("unbuilt"),
            snapshot(r#""{no_stack.id}""#).keep("of_no_stack"),
            snapshot(r#""{local.id}""#).keep("of_local"),
            snapshot(r#""{remote.id}""#).keep("of_remote"),
            template("unbuilt", "one", ""),
            template("of_no_stack", "one", ""),
            template("of_local", "one", ""),
            template("of_remote", "one", r#", "description": "again", "tags": ["weekly"]"#)
                .keep("template")
                .compared_elsewhere(),
            ADMIN.get("/run_templates/{template.id}?hydrate=false"),
            ADMIN.get("/run_templates/{template.id}"),
            ADMIN.get("/pipeline_snapshots/{of_remote.id}?hydrate=false"),
            // The name that it gets is no news of it.
            ADMIN.get("/pipeline_snapshots?pipeline_id={pipeline.id}&sort_by=desc:updated"),
            ADMIN.get("/pipeline_snapshots/{of_remote.id}?include_config_schema=true"),
            ADMIN.get("/pipeline_snapshots/{of_remote.id}?include_config_schema=false"),
            ADMIN.get("/pipeline_snapshots/{of_no_stack.id}?include_config_schema=true"),
            ADMIN.get("/pipeline_snapshots/{unbuilt.id}?include_config_schema=true"),
            configurable(false).keep("configurable"),
            ADMIN.get("/pipeline_snapshots/{configurable.id}?include_config_schema=true"),
            ADMIN.get("/pipeline_snapshots/{configurable.id}?include_config_schema=true&step_configuration_filter=fit"),
            configurable(true).keep("dynamic"),
            ADMIN.get("/pipeline_snapshots/{dynamic.id}?include_config_schema=true"),
            template("of_remote", "one", ""),
            template("of_remote", "hidden", r#", "hidden": true"#).keep("hidden").compared_elsewhere(),
            ADMIN.get("/pipeline_snapshots/{of_remote.id}?hydrate=false"),
            template("of_remote", "x", r#", "tags": "x""#),
            ADMIN.post("/run_templates", "{}"),
            ADMIN.post(
                "/run_templates",
                &format!(r#"{{"project": "{{project.id}}", "name": "x", "source_snapshot_id": "{NONE}"}}"#),
            ),
            ADMIN.get(&format!("/run_templates/{NONE}")),
            change("{}").compared_elsewhere(),
            change(r#"{"name": "two", "description": null, "hidden": null, "remove_tags": ["weekly"]}"#)
                .compared_elsewhere(),
            ADMIN.get("/run_templates/{template.id}?hydrate=false"),
            change(r#"{"name": 5}"#),
            ADMIN.put(&format!("/run_templates/{NONE}"), "{}"),
            ADMIN.delete("/run_templates/{hidden.id}"),
            ADMIN.delete("/run_templates/{hidden.id}"),
            ADMIN.delete("/tags/{tag.id}"),
            ANYONE.get("/run_templates"),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/run_templates?{query}"));
    scenario(
        "lists of run templates",
        [
            ADMIN.get("/pipelines?name=again").keep("pipelines"),
            ADMIN
                .get("/pipeline_builds?pipeline_id={pipelines.items.0.id}&size=1&sort_by=desc:created")
                .keep("builds"),
            list(""),
            list("name=two"),
            list("name=x"),
            list("hidden=false"),
            list("hidden=true"),
            list("hidden=x"),
            list("pipeline_id={pipelines.items.0.id}"),
            list(&format!("pipeline_id={NONE}")),
            list("build_id={builds.items.0.id}"),
            list(&format!("build_id={NONE}")),
            list(&format!("stack_id={NONE}")),
            list(&format!("code_repository_id={NONE}")),
            list("pipeline=again"),
            list("pipeline=nope"),
            list("stack=default"),
            list("stack=nope"),
            list("tags=weekly"),
            list("user=default"),
            list("user=nope"),
            list("sort_by=desc:name"),
            list("sort_by=pipeline"),
            list("sort_by=hidden"),
            list("project=nope"),
            ADMIN.get("/workspaces/default/run_templates"),
        ],
    )
}
