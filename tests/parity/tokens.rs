//! API tokens: `/api_token`.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{ENDED_FOR_GOOD, FAR_PAST, HUGE_NUMBER, NEVER_WIDER, NO_LIFETIME};

pub fn scenarios() -> Vec<Scenario> {
    const SCRIPT: By = By("script");
    const NONE: &str = "00000000-0000-0000-0000-000000000001";
    let with = |name: &str| ADMIN.get(&format!("/api_token?{name}={NONE}"));
    let workload = |name: &str| ADMIN.get(&format!("/api_token?token_type=workload&{name}={NONE}"));
    vec![
        scenario(
            "generic tokens",
            [
                ADMIN.get("/api_token").keep("script"),
                SCRIPT.get("/current-user"),
                SCRIPT.get("/api_token"),
                ADMIN.get("/api_token?expires_in=60"),
                ADMIN.get("/api_token?expires_in=3600").keep("script"),
                SCRIPT.get("/current-user"),
                SCRIPT.get("/api_token?expires_in=60"),
                SCRIPT.get("/api_token?expires_in=7200").wanted(&NEVER_WIDER),
                ADMIN.get("/api_token?expires_in=604800"),
                ADMIN.get("/api_token?expires_in=604801"),
                ADMIN.get("/api_token?expires_in=99999999999"),
                ADMIN.get("/api_token?token_type=generic&expires_in=60"),
                ADMIN.get("/api_token?expires_in=%2B60"),
                ADMIN.get("/api_token?expires_in=60.0"),
                ADMIN.get("/api_token?expires_in=1_000"),
                ADMIN.get("/api_token?expires_in=1&expires_in=60"),
                ADMIN.get("/api_token?unknown=1"),
            ],
        ),
        scenario(
            "what is no lifetime",
            [
                ADMIN.get("/api_token?expires_in=0").wanted(&NO_LIFETIME),
                ADMIN.get("/api_token?expires_in=-1").wanted(&NO_LIFETIME),
                ADMIN.get("/api_token?expires_in=-1000000000000").wanted(&FAR_PAST),
                ADMIN.get("/api_token?expires_in=abc"),
                ADMIN.get("/api_token?expires_in="),
                ADMIN.get("/api_token?expires_in=1.5"),
                ADMIN.get("/api_token?expires_in=99999999999999999999").wanted(&HUGE_NUMBER),
                ADMIN.get("/api_token?token_type=other"),
                ADMIN.get("/api_token?token_type="),
                ADMIN.get("/api_token?token_type=GENERIC"),
                ADMIN.get("/api_token?schedule_id=x"),
                ADMIN.get("/api_token?token_type=other&expires_in=abc&pipeline_run_id=x"),
                ANYONE.get("/api_token"),
                ANYONE.get("/api_token?expires_in=abc"),
                ADMIN.send("POST", "/api_token"),
            ],
        ),
        scenario(
            "tokens of what does not exist",
            [
                with("schedule_id"),
                with("pipeline_run_id"),
                with("deployment_id"),
                workload("schedule_id"),
                workload("pipeline_run_id"),
                workload("deployment_id"),
                ADMIN.get("/api_token?token_type=workload"),
                ADMIN.get("/api_token?token_type=workload&expires_in=60"),
                ADMIN.get(&format!(
                    "/api_token?token_type=workload&schedule_id={NONE}&pipeline_run_id={NONE}"
                )),
            ],
        ),
        scenario(
            "tokens end with their account",
            [
                ADMIN.post("/users", r#"{"name": "tom", "is_admin": false, "password": "secret sauce"}"#),
                ANYONE.form("/login", "username=tom&password=secret+sauce").keep("tom"),
                By("tom").get("/api_token").keep("script"),
                SCRIPT.get("/current-user"),
                ADMIN.put("/users/tom/deactivate", ""),
                SCRIPT.get("/current-user"),
                SCRIPT.get("/api_token"),
                ADMIN.put("/users/tom", r#"{"active": true}"#),
                SCRIPT.get("/current-user").wanted(&ENDED_FOR_GOOD),
                ADMIN.delete("/users/tom"),
                SCRIPT.get("/current-user"),
            ],
        ),
        scenario(
            "tokens and a new password",
            [
                ADMIN.post("/users", r#"{"name": "tom", "is_admin": false, "password": "secret sauce"}"#),
                ANYONE.form("/login", "username=tom&password=secret+sauce").keep("tom"),
                By("tom").get("/api_token").keep("script"),
                By("tom")
                    .put("/current-user", r#"{"password": "new sauce", "old_password": "secret sauce"}"#)
                    .after(2),
                SCRIPT.get("/current-user"),
                By("tom").get("/current-user"),
                ANYONE.form("/login", "username=tom&password=secret+sauce"),
                ANYONE.form("/login", "username=tom&password=new+sauce").after(2).keep("tom"),
                By("tom").get("/current-user"),
                ADMIN.delete("/users/tom"),
            ],
        ),
    ]
}
