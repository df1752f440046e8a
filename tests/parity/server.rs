//! What the server tells of itself, and its settings.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{EMPTY, NULL_FLAG, NULL_IS_UNSET};

pub fn scenarios() -> Vec<Scenario> {
    const ADA: By = By("ada");
    const ACTIVATION: &str = r#"{"admin_username": "default", "admin_password": "correct horse battery staple",
        "server_name": "first", "display_updates": false, "unknown": 1}"#;
    vec![
        scenario(
            "activation",
            [
                ANYONE.get("/info"),
                ANYONE.get("/current-user"),
                ANYONE.form("/login", "username=default&password="),
                ANYONE.put("/activate", "[]"),
                ANYONE.put("/activate", r#"{"admin_username": 5}"#),
                ANYONE.put("/activate", r#"{"display_updates": "perhaps"}"#),
                ANYONE.put("/activate", ACTIVATION),
                ANYONE.get("/info"),
                ANYONE.form("/login", "username=default&password=correct+horse+battery+staple").keep("admin"),
                ADMIN.get("/settings"),
                ADMIN.put("/settings", r#"{"server_name": "default", "display_updates": true}"#),
            ],
        ),
        scenario(
            "the server tells of itself",
            [
                ANYONE.get("/info"),
                ADMIN.get("/info"),
                ANYONE.get("/info?unknown=1"),
                ANYONE.get("/version"),
                ADMIN.get("/load-info"),
                ANYONE.get("/load-info"),
                ADMIN.get("/onboarding_state"),
                ANYONE.get("/onboarding_state"),
                ADMIN.get("/statistics"),
                ANYONE.get("/statistics"),
                ADMIN.get("/settings"),
                ADMIN.get("/settings?hydrate=false"),
                ADMIN.get("/settings?hydrate=true"),
                ADMIN.get("/settings?hydrate=maybe"),
                ANYONE.get("/settings"),
                ANYONE.put("/settings", "{}"),
                ANYONE.put("/settings", r#"{"server_name": 5}"#),
            ],
        ),
        scenario(
            "settings",
            [
                ADMIN.put("/settings", "{}"),
                ADMIN.put("/settings", r#"{"server_name": "lab"}"#),
                ANYONE.get("/info"),
                ADMIN.put("/settings", r#"{"server_name": "default"}"#),
                ADMIN.put("/settings", r#"{"logo_url": "https://lab.example/logo.svg"}"#),
                ADMIN.put("/settings", r#"{"logo_url": ""}"#),
                ADMIN.put("/settings", r#"{"display_announcements": false, "display_updates": false}"#),
                ADMIN.get("/settings"),
                ADMIN.put("/settings", r#"{"display_announcements": true, "display_updates": true}"#),
                ADMIN.put("/settings", r#"{"enable_analytics": true}"#),
                ADMIN.put("/settings", r#"{"enable_analytics": false, "unknown": 1}"#),
                ADMIN.put("/settings", r#"{"display_updates": "yes"}"#),
                ADMIN.put("/settings", r#"{"display_updates": 1}"#),
                ADMIN.put("/settings", r#"{"display_updates": null}"#).wanted(&NULL_FLAG),
                ADMIN.put("/settings", r#"{"display_updates": true}"#),
                ADMIN.put("/settings", r#"{"server_name": null, "logo_url": null}"#).wanted(&NULL_IS_UNSET),
                ADMIN.put("/settings", r#"{"server_name": ""}"#).wanted(&EMPTY),
                ADMIN.put("/settings", r#"{"server_name": "default"}"#),
                ADMIN.put("/settings", r#"{"server_name": 5}"#),
                ADMIN.put("/settings", r#"{"display_updates": "perhaps"}"#),
                ADMIN.put("/settings", "[]"),
                ADMIN.put("/settings", ""),
                ADMIN.put("/settings", "{"),
                ADMIN.get("/settings"),
                ADMIN.send("POST", "/settings"),
                ADMIN.send("DELETE", "/settings"),
            ],
        ),
        scenario(
            "settings are an admin's",
            [
                ADMIN.post("/users", r#"{"name": "sam", "is_admin": false, "password": "secret sauce"}"#),
                ANYONE.form("/login", "username=sam&password=secret+sauce").keep("ada"),
                ADA.get("/settings"),
                ADA.get("/statistics"),
                ADA.get("/load-info"),
                ADA.get("/onboarding_state"),
                ADA.put("/settings", r#"{"server_name": "mine"}"#),
                ADA.put("/settings", "{}"),
                ADA.put("/settings", r#"{"server_name": null}"#).wanted(&NULL_IS_UNSET),
                ADMIN.delete("/users/sam"),
            ],
        ),
        scenario(
            "a second activation",
            [
                ANYONE.put("/activate", "{}"),
                ANYONE.put("/activate", r#"{"admin_username": "eve", "admin_password": "secret sauce"}"#),
                ADMIN.put("/activate", r#"{"server_name": "mine"}"#),
                ANYONE.put("/activate", r#"{"admin_username": 5}"#),
                ANYONE.put("/activate", "[]"),
                ANYONE.get("/activate"),
            ],
        ),
    ]
}
