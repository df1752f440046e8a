//! Triggers.

use super::step::{ADMIN, ANYONE, Scenario, Step, scenario};
use super::wanted::{ARCHIVED_NAME, COPY_LEFT, EMPTY_CRON, NO_SUCH_PROJECT, OTHER_PROJECT};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![schedules(), platform_events(), of_webhooks(), filters(), changed(), attached(), listed()]
}

fn trigger(name: &str, fields: &str) -> Step {
    let body = format!(r#"{{"project": "{{project.id}}", "name": "{name}", {fields}}}"#);
    ADMIN.post("/triggers", &body)
}

fn schedule(name: &str, fields: &str) -> Step {
    trigger(name, &format!(r#""type": "schedule", {fields}"#))
}

fn schedules() -> Scenario {
    let cron =
        |name: &str, expression: &str| schedule(name, &format!(r#""cron_expression": "{expression}""#));
    scenario(
        "triggers by a schedule",
        [
            ADMIN.get("/projects/default").keep("project"),
            cron("c1", "0 3 * * *").keep("one"),
            cron("c1", "0 3 * * *"),
            trigger("n0", r#""cron_expression": "0 3 * * *""#),
            trigger("n1", r#""type": "nope""#),
            trigger("n2", r#""type": null"#),
            schedule("s1", r#""x": 1"#),
            cron("s2", "x"),
            cron("s3", "").wanted(&EMPTY_CRON),
            ADMIN.get("/triggers?name=s3").keep("empty").tidies(),
            ADMIN.delete("/triggers/{empty.items.0.id}?soft=false").tidies(),
            schedule("s4", r#""cron_expression": "* * * * *", "interval": 60"#),
            schedule("s5", r#""interval": 60"#),
            schedule("s6", r#""interval": 59, "start_time": "2030-01-01T00:00:00""#),
            schedule(
                "s7",
                r#""interval": "60", "start_time": "2030-01-01T00:00:00+02:00", "end_time": "2031-01-01", "max_runs": 3,
                "active": "no", "concurrency": "submit""#,
            ),
            schedule("s8", r#""interval": 864000000, "start_time": "2020-01-01T00:00:30.5""#),
            schedule("s9", r#""run_once_start_time": "2020-01-01T00:00:30.5Z""#),
            schedule("s10", r#""cron_expression": "* * * * *", "start_time": "2030-01-01", "end_time": "2030-01-01""#),
            schedule("s11", r#""cron_expression": "* * * * *", "max_runs": 0"#),
            schedule("s12", r#""cron_expression": "* * * * *", "concurrency": "x""#),
            schedule("s13", r#""cron_expression": "* * * * *", "flavor": "webhook""#),
            schedule("s14", r#""cron_expression": "0 0 1 1 *", "flavor": "native schedule""#),
            schedule("s15", r#""cron_expression": "0 0 1 1 *", "start_time": "2040-05-01T00:00:00""#),
            cron("s16", "0 0 30 2 *"),
            cron("s17", " 0 0 1  1 *"),
            cron("s18", "@yearly"),
            cron("s19", "0 0 1 1 * 30 2090"),
            cron("s20", "0 0 1 jan-jan/3 ?"),
            schedule("s21", r#""interval": 60.0, "start_time": 1893456000"#),
            schedule("s22", r#""interval": 60.5, "start_time": 1893456000"#),
            schedule("s23", r#""cron_expression": "0 0 1 1 *", "active": null"#),
            cron(&"x".repeat(256), "0 0 1 1 *"),
            cron("", "0 0 1 1 *"),
            ADMIN.post("/triggers", r#"{"type": "schedule", "name": "x", "cron_expression": "* * * * *"}"#),
            ADMIN
                .post(
                    "/triggers",
                    &format!(r#"{{"type": "schedule", "project": "{NONE}", "name": "x", "cron_expression": "0 0 1 1 *"}}"#),
                )
                .wanted(&NO_SUCH_PROJECT),
            ADMIN.post("/triggers", "[]"),
            ADMIN.get("/triggers/{one.id}"),
            ADMIN.get("/triggers/{one.id}?hydrate=false"),
            ADMIN.get(&format!("/triggers/{NONE}")),
            ADMIN.get("/triggers/x"),
            ANYONE.get("/triggers"),
            ANYONE.post("/triggers", "{}"),
        ],
    )
}

fn platform_events() -> Scenario {
    let event = |name: &str, source: &str, events: &str| {
        let fields =
            format!(r#""type": "platform_event", "source_entity": {source}, "target_events": {events}"#);
        trigger(name, &fields)
    };
    let pipeline = r#"{"type": "pipeline", "id": "{pipeline.id}"}"#;
    scenario(
        "triggers by events of the server",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.post("/projects", r#"{"name": "beside"}"#).keep("beside"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "watched"}"#).keep("pipeline"),
            ADMIN.post("/pipelines", r#"{"project": "{beside.id}", "name": "watched"}"#).keep("elsewhere"),
            event("e1", pipeline, r#"["run_completed", "run_failed", "run_completed"]"#).keep("one"),
            event("e2", pipeline, "[]"),
            event("e3", pipeline, r#"["completed"]"#),
            event("e4", r#"{"type": "pipeline", "id": "{project.id}"}"#, r#"["run_completed"]"#),
            event("e5", r#"{"type": "pipeline_run", "id": "{pipeline.id}"}"#, r#"["completed"]"#),
            event("e6", r#"{"type": "pipeline_snapshot", "id": "{pipeline.id}"}"#, r#"["run_failed"]"#),
            event("e7", r#"{"type": "x", "id": "{pipeline.id}"}"#, r#"["completed"]"#),
            event("e8", r#""x""#, r#""completed""#),
            trigger("e9", r#""type": "platform_event", "target_events": ["completed"]"#),
            event("e10", r#"{"type": "pipeline", "id": "{elsewhere.id}"}"#, r#"["run_completed"]"#)
                .wanted(&OTHER_PROJECT),
            ADMIN.get("/triggers?name=e10").keep("loose").tidies(),
            ADMIN.delete("/triggers/{loose.items.0.id}?soft=false").tidies(),
            ADMIN.put(
                "/triggers/{one.id}",
                r#"{"type": "platform_event", "name": "e1", "target_events": ["run_failed"],
                "source_entity": {"type": "pipeline", "id": "{pipeline.id}"}}"#,
            ),
            ADMIN.put(
                "/triggers/{one.id}",
                r#"{"type": "platform_event", "name": "e1", "target_events": ["completed"],
                "source_entity": {"type": "pipeline_run", "id": "{project.id}"}}"#,
            ),
            ADMIN.delete("/pipelines/{pipeline.id}"),
            ADMIN.get("/triggers/{one.id}"),
            ADMIN.delete("/projects/beside").tidies(),
        ],
    )
}

fn of_webhook(name: &str, kind: &str, configuration: &str) -> Step {
    let fields =
        format!(r#""type": "webhook", "webhook_id": "{{{kind}.id}}", "configuration": {configuration}"#);
    trigger(name, &fields)
}

fn webhook(kind: &'static str) -> Step {
    let body = format!(r#"{{"project": "{{project.id}}", "name": "of {kind}", "webhook_type": "{kind}"}}"#);
    ADMIN.post("/webhooks", &body).keep(kind)
}

fn of_webhooks() -> Scenario {
    let events = |name: &str, kind: &str, events: &str| {
        of_webhook(name, kind, &format!(r#"{{"target_events": {events}}}"#))
    };
    scenario(
        "triggers by webhooks",
        [
            ADMIN.get("/projects/default").keep("project"),
            webhook("custom"),
            webhook("github"),
            webhook("clickup"),
            webhook("slack"),
            of_webhook("w1", "custom", "{}").keep("one"),
            of_webhook("w2", "custom", r#"{"x": 1}"#),
            events("w3", "custom", "[]"),
            events("w4", "custom", r#"[{"event_type": "a"}]"#),
            events("w5", "custom", r#"[{"type": "push"}]"#),
            of_webhook("w6", "project", "{}"),
            trigger("w7", r#""type": "webhook", "webhook_id": "x", "configuration": {}"#),
            trigger("w8", r#""type": "webhook", "configuration": {}"#),
            trigger("w9", r#""type": "webhook", "webhook_id": "{custom.id}""#),
            of_webhook("w10", "custom", "[]"),
            of_webhook("g1", "github", "{}"),
            events("g2", "github", "[]"),
            events("g3", "github", "null"),
            events("g4", "github", r#"[{"type": "push", "repo": "a"}, {"type": "dynamic", "event_type": "a"}]"#),
            events("g5", "github", r#"[{"repo": "a"}]"#),
            events("g6", "github", r#"[{"type": "nope"}]"#),
            events("g7", "github", r#"[{"type": "push", "nope": "a"}]"#),
            events(
                "g8",
                "github",
                r#"[{"type": "merged_pull_request"}, {"type": "workflow_run_completed"}, {"type": "release_published"},
                {"type": "issue_opened", "labels": ["a", "equals:b"]}]"#,
            ),
            events("g9", "github", r#"[{"type": "issue_opened", "milestone": ""}]"#),
            events("c1", "clickup", r#"[{"type": "taskCreated"}, {"type": "taskUpdated"}, {"type": "taskDeleted"}]"#),
            events("c2", "clickup", r#"[{"type": "taskStatusUpdated"}, {"type": "taskMoved"}]"#),
            events("c3", "clickup", r#"[{"type": "taskAssigneeUpdated"}, {"type": "taskCommentPosted"}]"#),
            events("c4", "clickup", r#"[{"type": "listCreated"}, {"type": "listUpdated"}, {"type": "listDeleted"}]"#),
            events("c5", "clickup", r#"[{"type": "listCreated", "task_id": "x"}]"#),
            events("k1", "slack", r#"[{"type": "app_mention"}, {"type": "message"}, {"type": "reaction_added"}]"#),
            events("k2", "slack", r#"[{"type": "reaction_removed"}, {"type": "file_shared"}]"#),
            events("k3", "slack", r#"[{"type": "message_metadata_posted"}, {"type": "message_metadata_updated"}]"#),
            events("k4", "slack", r#"[{"type": "message", "include_subtypes": true, "subtype": "a"}]"#),
            events("k5", "slack", r#"[{"type": "message", "include_subtypes": "yes", "threaded": 1}]"#),
            events("k6", "slack", r#"[{"type": "message", "include_subtypes": null}]"#),
            events("k7", "slack", r#"[{"type": "message", "threaded": "x"}]"#),
            events("k8", "slack", r#"[{"type": "reaction_added", "include_subtypes": true}]"#),
            ADMIN.delete("/webhooks/{custom.id}"),
            ADMIN.put("/triggers/{one.id}", r#"{"type": "webhook", "name": "w1", "configuration": {}}"#),
            ADMIN.put(
                "/triggers/{one.id}",
                r#"{"type": "webhook", "name": "w1", "configuration": {"target_events": 5}, "active": true, "concurrency": "skip"}"#,
            ),
            ADMIN.put(
                "/triggers/{one.id}",
                r#"{"type": "webhook", "name": "w1", "active": false, "concurrency": "submit",
                "configuration": {"target_events": [{"event_type": "b"}]}, "webhook_id": "{slack.id}"}"#,
            ),
            ADMIN.delete("/triggers/{one.id}"),
            ADMIN.get("/triggers/{one.id}").wanted(&ARCHIVED_NAME),
        ],
    )
}

fn filters() -> Scenario {
    let custom = |fields: &str| {
        let event = format!(r#"{{"target_events": [{{"event_type": "a", {fields}}}]}}"#);
        of_webhook("filtered", "hook", &event).keep("made")
    };
    let mut steps = vec![
        ADMIN.get("/projects/default").keep("project"),
        ADMIN
            .post("/webhooks", r#"{"project": "{project.id}", "name": "filtered", "webhook_type": "custom"}"#)
            .keep("hook"),
    ];
    let many = format!("[{}]", [r#""a""#; 11].join(","));
    let expressions = [
        r#""equals:""#,
        r#""oneof:""#,
        r#""oneof:[]""#,
        r#""oneof:[1]""#,
        r#""oneof:[\"a\",\"\"]""#,
        r#""oneof:x""#,
        r#""""#,
        "[]",
        "5",
        "null",
        &many,
    ];
    steps.extend(expressions.map(|expression| custom(&format!(r#""filters": {{"a": {expression}}}"#))));
    let paths = [
        "",
        "a.",
        ".a",
        "a..b",
        "1a",
        "a[-1]",
        "a[*].b[*]",
        "[0]",
        r#"a[\"b\""#,
        "a[b]",
        "a.b.c.d.e.f.g.h.i",
        "a b",
        "a[",
    ];
    steps.extend(paths.map(|path| custom(&format!(r#""filters": {{"{path}": "x"}}"#))));
    steps.push(custom(r#""filters": null"#));
    steps.push(custom(r#""more": 1"#));
    steps.push(custom(
        r#""filters": {"a": "oneof:[\"a\"]", "a-b[0][\"c d\"].e": "foo:", "[\"x\"]": ["gt:1", "notequals:a:b"], "k[*]": "isnull:"}"#,
    ));
    Scenario { name: "what deliveries are filtered by", steps }
}

fn changed() -> Scenario {
    let change = |body: &str| ADMIN.put("/triggers/{one.id}", body);
    scenario(
        "changes of triggers",
        [
            ADMIN.get("/projects/default").keep("project"),
            schedule("changed", r#""cron_expression": "0 0 1 1 *""#).keep("one"),
            schedule("taken", r#""cron_expression": "0 0 1 1 *""#).keep("two"),
            change(r#"{"type": "schedule", "name": "changed", "cron_expression": "0 0 2 1 *"}"#),
            change(r#"{"type": "schedule", "name": "changed"}"#),
            change(r#"{"type": "schedule", "cron_expression": "0 0 2 1 *"}"#),
            change(
                r#"{"type": "webhook", "name": "changed", "configuration": {}, "active": true, "concurrency": "skip"}"#,
            ),
            change(r#"{"name": "changed"}"#),
            change(r#"{"type": "schedule", "name": "taken", "cron_expression": "0 0 2 1 *"}"#),
            change(
                r#"{"type": "schedule", "name": "changed", "active": false, "cron_expression": "0 0 2 1 *"}"#,
            ),
            change(
                r#"{"type": "schedule", "name": "changed", "active": null, "cron_expression": "0 0 2 1 *"}"#,
            ),
            change(r#"{"type": "schedule", "name": null, "cron_expression": "0 0 2 1 *"}"#),
            change(r#"{"type": "schedule", "name": "changed", "cron_expression": "bad"}"#),
            change(
                r#"{"type": "schedule", "name": "changed", "cron_expression": "0 0 2 1 *", "active": true,
                "next_occurrence": "2033-01-01T00:00:00+01:00"}"#,
            ),
            change(
                r#"{"type": "schedule", "name": "changed", "cron_expression": "0 0 2 1 *", "flavor": "x"}"#,
            ),
            change(
                r#"{"type": "schedule", "name": "changed", "run_once_start_time": "2030-01-01", "concurrency": "submit"}"#,
            ),
            ADMIN.put(
                &format!("/triggers/{NONE}"),
                r#"{"type": "schedule", "name": "x", "cron_expression": "0 0 2 1 *"}"#,
            ),
            ADMIN.delete("/triggers/{two.id}?soft=x"),
            ADMIN.delete("/triggers/{one.id}"),
            ADMIN.get("/triggers/{one.id}").wanted(&ARCHIVED_NAME),
            ADMIN.delete("/triggers/{one.id}"),
            change(r#"{"type": "schedule", "name": "changed", "cron_expression": "0 0 2 1 *"}"#),
            ADMIN.delete("/triggers/{one.id}?soft=false"),
            ADMIN.delete("/triggers/{one.id}?soft=false"),
            ADMIN.delete("/triggers/{two.id}?soft=false"),
            ADMIN.delete("/triggers/x"),
            ANYONE.delete(&format!("/triggers/{NONE}")),
        ],
    )
}

fn attached() -> Scenario {
    let component = |kind: &str, flavor: &str, configuration: &str| {
        let body = format!(
            r#"{{"name": "apart {kind}", "type": "{kind}", "flavor": "{flavor}", "configuration": {configuration}}}"#
        );
        ADMIN.post("/components", &body).compared_elsewhere()
    };
    let snapshot = |name: &str, build: &str| {
        let body = format!(
            r#"{{"project": "{{project.id}}", "name": {name}, "run_name_template": "r", "stack": "{{stack.id}}",
            "pipeline": "{{pipeline.id}}", "build": {build}, "client_version": "0.98.0", "server_version": "0.98.0",
            "pipeline_configuration": {{"name": "attached", "settings": {{"orchestrator:apart orchestrator": {{"kubernetes_namespace": "n"}}}}}},
            "step_configurations": {{"load": {{"spec": {{"source": "m.f", "upstream_steps": [], "invocation_id": "load"}},
            "config": {{"name": "load", "parameters": {{"a": 1}}}},
            "step_config_overrides": {{"name": "load", "parameters": {{"a": 1}}}}}}}}}}"#
        );
        ADMIN.post("/pipeline_snapshots", &body).compared_elsewhere()
    };
    let attach =
        |more: &str, body: &str| ADMIN.put(&format!("/triggers/{{one.id}}/pipeline_snapshots/{more}"), body);
    let detach = |id: &str| ADMIN.delete(&format!("/triggers/{{one.id}}/pipeline_snapshots/{id}"));
    let clear = |query: &str| ADMIN.delete(&format!("/triggers/{{one.id}}/dispatch_state{query}"));
    scenario(
        "snapshots of triggers",
        [
            ADMIN.get("/projects/default").keep("project"),
            ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "attached"}"#).keep("pipeline"),
            component("orchestrator", "kubernetes", r#"{"kubernetes_context": "x"}"#).keep("orchestrator"),
            component("artifact_store", "s3", r#"{"path": "s3://x"}"#).keep("store"),
            ADMIN
                .post(
                    "/stacks",
                    r#"{"name": "apart", "components": {"orchestrator": ["{orchestrator.id}"], "artifact_store": ["{store.id}"]}}"#,
                )
                .compared_elsewhere()
                .keep("stack"),
            ADMIN
                .post(
                    "/pipeline_builds",
                    r#"{"project": "{project.id}", "is_local": false, "contains_code": true, "pipeline": "{pipeline.id}",
                    "stack": "{stack.id}", "zenml_version": "0.98.0"}"#,
                )
                .compared_elsewhere()
                .keep("build"),
            snapshot(r#""named""#, r#""{build.id}""#).keep("named"),
            snapshot(r#""unbuilt""#, "null").keep("unbuilt"),
            snapshot("null", r#""{build.id}""#).keep("nameless"),
            schedule("attached", r#""run_once_start_time": "2050-01-01T00:00:00""#).keep("one"),
            attach("{nameless.id}", "{}"),
            attach("{unbuilt.id}", "{}"),
            attach(NONE, "{}"),
            attach("x", "{}"),
            ADMIN.put(&format!("/triggers/{NONE}/pipeline_snapshots/{{named.id}}"), "{}"),
            attach("{named.id}", r#"{"parameters": {"a": 1}}"#),
            attach("{named.id}", r#"{"build": "{build.id}"}"#),
            attach("{named.id}", r#"{"schedule": {"cron_expression": "* * * * *"}}"#),
            attach("{named.id}", r#"{"settings": {"docker": {"dockerfile": "x"}}}"#),
            attach("{named.id}", r#"{"steps": {"load": {"settings": {"docker": {"dockerfile": "x"}}}}}"#),
            attach("{named.id}", r#"{"steps": {"load": {"parameters": {"b": 1}}}}"#),
            attach("{named.id}", r#"{"secrets": ["none"]}"#),
            attach("{named.id}", r#"{"enable_cache": "x"}"#),
            attach("{named.id}?allow_replace=x", "{}"),
            detach("{named.id}"),
            attach(
                "{named.id}",
                r#"{"run_name": "nightly", "enable_cache": false, "settings": {"orchestrator": {"kubernetes_namespace": "m"}},
                "steps": {"load": {"parameters": {"a": 5}}, "gone": {"enable_cache": true}}}"#,
            ),
            ADMIN.get("/triggers/{one.id}").keep("with"),
            ADMIN.get("/pipeline_snapshots/{with.resources.executable_snapshots.0.id}"),
            ADMIN.get("/triggers?snapshot_id={named.id}"),
            ADMIN.get("/triggers?pipeline_id={pipeline.id}&hydrate=true"),
            ADMIN.get("/triggers?snapshot_id={with.resources.executable_snapshots.0.id}&pipeline_id={pipeline.id}"),
            ADMIN.get("/pipeline_snapshots?trigger_id={one.id}"),
            attach("{named.id}", "{}"),
            attach("{named.id}?allow_replace=true", "null"),
            clear(""),
            clear("?snapshot_id={named.id}"),
            clear("?snapshot_id={unbuilt.id}"),
            clear("?snapshot_id=x"),
            ADMIN.delete(&format!("/triggers/{NONE}/dispatch_state")),
            detach("{unbuilt.id}"),
            detach(NONE),
            detach("{named.id}"),
            detach("{named.id}"),
            attach("{named.id}", "{}"),
            ADMIN.put("/pipeline_snapshots/{named.id}", r#"{"name": false}"#).compared_elsewhere(),
            ADMIN.get("/triggers/{one.id}"),
            ADMIN.put("/pipeline_snapshots/{named.id}", r#"{"name": "named"}"#).compared_elsewhere(),
            attach("{named.id}", "{}"),
            ADMIN.delete("/triggers/{one.id}"),
            ADMIN.get("/triggers/{one.id}").wanted(&ARCHIVED_NAME),
            ADMIN.get("/pipeline_snapshots?pipeline={pipeline.id}&sort_by=created&size=1"),
            attach("{named.id}", "{}"),
            ADMIN.get("/pipeline_snapshots?pipeline={pipeline.id}&sort_by=created&size=1").wanted(&COPY_LEFT),
            detach("{named.id}"),
            clear(""),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/triggers?{query}"));
    scenario(
        "lists of triggers",
        [
            list("size=2&sort_by=name"),
            list("size=2&sort_by=name&hydrate=true"),
            list("type=platform_event"),
            list("type=webhook&type=schedule&size=2&sort_by=name"),
            list("type=nope"),
            list("type="),
            list("type=equals:schedule"),
            list("flavor=webhook&size=1&sort_by=name"),
            list("flavor=contains:hook"),
            list("concurrency=submit"),
            list("concurrency=startswith:sub"),
            list("concurrency=x"),
            list("active=false&sort_by=name"),
            list("active=x"),
            list("is_archived=false&size=1&sort_by=name"),
            list("is_archived=x"),
            list("name=contains:S1&size=2&sort_by=name"),
            list("next_occurrence=gt:2035-01-01 00:00:00&sort_by=name&size=3"),
            list("next_occurrence=x"),
            list("webhook_id=x"),
            list("snapshot_id=x"),
            list("pipeline_id=x"),
            list("snapshot_id="),
            list(&format!("snapshot_id={NONE}")),
            list(&format!("snapshot_id=equals:{NONE}")),
            list("user=default&size=1&sort_by=name"),
            list("logical_operator=or&name=c1&concurrency=submit&sort_by=name"),
            list("logical_operator=or&name=c1&type=webhook"),
            list("sort_by=type"),
            list("sort_by=flavor"),
            list("sort_by=is_archived"),
            list("sort_by=snapshot_id"),
            list("sort_by=source_entity"),
            list("sort_by=desc:next_occurrence&size=1"),
            list("name=c1&sort_by=concurrency"),
            list("name=c1&sort_by=webhook_id"),
            list("project=nope"),
            list("size=0"),
            list("page=90"),
        ],
    )
}
