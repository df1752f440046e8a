//! Logs, and the links of runs to model versions: what needs a run.

use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{NO_PROJECT, NO_RUNNER, OWN_WORDS, TAKEN_ID, UNKNOWN_REFERENCE};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![logs(), no_logs(), entries(), links()]
}

/// Keeps the project, the default artifact store and a run.
fn with_run(name: &'static str, steps: Vec<Step>) -> Scenario {
    let start = [
        ADMIN.get("/projects/default").keep("project"),
        ADMIN.get("/components?type=artifact_store").keep("stores"),
        ADMIN.get("/stacks").keep("stacks"),
        ADMIN.post("/pipelines", r#"{"project": "{project.id}", "name": "logged"}"#).keep("pipeline").tidies(),
        ADMIN
            .post(
                "/pipeline_snapshots",
                r#"{"project": "{project.id}", "run_name_template": "logged", "pipeline_configuration": {"name": "logged"},
                    "stack": "{stacks.items.0.id}", "pipeline": "{pipeline.id}"}"#,
            )
            .keep("snapshot")
            .tidies(),
        ADMIN
            .post(
                "/runs",
                r#"{"project": "{project.id}", "name": "logged", "snapshot": "{snapshot.id}", "status": "running"}"#,
            )
            .keep("run")
            .tidies(),
    ];
    let end = [ADMIN.delete("/pipelines/{pipeline.id}").tidies()];
    Scenario { name, steps: start.into_iter().chain(steps).chain(end).collect() }
}

