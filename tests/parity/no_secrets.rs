//! A server that keeps no secrets: what it answers about those from before, and wherever one is named.

use super::bodies::{ARTIFACT_STORE, STACK};
use super::step::{ADMIN, ANYONE, By, Scenario, Step, scenario};
use super::wanted::{BUILT_IN_FIRST, ONE_OF_SEVERAL_TYPES};
use super::{Parity, server};
use crate::support::Database;

const NONE: &str = "00000000-0000-0000-0000-000000000001";
/// One from before.
const OLD: &str = "00000000-0000-0000-0000-000000000abc";
const ADA: By = By("ada");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_secrets_gives_the_same_answers() {
    let databases = (Database::sqlite(), Database::sqlite());
    let none = [("ZENML_SECRETS_STORE_TYPE", "none")];
    let Some(mut parity) = Parity::start(&databases, &none).await else { return };
    let activation = server::scenarios().remove(0);
    parity.scenario(&activation).await;
    for database in [&databases.0, &databases.1] {
        let insert = "INSERT INTO secret (id, created, updated, name, private, internal, `values`, user_id) SELECT \
                      '00000000000000000000000000000abc', '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000', 'old', \
                      FALSE, FALSE, 'x', id FROM user WHERE name = 'default'";
        database.execute(insert).await;
    }
    for scenario in [secrets(), where_they_are_named()] {
        parity.scenario(&scenario).await;
    }
    parity.finish(false).await;
}

