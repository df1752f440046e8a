//! Bodies in which a field stands several times: the last counts, wherever it is.

use serde_json::json;

use super::bodies::{artifact_version, snapshot, with_pipeline};
use super::step::{ADMIN, ANYONE, By, Scenario, Step, scenario};

pub fn scenarios() -> Vec<Scenario> {
    vec![accounts(), things(), within_snapshots()]
}

fn accounts() -> Scenario {
    const ADA: By = By("ada");
    scenario("fields that are repeated: accounts and settings", [
        ADMIN.post("/users", r#"{"name": 5, "is_admin": false, "password": "x", "name": "ada", "password": "secret sauce"}"#),
        ANYONE.form("/login", "username=ada&password=secret+sauce").keep("ada"),
        ADMIN.put("/users/ada", r#"{"full_name": "A", "full_name": "Ada", "user_metadata": {"a": 1, "b": 2, "a": [3]}}"#),
        ADMIN.get("/users/ada"),
        ADMIN.put("/users/ada", r#"{"full_name": "Ada", "full_name": 5}"#),
        ADMIN.put("/users/ada", r#"{"active": "x", "active": true}"#),
        ADA.put("/current-user", r#"{"full_name": "x", "full_name": "Countess", "full_n\u0061me": "Ada L."}"#),
        ADMIN.delete("/users/ada"),
        ADMIN.post("/service_accounts", r#"{"name": "x", "active": false, "name": "ci", "active": true}"#).keep("ci"),
        ADMIN.post("/service_accounts/{ci.id}/api_keys", r#"{"name": "a", "name": "k", "description": 1, "description": "d"}"#),
        ADMIN.put("/service_accounts/{ci.id}/api_keys/k", r#"{"active": true, "active": false}"#),
        ADMIN.put("/service_accounts/{ci.id}/api_keys/k/rotate", r#"{"retain_period_minutes": "x", "retain_period_minutes": 0}"#),
        ADMIN.delete("/service_accounts/{ci.id}"),
        ADMIN.put("/settings", r#"{"server_name": "x", "server_name": "default", "logo_url": 5, "logo_url": ""}"#),
        ANYONE.put("/activate", r#"{"admin_username": 5, "admin_username": "a"}"#),
    ])
}

fn things() -> Scenario {
    let repository = |config: &str| {
        format!(
            r#"{{"project": "{{project.id}}", "name": "x", "name": "r", "config": {{}}, "config": {config},
            "source": {{"module": "a", "module": "m", "attribute": "A", "type": "user"}}}}"#
        )
    };
    let make = |config: &str| ADMIN.post("/code_repositories", &repository(config));
    let tag = |body: &str| ADMIN.post("/tags", body);
    scenario("fields that are repeated: things", [
        ADMIN.get("/projects/default").keep("project"),
        tag(r#"{"name": "a", "color": "nope", "name": "t", "color": "teal", "exclusive": "x", "exclusive": false}"#).keep("tag"),
        tag(r#"{"name": "u", "color": "teal", "color": "nope"}"#),
        ADMIN.put("/tags/{tag.id}", r#"{"color": "x", "color": "red"}"#),
        tag(r#"{"name": "a", "name": b}"#),
        tag(r#"{"name": tru, "name": "b"}"#),
        tag(r#"{"name": "a", "name": "b""#),
        tag(r#"{"name": "a", "name": "b"}}"#),
        ADMIN.post("/secrets", r#"{"name": "s", "values": {"z": "1"}, "values": {"a": "1", "b": "2", "a": "3", "\u0062": "4"}}"#)
            .keep("secret"),
        ADMIN.get("/secrets/{secret.id}"),
        ADMIN.put("/secrets/{secret.id}?patch_values=true", r#"{"values": {"a": 5, "a": "6"}}"#),
        ADMIN.delete("/secrets/{secret.id}"),
        make(r#"{"a": 1, "a": {"b": 1, "c": [{"d": 1, "d": 12345678901234567890123}], "b": 2}}"#).keep("repository"),
        ADMIN.get("/code_repositories/{repository.id}"),
        ADMIN.delete("/code_repositories/{repository.id}"),
        ADMIN.post("/components", r#"{"name": "c", "type": "orchestrator", "flavor": "local_docker",
            "configuration": {"synchronous": "x", "synchronous": false, "run_args": {"a": 1, "a": {"b": 1, "b": 2}}},
            "labels": {"a": "1", "a": "2"}}"#).keep("component"),
        ADMIN.get("/components/{component.id}"),
        ADMIN.delete("/components/{component.id}"),
        ADMIN.post("/tag_resources/batch",
            r#"[{"tag_id": "x", "tag_id": "{tag.id}", "resource_id": "{project.id}", "resource_type": "x",
            "resource_type": "pipeline"}]"#),
        ADMIN.delete("/tags/{tag.id}"),
    ])
}

fn within_snapshots() -> Scenario {
    let post = |text: String| ADMIN.post("/pipeline_snapshots", &text);
    let with = |place: &str, text: &str| -> Step {
        let configuration = super::bodies::pipeline_configuration(json!({place: "REPEATED"}));
        post(snapshot(json!({"pipeline_configuration": configuration})).replace("\"REPEATED\"", text))
    };
    let version = artifact_version("data", json!({"metadata": "REPEATED"}));
    let metadata = r#"{"a": 1, "a": "x", "b": {"c": 1, "c": [2]}}"#;
    with_pipeline(
        "fields that are repeated: within others",
        [
            with("extra", r#"{"a": 1, "a": {"b": 1, "b": 2}}"#).keep("one"),
            ADMIN.get("/pipeline_snapshots/{one.id}"),
            with("settings", r#"{"docker": 5, "docker": {"x": 1, "x": [{"y": 1, "y": 2}]}}"#).keep("two"),
            with("parameters", r#"{"n": 1, "n": 2}"#),
            with("retry", r#"{"delay": "x", "delay": 3}"#),
            with("retry", r#"{"delay": 3, "delay": "x"}"#),
            ADMIN.post("/artifact_versions", &version.replace("\"REPEATED\"", metadata)).keep("version"),
            ADMIN
                .post("/artifact_versions/batch", &format!("[{}]", version.replace("\"REPEATED\"", "{}")))
                .keep("batch"),
            ADMIN.get("/artifact_versions/{version.id}"),
            ADMIN.delete("/artifact_versions/{version.id}").tidies(),
            ADMIN.delete("/artifact_versions/{batch.0.id}").tidies(),
            ADMIN.delete("/artifacts/{version.body.artifact.id}").tidies(),
        ],
    )
}
