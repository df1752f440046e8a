//! Runs of pipelines seen as a whole: in lists, as graphs, in numbers, by their logs; and how they are stopped.

use serde_json::{Value, json};

use super::bodies::{ARTIFACT_STORE, artifact_version, forgetting, merged, step_run, with_snapshot};
use super::runs::{post, started, step};
use super::step::{ADMIN, ANYONE, Scenario};
use super::wanted::{HAS_NONE, NO_EVENTS, NO_MORE_THAN_ASKED, ONE_OF_SEVERAL_TYPES, START_IS_KNOWN};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![listing(), forgetting(dags(), &["version", "manual"]), statistics(), control(), events(), logs()]
}

fn listing() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/runs?{query}"));
    with_snapshot(
        "lists of runs",
        [
            post("first", json!({})).keep("run"),
            post("second", json!({"tags": ["a"], "end_time": "2026-01-02T05:00:00", "start_time": null}))
                .wanted(&START_IS_KNOWN),
            ADMIN.put("/runs/{run.0.id}", r#"{"status": "failed"}"#),
            list(""),
            list("hydrate=true").wanted(&START_IS_KNOWN),
            list("page=2&size=1"),
            list("page=3&size=1"),
            list("project=nope"),
            list("project_name_or_id={project.id}"),
            list("id={run.0.id}"),
            list("id=startswith:zz"),
            list("name=first"),
            list("index=1"),
            list("index=gt:1"),
            list("index=x"),
            list("orchestrator_run_id=orchestrated-first"),
            list("orchestrator_run_id=isnull:"),
            list("pipeline_id={pipeline.id}"),
            list("pipeline_id=isnull:"),
            list("pipeline_id=x"),
            list("stack_id={stacks.items.0.id}"),
            list("stack_id=isnull:"),
            list("schedule_id=isnull:").wanted(&HAS_NONE),
            list("build_id=isnull:").wanted(&HAS_NONE),
            list("build_id=isnotnull:"),
            list("snapshot_id={snapshot.id}"),
            list("code_repository_id=isnull:"),
            list(&format!("code_repository_id={NONE}")),
            list("template_id=isnull:"),
            list("source_snapshot_id=isnull:"),
            list("source_snapshot_id={snapshot.id}"),
            list("model_version_id=isnull:"),
            list(&format!("model_version_id={NONE}")),
            list(&format!("linked_to_model_version_id={NONE}")),
            list("status=failed"),
            list("status=notequals:failed"),
            list("status=oneof:[\"failed\",\"running\"]"),
            list("status=x"),
            list("in_progress=true"),
            list("in_progress=false"),
            list("in_progress=x"),
            list("start_time=gt:2020-01-01 00:00:00"),
            list("start_time=isnull:"),
            list("end_time=lt:2026-01-02 06:00:00"),
            list("end_time=x"),
            list("pipeline_name=training"),
            list("pipeline_name=contains:x"),
            list("pipeline=training"),
            list("pipeline={pipeline.id}"),
            list("pipeline=isnull:"),
            list("stack=default"),
            list("stack=x"),
            list("code_repository=x"),
            list("model=x"),
            list("stack_component=default"),
            list("stack_component=x"),
            list("templatable=true"),
            list("templatable=false").wanted(&HAS_NONE),
            list("templatable=x"),
            list(&format!("trigger_id={NONE}")),
            list("user=default"),
            list("user={run.0.body.user_id}"),
            list("scope_user={run.0.body.user_id}"),
            list("tags=a"),
            list("tags=notequals:a"),
            list("tags=isnull:"),
            list("name=first&name=second"),
            list("name=first&status=running&logical_operator=or"),
            list("sort_by=desc:created"),
            list("sort_by=desc:index"),
            list("sort_by=name"),
            list("sort_by=status"),
            list("sort_by=start_time"),
            list("sort_by=end_time"),
            list("sort_by=in_progress&name=first"),
            list("sort_by=orchestrator_run_id"),
            list("sort_by=tag"),
            list("sort_by=tags"),
            list("sort_by=user&name=first"),
            list("sort_by=stack&name=first"),
            list("sort_by=desc:pipeline&name=first"),
            list("sort_by=model&name=first"),
            list("sort_by=model_version&name=first"),
            list("sort_by=stack_id"),
            list("sort_by=code_repository"),
            list("sort_by=pipeline_name"),
            list("sort_by=x"),
        ],
    )
}