fn secrets() -> Scenario {
    let old = |query: &str| format!("/secrets/{OLD}{query}");
    let nothing = format!("/secrets/{NONE}");
    scenario(
        "secrets where none are kept",
        [
            ANYONE.get("/info"),
            ADMIN.post("/secrets", r#"{"name": "s", "values": {"a": "1"}}"#),
            ADMIN.post("/secrets", r#"{"name": "s", "private": true, "values": {"a": "1"}}"#),
            ADMIN.post("/secrets", r#"{"name": "bare"}"#),
            ADMIN.post("/secrets", r#"{"name": "old", "values": {"a": "1"}}"#),
            ADMIN.post("/secrets", r#"{"name": "old", "private": true}"#),
            ADMIN.post("/secrets", "{}"),
            ADMIN.post("/secrets", "[]"),
            ADMIN.post("/secrets", r#"{"name": 5}"#),
            ADMIN.post("/secrets", r#"{"name": "x", "values": {"a": 1}}"#),
            ADMIN.post("/secrets", r#"{"name": "x", "private": "perhaps"}"#),
            ANYONE.post("/secrets", r#"{"name": "s"}"#),
            ADMIN.post("/workspaces/default/secrets", r#"{"name": "s"}"#),
            ADMIN.get("/secrets"),
            ADMIN.get("/secrets?hydrate=true"),
            ADMIN.get("/secrets?name=old"),
            ADMIN.get("/secrets?name=s"),
            ADMIN.get("/secrets?private=x"),
            ADMIN.get("/secrets?sort_by=values"),
            ADMIN.get("/secrets?page=2"),
            ANYONE.get("/secrets"),
            ADMIN.get(&old("")),
            ADMIN.get(&old("?hydrate=false")),
            ADMIN.get(&old("?hydrate=x")),
            ANYONE.get(&old("")),
            ADMIN.get(&nothing),
            ADMIN.get("/secrets/x"),
            ADMIN.put(&old(""), "{}"),
            ADMIN.put(&old(""), r#"{"name": "new"}"#),
            ADMIN.put(&old(""), r#"{"values": {"a": "b"}}"#),
            ADMIN.put(&old("?patch_values=true"), r#"{"values": {"a": null}}"#),
            ADMIN.put(&old("?patch_values=x"), "{}"),
            ADMIN.put(&old(""), r#"{"values": {"a": 1}}"#),
            ADMIN.put(&old(""), "[]"),
            ADMIN.put(&nothing, "{}"),
            ADMIN.put("/secrets/x", "{}"),
            ADMIN.delete(&nothing),
            ADMIN.delete("/secrets/x"),
            ANYONE.delete(&old("")),
            ADMIN.delete(&old("")),
            ADMIN.get("/secrets"),
            ADMIN.send("PUT", "/secrets_operations/backup"),
            ADMIN.send("PUT", "/secrets_operations/restore"),
            ADMIN.send("PUT", "/secrets_operations/backup?ignore_errors=x"),
            ADMIN.post("/users", r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#),
            ANYONE.form("/login", "username=ada&password=secret+sauce").keep("ada"),
            ADA.get("/secrets"),
            ADA.get(&old("")),
            ADA.post("/secrets", r#"{"name": "hers", "private": true, "values": {"a": "1"}}"#),
            ADA.delete(&old("")),
            ADMIN.delete("/users/ada"),
        ],
    )
}

fn where_they_are_named() -> Scenario {
    let component = |name: &str, secrets: &str| -> Step {
        let configuration = r#""type": "orchestrator", "flavor": "local", "configuration": {}"#;
        ADMIN.post("/components", &format!(r#"{{"name": "{name}", {configuration}, "secrets": {secrets}}}"#))
    };
    let stack = |name: &str, secrets: &str| -> Step {
        let parts =
            format!(r#"{{"artifact_store": ["{ARTIFACT_STORE}"], "orchestrator": ["{{component.id}}"]}}"#);
        ADMIN
            .post("/stacks", &format!(r#"{{"name": "{name}", "components": {parts}, "secrets": {secrets}}}"#))
    };
    let link = |verb: &str, secret: &str| format!(r#"{{"{verb}_secrets": ["{secret}"]}}"#);
    scenario(
        "things that name secrets where none are kept",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/stacks?hydrate=true&name=default").keep("stacks"),
            component("a", r#"["s"]"#),
            component("a", &format!(r#"["{NONE}"]"#)),
            component("a", "[5]").wanted(&ONE_OF_SEVERAL_TYPES),
            component("a", r#"["old"]"#).keep("component"),
            component("b", &format!(r#"["{OLD}"]"#)).keep("other"),
            ADMIN.get("/components/{component.id}"),
            ADMIN.put("/components/{component.id}", &link("add", "s")),
            ADMIN.put("/components/{component.id}", &link("add", NONE)),
            ADMIN.put("/components/{component.id}", &link("remove", "s")),
            ADMIN.put("/components/{component.id}", &link("remove", "old")),
            ADMIN.put("/components/{component.id}", &link("add", OLD)),
            ADMIN.put("/components/{component.id}", r#"{"configuration": {}, "labels": {"a": "b"}}"#),
            stack("st", r#"["s"]"#),
            stack("st", &format!(r#"["{NONE}"]"#)),
            stack("st", r#"["old"]"#).keep("stack"),
            ADMIN.get("/stacks/{stack.id}"),
            ADMIN.put("/stacks/{stack.id}", &link("add", "s")),
            ADMIN.put("/stacks/{stack.id}", &link("remove", "s")),
            ADMIN.put("/stacks/{stack.id}", &link("remove", "old")),
            ADMIN.put("/stacks/{stack.id}", &link("add", OLD)),
            ADMIN.put(&format!("/stacks/{STACK}"), &link("add", "s")).wanted(&BUILT_IN_FIRST),
            ADMIN
                .post(
                    "/code_repositories",
                    r#"{"project": "{project.id}", "name": "r", "config": {"token": "{{ old.a }}"},
                    "source": {"module": "m", "attribute": "A", "type": "user"}}"#,
                )
                .keep("repository"),
            ADMIN.put("/code_repositories/{repository.id}", r#"{"config": {"token": "{{ s.a }}"}}"#),
            ADMIN.get("/code_repositories?hydrate=true"),
            ADMIN.delete("/code_repositories/{repository.id}"),
            ADMIN.delete("/stacks/{stack.id}"),
            ADMIN.delete("/components/{component.id}"),
            ADMIN.delete("/components/{other.id}"),
            ADMIN.get("/secrets"),
            ADMIN.get("/statistics"),
        ],
    )
}
