//! What clouds are told to set up a stack, and what only the paid server has.

use super::step::{ADMIN, ANYONE, By, Scenario, scenario};
use super::wanted::{
    ENCODED, KEY_IS_NO_TOKEN, ONE_LINE, OWN_PROSE, OWN_TERRAFORM, SEPARATED, SHORT_STAYS_SHORT,
    WORK_SETS_UP_NOTHING,
};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![clouds(), tokens(), pools()]
}

fn clouds() -> Scenario {
    let info = |query: &str| ADMIN.get(&format!("/stack-deployment/info?{query}"));
    let config = |query: &str| ADMIN.get(&format!("/stack-deployment/config?{query}"));
    let stack = |query: &str| ADMIN.get(&format!("/stack-deployment/stack?{query}"));
    scenario(
        "stacks that clouds set up",
        [
            info("provider=aws").wanted(&OWN_PROSE),
            info("provider=gcp").wanted(&OWN_PROSE),
            info("provider=azure").wanted(&OWN_PROSE),
            info("provider=AWS"),
            info("provider="),
            info(""),
            ANYONE.get("/stack-deployment/info?provider=aws"),
            config("provider=aws&stack_name=s").wanted(&ENCODED),
            config("provider=aws&stack_name=a%26b").wanted(&SEPARATED),
            config("provider=gcp&stack_name=s&location=x").wanted(&OWN_TERRAFORM),
            config("provider=azure&stack_name=s").wanted(&OWN_TERRAFORM),
            config("provider=azure&stack_name=s&terraform=true").wanted(&OWN_TERRAFORM),
            config("provider=gcp&stack_name=a%0Ab").wanted(&ONE_LINE),
            config("provider=aws"),
            config("stack_name=s"),
            config("provider=x&stack_name=s"),
            config("provider=aws&stack_name=s&terraform=x"),
            ANYONE.get("/stack-deployment/config?provider=aws&stack_name=s"),
            stack("provider=aws&stack_name=s"),
            stack("provider=gcp&stack_name=s&terraform=true&date_start=2026-01-01T00:00:00Z"),
            stack("provider=azure&stack_name=s&location=x&date_start=2026-01-01 00:00:00"),
            stack("provider=aws&stack_name=s&date_start=x"),
            stack("provider=aws"),
            stack("stack_name=s"),
            stack("provider=x&stack_name=s"),
            ANYONE.get("/stack-deployment/stack?provider=aws&stack_name=s"),
        ],
    )
}

/// What the reference gives to whoever asks.
fn tokens() -> Scenario {
    let (work, key, short) = (By("work"), By("key"), By("short"));
    let ask = "/stack-deployment/config?provider=aws&stack_name=s";
    scenario(
        "tokens for stacks that clouds set up",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN
                .post(
                    "/schedules",
                    r#"{"project": "{project.id}", "name": "setting up", "active": true, "cron_expression": "x",
                    "orchestrator_id": null, "pipeline_id": null}"#,
                )
                .keep("schedule"),
            ADMIN.get("/api_token?token_type=workload&schedule_id={schedule.id}").keep("work"),
            work.get(ask).wanted(&WORK_SETS_UP_NOTHING),
            ADMIN.get("/api_token?expires_in=600").keep("short"),
            short.get(ask).keep("told").wanted(&ENCODED),
            ANYONE
                .get("/api_token")
                .header("authorization", "Bearer {told.deployment_url.param_ZenMLServerAPIToken}")
                .wanted(&SHORT_STAYS_SHORT),
            ADMIN.post("/service_accounts", r#"{"name": "setting-up", "active": true}"#).keep("account"),
            ADMIN.post("/service_accounts/{account.id}/api_keys", r#"{"name": "k"}"#).keep("key"),
            key.get(ask).wanted(&KEY_IS_NO_TOKEN),
            ADMIN.delete("/schedules/{schedule.id}?soft=false"),
            ADMIN.delete("/service_accounts/{account.id}"),
        ],
    )
}

fn pools() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/resource_requests?{query}"));
    let one = |more: &str| format!("/resource_requests/{NONE}{more}");
    scenario(
        "requests for resources of pools",
        [
            list(""),
            list("page=0"),
            list("size=x"),
            list("hydrate=x"),
            list("sort_by=status"),
            list("sort_by=desc:pool_id"),
            list("sort_by=scope_user"),
            list("sort_by=nope"),
            list("logical_operator=x"),
            list("status=x"),
            list("component_id=x"),
            list("created=x"),
            list("scope_user=x"),
            list("project=nope"),
            ANYONE.get("/resource_requests"),
            ADMIN.get(&one("")),
            ADMIN.get(&one("?hydrate=x")),
            ADMIN.get("/resource_requests/x"),
            ANYONE.get(&one("")),
            ADMIN.post(&one("/renew"), ""),
            ADMIN.post(&one("/renew"), "{}"),
            ADMIN.post(&one("/renew"), r#"{"lease_expires_at": "x"}"#),
            ADMIN.post(&one("/renew"), r#"{"lease_expires_at": "2030-01-01T00:00:00Z"}"#),
            ADMIN.post("/resource_requests/x/renew", r#"{"lease_expires_at": "2030-01-01T00:00:00Z"}"#),
            ANYONE.post(&one("/renew"), "{}"),
            ADMIN.post(&one("/release"), ""),
            ADMIN.post(&one("/release"), r#"{"a": 1}"#),
            ADMIN.post("/resource_requests/x/release", ""),
            ANYONE.post(&one("/release"), ""),
        ],
    )
}