fn dags() -> Scenario {
    let dag = || ADMIN.get("/runs/{run.id}/dag");
    let [start, keep] = started();
    let version = |name: &str, more: Value| ADMIN.post("/artifact_versions", &artifact_version(name, more));
    let train = step_run("train", json!({"inputs": {"load_data": ["{version.id}"]}}));
    let metadata = json!({
        "project": "{project.id}", "resources": [{"id": "{load.id}", "type": "step_run"}],
        "values": {"lines": 3, "who": "me"}, "types": {"lines": "int", "who": "str"},
    });
    with_snapshot(
        "a run as a graph",
        [
            start,
            keep,
            dag(),
            step("load", "running").keep("load"),
            dag(),
            version("drawn", json!({})).keep("version"),
            version("by_hand", json!({"save_type": "manual"})).keep("manual"),
            ADMIN.put(
                "/steps/{load.id}",
                &json!({
                    "status": "completed", "end_time": "2026-01-02T03:05:07.5",
                    "outputs": {"load_out": ["{version.id}"], "extra": ["{manual.id}"]},
                })
                .to_string(),
            ),
            ADMIN.post("/run-metadata", &metadata.to_string()),
            ADMIN.post("/steps", &train).keep("train"),
            ADMIN.put(
                "/steps/{train.id}",
                &json!({
                    "loaded_artifact_versions": {"made_by_hand": "{manual.id}"},
                })
                .to_string(),
            ),
            post("triggered", json!({"trigger_info": {"step_run_id": "{train.id}"}})),
            dag(),
            ADMIN.get("/runs/{run.id}/dag?include_step_metadata=lines"),
            ADMIN.get("/runs/{run.id}/dag?include_step_metadata=lines&include_step_metadata=who"),
            ADMIN.get("/runs/{run.id}/dag?include_step_metadata=x"),
            ADMIN.get(&format!("/runs/{NONE}/dag")),
            ADMIN.get("/runs/x/dag"),
            ANYONE.get("/runs/{run.id}/dag"),
        ],
    )
}

