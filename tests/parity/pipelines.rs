//! Pipelines.

use super::bodies::with_pipeline;
use super::step::{ADMIN, ANYONE, Scenario};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![making(), changing(), reading()]
}

fn making() -> Scenario {
    let post = |body: &str| ADMIN.post("/pipelines", body);
    with_pipeline("making pipelines", [
        post(r#"{"project": "{project.id}", "name": "training"}"#),
        post(r#"{"project": "{project.id}", "name": "TRAINING", "description": "loud", "tags": ["a", "b"]}"#)
            .keep("loud"),
        ADMIN.get("/pipelines/{loud.id}"),
        ADMIN.delete("/pipelines/{loud.id}"),
        ADMIN.get("/pipelines/{loud.id}"),
        ADMIN.delete("/pipelines/{loud.id}"),
        post(r#"{"project": "{project.id}", "name": "x", "tags": [{"name": "t", "color": "blue"}]}"#),
        post(r#"{"project": "{project.id}"}"#),
        post(r#"{"project": "{project.id}", "name": 5}"#),
        post(r#"{"project": "{project.id}", "name": null}"#),
        post(r#"{"name": "x"}"#),
        post(r#"{"project": "x", "name": "x"}"#),
        post(r#"{"project": "00000000-0000-0000-0000-000000000001", "name": "x"}"#),
        post(&format!(r#"{{"project": "{{project.id}}", "name": "{}"}}"#, "n".repeat(256))),
        post(r#"{"project": "{project.id}", "name": "x", "description": 5}"#),
        post(r#"{"project": "{project.id}", "name": "x", "tags": 5}"#),
        post(r#"{"project": "{project.id}", "name": "x", "tags": [5]}"#),
        post("[]"),
        post(""),
        ANYONE.post("/pipelines", "{}"),
    ])
}

fn changing() -> Scenario {
    let put = |body: &str| ADMIN.put("/pipelines/{pipeline.id}", body);
    with_pipeline(
        "changing pipelines",
        [
            put("{}"),
            put(r#"{"description": "d"}"#),
            put(r#"{"add_tags": ["a", "b"]}"#),
            put(r#"{"description": "e", "remove_tags": ["a", "nope"]}"#),
            put(r#"{"description": null}"#),
            put(r#"{"name": "other"}"#),
            put(r#"{"description": 5}"#),
            put(r#"{"add_tags": "a"}"#),
            put("[]"),
            put(""),
            ADMIN.put(&format!("/pipelines/{NONE}"), "{}"),
            ADMIN.put("/pipelines/training", "{}"),
            ANYONE.put("/pipelines/{pipeline.id}", "{}"),
            ADMIN.delete("/pipelines/x"),
            ADMIN.delete(&format!("/pipelines/{NONE}")),
            ANYONE.delete("/pipelines/{pipeline.id}"),
        ],
    )
}

fn reading() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/pipelines?{query}"));
    with_pipeline(
        "reading pipelines",
        [
            ADMIN
                .post("/pipelines", r#"{"project": "{project.id}", "name": "other", "tags": ["a"]}"#)
                .keep("other"),
            ADMIN.get("/pipelines/{pipeline.id}"),
            ADMIN.get("/pipelines/{pipeline.id}?hydrate=false"),
            ADMIN.get("/pipelines/{pipeline.id}?hydrate=x"),
            ADMIN.get("/pipelines/training"),
            ADMIN.get(&format!("/pipelines/{NONE}")),
            ANYONE.get("/pipelines/{pipeline.id}"),
            ANYONE.get("/pipelines"),
            list(""),
            list("hydrate=true"),
            list("page=2&size=1&sort_by=name"),
            list("page=3&size=1"),
            list("project=default&name=training"),
            list("project={project.id}&name=contains:TRAIN"),
            list("project=nope"),
            list("project_name_or_id=default&name=x"),
            list("id={other.id}"),
            list("id=x"),
            list("name=oneof:[\"other\"]"),
            list("created=gt:2020-01-01 00:00:00"),
            list("updated=lt:2020-01-01 00:00:00"),
            list("user=default"),
            list("user=nobody"),
            list("scope_user=x"),
            list("tags=a"),
            list("tags=nope"),
            list("tag=a"),
            list("latest_run_status=completed"),
            list("latest_run_status=notequals:completed"),
            list("latest_run_user=default"),
            list("latest_run_user=x&name=other&logical_operator=or"),
            list("sort_by=desc:name"),
            list("sort_by=latest_run"),
            list("sort_by=desc:latest_run"),
            list("sort_by=desc:user&name=other"),
            list("sort_by=tags"),
            list("sort_by=description"),
            list("sort_by=latest_run_status"),
            ADMIN.delete("/pipelines/{other.id}"),
        ],
    )
}
