//! Users, and the account of whoever asks.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{
    EMPTY, ENCODED_SLASH, LONG_PASSWORD, NULL_IS_UNSET, ONLY_ITS_CASE, UNKNOWN_REFERENCE, WAS_NOT_MADE,
    WHO_EXISTS_404, WHO_EXISTS_422,
};

const ADA: By = By("ada");
const NONE: &str = "/users/00000000-0000-0000-0000-000000000001";
const MAKE_ADA: &str = r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#;
const ADA_SIGNS_IN: &str = "username=ada&password=secret+sauce";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        making(),
        refused(),
        activation(),
        reading(),
        updating(),
        own_account(),
        email(),
        not_an_admin(),
        deleting(),
    ]
}

fn making() -> Scenario {
    scenario("making users", [
        ADMIN.post("/users", r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#).keep("user"),
        ADMIN.get("/users/{user.id}"),
        ADMIN.post("/users", r#"{"name": "ada", "is_admin": false, "password": "secret sauce"}"#),
        ADMIN.post("/users", r#"{"name": "ada", "is_admin": false}"#),
        ADMIN.post("/users", r#"{"name": "ADA", "is_admin": false, "password": "x"}"#).wanted(&ONLY_ITS_CASE),
        ADMIN.delete("/users/ADA").wanted(&WAS_NOT_MADE),
        ADMIN.post("/users", r#"{"name": "root", "is_admin": true, "password": "x"}"#),
        ADMIN.delete("/users/root"),
        ADMIN.post(
            "/users",
            r#"{"name": "Zoë O'Hara <z@x>", "is_admin": false, "full_name": "Zoë", "password": "x",
                "email": "zoe@lab.example", "email_opted_in": true, "avatar_url": "https://lab.example/z.png",
                "user_metadata": {"team": ["vision", 1.5, null]}, "active": false, "oidc_claims": {"sub": "1"},
                "external_user_id": "00000000-0000-0000-0000-000000000007", "activation_token": "x",
                "default_project_id": null, "unknown": 1}"#,
        )
        .keep("zoe"),
        ADMIN.get("/users/{zoe.id}"),
        ADMIN.get("/users/Zo%C3%AB%20O'Hara%20%3Cz@x%3E"),
        ANYONE.form("/login", "username={zoe.id}&password=x").keep("signed_in"),
        By("signed_in").get("/current-user"),
        ADMIN.delete("/users/{zoe.id}"),
        ADMIN.post("/users", r#"{"name": "waits", "is_admin": false}"#).keep("waits"),
        ADMIN.get("/users/waits"),
        ADMIN.delete("/users/waits"),
        ADMIN.post("/users", r#"{"name": "waits", "is_admin": false, "password": null, "active": true}"#),
        ADMIN.delete("/users/waits"),
        ADMIN.post("/users", r#"{"name": "flags", "is_admin": "yes", "password": "x"}"#),
        ADMIN.delete("/users/flags").tidies(),
        ADMIN.post("/users", r#"{"name": "flags", "is_admin": 0, "password": "x"}"#),
        ADMIN.delete("/users/flags").tidies(),
        ADMIN.delete("/users/ada"),
    ])
}

fn refused() -> Scenario {
    // Deep in what may be any JSON.
    let deep = format!(
        r#"{{"name": "deep", "is_admin": false, "user_metadata": {{"a": {}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (long, longer) = ("x".repeat(255), "x".repeat(256));
    let named = |name: &str| format!(r#"{{"name": "{name}", "is_admin": false, "password": "x"}}"#);
    scenario(
        "what is no user",
        [
            ANYONE.post("/users", MAKE_ADA),
            ANYONE.post("/users", "{}"),
            ADMIN.post("/users", "{}"),
            ADMIN.post("/users", "[]"),
            ADMIN.post("/users", "null"),
            ADMIN.post("/users", ""),
            ADMIN.post("/users", "{"),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": false,}"#),
            ADMIN.post("/users", r#""text""#),
            ADMIN.post("/users", "5"),
            ADMIN.form("/users", "name=x&is_admin=false"),
            ADMIN.send("POST", "/users").body(MAKE_ADA),
            ADMIN.send("POST", "/users").header("content-type", "text/plain").body(MAKE_ADA),
            ADMIN
                .send("POST", "/users")
                .header("content-type", "application/json")
                .body(b"{\"name\": \"\xff\"}"),
            ADMIN.post("/users", &"[".repeat(100_000)),
            ADMIN.post("/users", &format!(r#"{{"name": {}"#, "[".repeat(100_000))),
            ADMIN.post("/users", &deep).keep("deep"),
            ADMIN.delete("/users/{deep.id}").tidies(),
            ADMIN.post("/users", r#"{"name": 5, "is_admin": false}"#),
            ADMIN.post("/users", r#"{"name": null, "is_admin": false}"#),
            ADMIN.post("/users", r#"{"name": "x"}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": null}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": "perhaps"}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": false, "password": 5}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": false, "full_name": null}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": false, "user_metadata": []}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": false, "email": 5, "email_opted_in": "x"}"#),
            ADMIN.post("/users", r#"{"name": "x", "is_admin": false, "external_user_id": "x"}"#),
            ADMIN.post("/users", &named(&longer)),
            ADMIN.post("/users", &named(&long)),
            ADMIN.delete(&format!("/users/{long}")),
            ADMIN.post("/users", &named("")).keep("empty").wanted(&EMPTY),
            ADMIN.delete("/users/{empty.id}").tidies(),
            ADMIN
                .post("/users", r#"{"name": "e", "is_admin": false, "password": ""}"#)
                .keep("empty")
                .wanted(&EMPTY),
            ADMIN.delete("/users/{empty.id}").tidies(),
            ADMIN
                .post(
                    "/users",
                    &format!(r#"{{"name": "p", "is_admin": false, "password": "{}"}}"#, "x".repeat(73)),
                )
                .wanted(&LONG_PASSWORD),
            ADMIN.delete("/users/p").tidies(),
            ADMIN.send("PUT", "/users"),
            ADMIN.send("DELETE", "/users"),
            ADMIN.send("PATCH", "/users/default"),
            ADMIN.send("POST", "/users/default"),
        ],
    )
}

fn activation() -> Scenario {
    const ACTIVATE: &str = "/users/ada/activate";
    scenario("activation of a user", [
        ADMIN.post("/users", r#"{"name": "ada", "is_admin": false}"#).keep("user"),
        ANYONE.form("/login", "username=ada&password="),
        ANYONE.form("/login", "username=ada&password=x"),
        ANYONE.put(ACTIVATE, "{}"),
        ANYONE.put(ACTIVATE, r#"{"activation_token": "x", "password": "secret sauce"}"#),
        ANYONE.put(ACTIVATE, "[]"),
        ANYONE.put(ACTIVATE, r#"{"password": 5}"#),
        ANYONE.put("/users/nobody/activate", r#"{"activation_token": "x", "password": "secret sauce"}"#).wanted(&WHO_EXISTS_404),
        ANYONE.put("/users/default/activate", r#"{"activation_token": "x", "password": "secret sauce"}"#).wanted(&WHO_EXISTS_422),
        ADMIN.put(ACTIVATE, r#"{"password": "secret sauce"}"#),
        ANYONE.put(
            ACTIVATE,
            r#"{"activation_token": "{user.body.activation_token}", "password": "secret sauce", "is_admin": true,
                "full_name": "Ada L.", "email": "ada@lab.example", "email_opted_in": true, "active": false}"#,
        ),
        ADMIN.get("/users/ada"),
        ANYONE.form("/login", ADA_SIGNS_IN).keep("ada"),
        ADA.get("/current-user"),
        ANYONE.put(ACTIVATE, r#"{"activation_token": "{user.body.activation_token}", "password": "other"}"#).wanted(&WHO_EXISTS_422),
        ADMIN.put("/users/ada/deactivate", "").keep("again"),
        ADA.get("/current-user"),
        ADMIN.get("/users/ada"),
        ADMIN.put("/users/ada/deactivate", "{}").keep("again"),
        ANYONE.put(
            "/users/{again.id}/activate",
            r#"{"activation_token": "{again.body.activation_token}", "name": "eve", "password": "other sauce"}"#,
        ),
        ANYONE.form("/login", "username=eve&password=other+sauce"),
        ADMIN.delete("/users/eve"),
        ADMIN.put("/users/default/deactivate", ""),
        ADMIN.put("/users/nobody/deactivate", ""),
        ADMIN.put(&format!("{NONE}/deactivate"), ""),
        ANYONE.put("/users/default/deactivate", ""),
        ADMIN.get("/users/default/deactivate"),
    ])
}

fn reading() -> Scenario {
    scenario(
        "reading users",
        [
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ADMIN.get("/users"),
            ADMIN.get("/users?hydrate=true"),
            ADMIN.get("/users?hydrate=true&name=ada"),
            ADMIN.get("/users/ada"),
            ADMIN.get("/users/ada?hydrate=false"),
            ADMIN.get("/users/ada?hydrate=x"),
            ADMIN.get("/users/{user.id}"),
            ADMIN.get("/users/%7B{user.id}%7D"),
            ADMIN.get("/users/urn:uuid:{user.id}"),
            ADMIN.get("/users/ADA"),
            ADMIN.get("/users/nobody"),
            ADMIN.get(NONE),
            ADMIN.get("/users/ada%2Fx").wanted(&ENCODED_SLASH),
            ADMIN.get("/users/"),
            ANYONE.get("/users"),
            ANYONE.get("/users/ada"),
            ANYONE.get("/users?page=x"),
            ADMIN.get("/users?name=ada&active=true&email=isnull:"),
            ADMIN.get("/users?active=false"),
            ADMIN.get("/users?active=perhaps"),
            ADMIN.get("/users?email_opted_in=true"),
            ADMIN.get("/users?full_name=contains:x"),
            ADMIN.get("/users?full_name="),
            ADMIN.get("/users?external_user_id=00000000-0000-0000-0000-000000000007"),
            ADMIN.get("/users?external_user_id=x"),
            ADMIN.get("/users?is_admin=true"),
            ADMIN.get("/users?sort_by=desc:name"),
            ADMIN.get("/users?sort_by=is_admin"),
            ADMIN.get("/users?sort_by=password"),
            ADMIN.get("/users?sort_by=email&name=ada"),
            ADMIN.get("/users?id={user.id}"),
            ADMIN.get("/users?id=in:{user.id},{user.id}"),
            ADMIN.get("/users?id=startswith:zzz"),
            ADMIN.delete("/users/ada"),
        ],
    )
}

fn updating() -> Scenario {
    scenario(
        "changing other users",
        [
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ADMIN.put("/users/ada", "{}"),
            ADMIN.put("/users/ada", r#"{"full_name": "Ada L."}"#),
            ADMIN.put("/users/{user.id}", r#"{"full_name": null}"#).wanted(&NULL_IS_UNSET),
            ADMIN.put("/users/ada", r#"{"full_name": ""}"#),
            ADMIN.put("/users/ada", r#"{"avatar_url": "https://lab.example/a.png"}"#),
            ADMIN.put("/users/ada", r#"{"avatar_url": null}"#),
            ADMIN.put("/users/ada", r#"{"user_metadata": {"a": 1, "b": {"c": [1]}}}"#),
            ADMIN.put("/users/ada", r#"{"user_metadata": {"d": 2}}"#),
            ADMIN.put("/users/ada", r#"{"user_metadata": null}"#),
            ADMIN.put("/users/ada", r#"{"user_metadata": {}}"#),
            ADMIN.put("/users/ada", r#"{"oidc_claims": {"a": 1}, "activation_token": "x"}"#),
            ADMIN.put("/users/ada", r#"{"external_user_id": "00000000-0000-0000-0000-000000000007"}"#),
            ADMIN.put("/users/ada", r#"{"password": "other"}"#),
            ADMIN.put("/users/ada", r#"{"password": "other", "old_password": "secret sauce"}"#),
            ADMIN.put("/users/ada", r#"{"old_password": "secret sauce"}"#),
            ADMIN.put("/users/ada", r#"{"email": "a@lab.example"}"#),
            ADMIN.put("/users/ada", r#"{"email_opted_in": false}"#),
            ADMIN.put("/users/ada", r#"{"email": null, "email_opted_in": null}"#),
            ADMIN.put("/users/ada", r#"{"is_admin": true}"#),
            ADMIN.put("/users/ada", r#"{"is_admin": true}"#),
            ADMIN.put("/users/ada", r#"{"is_admin": null}"#),
            ADMIN.put("/users/ada", r#"{"is_admin": false, "active": false}"#),
            ADMIN.put("/users/ada", r#"{"active": true}"#),
            ADMIN.put("/users/ada", r#"{"name": "default"}"#),
            ADMIN.put("/users/ada", r#"{"name": "ada"}"#),
            ADMIN.put("/users/ada", r#"{"name": null}"#).wanted(&NULL_IS_UNSET),
            ADMIN.put("/users/ada", r#"{"name": "eve"}"#),
            ADMIN.get("/users/ada"),
            ADMIN.put("/users/eve", r#"{"name": "ada", "unknown": 1}"#),
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.put("/users/ada", r#"{"default_project_id": "{project.id}"}"#),
            ADMIN.put("/users/ada", r#"{"default_project_id": null}"#),
            ADMIN
                .put("/users/ada", r#"{"default_project_id": "00000000-0000-0000-0000-000000000001"}"#)
                .wanted(&UNKNOWN_REFERENCE),
            ADMIN.put("/users/ada", r#"{"default_project_id": "x"}"#),
            ADMIN.put("/users/ada", r#"{"name": 5, "is_admin": "x"}"#),
            ADMIN.put("/users/ada", r#"{"user_metadata": 5}"#),
            ADMIN.put("/users/ada", "[]"),
            ADMIN.put("/users/ada", ""),
            ADMIN.put("/users/nobody", "{}"),
            ADMIN.put(NONE, "{}"),
            ADMIN.put("/users/nobody", "[]"),
            ANYONE.put("/users/ada", "{}"),
            ADMIN.get("/users/ada"),
            ADMIN.delete("/users/{user.id}"),
        ],
    )
}

fn own_account() -> Scenario {
    const OWN: &str = "/current-user";
    scenario(
        "changing one's own account",
        [
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ANYONE.form("/login", ADA_SIGNS_IN).keep("ada"),
            ADA.get(OWN),
            ADA.get("/current-user?hydrate=false"),
            ADA.put(OWN, "{}"),
            ADA.put(OWN, r#"{"full_name": "Ada L.", "avatar_url": "x", "user_metadata": {"a": 1}}"#),
            ADA.put(OWN, r#"{"user_metadata": {"b": 2}}"#),
            ADA.put(OWN, r#"{"avatar_url": null, "user_metadata": null}"#),
            ADA.put(OWN, r#"{"full_name": null}"#).wanted(&NULL_IS_UNSET),
            ADA.put(OWN, r#"{"is_admin": true, "active": false}"#),
            ADA.put(
                OWN,
                r#"{"oidc_claims": {"a": 1}, "external_user_id": "00000000-0000-0000-0000-000000000007"}"#,
            ),
            ADA.put(OWN, r#"{"password": "other sauce"}"#),
            ADA.put(OWN, r#"{"password": "other sauce", "old_password": "wrong"}"#),
            ADA.put(OWN, r#"{"old_password": "wrong"}"#),
            ADA.put(OWN, r#"{"name": "default"}"#),
            ADA.put(OWN, r#"{"name": "eve"}"#),
            ADA.put(OWN, r#"{"name": "ada"}"#),
            ADA.put(OWN, r#"{"default_project_id": "00000000-0000-0000-0000-000000000001"}"#)
                .wanted(&UNKNOWN_REFERENCE),
            ADA.put(OWN, r#"{"full_name": 5}"#),
            ADA.put(OWN, "[]"),
            ADA.put(OWN, ""),
            ANYONE.put(OWN, "{}"),
            ADA.get("/users/ada"),
            ADA.put("/users/ada", r#"{"full_name": "Ada"}"#),
            ADA.put("/users/{user.id}", r#"{"user_metadata": {"c": 3}}"#),
            ADA.put("/users/ada", r#"{"is_admin": true}"#),
            ADA.put("/users/ada", r#"{"is_admin": false}"#),
            ADA.put("/users/ada", r#"{"active": false}"#),
            ADA.put("/users/ada", r#"{"password": "other sauce"}"#),
            ADA.put("/users/ada", r#"{"password": "other sauce", "old_password": "wrong"}"#),
            ADA.put("/users/ada/deactivate", ""),
            ADA.delete("/users/ada"),
            ADA.send("DELETE", OWN),
            ADA.send("POST", OWN),
            ADA.put("/users/ada", r#"{"password": "other sauce", "old_password": "secret sauce"}"#).after(60),
            ADA.get(OWN),
            ANYONE.form("/login", "username=ada&password=other+sauce").after(2).keep("ada"),
            ADA.put(OWN, r#"{"password": "", "old_password": "other sauce"}"#).wanted(&EMPTY),
            ADMIN.delete("/users/{user.id}"),
        ],
    )
}

fn email() -> Scenario {
    const OWN: &str = "/current-user";
    const PROMPT: &str = "/users/{user.id}/email-opt-in";
    scenario(
        "email",
        [
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ANYONE.form("/login", ADA_SIGNS_IN).keep("ada"),
            ADA.put(OWN, r#"{"email": "ada@lab.example"}"#),
            ADA.get(OWN),
            ADA.put(OWN, r#"{"email": "ada@lab.example", "email_opted_in": true}"#),
            ADA.get(OWN),
            ADMIN.get("/users/ada"),
            ADMIN.get("/users?name=ada&hydrate=true"),
            ADA.get("/users/ada"),
            ADA.put("/users/ada", r#"{"email": "other@lab.example", "email_opted_in": true}"#),
            ADA.get(OWN),
            ADA.put("/users/ada", r#"{"email_opted_in": false}"#),
            ADA.get(OWN),
            ADA.put(OWN, r#"{"email_opted_in": false}"#),
            ADA.get(OWN),
            ADA.put(OWN, r#"{"email_opted_in": true}"#),
            ADA.put(OWN, r#"{"email": null}"#),
            ADA.put(PROMPT, r#"{"email": "ada@lab.example", "email_opted_in": true}"#),
            ADA.get(OWN),
            ADA.put(PROMPT, r#"{"email": null, "email_opted_in": false}"#),
            ADA.get(OWN),
            ADA.put(PROMPT, r#"{"email": "ada@lab.example"}"#),
            ADA.put(PROMPT, r#"{"email_opted_in": true}"#),
            ADA.put(PROMPT, r#"{"email_opted_in": false, "full_name": "x", "is_admin": true}"#),
            ADA.put(PROMPT, "{}"),
            ADA.put(PROMPT, r#"{"email_opted_in": "x"}"#),
            ADA.put("/users/ada/email-opt-in", r#"{"email_opted_in": false}"#),
            ADA.put("/users/nobody/email-opt-in", r#"{"email_opted_in": false}"#),
            ADMIN.put(PROMPT, r#"{"email_opted_in": false}"#),
            ANYONE.put(PROMPT, r#"{"email_opted_in": false}"#),
            ADMIN.delete("/users/ada"),
        ],
    )
}

fn not_an_admin() -> Scenario {
    scenario(
        "without being an admin",
        [
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ANYONE.form("/login", ADA_SIGNS_IN).keep("ada"),
            ADA.get("/users"),
            ADA.get("/users?name=default"),
            ADA.get("/users?name=default&logical_operator=or"),
            ADA.get("/users/default"),
            ADA.get("/users/nobody"),
            ADA.get(NONE),
            ADA.post("/users", r#"{"name": "eve", "is_admin": true, "password": "x"}"#),
            ADA.post("/users", r#"{"name": "ada", "is_admin": true, "password": "x"}"#),
            ADA.post("/users", "{}"),
            ADA.put("/users/default", r#"{"full_name": "x"}"#),
            ADA.put("/users/default", r#"{"password": "x", "old_password": "y"}"#),
            ADA.put("/users/nobody", r#"{"full_name": "x"}"#),
            ADA.put("/users/default/deactivate", ""),
            ADA.put("/users/nobody/deactivate", ""),
            ADA.delete("/users/default"),
            ADA.delete("/users/nobody"),
            ADMIN.put("/users/ada", r#"{"is_admin": true}"#),
            ADA.get("/users/default"),
            ADMIN.put("/users/ada", r#"{"is_admin": false}"#),
            ADA.get("/users/default"),
            ADMIN.delete("/users/ada"),
        ],
    )
}

fn deleting() -> Scenario {
    scenario(
        "deleting users",
        [
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ANYONE.delete("/users/ada"),
            ADMIN.delete("/users/ada"),
            ADMIN.delete("/users/ada"),
            ADMIN.delete("/users/{user.id}"),
            ADMIN.get("/users/{user.id}"),
            ADMIN.delete(NONE),
            ADMIN.delete("/users/default"),
            ADMIN.post("/users", MAKE_ADA).keep("user"),
            ADMIN.delete("/users/{user.id}"),
        ],
    )
}