fn statistics() -> Scenario {
    let ask = |body: Value| ADMIN.post("/runs/statistics", &merged(json!({"filter": {}}), body).to_string());
    let [start, keep] = started();
    let of_run = json!({
        "project": "{project.id}", "resources": [{"id": "{run.id}", "type": "pipeline_run"}],
        "values": {"speed": 1.5, "who": "me", "parts": {"a": 1}},
        "types": {"speed": "float", "who": "str", "parts": "dict"},
    });
    let simple = |kind: &str| json!({"groupings": [{"name": "g", "type": kind}]});
    let time =
        |granularity: &str| json!({"groupings": [{"name": "g", "type": "time", "granularity": granularity}]});
    let of = |key: &str| json!({"groupings": [{"name": "g", "type": "metadata", "metadata_key": key}]});
    let metric = |source: &str, aggregation: &str| json!({"metrics": [{"name": "m", "source": source, "aggregation": aggregation}]});
    with_snapshot(
        "statistics of runs",
        [
            start,
            keep,
            ADMIN.post("/run-metadata", &of_run.to_string()),
            step("load", "cached"),
            step("train", "completed"),
            post("second", json!({"start_time": "2026-02-03T10:00:00", "tags": ["a", "b"]})).keep("second"),
            post("third", json!({"start_time": "2026-02-04T10:00:00", "end_time": "2026-02-04T10:00:30"})),
            ask(json!({})),
            ask(simple("status")),
            ask(simple("pipeline")),
            ask(simple("snapshot")),
            ask(simple("source_snapshot")),
            ask(simple("stack")),
            ask(simple("trigger")),
            ask(simple("user")),
            ask(simple("tag")),
            ask(simple("x")).wanted(&ONE_OF_SEVERAL_TYPES),
            ask(time("hour")),
            ask(time("day")),
            ask(time("week")),
            ask(time("month")),
            ask(time("year")).wanted(&ONE_OF_SEVERAL_TYPES),
            ask(of("speed")),
            ask(of("who")),
            ask(of("parts")),
            ask(of("nope")),
            ask(metric("step_count", "sum")),
            ask(metric("cached_step_count", "avg")),
            ask(metric("output_artifact_count", "max")),
            ask(metric("step_count", "min")),
            ask(metric("x", "sum")).wanted(&ONE_OF_SEVERAL_TYPES),
            ask(metric("step_count", "x")).wanted(&ONE_OF_SEVERAL_TYPES),
            ask(json!({
                "groupings": [{"name": "day", "type": "time", "granularity": "day"}, {"name": "s", "type": "status"}],
                "metrics": [{"name": "m", "source": "metadata", "metadata_key": "speed", "aggregation": "avg"}],
            })),
            ask(
                json!({"groupings": [{"name": "day", "type": "time", "granularity": "day"}], "max_groups": 1}),
            ),
            ask(json!({"groupings": [{"name": "s", "type": "status"}], "max_groups": 1})),
            ask(json!({"max_groups": 0})),
            ask(json!({"max_groups": 100_000_000})),
            ask(json!({"filter": {"name": "second"}})),
            ask(json!({"filter": {"tags": ["a"], "status": "running"}})),
            ask(json!({"filter": {"project": "default"}})),
            ask(json!({"filter": {"project": "nope"}})),
            ask(json!({"filter": {"in_progress": true, "index": "gt:1"}})),
            ask(json!({"filter": {"start_time": "gt:2026-02-01 00:00:00"}})),
            ask(json!({"filter": {"start_time": "x"}})),
            ask(json!({"filter": {"sort_by": "x"}})),
            ask(json!({"groupings": [{"name": "g", "type": "status"}, {"name": "g", "type": "user"}]})),
            ask(json!({"groupings": [
                {"name": "a", "type": "time", "granularity": "day"},
                {"name": "b", "type": "time", "granularity": "hour"},
            ]})),
            ADMIN.post("/runs/statistics", "{}"),
            ADMIN.post("/runs/statistics", "[]"),
            ANYONE.post("/runs/statistics", "{}"),
        ],
    )
}

