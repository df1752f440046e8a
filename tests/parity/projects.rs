//! Projects, and the code repositories and tags that are in them.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{EMPTY, LIST_OF_NOTHING, NULL_IS_UNSET, UNKNOWN_REFERENCE};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![making(), changing(), deleting(), repositories(), repositories_listed(), tags(), tags_attached()]
}

fn making() -> Scenario {
    let named = |name: &str| ADMIN.post("/projects", &format!(r#"{{"name": "{name}"}}"#));
    scenario(
        "making projects",
        [
            named("lab").keep("lab"),
            ADMIN.get("/onboarding_state"),
            ADMIN.get("/projects/lab"),
            ADMIN.get("/projects/{lab.id}?hydrate=false"),
            named("lab"),
            ADMIN.delete("/projects/lab"),
            ADMIN
                .post(
                    "/projects",
                    r#"{"name": "lab_1-x", "display_name": "The Lab", "description": "d",
                        "project_metadata": {"a": [1.50, null]}}"#,
                )
                .keep("full"),
            ADMIN.get("/projects/lab_1-x"),
            ADMIN.get("/projects?display_name=The Lab&hydrate=true"),
            ADMIN.get("/projects/{full.id}/statistics"),
            ADMIN.get("/projects/lab_1-x/statistics"),
            ADMIN.get("/projects/nope/statistics"),
            ADMIN.delete("/projects/{full.id}"),
            ADMIN.post("/projects", r#"{"display_name": "My Pro!ject 2"}"#),
            ADMIN.delete("/projects/my-project-2"),
            ADMIN.post("/projects", r#"{"name": "", "display_name": "Ab c", "project_metadata": null}"#),
            ADMIN.delete("/projects/ab-c"),
            ADMIN.post("/projects", r#"{"name": "n", "display_name": ""}"#),
            ADMIN.delete("/projects/n"),
            ADMIN.post("/workspaces", r#"{"name": "old"}"#).keep("old"),
            ADMIN.get("/workspaces?name=old"),
            ADMIN.get("/workspaces/old"),
            ADMIN.put("/workspaces/{old.id}", r#"{"description": "d"}"#),
            ADMIN.get("/workspaces/old/statistics"),
            ADMIN.post("/workspaces/old/code_repositories", REPOSITORY),
            ADMIN.get("/workspaces/old/code_repositories"),
            ADMIN.get("/workspaces/nope/code_repositories"),
            ADMIN.get("/workspaces/nope/stacks?name=default"),
            ADMIN.get("/workspaces/nope/components?name=default&type=orchestrator"),
            ADMIN.post("/workspaces/old/secrets", r#"{"name": "old"}"#).keep("secret"),
            ADMIN.delete("/secrets/{secret.id}"),
            ADMIN.delete("/workspaces/old"),
            ADMIN.post("/projects", "{}"),
            ADMIN.post("/projects", "[]").wanted(&LIST_OF_NOTHING),
            ADMIN.post("/projects", r#"{"display_name": "!!!"}"#),
            named("Upper"),
            named("a b"),
            named(&"x".repeat(51)),
            ADMIN.post("/projects", r#"{"name": "n", "description": null}"#),
            ADMIN.post("/projects", r#"{"name": "n", "project_metadata": []}"#),
            ANYONE.post("/projects", r#"{"name": "n"}"#),
        ],
    )
}

fn changing() -> Scenario {
    scenario(
        "changing projects",
        [
            ADMIN.post("/projects", r#"{"name": "lab"}"#).keep("lab"),
            ADMIN
                .put("/projects/{lab.id}", r#"{"name": "renamed", "display_name": "D", "description": "d"}"#),
            ADMIN.put("/projects/{lab.id}", r#"{"name": "default"}"#),
            ADMIN.put("/projects/{lab.id}", r#"{"project_metadata": {"a": 1}}"#),
            ADMIN.put("/projects/{lab.id}", r#"{"project_metadata": null}"#),
            ADMIN.put("/projects/{lab.id}", r#"{"description": null}"#).wanted(&NULL_IS_UNSET),
            ADMIN.put("/projects/{lab.id}", r#"{"name": "Upper"}"#),
            ADMIN.put("/projects/{lab.id}", r#"{"name": ""}"#),
            ADMIN.put("/projects/{lab.id}", "{}"),
            ADMIN.put("/projects/{lab.id}", "[]"),
            ADMIN.put("/projects/renamed", "{}"),
            ADMIN.put(&format!("/projects/{NONE}"), "{}"),
            ADMIN.get("/projects/default").keep("default"),
            ADMIN.put("/projects/{default.id}", r#"{"name": "other"}"#),
            ADMIN.put("/projects/{default.id}", r#"{"name": "default", "description": "d"}"#),
            ADMIN.put("/projects/{default.id}", r#"{"description": ""}"#),
            ANYONE.put("/projects/{lab.id}", "{}"),
            ADMIN.delete("/projects/renamed"),
        ],
    )
}

const ADA: By = By("ada");

fn deleting() -> Scenario {
    scenario(
        "deleting projects",
        [
            ADMIN.post("/users", r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#),
            ANYONE.form("/login", "username=ada&password=secret+sauce").keep("ada"),
            ADA.post("/projects", r#"{"name": "lab"}"#).keep("lab"),
            ADMIN.post("/code_repositories?project_name_or_id=lab", REPOSITORY).keep("repository"),
            ADA.get("/code_repositories?project=lab"),
            ADA.delete("/projects/{lab.id}"),
            ADMIN.get("/code_repositories/{repository.id}"),
            ADA.delete("/projects/lab"),
            ADMIN.delete("/projects/default"),
            ANYONE.delete("/projects/default"),
            ADMIN.delete("/users/ada"),
        ],
    )
}

const REPOSITORY: &str = r#"{"project": "00000000-0000-0000-0000-000000000001", "name": "r",
    "config": {"owner": "o", "n": 1.50}, "source": {"module": "m", "attribute": "A", "type": "internal", "more": 1}}"#;

fn repositories() -> Scenario {
    let made = |more: &str| {
        ADMIN.post(
            "/code_repositories",
            &format!(r#"{{"project": "{{default.id}}", "name": "r", "config": {{"a": 1}}, {more}}}"#),
        )
    };
    scenario(
        "code repositories",
        [
            ADMIN.get("/projects/default").keep("default"),
            ADMIN.post("/code_repositories?project_name_or_id=default", REPOSITORY).keep("repository"),
            ADMIN.get("/code_repositories/{repository.id}"),
            ADMIN.get("/code_repositories/{repository.id}?hydrate=false"),
            made(r#""source": {"module": "m", "type": "user"}"#),
            ADMIN.post("/code_repositories", REPOSITORY).wanted(&UNKNOWN_REFERENCE),
            ADMIN.post("/code_repositories?project_name_or_id=nope", REPOSITORY),
            made(r#""source": 5"#),
            made(r#""source": {"module": "m", "type": "nope"}"#),
            made(r#""logo_url": "x""#),
            ADMIN.post("/code_repositories", "{}"),
            ADMIN.put(
                "/code_repositories/{repository.id}",
                r#"{"name": "renamed", "config": {"b": 2}, "logo_url": "l", "description": "d"}"#,
            ),
            ADMIN.put(
                "/code_repositories/{repository.id}",
                r#"{"config": {}, "logo_url": "", "description": null}"#,
            ),
            ADMIN.put("/code_repositories/{repository.id}", r#"{"source": {"module": "x", "type": "user"}}"#),
            ADMIN.put("/code_repositories/{repository.id}", r#"{"source": 5}"#),
            ADMIN.put("/code_repositories/{repository.id}", r#"{"name": null}"#),
            ADMIN.put("/code_repositories/{repository.id}", r#"{"name": ""}"#).wanted(&EMPTY),
            made(r#""source": {"module": "m", "type": "user"}, "description": "d""#).keep("other"),
            ADMIN.put("/code_repositories/{other.id}", r#"{"name": "renamed"}"#),
            ADMIN.put(&format!("/code_repositories/{NONE}"), "{}"),
            ADMIN.get(&format!("/code_repositories/{NONE}")),
            ADMIN.get("/code_repositories/r"),
            ANYONE.post("/code_repositories", REPOSITORY),
            ADMIN.delete("/code_repositories/{other.id}"),
            ADMIN.delete("/code_repositories/{repository.id}"),
            ADMIN.delete("/code_repositories/{repository.id}"),
        ],
    )
}

fn repositories_listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/code_repositories?{query}"));
    scenario(
        "listing code repositories",
        [
            ADMIN.post("/projects", r#"{"name": "lab"}"#),
            ADMIN.post("/code_repositories?project_name_or_id=default", REPOSITORY).keep("one"),
            ADMIN.post("/code_repositories?project_name_or_id=lab", REPOSITORY).keep("two"),
            list(""),
            list("project=lab"),
            list("project=lab&hydrate=true"),
            list("project_name_or_id=lab&project=default"),
            list("project=nope"),
            list("project=default&name=r"),
            list("project=default&name=x"),
            list("project=default&user=default"),
            list("project=default&sort_by=desc:user"),
            list("project=default&sort_by=source"),
            list(&format!("project=default&scope_user={NONE}")),
            list("project=default&page=2"),
            ANYONE.get("/code_repositories"),
            ADMIN.delete("/projects/lab"),
            ADMIN.get("/code_repositories/{two.id}"),
            ADMIN.delete("/code_repositories/{one.id}"),
        ],
    )
}

fn tags() -> Scenario {
    let named = |name: &str| ADMIN.post("/tags", &format!(r#"{{"name": "{name}", "color": "red"}}"#));
    let list = |query: &str| ADMIN.get(&format!("/tags?{query}"));
    scenario(
        "tags",
        [
            named("one").keep("one"),
            ADMIN.post("/tags", r#"{"name": "two", "color": "blue", "exclusive": true}"#).keep("two"),
            ADMIN.get("/tags/{one.id}"),
            ADMIN.get("/tags/{one.id}?hydrate=false"),
            ADMIN.get("/tags/one"),
            ADMIN.get(&format!("/tags/{NONE}")),
            named("one"),
            named(""),
            named("a\\tb"),
            named(NONE),
            named(&"x".repeat(256)),
            ADMIN.post("/tags", "{}"),
            ADMIN.post("/tags", r#"{"name": "x", "color": "beige"}"#),
            ADMIN.post("/tags", r#"{"name": "x", "exclusive": null}"#),
            list(""),
            list("hydrate=true&sort_by=desc:name"),
            list("name=one"),
            list("color=red"),
            list("color=beige"),
            list("exclusive=true"),
            list("exclusive=x"),
            list("resource_type=pipeline"),
            list("resource_type=nope"),
            list("user=default"),
            list("sort_by=user&name=two"),
            list("sort_by=color"),
            list("sort_by=resource_type"),
            ADMIN.put("/tags/{one.id}", r#"{"name": "renamed", "color": "lime"}"#),
            ADMIN.put("/tags/{one.id}", r#"{"name": "two"}"#),
            ADMIN.put("/tags/{one.id}", r#"{"name": null, "color": null}"#).wanted(&NULL_IS_UNSET),
            ADMIN.put("/tags/{one.id}", r#"{"exclusive": true}"#),
            ADMIN.put("/tags/{one.id}", r#"{"exclusive": false}"#),
            ADMIN.put("/tags/{one.id}", "{}"),
            ADMIN.put("/tags/{one.id}", r#"{"color": "beige"}"#),
            ADMIN.put(&format!("/tags/{NONE}"), "{}"),
            ANYONE.put("/tags/{one.id}", "{}"),
            ADMIN.delete("/tags/{one.id}"),
            ADMIN.delete("/tags/{one.id}"),
            ADMIN.delete("/tags/{two.id}"),
            ADMIN.delete("/tags/two"),
            ANYONE.get("/tags"),
        ],
    )
}

fn tags_attached() -> Scenario {
    let link = |thing: &str, tag: &str| {
        format!(
            r#"{{"tag_id": "{{{tag}.id}}", "resource_id": "{{{thing}.id}}", "resource_type": "pipeline"}}"#
        )
    };
    let (one, two) = (link("pipeline", "one"), link("pipeline", "two"));
    let (batch, missing) = (format!("[{one}, {two}]"), one.replace("{pipeline.id}", NONE));
    let body = |method, path: &str, json: &str| {
        ADMIN.send(method, path).header("content-type", "application/json").body(json)
    };
    scenario(
        "attaching tags",
        [
            ADMIN.get("/projects/default").keep("default"),
            ADMIN.post("/pipelines", r#"{"project": "{default.id}", "name": "p"}"#).keep("pipeline"),
            ADMIN.post("/tags", r#"{"name": "one", "color": "red"}"#).keep("one"),
            ADMIN.post("/tags", r#"{"name": "two", "color": "red"}"#).keep("two"),
            ADMIN.post("/tag_resources", &one),
            ADMIN.post("/tag_resources", &one),
            ADMIN.get("/tags/{one.id}"),
            ADMIN.get("/pipelines/{pipeline.id}"),
            ADMIN.get("/tags?resource_type=pipeline"),
            body("DELETE", "/tag_resources", &one),
            body("DELETE", "/tag_resources", &one),
            ADMIN.post("/tag_resources/batch", &batch),
            ADMIN.get("/pipelines/{pipeline.id}"),
            ADMIN.post("/tag_resources/batch", "[]"),
            ADMIN.post("/tag_resources/batch", "{}"),
            ADMIN.post("/tag_resources/batch", &format!("[{one}, {missing}]")),
            body("DELETE", "/tag_resources/batch", &batch),
            body("DELETE", "/tag_resources/batch", "[]"),
            ADMIN.get("/tags/{two.id}"),
            ADMIN.post("/tag_resources", &missing),
            ADMIN.post("/tag_resources", &one.replace("{one.id}", NONE)),
            ADMIN.post("/tag_resources", &one.replace("\"pipeline\"", "\"nope\"")),
            ADMIN.post("/tag_resources", &one.replace("\"pipeline\"", "\"model\"")),
            ADMIN.post("/tag_resources", "{}"),
            ADMIN.post("/tag_resources", &two),
            ADMIN.put("/tags/{two.id}", r#"{"exclusive": true}"#),
            ADMIN.put("/tags/{one.id}", r#"{"exclusive": true}"#),
            ADMIN.post("/tag_resources", &one),
            ADMIN.delete("/tags/{two.id}"),
            ADMIN.get("/pipelines/{pipeline.id}"),
            ANYONE.post("/tag_resources", &one),
            ADMIN.delete("/tags/{one.id}"),
            ADMIN.delete("/pipelines/{pipeline.id}"),
        ],
    )
}
