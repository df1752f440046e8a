//! Secrets, and who sees them.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{EMPTY, NULL_IS_UNSET};

const NONE: &str = "00000000-0000-0000-0000-000000000001";
const MAKE: &str = r#"{"name": "s", "values": {"user": "zoë", "pass": "\"{}\n", "none": null, "empty": ""}}"#;
const ADA: By = By("ada");

pub fn scenarios() -> Vec<Scenario> {
    vec![making(), changing(), private(), listing(), backing_up()]
}

fn making() -> Scenario {
    let sized =
        |size: usize| format!(r#"{{"name": "big", "values": {{"key": "{}"}}}}"#, "é".repeat(size / 2));
    scenario(
        "making secrets",
        [
            ADMIN.post("/secrets", MAKE).keep("secret"),
            ADMIN.get("/secrets/{secret.id}"),
            ADMIN.get("/secrets/{secret.id}?hydrate=false"),
            ADMIN.get("/secrets?name=s"),
            ADMIN.post("/secrets", MAKE),
            ADMIN.post("/secrets?workspace_name_or_id=nope", r#"{"name": "bare"}"#).keep("bare"),
            ADMIN.get("/secrets/{bare.id}"),
            ADMIN.delete("/secrets/{bare.id}"),
            ADMIN
                .post("/secrets", r#"{"name": "s", "private": true, "values": {"a": "private"}}"#)
                .keep("own"),
            ADMIN.post("/secrets", r#"{"name": "s", "private": true, "values": {}}"#),
            ADMIN.delete("/secrets/{own.id}"),
            ADMIN.post("/secrets", &sized(64 * 1024 - 3)).keep("big"),
            ADMIN.delete("/secrets/{big.id}"),
            ADMIN.post("/secrets", &sized(64 * 1024)),
            ADMIN.get("/secrets?name=big"),
            ADMIN.post("/secrets", "{}"),
            ADMIN.post("/secrets", "[]"),
            ADMIN.post("/secrets", r#"{"name": "x", "values": {"a": 1}}"#),
            ADMIN.post("/secrets", r#"{"name": "x", "values": []}"#),
            ADMIN.post("/secrets", r#"{"name": "x", "values": null}"#),
            ADMIN.post("/secrets", r#"{"name": "x", "private": "perhaps"}"#),
            ADMIN.post("/secrets", r#"{"name": "x", "private": "yes"}"#).keep("loose"),
            ADMIN.delete("/secrets/{loose.id}").tidies(),
            ADMIN.post("/secrets", r#"{"name": ""}"#).keep("empty").wanted(&EMPTY),
            ADMIN.delete("/secrets/{empty.id}").tidies(),
            ADMIN.post("/secrets", &format!(r#"{{"name": "{}"}}"#, "x".repeat(256))),
            ADMIN.get("/secrets/s"),
            ADMIN.get(&format!("/secrets/{NONE}")),
            ANYONE.post("/secrets", MAKE),
            ANYONE.get("/secrets/{secret.id}"),
            ADMIN.delete("/secrets/{secret.id}"),
            ADMIN.delete("/secrets/{secret.id}"),
        ],
    )
}

fn changing() -> Scenario {
    scenario(
        "changing secrets",
        [
            ADMIN.post("/secrets", r#"{"name": "s", "values": {"a": "1", "b": "2"}}"#).keep("secret"),
            ADMIN.post("/secrets", r#"{"name": "taken"}"#).keep("taken"),
            ADMIN.put("/secrets/{secret.id}", r#"{"values": {"b": "3", "c": "4"}}"#),
            ADMIN.get("/secrets/{secret.id}"),
            ADMIN.put(
                "/secrets/{secret.id}?patch_values=true",
                r#"{"values": {"a": "5", "b": null, "x": null}}"#,
            ),
            ADMIN.put("/secrets/{secret.id}?patch_values=false", r#"{"values": {"a": null, "d": "6"}}"#),
            ADMIN.put("/secrets/{secret.id}?patch_values=perhaps", "{}"),
            ADMIN.put("/secrets/{secret.id}", r#"{"name": "renamed"}"#),
            ADMIN.put("/secrets/{secret.id}", r#"{"name": "taken"}"#),
            ADMIN.put("/secrets/{secret.id}", r#"{"name": "taken", "private": true}"#),
            ADMIN.put("/secrets/{secret.id}", r#"{"private": false}"#),
            ADMIN.put("/secrets/{secret.id}", r#"{"name": "s", "private": false}"#),
            ADMIN.put("/secrets/{secret.id}", r#"{"name": null}"#).wanted(&NULL_IS_UNSET),
            ADMIN.put("/secrets/{secret.id}", r#"{"values": {}}"#),
            ADMIN.put("/secrets/{secret.id}", r#"{"values": null}"#),
            ADMIN.put("/secrets/{secret.id}", &format!(r#"{{"values": {{"a": "{}"}}}}"#, "x".repeat(70_000))),
            ADMIN.get("/secrets/{secret.id}"),
            ADMIN.put("/secrets/{secret.id}", r#"{"values": {"a": 1}}"#),
            ADMIN.put("/secrets/{secret.id}", "[]"),
            ADMIN.put(&format!("/secrets/{NONE}"), "{}"),
            ADMIN.put("/secrets/x", "{}"),
            ANYONE.put("/secrets/{secret.id}", "{}"),
            ADMIN.delete("/secrets/{secret.id}"),
            ADMIN.delete("/secrets/{taken.id}"),
        ],
    )
}

fn private() -> Scenario {
    scenario(
        "private secrets",
        [
            ADMIN
                .post("/users", r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#)
                .keep("user"),
            ANYONE.form("/login", "username=ada&password=secret+sauce").keep("ada"),
            ADMIN.post("/secrets", r#"{"name": "p", "private": true, "values": {"a": "1"}}"#).keep("mine"),
            ADMIN.post("/secrets", r#"{"name": "open", "values": {"a": "1"}}"#).keep("open"),
            ADA.get("/secrets/{mine.id}"),
            ADA.put("/secrets/{mine.id}", "{}"),
            ADA.delete("/secrets/{mine.id}"),
            ADA.get("/secrets"),
            ADA.post("/secrets", r#"{"name": "p", "private": true, "values": {"a": "2"}}"#).keep("hers"),
            ADA.post("/secrets", r#"{"name": "open"}"#),
            ADA.put("/secrets/{open.id}", r#"{"values": {"a": "3"}}"#),
            ADA.put("/secrets/{open.id}", r#"{"private": true}"#),
            ADA.put("/secrets/{hers.id}", r#"{"private": false, "name": "open"}"#),
            ADA.put("/secrets/{hers.id}", r#"{"private": false}"#),
            ADMIN.get("/secrets/{hers.id}"),
            ADMIN.put("/secrets/{hers.id}", r#"{"name": "renamed"}"#),
            ADMIN.put("/secrets/{hers.id}", r#"{"private": false}"#),
            ADA.put("/secrets/{hers.id}", r#"{"private": true}"#),
            ADMIN.get("/secrets/{hers.id}"),
            ADMIN.get("/secrets"),
            ADA.post(
                "/components",
                r#"{"name": "c", "type": "orchestrator", "flavor": "local", "configuration": {},
            "secrets": ["{mine.id}"]}"#,
            ),
            ADA.post(
                "/components",
                r#"{"name": "c", "type": "orchestrator", "flavor": "local", "configuration": {},
            "secrets": ["renamed", "open"]}"#,
            )
            .keep("component"),
            ADA.delete("/components/{component.id}"),
            ADMIN.delete("/users/ada"),
            ADA.delete("/secrets/{hers.id}"),
            ADMIN.delete("/users/ada"),
            ADMIN.delete("/secrets/{mine.id}"),
            ADMIN.delete("/secrets/{open.id}"),
        ],
    )
}

fn listing() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/secrets?{query}"));
    scenario(
        "listing secrets",
        [
            list(""),
            ADMIN.post("/secrets", r#"{"name": "one", "values": {"a": "1"}}"#).keep("one"),
            ADMIN.post("/secrets", r#"{"name": "two", "private": true, "values": {"a": "1"}}"#).keep("two"),
            list(""),
            list("hydrate=true"),
            list("private=true"),
            list("private=false"),
            list("private=x"),
            list("private=equals:true"),
            list("name=one"),
            list("name=contains:o&id=startswith:x&logical_operator=or&sort_by=name"),
            list("user=default"),
            list("user=nobody"),
            list(&format!("scope_user={NONE}")),
            list("scope_user=x"),
            list("sort_by=desc:private"),
            list("sort_by=user&name=two"),
            list("sort_by=values"),
            list("id={one.id}"),
            list("size=1&page=2"),
            ADMIN.delete("/secrets/{one.id}"),
            ADMIN.delete("/secrets/{two.id}"),
            ANYONE.get("/secrets"),
        ],
    )
}

fn backing_up() -> Scenario {
    scenario(
        "secrets without a backup store",
        [
            ADMIN.post("/users", r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#),
            ANYONE.form("/login", "username=ada&password=secret+sauce").keep("ada"),
            ADMIN.send("PUT", "/secrets_operations/backup"),
            ADMIN.send("PUT", "/secrets_operations/backup?ignore_errors=false&delete_secrets=true"),
            ADMIN.send("PUT", "/secrets_operations/backup?ignore_errors=x"),
            ADMIN.send("PUT", "/secrets_operations/restore"),
            ADMIN.send("PUT", "/secrets_operations/restore?delete_secrets=x"),
            ADA.send("PUT", "/secrets_operations/backup"),
            ADA.send("PUT", "/secrets_operations/restore"),
            ANYONE.send("PUT", "/secrets_operations/backup"),
            ADMIN.delete("/users/ada"),
        ],
    )
}
