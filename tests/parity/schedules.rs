//! Schedules.

use super::step::{ADMIN, ANYONE, Scenario, scenario};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![made(), times(), changed(), listed()]
}

/// A schedule without more than a name and these fields.
fn body(name: &str, fields: &str) -> String {
    format!(
        r#"{{"project": "{{project.id}}", "name": "{name}", "active": true, "orchestrator_id": null, "pipeline_id": null, {fields}}}"#
    )
}

fn made() -> Scenario {
    let schedule = |name: &str, fields: &str| ADMIN.post("/schedules", &body(name, fields));
    const CRON: &str = r#""cron_expression": "0 3 * * *""#;
    scenario(
        "schedules",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/components?name=default&type=orchestrator").keep("components"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "scheduled"}"#).keep("pipeline"),
            schedule("cron", CRON).keep("cron"),
            schedule("cron", CRON),
            schedule("any text", r#""cron_expression": "every full moon""#),
            schedule("nothing", r#""cron_expression": null"#),
            schedule("empty", r#""cron_expression": """#),
            schedule("half", r#""start_time": "2030-01-01T00:00:00""#),
            schedule("other half", r#""interval_second": 60"#),
            schedule("no interval", r#""start_time": "2030-01-01T00:00:00", "interval_second": 0"#),
            schedule("", CRON),
            schedule("a\\nb", CRON),
            schedule("é", CRON),
            ADMIN.post(
                "/schedules",
                r#"{"project": "{project.id}", "name": "whole", "active": false, "catchup": true,
                "start_time": "2030-01-01T00:00:00", "end_time": "2031-01-01T00:00:00+02:00", "interval_second": 90.5,
                "run_once_start_time": "2030-06-01", "cron_expression": "* * * * *",
                "orchestrator_id": "{components.items.0.id}", "pipeline_id": "{pipeline.id}"}"#,
            )
            .keep("whole"),
            ADMIN.post("/schedules", r#"{"project": "{project.id}", "name": "x", "active": true, "cron_expression": "x"}"#),
            ADMIN.post("/schedules", r#"{"name": "x"}"#),
            ADMIN.post(
                "/schedules",
                &format!(
                    r#"{{"project": "{{project.id}}", "name": "x", "active": true, "cron_expression": "x",
                    "orchestrator_id": "{NONE}", "pipeline_id": null}}"#
                ),
            ),
            ADMIN.post(
                "/schedules",
                &format!(
                    r#"{{"project": "{{project.id}}", "name": "x", "active": true, "cron_expression": "x",
                    "orchestrator_id": null, "pipeline_id": "{NONE}"}}"#
                ),
            ),
            ADMIN.post("/schedules?project_name_or_id=nope", &body("x", CRON)),
            ADMIN.post("/workspaces/default/schedules", &body("by an older path", CRON)),
            ADMIN.get("/schedules/{whole.id}"),
            ADMIN.get("/schedules/{whole.id}?hydrate=false"),
            ADMIN.get(&format!("/schedules/{NONE}")),
            ADMIN.get("/schedules/x"),
            ANYONE.get("/schedules"),
            ANYONE.post("/schedules", "{}"),
        ],
    )
}

fn times() -> Scenario {
    let every = |name: &str, interval: &str| {
        let fields = format!(r#""start_time": 1893456000, "interval_second": {interval}"#);
        ADMIN.post("/schedules", &body(name, &fields))
    };
    let once = |name: &str, moment: &str| {
        ADMIN.post("/schedules", &body(name, &format!(r#""run_once_start_time": {moment}"#)))
    };
    scenario(
        "intervals and moments of schedules",
        [
            ADMIN.get("/projects/default").keep("project"),
            every("i1", "60"),
            every("i2", "3661"),
            every("i3", "0.25"),
            every("i4", "-5"),
            every("i5", r#""PT1H""#),
            every("i6", r#""P1DT2H""#),
            every("i7", r#""00:01:30""#),
            every("i8", "40000000"),
            every("i9", r#""60""#),
            every("i10", r#""x""#),
            every("i11", "true"),
            ADMIN.get("/schedules?name=i11").keep("loose").tidies(),
            ADMIN.delete("/schedules/{loose.items.0.id}?soft=false").tidies(),
            once("m1", r#""2030-01-01T00:00:00Z""#),
            once("m2", r#""2030-01-01 00:00:00.123""#),
            once("m3", "1893456000000"),
            once("m4", r#""x""#),
            once("m5", "true"),
            once("m6", r#""2030-13-01T00:00:00""#),
        ],
    )
}

fn changed() -> Scenario {
    let change = |body: &str| ADMIN.put("/schedules/{one.id}", body);
    scenario(
        "changes of schedules",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.post("/schedules", &body("one", r#""cron_expression": "1 * * * *""#)).keep("one"),
            ADMIN.post("/schedules", &body("two", r#""cron_expression": "2 * * * *""#)).keep("two"),
            change("{}"),
            change(r#"{"name": null, "cron_expression": null, "active": null}"#),
            change(r#"{"name": "one"}"#),
            change(r#"{"name": "two"}"#),
            change(r#"{"name": "three", "active": false}"#),
            change(r#"{"cron_expression": "3 * * * *"}"#),
            change(r#"{"cron_expression": ""}"#),
            change(r#"{"active": true}"#),
            change(r#"{"active": "x"}"#),
            change(r#"{"other": 1}"#),
            ADMIN.put(&format!("/schedules/{NONE}"), "{}"),
            ADMIN.get("/api_token?token_type=workload&schedule_id={one.id}").keep("token"),
            super::step::By("token").get("/current-user"),
            ADMIN.delete("/schedules/{one.id}"),
            ADMIN.delete("/schedules/{one.id}?soft=x"),
            ADMIN.delete("/schedules/{one.id}?soft=true"),
            ADMIN.get("/api_token?token_type=workload&schedule_id={one.id}"),
            ADMIN.get("/schedules/{one.id}").keep("archived"),
            change(r#"{"active": true}"#),
            ADMIN.delete("/schedules/{one.id}?soft=true"),
            ADMIN.post("/schedules", &body("three", r#""cron_expression": "1 * * * *""#)),
            ADMIN.delete("/schedules/{one.id}?soft=false"),
            ADMIN.delete("/schedules/{one.id}?soft=false"),
            ADMIN.get("/schedules/{one.id}"),
            ADMIN.delete(&format!("/schedules/{NONE}?soft=true")),
            ANYONE.delete(&format!("/schedules/{NONE}?soft=true")),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/schedules?{query}"));
    scenario(
        "lists of schedules",
        [
            list("size=5"),
            list("size=5&hydrate=true&sort_by=name"),
            list("name=cron"),
            list("name=contains:CRO"),
            list("active=true&size=2"),
            list("active=x"),
            list("catchup=true"),
            list("is_archived=true"),
            list("is_archived=false&size=1"),
            list("cron_expression=startswith:0"),
            list("start_time=2030-01-01 00:00:00&size=1&sort_by=name"),
            list("end_time=lt:2031-01-01 00:00:00"),
            list("run_once_start_time=gte:2030-06-01 00:00:00"),
            list("start_time=x"),
            list("interval_second=60"),
            list("interval_second=90.5"),
            list("interval_second=gt:3600&sort_by=interval_second"),
            list("interval_second=x"),
            list("interval_second=notequals:x&size=1"),
            list("interval_second=oneof:[\"60\"]"),
            list("interval_second=oneof:[60, 90.5]&size=1"),
            list("interval_second=oneof:[\"x\"]"),
            list("interval_second=oneof:[NaN]"),
            list("interval_second=oneof:[60, NaN]&size=1"),
            list("interval_second=oneof:[null]&size=1&sort_by=name"),
            list("interval_second=oneof:[60, null]&size=1&sort_by=name"),
            list("interval_second=oneof:[Infinity, -Infinity]"),
            list("interval_second=oneof:[1e400]"),
            list("interval_second=oneof:[nan]"),
            list("interval_second=oneof:[60,]"),
            list("interval_second=oneof:NaN"),
            list("interval_second=notoneof:[NaN]"),
            list("interval_second=notoneof:[60, NaN]"),
            list("interval_second=notoneof:[null]&size=1&sort_by=name"),
            list("interval_second=notoneof:[60, null]&size=1&sort_by=name"),
            list("interval_second=notoneof:[Infinity]&size=1&sort_by=name"),
            list("interval_second=NaN"),
            list("interval_second=Infinity"),
            list("interval_second=notequals:NaN&size=1&sort_by=name"),
            list("cron_expression=oneof:[null, NaN]&size=1&sort_by=name"),
            list("cron_expression=notoneof:[null, \"1 * * * *\"]&size=1&sort_by=name"),
            list("cron_expression=notoneof:[NaN]"),
            list("pipeline_id=oneof:[null, NaN, Infinity, true, 1]"),
            list("pipeline_id=notoneof:[null, NaN]&size=1&sort_by=name"),
            list("active=oneof:[true]"),
            list("active=oneof:[NaN]"),
            list("interval_second=notoneof:[60]&size=1"),
            list("interval_second=startswith:6&size=1"),
            list("interval_second=in:1,100"),
            list("active=false&active=true&size=1"),
            list("active=true&active=false"),
            list("active=x&active=true&size=1"),
            list("catchup=true&catchup=false&size=1"),
            list("pipeline_id=isnotnull:"),
            list(&format!("pipeline_id={NONE}")),
            list("orchestrator_id=isnotnull:"),
            list(&format!("orchestrator_id={NONE}")),
            list("user=default&size=1"),
            list("user=nope"),
            list("project=nope"),
            ADMIN.get("/workspaces/default/schedules?size=1"),
            ADMIN.get("/workspaces/nope/schedules"),
            list("sort_by=active&size=1&name=cron"),
            list("sort_by=user&size=1&name=cron"),
            list("sort_by=project&size=1&name=cron"),
            list("sort_by=nope"),
        ],
    )
}
