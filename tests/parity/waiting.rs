//! Hook invocations, and what runs of dynamic pipelines wait for.

use super::step::{ADMIN, ANYONE, Scenario, Step, scenario};
use super::wanted::STOPPED_AT_ONCE;

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![hooks(), conditions(), polling(), listed()]
}

fn snapshot(is_dynamic: bool) -> Step {
    let body = format!(
        r#"{{"project": "{{project.id}}", "run_name_template": "x", "pipeline_configuration": {{"name": "waits"}},
        "client_version": "0.98.0", "server_version": "0.98.0", "is_dynamic": {is_dynamic},
        "stack": "{{stacks.items.0.id}}", "pipeline": "{{pipeline.id}}"}}"#
    );
    ADMIN.post("/pipeline_snapshots", &body).compared_elsewhere()
}

fn run(name: &str, snapshot: &str) -> Step {
    let body = format!(
        r#"{{"project": "{{project.id}}", "name": "{name}", "snapshot": "{{{snapshot}.id}}", "status": "running",
        "orchestrator_run_id": "{name}"}}"#
    );
    ADMIN.post("/runs", &body).compared_elsewhere()
}

fn hooks() -> Scenario {
    let hook = |fields: &str| {
        let body = format!(
            r#"{{"project": "{{project.id}}", "hook_type": "run_start", "status": "completed",
            "start_time": "2030-01-01T00:00:00", "pipeline_run_id": "{{run.0.id}}"{fields}}}"#
        );
        ADMIN.post("/hook_invocations", &body)
    };
    scenario(
        "hook invocations",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/stacks?name=default").keep("stacks"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "waits"}"#).keep("pipeline"),
            snapshot(false).keep("snapshot"),
            run("hooked", "snapshot").keep("run"),
            hook("").keep("hook"),
            hook(r#", "id": "22222222-2222-4222-8222-222222222222", "name": "notify", "end_time": "2030-01-01T00:00:01",
                "source": "hooks.notify", "step_run_id": null, "outputs": {}, "logs_id": null,
                "exception_info": {"traceback": "t", "source": "s", "message": "m", "user_code_line": 1}"#)
            .keep("named"),
            hook(&format!(r#", "logs_id": "{NONE}""#)),
            hook(r#", "name": "a b""#),
            hook(r#", "name": "1a""#),
            hook(r#", "name": "_a.b-1""#),
            hook(r#", "name": """#),
            hook(&format!(r#", "step_run_id": "{NONE}""#)),
            hook(&format!(r#", "outputs": {{"x": ["{NONE}"]}}"#)),
            hook(r#", "outputs": {"x": "y"}"#),
            hook(r#", "end_time": "x""#),
            ADMIN.post("/hook_invocations", "{}"),
            ADMIN.post(
                "/hook_invocations",
                &format!(
                    r#"{{"project": "{{project.id}}", "hook_type": "run_start", "status": "completed",
                    "start_time": "2030-01-01T00:00:00", "pipeline_run_id": "{NONE}"}}"#
                ),
            ),
            ADMIN.post(
                "/hook_invocations",
                r#"{"project": "{project.id}", "hook_type": "x", "status": "x",
                "start_time": "2030-01-01T00:00:00", "pipeline_run_id": "{run.0.id}"}"#,
            ),
            ADMIN.get("/hook_invocations/{named.id}"),
            ADMIN.get("/hook_invocations/{named.id}?hydrate=false"),
            ADMIN.get(&format!("/hook_invocations/{NONE}")),
            ADMIN.get("/hook_invocations?hydrate=true"),
            ADMIN.get("/hook_invocations?pipeline_run_id={run.0.id}&sort_by=desc:created"),
            ADMIN.get("/hook_invocations?step_run_id=isnull:&size=1"),
            ADMIN.get("/hook_invocations?hook_type=run_start&size=1"),
            ADMIN.get("/hook_invocations?hook_type=x"),
            ADMIN.get("/hook_invocations?name=notify"),
            ADMIN.get("/hook_invocations?name=isnull:&size=1"),
            ADMIN.get("/hook_invocations?status=completed&size=1"),
            ADMIN.get("/hook_invocations?status=failed"),
            ADMIN.get("/hook_invocations?start_time=2030-01-01 00:00:00&size=1"),
            ADMIN.get("/hook_invocations?end_time=gt:2030-01-01 00:00:00"),
            ADMIN.get("/hook_invocations?user=default&size=1"),
            ADMIN.get("/hook_invocations?sort_by=source"),
            ADMIN.get("/hook_invocations?project=nope"),
            ADMIN.delete("/hook_invocations/{hook.id}"),
            ADMIN.delete("/hook_invocations/{hook.id}"),
            ADMIN.get("/hook_invocations/{hook.id}"),
            ANYONE.get("/hook_invocations"),
        ],
    )
}

fn condition(run: &str, name: &str, fields: &str) -> Step {
    let body = format!(
        r#"{{"project": "{{project.id}}", "run": "{{{run}.0.id}}", "name": "{name}", "type": "external_input"{fields}}}"#
    );
    ADMIN.post("/run_wait_conditions", &body)
}

const SCHEMA: &str = r#", "question": "How many?", "data_schema": {"type": "integer", "minimum": 1}"#;

fn conditions() -> Scenario {
    let resolve =
        |kept: &str, body: &str| ADMIN.put(&format!("/run_wait_conditions/{{{kept}.id}}/resolve"), body);
    scenario(
        "wait conditions",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/stacks?name=default").keep("stacks"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "waits too"}"#).keep("pipeline"),
            snapshot(false).keep("static_snapshot"),
            snapshot(true).keep("snapshot"),
            run("static", "static_snapshot").keep("static_run"),
            run("waiting", "snapshot").keep("run"),
            condition("static_run", "one", ""),
            condition("run", "one", "").keep("one"),
            condition("run", "one", ""),
            condition("run", "one", r#", "question": "Why?""#),
            condition("run", "two", ""),
            ADMIN.post(
                "/run_wait_conditions",
                r#"{"project": "{project.id}", "run": "{run.0.id}", "name": "one", "type": "x"}"#,
            ),
            ADMIN.post("/run_wait_conditions", "{}"),
            ADMIN.post(
                "/run_wait_conditions",
                &format!(
                    r#"{{"project": "{{project.id}}", "run": "{NONE}", "name": "one", "type": "external_input"}}"#
                ),
            ),
            ADMIN.get("/run_wait_conditions/{one.id}"),
            ADMIN.get("/run_wait_conditions/{one.id}?hydrate=false"),
            ADMIN.get(&format!("/run_wait_conditions/{NONE}")),
            resolve("one", "{}"),
            resolve("one", r#"{"resolution": "x"}"#),
            resolve("one", r#"{"resolution": "continue", "result": 1}"#),
            ADMIN.put(&format!("/run_wait_conditions/{NONE}/resolve"), r#"{"resolution": "continue"}"#),
            ADMIN.put(
                "/run_wait_conditions/{one.id}",
                r#"{"poller_instance_id": "me", "poller_lease_expires_at": "2999-01-01T00:00:00"}"#,
            ),
            resolve("one", r#"{"resolution": "continue"}"#),
            resolve("one", r#"{"resolution": "continue"}"#),
            condition("run", "one", ""),
            condition("run", "two", SCHEMA).keep("two"),
            condition("run", "two", SCHEMA),
            ADMIN.get("/runs/{run.0.id}/status"),
            ADMIN.put(
                "/run_wait_conditions/{two.id}",
                r#"{"poller_instance_id": "me", "poller_lease_expires_at": "2999-01-01T00:00:00"}"#,
            ),
            resolve("two", r#"{"resolution": "continue"}"#),
            resolve("two", r#"{"resolution": "continue", "result": 0}"#),
            resolve("two", r#"{"resolution": "continue", "result": "3"}"#),
            resolve("two", r#"{"resolution": "continue", "result": 3}"#),
            ADMIN.get("/runs/{run.0.id}/status"),
            condition("run", "three", r#", "metadata": {"a": 1, "b": "x"}"#).keep("three"),
            resolve("three", r#"{"resolution": "abort", "result": 3}"#).wanted(&STOPPED_AT_ONCE),
            ADMIN.get("/run_wait_conditions/{three.id}"),
            ADMIN.get("/runs/{run.0.id}/status"),
            ANYONE.get("/run_wait_conditions"),
        ],
    )
}

fn polling() -> Scenario {
    let lease = |mode: &str| {
        let body = format!(
            r#"{{"poller_instance_id": "me", "poller_lease_expires_at": "2999-01-01T00:00:00", "mode": "{mode}"}}"#
        );
        ADMIN.put("/run_wait_conditions/{one.id}", &body)
    };
    scenario(
        "leases of wait conditions",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.get("/stacks?name=default").keep("stacks"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "polls"}"#).keep("pipeline"),
            snapshot(true).keep("snapshot"),
            run("polled", "snapshot").keep("run"),
            condition("run", "one", "").keep("one"),
            lease("refresh"),
            ADMIN.get("/run_wait_conditions/{one.id}"),
            ADMIN.put("/run_wait_conditions/{one.id}", r#"{"poller_instance_id": "me"}"#),
            lease("x"),
            lease("finalize"),
            ADMIN.get("/run_wait_conditions/{one.id}"),
            ADMIN.get("/runs/{run.0.id}/status"),
            ADMIN.put("/run_wait_conditions/{one.id}/resolve", r#"{"resolution": "continue"}"#),
            ADMIN.get("/runs/{run.0.id}/status"),
            lease("refresh"),
            lease("finalize"),
            ADMIN.get("/run_wait_conditions/{one.id}"),
            lease("abandon"),
            ADMIN.get("/runs/{run.0.id}/status"),
            ADMIN.put(
                &format!("/run_wait_conditions/{NONE}"),
                r#"{"poller_instance_id": "me", "poller_lease_expires_at": "2999-01-01T00:00:00"}"#,
            ),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/run_wait_conditions?{query}"));
    scenario(
        "lists of wait conditions",
        [
            list(""),
            list("hydrate=true"),
            list("pipeline_run=waiting"),
            list("pipeline_run=nope"),
            list("type=external_input&size=1"),
            list("type=x"),
            list("status=resolved&size=1"),
            list("status=pending"),
            list("name=one&size=1"),
            list("resolved_by=default&size=1"),
            list("resolved_by=nope"),
            list("resolved_at=gt:2020-01-01 00:00:00&size=1"),
            list("resolved_at=x"),
            list("resolution=abort"),
            list("resolution=continue&size=1"),
            list("run_metadata=a:1"),
            list("run_metadata=a:2"),
            list("user=default&size=1"),
            list("sort_by=desc:name&size=1"),
            list("sort_by=pipeline_run"),
            list("sort_by=resolved_by"),
            list("project=nope"),
        ],
    )
}
