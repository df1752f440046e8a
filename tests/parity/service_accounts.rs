//! Service accounts and their API keys.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{EMAIL_OF_A_MACHINE, EMPTY, ENDED_FOR_GOOD, KEYS_OF_THE_PATH, OLD_SECRET};

const ALL: &str = "/service_accounts";
const MAKE_CI: &str = r#"{"name": "ci", "active": true, "description": "builds"}"#;
const NONE: &str = "/service_accounts/00000000-0000-0000-0000-000000000001";
const KEYS: &str = "/service_accounts/{account.id}/api_keys";
const BOB: By = By("bob");

pub fn scenarios() -> Vec<Scenario> {
    vec![accounts(), refused(), keys(), refused_keys(), rotation(), as_a_service_account(), not_an_admin()]
}

fn key(path: &str) -> String {
    format!("{KEYS}/{path}")
}

fn accounts() -> Scenario {
    scenario("service accounts", [
        ADMIN.get(ALL),
        ADMIN.post(ALL, MAKE_CI).keep("account"),
        ADMIN.get("/service_accounts/{account.id}"),
        ADMIN.get("/service_accounts/ci"),
        ADMIN.get("/service_accounts/ci?hydrate=false"),
        ADMIN.get("/users/{account.id}"),
        ADMIN.get("/users/ci"),
        ADMIN.put("/users/{account.id}", r#"{"full_name": "x"}"#),
        ADMIN.delete("/users/{account.id}"),
        ADMIN.get("/service_accounts/default"),
        ADMIN.post(ALL, MAKE_CI),
        ADMIN.post(ALL, r#"{"name": "default", "active": true}"#).keep("namesake"),
        ADMIN.get("/service_accounts/default"),
        ADMIN.delete("/service_accounts/{namesake.id}"),
        ADMIN.post(
            ALL,
            r#"{"name": "cd", "active": false, "full_name": "Deploys", "avatar_url": "https://lab.example/cd.png",
                "external_user_id": null, "unknown": 1}"#,
        ),
        ADMIN.get(ALL),
        ADMIN.get("/service_accounts?hydrate=true&sort_by=desc:name"),
        ADMIN.get("/service_accounts?active=false"),
        ADMIN.get("/service_accounts?description=contains:build"),
        ADMIN.get("/service_accounts?description=isnull:"),
        ADMIN.get("/service_accounts?name=startswith:c&size=1&page=2&sort_by=name"),
        ADMIN.get("/service_accounts?name=ci&active=false&logical_operator=or&sort_by=name"),
        ADMIN.get("/service_accounts?external_user_id=isnull:"),
        ADMIN.get("/service_accounts?sort_by=full_name"),
        ADMIN.get("/service_accounts?sort_by=description"),
        ADMIN.get("/service_accounts?page=9"),
        ADMIN.put("/service_accounts/ci", "{}"),
        ADMIN.put("/service_accounts/ci", r#"{"description": "builds more", "active": false}"#),
        ADMIN.put("/service_accounts/{account.id}", r#"{"active": true, "full_name": "C. I."}"#),
        ADMIN.put("/service_accounts/ci", r#"{"description": null, "full_name": null, "avatar_url": null}"#),
        ADMIN.put("/service_accounts/ci", r#"{"description": "", "avatar_url": "x"}"#),
        ADMIN.put("/service_accounts/ci", r#"{"name": "cd"}"#),
        ADMIN.put("/service_accounts/ci", r#"{"name": "default"}"#),
        ADMIN.put("/service_accounts/{account.id}", r#"{"name": "ci"}"#),
        ADMIN.put("/service_accounts/ci", r#"{"name": null, "active": null}"#),
        ADMIN.get("/service_accounts/ci"),
        ADMIN.delete("/service_accounts/cd"),
        ADMIN.delete("/service_accounts/cd"),
        ADMIN.delete("/service_accounts/{account.id}"),
        ADMIN.get("/service_accounts/{account.id}"),
    ])
}

fn refused() -> Scenario {
    let longer = "x".repeat(256);
    scenario(
        "what is no service account",
        [
            ADMIN.post(ALL, "{}"),
            ADMIN.post(ALL, r#"{"name": "x"}"#),
            ADMIN.post(ALL, r#"{"active": true}"#),
            ADMIN.post(ALL, r#"{"name": 5, "active": "perhaps"}"#),
            ADMIN.post(ALL, r#"{"name": null, "active": true}"#),
            ADMIN.post(ALL, r#"{"name": "x", "active": null}"#),
            ADMIN.post(ALL, r#"{"name": "", "active": true}"#).keep("empty").wanted(&EMPTY),
            ADMIN.delete("/service_accounts/{empty.id}").tidies(),
            ADMIN.post(ALL, &format!(r#"{{"name": "{longer}", "active": true}}"#)),
            ADMIN.post(ALL, r#"{"name": "x", "active": true, "external_user_id": "x"}"#),
            ADMIN.post(ALL, "[]"),
            ADMIN.post(ALL, ""),
            ADMIN.send("POST", ALL).body(MAKE_CI),
            ADMIN.put("/service_accounts/nobody", "{}"),
            ADMIN.put(NONE, "{}"),
            ADMIN.put(NONE, "[]"),
            ADMIN.get("/service_accounts/nobody"),
            ADMIN.get(NONE),
            ADMIN.delete("/service_accounts/nobody"),
            ADMIN.delete(NONE),
            ANYONE.get(ALL),
            ANYONE.post(ALL, MAKE_CI),
            ANYONE.get(NONE),
            ANYONE.put(NONE, "{}"),
            ANYONE.delete(NONE),
            ADMIN.send("PUT", ALL),
            ADMIN.send("POST", NONE),
        ],
    )
}

fn keys() -> Scenario {
    scenario(
        "API keys",
        [
            ADMIN.post(ALL, MAKE_CI).keep("account"),
            ADMIN.get(KEYS),
            ADMIN.post(KEYS, r#"{"name": "laptop", "description": "mine"}"#).keep("key"),
            ADMIN.get(&key("laptop")),
            ADMIN.get(&key("laptop?hydrate=false")),
            ADMIN.get(&key("{key.id}")),
            ADMIN.post(KEYS, r#"{"name": "laptop"}"#),
            ADMIN.post(KEYS, r#"{"name": "desktop", "description": null, "unknown": 1}"#),
            ADMIN.post(KEYS, r#"{"name": "desktop 2"}"#),
            ADMIN.get(KEYS),
            ADMIN.get(&format!("{KEYS}?hydrate=true&sort_by=desc:name")),
            ADMIN.get(&format!("{KEYS}?name=laptop")),
            ADMIN.get(&format!("{KEYS}?active=true&size=2&sort_by=name")),
            ADMIN.get(&format!("{KEYS}?description=contains:mi")),
            ADMIN.get(&format!("{KEYS}?last_login=isnull:")),
            ADMIN.get(&format!("{KEYS}?sort_by=key")),
            ADMIN.get(&format!("{KEYS}?sort_by=last_rotated&name=laptop")),
            ADMIN.get(&format!("{KEYS}?service_account=ci")).wanted(&KEYS_OF_THE_PATH),
            ADMIN.put(&key("laptop"), "{}"),
            ADMIN.put(&key("laptop"), r#"{"description": "ours"}"#),
            ADMIN.put(&key("{key.id}"), r#"{"name": "notebook"}"#),
            ADMIN.put(&key("notebook"), r#"{"name": "desktop"}"#),
            ADMIN.put(&key("notebook"), r#"{"name": null, "description": null, "active": null}"#),
            ADMIN.put(&key("notebook"), r#"{"active": false}"#),
            ANYONE.form("/login", "password={key.body.key}"),
            By("key").get("/current-user"),
            ADMIN.put(&key("notebook"), r#"{"active": true}"#),
            By("key").get("/current-user"),
            ADMIN.put(&key("notebook"), r#"{"active": 5}"#),
            ADMIN.put(&key("notebook"), "[]"),
            ADMIN.delete(&key("desktop")),
            ADMIN.delete(&key("desktop")),
            ADMIN.delete(&key("{key.id}")),
            ADMIN.get(&key("{key.id}")),
            By("key").get("/current-user"),
            ANYONE.form("/login", "password={key.body.key}"),
            ADMIN.delete("/service_accounts/ci"),
            ADMIN.get(KEYS),
        ],
    )
}

fn refused_keys() -> Scenario {
    let longer = "x".repeat(256);
    let none = format!("{NONE}/api_keys");
    let of_none = format!("{none}/x");
    scenario(
        "what is no API key",
        [
            ADMIN.post(ALL, MAKE_CI).keep("account"),
            ADMIN.post(KEYS, "{}"),
            ADMIN.post(KEYS, r#"{"name": 5, "description": 5}"#),
            ADMIN.post(KEYS, r#"{"name": ""}"#).keep("empty").wanted(&EMPTY),
            ADMIN.delete(&key("{empty.id}")).tidies(),
            ADMIN.post(KEYS, &format!(r#"{{"name": "{longer}"}}"#)),
            ADMIN.post(KEYS, "[]"),
            ADMIN.post(KEYS, ""),
            ADMIN.post("/service_accounts/ci/api_keys", r#"{"name": "x"}"#),
            ADMIN.get("/service_accounts/ci/api_keys"),
            ADMIN.get("/service_accounts/ci/api_keys/x"),
            ADMIN.put("/service_accounts/ci/api_keys/x", "{}"),
            ADMIN.delete("/service_accounts/ci/api_keys/x"),
            ADMIN.put("/service_accounts/ci/api_keys/x/rotate", "{}"),
            ADMIN.get(&none),
            ADMIN.post(&none, r#"{"name": "x"}"#),
            ADMIN.get(&of_none),
            ADMIN.put(&of_none, "{}"),
            ADMIN.delete(&of_none),
            ADMIN.put(&format!("{of_none}/rotate"), "{}"),
            ADMIN.get(&key("nokey")),
            ADMIN.put(&key("nokey"), "{}"),
            ADMIN.delete(&key("nokey")),
            ADMIN.put(&key("nokey/rotate"), "{}"),
            ADMIN.get(&key("00000000-0000-0000-0000-000000000001")),
            ANYONE.get(KEYS),
            ANYONE.post(KEYS, r#"{"name": "x"}"#),
            ANYONE.get(&key("x")),
            ANYONE.put(&key("x"), "{}"),
            ANYONE.delete(&key("x")),
            ANYONE.put(&key("x/rotate"), "{}"),
            ADMIN.get(&key("x/rotate")),
            ADMIN.send("PUT", KEYS),
            ADMIN.delete("/service_accounts/ci"),
        ],
    )
}

fn rotation() -> Scenario {
    let rotate = key("k/rotate");
    scenario(
        "rotating an API key",
        [
            ADMIN.post(ALL, MAKE_CI).keep("account"),
            ADMIN.post(KEYS, r#"{"name": "k"}"#).keep("first"),
            ADMIN.put(&rotate, "{}").keep("second"),
            By("first").get("/current-user"),
            ANYONE.form("/login", "password={first.body.key}"),
            By("second").get("/current-user"),
            ANYONE.form("/login", "grant_type=zenml-api-key&password={second.body.key}"),
            ADMIN.get(&key("k")),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": 10}"#).keep("third"),
            By("second").get("/current-user"),
            ANYONE.form("/login", "password={second.body.key}").wanted(&OLD_SECRET),
            By("third").get("/current-user"),
            ADMIN.get(&key("k")),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": null}"#),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": -1}"#),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": "x"}"#),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": 1.5}"#),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": "5"}"#),
            ADMIN.put(&rotate, r#"{"retain_period_minutes": 5}"#),
            ADMIN.put(&rotate, "[]"),
            ADMIN.put(&rotate, ""),
            ADMIN.send("POST", &rotate),
            ADMIN.put(&key("k"), r#"{"active": false}"#),
            ADMIN.put(&rotate, "{}").keep("inactive"),
            By("inactive").get("/current-user"),
            ADMIN.delete("/service_accounts/ci"),
        ],
    )
}

fn as_a_service_account() -> Scenario {
    const CI: By = By("ci");
    const KEY: By = By("key");
    scenario(
        "as a service account",
        [
            ADMIN.post(ALL, MAKE_CI).keep("account"),
            ADMIN.post(KEYS, r#"{"name": "k"}"#).keep("key"),
            ANYONE.form("/login", "password={key.body.key}").keep("ci"),
            ANYONE.form("/login", "username=&password={key.body.key}"),
            ANYONE.form("/login", "username=ci&password={key.body.key}"),
            CI.get("/current-user").wanted(&EMAIL_OF_A_MACHINE),
            CI.put("/current-user", r#"{"full_name": "x"}"#),
            CI.get("/users"),
            CI.get("/users/{account.id}"),
            CI.get("/users/default"),
            CI.get("/service_accounts"),
            CI.post(ALL, r#"{"name": "x", "active": true}"#),
            CI.put("/settings", r#"{"server_name": "x"}"#),
            CI.get("/devices"),
            CI.get("/api_token?expires_in=60").keep("script"),
            By("script").get("/current-user").wanted(&EMAIL_OF_A_MACHINE),
            KEY.get("/current-user"),
            KEY.get("/projects"),
            KEY.get("/api_token"),
            KEY.get("/api_token?expires_in=60"),
            ADMIN.get(&key("k?hydrate=false")),
            ADMIN.put("/service_accounts/ci", r#"{"active": false}"#),
            CI.get("/current-user"),
            By("script").get("/current-user"),
            KEY.get("/current-user"),
            ANYONE.form("/login", "password={key.body.key}"),
            ADMIN.put("/service_accounts/ci", r#"{"active": true}"#),
            CI.get("/current-user").wanted(&ENDED_FOR_GOOD),
            ADMIN.put(&key("k"), r#"{"active": false}"#),
            CI.get("/current-user"),
            By("script").get("/current-user"),
            ADMIN.delete("/service_accounts/ci"),
            CI.get("/current-user"),
            KEY.get("/current-user"),
            By("script").get("/current-user"),
        ],
    )
}

fn not_an_admin() -> Scenario {
    scenario(
        "service accounts without being an admin",
        [
            ADMIN.post("/users", r#"{"name": "bob", "is_admin": false, "password": "secret sauce"}"#),
            ANYONE.form("/login", "username=bob&password=secret+sauce").keep("bob"),
            ADMIN.post(ALL, MAKE_CI).keep("account"),
            ADMIN.post(KEYS, r#"{"name": "k"}"#),
            BOB.get(ALL),
            BOB.get("/service_accounts/ci"),
            BOB.get(KEYS),
            BOB.get(&key("k")),
            BOB.post(ALL, r#"{"name": "x", "active": true}"#),
            BOB.post(ALL, "{}"),
            BOB.put("/service_accounts/ci", r#"{"active": false}"#),
            BOB.put("/service_accounts/nobody", "{}"),
            BOB.delete("/service_accounts/ci"),
            BOB.delete("/service_accounts/nobody"),
            BOB.post(KEYS, r#"{"name": "x"}"#),
            BOB.put(&key("k"), r#"{"active": false}"#),
            BOB.put(&key("k/rotate"), "{}"),
            BOB.delete(&key("k")),
            BOB.delete(&key("nokey")),
            ADMIN.delete("/service_accounts/ci"),
            ADMIN.delete("/users/bob"),
        ],
    )
}
