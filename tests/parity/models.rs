//! Models, their versions, and what is linked to them.

use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{EMPTY, TAKEN_NAME, TAKEN_STAGE, UNION, UNKNOWN_PROJECT, UNKNOWN_REFERENCE};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        super::artifacts::tags(),
        models(),
        no_models(),
        model_lists(),
        versions(),
        no_versions(),
        stages(),
        version_lists(),
        links(),
        super::artifacts::no_tags(),
    ]
}

fn with_project(name: &'static str, steps: Vec<Step>) -> Scenario {
    let start = [ADMIN.get("/projects/default").keep("project")];
    Scenario { name, steps: start.into_iter().chain(steps).collect() }
}

fn make(fields: &str) -> Step {
    ADMIN.post("/models", &format!(r#"{{"project": "{{project.id}}", {fields}}}"#))
}

fn version(fields: &str) -> Step {
    ADMIN.post(
        "/model_versions",
        &format!(r#"{{"project": "{{project.id}}", "model": "{{model.id}}", {fields}}}"#),
    )
}

fn models() -> Scenario {
    with_project(
        "models",
        vec![
            make(r#""name": "classifier""#).keep("model"),
            make(r#""name": "classifier""#),
            make(
                r#""name": "Zoë: x", "license": "MIT", "description": "d", "audience": "a", "use_cases": "u",
                   "limitations": "l", "trade_offs": "t", "ethics": "e", "tags": ["b", "a"],
                   "save_models_to_registry": false, "unknown": 1"#,
            )
            .keep("full"),
            ADMIN.get("/models/{model.id}"),
            ADMIN.get("/models/{full.id}"),
            ADMIN.get("/models/{full.id}?hydrate=false"),
            ADMIN.get("/models/classifier"),
            ADMIN.get(&format!("/models/{NONE}")),
            ANYONE.get("/models/{full.id}"),
            ADMIN.put("/models/{full.id}", "{}"),
            ADMIN.put("/models/{full.id}", r#"{"license": null, "description": "", "ethics": "good"}"#),
            ADMIN.put(
                "/models/{full.id}",
                r#"{"add_tags": ["c"], "remove_tags": ["a"], "save_models_to_registry": true}"#,
            ),
            ADMIN.put("/models/{full.id}", r#"{"name": "renamed"}"#),
            ADMIN.put("/models/{full.id}", r#"{"name": "renamed"}"#),
            ADMIN.put("/models/{full.id}", r#"{"name": "classifier"}"#),
            ADMIN.put("/models/{full.id}", r#"{"name": 5}"#),
            ADMIN.put("/models/{full.id}", r#"{"license": 5}"#),
            ADMIN.put(&format!("/models/{NONE}"), "{}"),
            ADMIN
                .post(
                    "/models?project_name_or_id=default",
                    &format!(r#"{{"project": "{NONE}", "name": "q"}}"#),
                )
                .keep("q"),
            ADMIN
                .post("/workspaces/default/models", &format!(r#"{{"project": "{NONE}", "name": "w"}}"#))
                .keep("w"),
            ADMIN.post("/workspaces/nowhere/models", &format!(r#"{{"project": "{NONE}", "name": "w"}}"#)),
            ADMIN.delete("/models/{q.id}"),
            ADMIN.delete("/models/{w.id}"),
            ADMIN.delete("/models/{model.id}"),
            ADMIN.delete("/models/{model.id}"),
            ADMIN.delete("/models/{full.id}"),
        ],
    )
}

fn no_models() -> Scenario {
    let longer = "x".repeat(256);
    with_project(
        "what is no model",
        vec![
            ANYONE.post("/models", "{}"),
            ADMIN.post("/models", "{}"),
            ADMIN.post("/models", "[]"),
            make(r#""name": """#),
            make(r#""name": "a\tb""#),
            make(r#""name": 5"#),
            make(r#""name": "x", "license": 5"#),
            make(r#""name": "x", "tags": "a""#),
            make(r#""name": "x", "save_models_to_registry": "perhaps""#),
            make(&format!(r#""name": "{longer}""#)),
            ADMIN
                .post("/models", &format!(r#"{{"project": "{NONE}", "name": "x"}}"#))
                .wanted(&UNKNOWN_PROJECT),
            ADMIN.post("/models", r#"{"project": "default", "name": "x"}"#),
            ADMIN.send("DELETE", "/models"),
        ],
    )
}

fn model_lists() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/models?{query}"));
    with_project(
        "lists of models",
        vec![
            list(""),
            make(r#""name": "one", "tags": ["z"]"#).keep("model"),
            make(r#""name": "two""#).keep("two"),
            version(r#""name": "v""#),
            list(""),
            list("hydrate=true"),
            list("name=one"),
            list("name=startswith:t"),
            list("id={two.id}"),
            list("tags=z"),
            list("tags=isnull:"),
            list("user=default"),
            list("user=nobody"),
            list("project=default"),
            list("project=nowhere"),
            list("logical_operator=or&name=one&name=two"),
            list("logical_operator=or&name=two&tags=z"),
            list("sort_by=name"),
            list("sort_by=tags"),
            list("sort_by=desc:latest_version"),
            list("sort_by=latest_version"),
            list("sort_by=license"),
            list("size=1&page=2"),
            list("size=1&page=3"),
            ADMIN.delete("/models/{model.id}"),
            ADMIN.delete("/models/{two.id}"),
            ADMIN.get("/model_versions"),
        ],
    )
}

fn versions() -> Scenario {
    with_project(
        "model versions",
        vec![
            make(r#""name": "classifier""#).keep("model"),
            version(r#""unknown": 1"#).keep("first"),
            version(r#""name": "best", "description": "d", "stage": "staging", "tags": ["x", "a"]"#)
                .keep("best"),
            version(r#""name": "best""#),
            version(r#""name": null"#).keep("third"),
            version(r#""name": """#).keep("fourth"),
            ADMIN.get("/model_versions/{first.id}"),
            ADMIN.get("/model_versions/{best.id}"),
            ADMIN.get("/model_versions/{best.id}?hydrate=false"),
            ADMIN.get("/models/{model.id}"),
            ADMIN.get(&format!("/model_versions/{NONE}")),
            ADMIN.get("/model_versions/best"),
            ANYONE.get("/model_versions/{best.id}"),
            ADMIN.put("/model_versions/{best.id}", "{}"),
            ADMIN.put(
                "/model_versions/{best.id}",
                r#"{"description": "other", "add_tags": ["y"], "remove_tags": ["x"]}"#,
            ),
            ADMIN.put("/model_versions/{best.id}", r#"{"description": null}"#),
            ADMIN.put("/model_versions/{best.id}", r#"{"name": "better"}"#),
            ADMIN.put("/model_versions/{best.id}", r#"{"name": "better"}"#),
            ADMIN.put("/model_versions/{first.id}", r#"{"name": "better"}"#).wanted(&TAKEN_NAME),
            ADMIN.put("/model_versions/{best.id}", r#"{"name": ""}"#).wanted(&EMPTY),
            ADMIN.put("/model_versions/{best.id}", r#"{"name": "better"}"#).tidies(),
            ADMIN.put("/model_versions/{best.id}", r#"{"name": 5}"#),
            ADMIN.put(&format!("/model_versions/{NONE}"), "{}"),
            ADMIN.post(
                "/run-metadata",
                r#"{"project": "{project.id}", "resources": [{"id": "{best.id}", "type": "model_version"}],
                    "values": {"accuracy": 0.9}, "types": {"accuracy": "float"}}"#,
            ),
            ADMIN.get("/model_versions/{best.id}"),
            ADMIN.get("/model_versions?run_metadata=accuracy:gt:0.5"),
            ADMIN.get("/model_versions?run_metadata=accuracy:gt:0.95"),
            ADMIN.post(
                "/model_versions?project_name_or_id=default&model_id={model.id}",
                &format!(r#"{{"project": "{NONE}", "model": "{NONE}"}}"#),
            ),
            ADMIN.post(
                "/workspaces/default/models/{model.id}/model_versions",
                &format!(r#"{{"project": "{NONE}", "model": "{NONE}"}}"#),
            ),
            ADMIN.delete("/model_versions/{third.id}"),
            ADMIN.delete("/model_versions/{third.id}"),
            version(r#""name": "after a deletion""#),
            ADMIN.delete("/models/{model.id}"),
            ADMIN.get("/model_versions/{best.id}"),
        ],
    )
}

fn no_versions() -> Scenario {
    with_project(
        "what is no model version",
        vec![
            make(r#""name": "classifier""#).keep("model"),
            ANYONE.post("/model_versions", "{}"),
            ADMIN.post("/model_versions", "{}"),
            ADMIN.post("/model_versions", &format!(r#"{{"project": "{{project.id}}", "model": "{NONE}"}}"#)),
            ADMIN.post("/model_versions", &format!(r#"{{"project": "{NONE}", "model": "{{model.id}}"}}"#)),
            ADMIN.post("/model_versions", r#"{"project": "{project.id}", "model": "classifier"}"#),
            version(r#""name": "5""#),
            version(r#""name": "latest""#),
            version(r#""name": "Production""#),
            version(r#""name": "a\nb""#),
            version(r#""name": 5"#),
            version(r#""tags": "x""#),
            version(r#""description": 5"#),
            ADMIN.post("/model_versions?model_id=x", r#"{"project": "{project.id}", "model": "{model.id}"}"#),
            ADMIN.get("/model_versions"),
            ADMIN.delete("/models/{model.id}"),
        ],
    )
}

fn stages() -> Scenario {
    let stage = |of: &str, fields: &str| ADMIN.put(&format!("/model_versions/{{{of}.id}}"), fields);
    with_project(
        "stages of model versions",
        vec![
            make(r#""name": "classifier""#).keep("model"),
            version(r#""name": "a""#).keep("a"),
            version(r#""name": "b""#).keep("b"),
            stage("a", r#"{"stage": "production"}"#),
            stage("a", r#"{"stage": "production"}"#),
            stage("b", r#"{"stage": "production"}"#).wanted(&TAKEN_STAGE),
            stage("b", r#"{"stage": "production", "force": true}"#),
            ADMIN.get("/model_versions/{a.id}"),
            stage("b", r#"{"stage": "archived"}"#).wanted(&TAKEN_STAGE),
            stage("b", r#"{"stage": "archived", "force": true}"#),
            stage("b", r#"{"stage": "none"}"#),
            stage("b", r#"{"stage": "latest"}"#),
            stage("b", r#"{"stage": null}"#),
            stage("b", r#"{"stage": "best"}"#),
            stage("b", r#"{"stage": "Staging"}"#),
            stage("b", r#"{"stage": 5}"#).wanted(&UNION),
            stage("b", r#"{"stage": "staging", "force": "perhaps"}"#),
            ADMIN.get("/model_versions?stage=archived"),
            ADMIN.get("/model_versions?stage=oneof:[\"archived\",\"latest\"]"),
            ADMIN.get("/model_versions?stage=best"),
            ADMIN.get("/model_versions?stage=isnull:"),
            ADMIN.delete("/models/{model.id}"),
        ],
    )
}

fn version_lists() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/model_versions?{query}"));
    with_project(
        "lists of model versions",
        vec![
            make(r#""name": "other""#).keep("model"),
            version(r#""name": "o""#),
            ADMIN.get("/models/{model.id}").keep("other"),
            make(r#""name": "classifier""#).keep("model"),
            version(r#""name": "a", "tags": ["x"]"#).keep("a"),
            version(r#""stage": "staging""#).keep("b"),
            list(""),
            list("hydrate=true"),
            list("model=classifier"),
            list("model={other.id}"),
            list("model=startswith:cl"),
            list("model_name_or_id=classifier"),
            list("model_name_or_id=nothing"),
            ADMIN.get("/models/classifier/model_versions"),
            ADMIN.get("/models/{model.id}/model_versions?hydrate=true"),
            ADMIN.get("/models/nothing/model_versions"),
            ADMIN.get("/models/classifier/model_versions?name=a"),
            ADMIN.get("/models/classifier/model_versions?page=9"),
            ANYONE.get("/models/classifier/model_versions"),
            list("name=a"),
            list("number=2"),
            list("number=gt:1"),
            list("number=x"),
            list("stage=staging"),
            list("tags=x"),
            list("user=default"),
            list("id={a.id}"),
            list("sort_by=desc:number&model=classifier"),
            list("sort_by=name"),
            list("sort_by=stage&model=other"),
            list("sort_by=tags&model=classifier"),
            list("sort_by=model"),
            list("run_metadata=x"),
            list("run_metadata=x:1"),
            list("project=nowhere"),
            ADMIN.delete("/models/{model.id}"),
            ADMIN.delete("/models/{other.id}"),
        ],
    )
}

fn links() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/model_version_artifacts?{query}"));
    let artifact = |name: &str, kind: &str| {
        ADMIN.post(
            "/artifact_versions",
            &format!(
                r#"{{"project": "{{project.id}}", "artifact_name": "{name}", "type": "{kind}", "save_type": "manual",
                    "uri": "/data/x", "materializer": "a.B", "data_type": "a.B", "has_custom_name": true}}"#
            ),
        )
    };
    let link = |fields: &str| ADMIN.post("/model_version_artifacts", &format!("{{{fields}}}"));
    with_project(
        "links of model versions",
        vec![
            make(r#""name": "classifier""#).keep("model"),
            version(r#""name": "v""#).keep("v"),
            artifact("data", "DataArtifact").keep("data"),
            artifact("weights", "ModelArtifact").keep("weights"),
            artifact("service", "ServiceArtifact").keep("service"),
            link(r#""model_version": "{v.id}", "artifact_version": "{data.id}""#).keep("link"),
            link(r#""model_version": "{v.id}", "artifact_version": "{data.id}""#),
            link(r#""model_version": "{v.id}", "artifact_version": "{weights.id}""#),
            link(r#""model_version": "{v.id}", "artifact_version": "{service.id}""#),
            link(&format!(r#""model_version": "{{v.id}}", "artifact_version": "{NONE}""#))
                .wanted(&UNKNOWN_REFERENCE),
            link(&format!(r#""model_version": "{NONE}", "artifact_version": "{{data.id}}""#)),
            link(r#""model_version": "v", "artifact_version": "{data.id}""#),
            link(""),
            ANYONE.post("/model_version_artifacts", "{}"),
            list(""),
            list("hydrate=true"),
            list("model_version_id={v.id}"),
            list(&format!("model_version_id={NONE}")),
            list("artifact_version_id={data.id}"),
            list("artifact_name=weights"),
            list("artifact_name=startswith:s"),
            list("only_data_artifacts=true"),
            list("only_model_artifacts=true"),
            list("only_deployment_artifacts=true"),
            list("only_deployment_artifacts=false"),
            list("only_deployment_artifacts=x"),
            list("has_custom_name=true"),
            list("has_custom_name=false"),
            list("user=default"),
            list("user=nobody"),
            list("sort_by=model_version_id&artifact_name=data"),
            list("sort_by=artifact_name"),
            list("size=1&page=2"),
            ANYONE.get("/model_version_artifacts"),
            ADMIN.get("/artifact_versions?model_version_id={v.id}"),
            ADMIN.get("/artifact_versions?model=classifier"),
            ADMIN.get("/artifact_versions?model={model.id}&type=ModelArtifact"),
            ADMIN.delete("/model_versions/{v.id}/artifacts/{link.id}"),
            ADMIN.delete("/model_versions/{v.id}/artifacts/{link.id}"),
            ADMIN.delete("/model_versions/{v.id}/artifacts/weights"),
            ADMIN.delete("/model_versions/{v.id}/artifacts/nothing"),
            ADMIN.delete(&format!("/model_versions/{NONE}/artifacts/weights")),
            ADMIN.delete("/model_versions/{v.id}/artifacts?only_links=x"),
            ADMIN.delete("/model_versions/{v.id}/artifacts"),
            ADMIN.delete(&format!("/model_versions/{NONE}/artifacts")),
            list(""),
            link(r#""model_version": "{v.id}", "artifact_version": "{data.id}""#),
            ADMIN.delete("/model_versions/{v.id}/artifacts?only_links=false"),
            ADMIN.get("/artifact_versions/{data.id}"),
            ADMIN.delete("/artifacts/{data.body.artifact.id}"),
            ADMIN.delete("/artifacts/{weights.body.artifact.id}"),
            ADMIN.delete("/artifacts/{service.body.artifact.id}"),
            ADMIN.delete("/models/{model.id}"),
        ],
    )
}