fn make(fields: &str) -> Step {
    ADMIN.post("/logs", &format!(r#"{{"project": "{{project.id}}", {fields}}}"#))
}

const STORED: &str = r#""artifact_store_id": "{stores.items.0.id}", "uri": "/logs/x.log""#;

fn logs() -> Scenario {
    with_run(
        "logs",
        vec![
            make(&format!(r#"{STORED}, "source": "client", "pipeline_run_id": "{{run.0.id}}""#))
                .keep("of_run"),
            ADMIN.get("/logs/{of_run.id}"),
            ADMIN.get("/logs/{of_run.id}?hydrate=false"),
            ANYONE.get("/logs/{of_run.id}"),
            make(&format!(r#"{STORED}, "source": "step", "id": "00000000-0000-0000-0000-0000000000aa""#))
                .keep("loose"),
            ADMIN.get("/logs/{loose.id}"),
            ADMIN.put("/logs/{loose.id}", "{}"),
            ADMIN.put("/logs/{loose.id}", r#"{"pipeline_run_id": "{run.0.id}"}"#),
            ADMIN.put("/logs/{loose.id}", r#"{"pipeline_run_id": "{run.0.id}"}"#),
            ADMIN.put("/logs/{loose.id}", "{}"),
            ADMIN.put("/logs/{loose.id}", &format!(r#"{{"pipeline_run_id": "{NONE}"}}"#)),
            ADMIN.put("/logs/{loose.id}", &format!(r#"{{"step_run_id": "{NONE}"}}"#)),
            ADMIN.put(
                "/logs/{loose.id}",
                &format!(r#"{{"step_run_id": "{NONE}", "pipeline_run_id": "{NONE}"}}"#),
            ),
            ADMIN.put("/logs/{loose.id}", r#"{"pipeline_run_id": 5}"#),
            ADMIN.put(&format!("/logs/{NONE}"), "{}"),
            ADMIN.get("/logs/{loose.id}"),
            ADMIN.get(&format!("/logs/{NONE}")),
            ADMIN.get("/logs/x"),
        ],
    )
}

fn no_logs() -> Scenario {
    with_run(
        "what is no log",
        vec![
            ANYONE.post("/logs", "{}"),
            ADMIN.post("/logs", "{}"),
            make(r#""source": "client""#),
            make(r#""source": "runner""#),
            make(&format!(r#""source": "client", "artifact_store_id": "{NONE}""#)),
            make(&format!(r#""source": "client", "log_store_id": "{NONE}""#)),
            make(&format!(r#"{STORED}, "pipeline_run_id": "{NONE}""#)),
            make(&format!(r#"{STORED}, "step_run_id": "{NONE}""#)),
            make(&format!(r#"{STORED}, "hook_invocation_id": "{NONE}""#)).wanted(&UNKNOWN_REFERENCE),
            make(&format!(r#"{STORED}, "step_run_id": "{NONE}", "pipeline_run_id": "{NONE}""#)),
            make(&format!(r#"{STORED}, "source": 5"#)),
            make(&format!(r#"{STORED}, "id": "x""#)),
            make(&format!(r#"{STORED}, "id": "00000000-0000-0000-0000-0000000000ab""#)),
            make(&format!(r#"{STORED}, "id": "00000000-0000-0000-0000-0000000000ab""#)).wanted(&TAKEN_ID),
            ADMIN.post("/logs", &format!("{{{STORED}}}")).wanted(&NO_PROJECT),
        ],
    )
}

fn entries() -> Scenario {
    let of_run = |fields: &str| make(&format!(r#"{fields}, "pipeline_run_id": "{{run.0.id}}""#));
    let list = |query: &str| ADMIN.get(&format!("/logs/{{stored.id}}/entries?{query}"));
    with_run(
        "entries of logs",
        vec![
            of_run(&format!(r#"{STORED}, "source": "client""#)).keep("stored"),
            list(""),
            list("start=oldest&limit=5"),
            list("start=newest"),
            list("start=middle"),
            list("limit=0"),
            list("limit=x"),
            list("before=x"),
            list("after=x"),
            list("search=x"),
            list("level=WARN"),
            list("level=30"),
            list("level=loud").wanted(&OWN_WORDS),
            list("since=2026-01-01T00:00:00"),
            list("since=yesterday").wanted(&OWN_WORDS),
            list("since=2026-01-02T00:00:00&until=2026-01-01T00:00:00Z"),
            ANYONE.get("/logs/{stored.id}/entries"),
            ADMIN.get(&format!("/logs/{NONE}/entries")),
            make(&format!(r#"{STORED}, "source": "client""#)).keep("loose"),
            ADMIN.get("/logs/{loose.id}/entries"),
            of_run(r#""source": "other", "artifact_store_id": "{stores.items.0.id}""#).keep("nowhere"),
            ADMIN.get("/logs/{nowhere.id}/entries"),
            of_run(r#""source": "runner""#).keep("runner"),
            ADMIN.get("/logs/{runner.id}/entries").wanted(&NO_RUNNER),
        ],
    )
}

fn links() -> Scenario {
    let link = |fields: &str| ADMIN.post("/model_version_pipeline_runs", &format!("{{{fields}}}"));
    let list = |query: &str| ADMIN.get(&format!("/model_version_pipeline_runs?{query}"));
    with_run(
        "links of runs to model versions",
        vec![
            ADMIN.post("/models", r#"{"project": "{project.id}", "name": "linked"}"#).keep("model"),
            ADMIN.post("/model_versions", r#"{"project": "{project.id}", "model": "{model.id}"}"#).keep("v"),
            link(r#""model_version": "{v.id}", "pipeline_run": "{run.0.id}""#).keep("link"),
            link(r#""model_version": "{v.id}", "pipeline_run": "{run.0.id}""#),
            link(&format!(r#""model_version": "{{v.id}}", "pipeline_run": "{NONE}""#))
                .wanted(&UNKNOWN_REFERENCE),
            link(&format!(r#""model_version": "{NONE}", "pipeline_run": "{{run.0.id}}""#)),
            link(""),
            ANYONE.post("/model_version_pipeline_runs", "{}"),
            list(""),
            list("hydrate=true"),
            list("model_version_id={v.id}"),
            list(&format!("model_version_id={NONE}")),
            list("pipeline_run_id={run.0.id}"),
            list("pipeline_run_name=logged"),
            list("pipeline_run_name=startswith:x"),
            list("user=default"),
            list("user=nobody"),
            list("sort_by=pipeline_run_id"),
            list("sort_by=pipeline_run_name"),
            ADMIN.delete("/model_versions/{v.id}/runs/nothing"),
            ADMIN.delete(&format!("/model_versions/{NONE}/runs/logged")),
            ADMIN.delete("/model_versions/{v.id}/runs/{link.id}"),
            ADMIN.delete("/model_versions/{v.id}/runs/{link.id}"),
            link(r#""model_version": "{v.id}", "pipeline_run": "{run.0.id}""#),
            ADMIN.delete("/model_versions/{v.id}/runs/logged"),
            list(""),
            ADMIN.delete("/models/{model.id}"),
        ],
    )
}
