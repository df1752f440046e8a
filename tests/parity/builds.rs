//! Builds of pipelines.

use super::step::{ADMIN, ANYONE, Scenario, scenario};
use super::wanted::UNKNOWN_REFERENCE;

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![made(), listed()]
}

fn made() -> Scenario {
    let build = |fields: &str| {
        let fields = if fields.is_empty() { String::new() } else { format!(", {fields}") };
        let body =
            format!(r#"{{"project": "{{project.id}}", "is_local": true, "contains_code": false{fields}}}"#);
        ADMIN.post("/pipeline_builds", &body)
    };
    scenario(
        "pipeline builds",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/stacks?name=default").keep("stacks"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "built"}"#).keep("pipeline"),
            build("").keep("small"),
            build(
                r#""images": {"orchestrator": {"image": "one"}, "step.orchestrator": {"image": "two", "dockerfile": "FROM x",
                "requirements": "a\nb", "settings_checksum": "s", "contains_code": false, "requires_code_download": true}},
                "zenml_version": "0.98.0", "python_version": "3.12", "checksum": "c", "stack_checksum": "d",
                "duration": 12, "stack": "{stacks.items.0.id}", "pipeline": "{pipeline.id}""#,
            )
            .keep("build"),
            build(r#""images": {}, "zenml_version": null, "duration": null, "stack": null"#),
            build(&format!(r#""stack": "{NONE}""#)),
            build(&format!(r#""pipeline": "{NONE}""#)),
            build(r#""stack": "x""#),
            build(r#""images": {"a": {}}"#),
            build(r#""images": {"a": {"image": 5}}"#),
            build(r#""images": {"a": {"image": "x", "other": 1}}"#),
            build(r#""images": []"#),
            build(r#""duration": 12.0, "images": {"a": {"image": "x", "contains_code": "no"}}"#),
            build(r#""duration": " 12 ", "images": {}"#),
            build(r#""duration": 1.5"#),
            build(r#""duration": "x""#),
            ADMIN.post("/pipeline_builds", r#"{"project": "{project.id}"}"#),
            ADMIN.post("/pipeline_builds", r#"{"is_local": true, "contains_code": true}"#),
            ADMIN.post(
                "/pipeline_builds",
                &format!(r#"{{"project": "{NONE}", "is_local": true, "contains_code": true}}"#),
            )
            .wanted(&UNKNOWN_REFERENCE),
            ADMIN.post(
                "/pipeline_builds?project_name_or_id=default",
                &format!(r#"{{"project": "{NONE}", "is_local": true, "contains_code": true}}"#),
            ),
            ADMIN.post(
                "/pipeline_builds?project_name_or_id=nope",
                r#"{"project": "{project.id}", "is_local": true, "contains_code": true}"#,
            ),
            ADMIN.post(
                "/workspaces/default/pipeline_builds",
                &format!(r#"{{"project": "{NONE}", "is_local": true, "contains_code": true}}"#),
            ),
            ADMIN.get("/pipeline_builds/{build.id}"),
            ADMIN.get("/pipeline_builds/{build.id}?hydrate=false"),
            ADMIN.get("/pipeline_builds/{small.id}?hydrate=x"),
            ADMIN.get(&format!("/pipeline_builds/{NONE}")),
            ADMIN.get("/pipeline_builds/x"),
            ADMIN.put("/pipeline_builds/{build.id}", "{}"),
            ADMIN.delete("/pipeline_builds/{small.id}"),
            ADMIN.delete("/pipeline_builds/{small.id}"),
            ADMIN.get("/pipeline_builds/{small.id}"),
            ADMIN.delete("/pipelines/{pipeline.id}"),
            ADMIN.get("/pipeline_builds/{build.id}"),
            ANYONE.get("/pipeline_builds"),
            ANYONE.post("/pipeline_builds", "{}"),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/pipeline_builds?{query}"));
    scenario(
        "lists of pipeline builds",
        [
            ADMIN.get("/stacks?name=default").keep("stacks"),
            list(""),
            list("hydrate=true"),
            list("size=1&page=2&sort_by=created"),
            list("page=99"),
            list("project=default"),
            list("project=nope"),
            list("project_name_or_id=default"),
            list("project_name_or_id=nope"),
            ADMIN.get("/workspaces/default/pipeline_builds"),
            ADMIN.get("/workspaces/nope/pipeline_builds"),
            list("stack_id={stacks.items.0.id}"),
            list(&format!("stack_id={NONE}")),
            list("pipeline_id=isnull:"),
            list(&format!("pipeline_id={NONE}")),
            list(&format!("container_registry_id={NONE}")),
            list("is_local=true"),
            list("is_local=false"),
            list("is_local=x"),
            list("contains_code=true"),
            list("zenml_version=startswith:0."),
            list("zenml_version=1"),
            list("python_version=3.12"),
            list("checksum=c"),
            list("checksum=x&stack_checksum=d&logical_operator=or"),
            list("stack_checksum=contains:D"),
            list("duration=12"),
            list("duration=gte:12"),
            list("duration=lt:12"),
            list("duration=x"),
            list("user=default"),
            list("user=nope"),
            list("checksum=c&sort_by=desc:stack_id"),
            list("checksum=c&sort_by=pipeline_id"),
            list("sort_by=container_registry_id"),
            list("sort_by=images"),
        ],
    )
}