fn control() -> Scenario {
    with_snapshot(
        "stopping and refreshing runs",
        [
            post("first", json!({})).keep("run"),
            ADMIN.post("/runs/{run.0.id}/refresh", ""),
            ADMIN.post("/runs/{run.0.id}/refresh?include_steps=true", ""),
            ADMIN.post("/runs/{run.0.id}/refresh?include_steps=x", ""),
            ADMIN.post(&format!("/runs/{NONE}/refresh"), ""),
            ADMIN.post("/runs/x/refresh", ""),
            ANYONE.post("/runs/{run.0.id}/refresh", ""),
            ADMIN.get("/runs/{run.0.id}?refresh_status=true").wanted(&NO_MORE_THAN_ASKED),
            ADMIN.post("/runs/{run.0.id}/stop", ""),
            ADMIN.post("/runs/{run.0.id}/stop?graceful=true", ""),
            ADMIN.post("/runs/{run.0.id}/stop?graceful=x", ""),
            ADMIN.get("/runs/{run.0.id}"),
            ADMIN.put("/runs/{run.0.id}", r#"{"status": "stopping"}"#),
            ADMIN.post("/runs/{run.0.id}/stop", ""),
            ADMIN.put("/runs/{run.0.id}", r#"{"status": "stopped"}"#),
            ADMIN.post("/runs/{run.0.id}/stop", ""),
            ADMIN.post(&format!("/runs/{NONE}/stop"), ""),
            ADMIN.post("/runs/x/stop", ""),
            ANYONE.post("/runs/{run.0.id}/stop", ""),
            post("second", json!({})).keep("made"),
            ADMIN.get("/runs/{made.0.id}").keep("run"),
            step("load", "completed"),
            step("train", "completed"),
            ADMIN.post("/runs/{run.id}/stop", ""),
            ADMIN.post("/runs/{run.id}/refresh", ""),
        ],
    )
}

fn events() -> Scenario {
    with_snapshot(
        "events of runs",
        [
            post("first", json!({})).keep("run"),
            ADMIN.post("/runs/{run.0.id}/events", r#"{"events": []}"#).wanted(&NO_EVENTS),
            ADMIN.post("/runs/{run.0.id}/events", "{}").wanted(&NO_EVENTS),
            ADMIN.post("/runs/{run.0.id}/events", "[]").wanted(&NO_EVENTS),
            ADMIN.post("/runs/x/events", r#"{"events": []}"#).wanted(&NO_EVENTS),
            ADMIN.post(&format!("/runs/{NONE}/events"), r#"{"events": []}"#).wanted(&NO_EVENTS),
            ANYONE.post("/runs/{run.0.id}/events", r#"{"events": []}"#),
            ADMIN.get("/runs/{run.0.id}/events/stream").wanted(&NO_EVENTS),
            ADMIN.get(&format!("/runs/{NONE}/events/stream")).wanted(&NO_EVENTS),
            ADMIN.get("/runs/x/events/stream").wanted(&NO_EVENTS),
            ANYONE.get("/runs/{run.0.id}/events/stream"),
        ],
    )
}

fn logs() -> Scenario {
    let [start, keep] = started();
    with_snapshot(
        "logs of runs and steps",
        [
            start,
            keep,
            step("load", "running").keep("load"),
            ADMIN.get("/runs/{run.id}/logs"),
            ADMIN.get("/runs/{run.id}/logs?source=client"),
            ADMIN.get("/runs/{run.id}/logs?source=runner"),
            ADMIN.get(&format!("/runs/{{run.id}}/logs?logs_id={NONE}")),
            ADMIN.get(&format!("/runs/{{run.id}}/logs?source=x&logs_id={NONE}")),
            ADMIN.get("/runs/{run.id}/logs?logs_id=x"),
            ADMIN.get(&format!("/runs/{NONE}/logs?source=x")),
            ANYONE.get("/runs/{run.id}/logs?source=x"),
            ADMIN.get("/steps/{load.id}/logs"),
            ADMIN.get("/steps/{load.id}/logs?source=step"),
            ADMIN.get(&format!("/steps/{{load.id}}/logs?logs_id={NONE}")),
            ADMIN.get(&format!("/steps/{NONE}/logs?source=x")),
            ANYONE.get("/steps/{load.id}/logs?source=x"),
            ADMIN.put(
                "/runs/{run.id}",
                &json!({"add_logs": [
                    {"uri": "/nowhere/y.log", "source": "client", "artifact_store_id": ARTIFACT_STORE},
                ]})
                .to_string(),
            ),
            ADMIN
                .put(
                    "/steps/{load.id}",
                    &json!({"add_logs": [
                        {"uri": "/nowhere/x.log", "artifact_store_id": ARTIFACT_STORE},
                    ]})
                    .to_string(),
                )
                .keep("logged"),
            ADMIN.get("/runs/{run.id}/logs?source=client"),
            ADMIN.get("/runs/{run.id}/logs?source=x"),
            ADMIN.get("/steps/{load.id}/logs?source=step"),
            ADMIN.get("/steps/{load.id}/logs?source=x"),
            ADMIN.get("/steps/{load.id}/logs?logs_id={logged.resources.log_collection.0.id}"),
        ],
    )
}
