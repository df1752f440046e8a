//! Services.

use serde_json::{Value, json};

use super::bodies::{merged, run, with_snapshot};
use super::step::{ADMIN, ANYONE, Scenario, Step};
use super::wanted::{NO_SUCH_PROJECT, NO_SUCH_STATE, OTHER_PROJECTS_CONFIGURATION, SAME_CONFIGURATION};

const NONE: &str = "00000000-0000-0000-0000-000000000001";

pub fn scenarios() -> Vec<Scenario> {
    vec![made(), refused(), changed(), listed()]
}

fn body(config: Value, more: Value) -> String {
    let body = json!({
        "project": "{project.id}", "name": "svc", "config": config,
        "service_type": {"type": "model-serving", "flavor": "mlflow", "name": "n", "description": "d"},
    });
    merged(body, more).to_string()
}

fn post(config: Value, more: Value) -> Step {
    ADMIN.post("/services", &body(config, more))
}

fn made() -> Scenario {
    with_snapshot(
        "making services",
        [
            ADMIN.post("/models", r#"{"project": "{project.id}", "name": "served"}"#).keep("model"),
            ADMIN
                .post("/model_versions", r#"{"project": "{project.id}", "model": "{model.id}", "name": "first"}"#)
                .keep("version"),
            ADMIN.post("/runs", &run("serving", json!({}))).keep("runs"),
            post(
                json!({"type": "x", "pipeline_name": "p", "pipeline_step_name": "s", "k": [1, 2.0]}),
                json!({
                    "service_source": "a.b", "admin_state": "active", "labels": {"x": "y"},
                    "status": {"state": "active", "last_error": "e"}, "endpoint": {"port": 1},
                    "prediction_url": "http://p", "health_check_url": "http://h",
                    "model_version_id": "{version.id}", "pipeline_run_id": "{runs.0.id}",
                }),
            )
            .keep("whole"),
            post(json!({"least": 1}), json!({})).keep("least"),
            post(json!({"least": 1}), json!({})),
            post(json!({}), json!({"labels": {}, "status": {}, "endpoint": {}, "prediction_url": "", "health_check_url": ""}))
                .keep("empty"),
            post(json!({"pipeline_name": 5, "pipeline_step_name": null}), json!({"service_type": {"type": "t", "flavor": "f", "zz": 1}}))
                .keep("loose"),
            ADMIN
                .post("/workspaces/default/services", &body(json!({"by": "path"}), json!({"project": NONE})))
                .keep("by_path"),
            ADMIN.post("/workspaces/nope/services", &body(json!({"by": "path"}), json!({}))),
            ADMIN.post("/services?project_name_or_id=default", &body(json!({"by": "query"}), json!({}))).keep("by_query"),
            ADMIN.get("/services/{whole.id}"),
            ADMIN.get("/services/{whole.id}?hydrate=false"),
            ADMIN.get("/services/x"),
            ADMIN.get(&format!("/services/{NONE}")),
            ANYONE.get("/services/{whole.id}"),
            ADMIN.get("/model_versions/{version.id}"),
            ADMIN.get("/model_versions?model={model.id}"),
            ADMIN.delete("/model_versions/{version.id}"),
            ADMIN.delete("/runs/{runs.0.id}"),
            ADMIN.get("/services/{whole.id}"),
            ADMIN.delete("/services/{whole.id}"),
            ADMIN.delete("/services/{whole.id}"),
            ADMIN.delete("/services/{least.id}"),
            ADMIN.delete("/services/{empty.id}"),
            ADMIN.delete("/services/{loose.id}"),
            ADMIN.delete("/services/{by_path.id}"),
            ADMIN.delete("/services/{by_query.id}"),
            ADMIN.delete("/services/x"),
            ANYONE.delete("/services/x"),
            ADMIN.delete("/models/{model.id}").tidies(),
        ],
    )
}

fn refused() -> Scenario {
    let with = |more: Value| post(json!({"refused": 1}), more);
    with_snapshot(
        "refused services",
        [
            with(json!({"project": NONE})).wanted(&NO_SUCH_PROJECT),
            with(json!({"model_version_id": NONE})),
            with(json!({"pipeline_run_id": NONE})),
            with(json!({"model_version_id": "x"})),
            with(json!({"config": 5})),
            with(json!({"config": null})),
            with(json!({"service_type": {}})),
            with(json!({"service_type": 5})),
            with(json!({"labels": {"a": 1}})),
            with(json!({"labels": 5})),
            with(json!({"name": null})),
            with(json!({"name": "n".repeat(256)})),
            with(json!({"admin_state": "x"})),
            with(json!({"status": 5})),
            ADMIN.post("/services", "[]"),
            ADMIN.post("/services", "{}"),
            ADMIN.post("/services", ""),
            ANYONE.post("/services", "{}"),
            // Byte by byte, wherever it is, is how the reference compares.
            post(json!({"same": {"a": 1}}), json!({})).keep("same"),
            ADMIN.post("/services", &body(json!({"z": 1}), json!({}))).keep("first"),
            ADMIN
                .send("POST", "/services")
                .header("content-type", "application/json")
                .body(
                    body(json!({"swapped": 1}), json!({})).replace(r#"{"swapped":1}"#, r#"{"b": 1, "a": 2}"#),
                )
                .keep("one_order"),
            ADMIN
                .send("POST", "/services")
                .header("content-type", "application/json")
                .body(
                    body(json!({"swapped": 1}), json!({})).replace(r#"{"swapped":1}"#, r#"{"a": 2, "b": 1}"#),
                )
                .keep("other_order")
                .wanted(&SAME_CONFIGURATION),
            ADMIN.post("/projects", r#"{"name": "of-services"}"#).keep("other").tidies(),
            post(json!({"same": {"a": 1}}), json!({"project": "{other.id}"}))
                .wanted(&OTHER_PROJECTS_CONFIGURATION),
            ADMIN.delete("/projects/of-services").tidies(),
            ADMIN.delete("/services/{same.id}"),
            ADMIN.delete("/services/{first.id}"),
            ADMIN.delete("/services/{one_order.id}"),
            ADMIN.delete("/services/{other_order.id}").tidies(),
        ],
    )
}

fn changed() -> Scenario {
    let put = |sent: Value| ADMIN.put("/services/{one.id}", &sent.to_string());
    with_snapshot(
        "changes of services",
        [
            post(
                json!({"n": 1}),
                json!({"labels": {"x": "y"}, "status": {"state": "active"}, "endpoint": {"a": 1}}),
            )
            .keep("one"),
            put(json!({})),
            put(
                json!({"name": null, "labels": null, "status": null, "endpoint": null, "prediction_url": null, "admin_state": null}),
            ),
            put(json!({"name": "other", "admin_state": "error", "service_source": "c.d"})),
            put(
                json!({"status": {"state": "scaled_to_zero"}, "labels": {"a": "b"}, "prediction_url": "p", "health_check_url": "h"}),
            ),
            put(json!({"status": {"x": 1}})),
            put(json!({"status": {"state": null}})),
            put(
                json!({"labels": {}, "status": {}, "endpoint": {}, "prediction_url": "", "health_check_url": ""}),
            ),
            put(
                json!({"config": {"n": 2}, "service_type": {"type": "q", "flavor": "q"}, "pipeline_run_id": NONE}),
            ),
            put(json!({"model_version_id": null})),
            put(json!({"model_version_id": NONE})),
            put(json!({"labels": {"a": 1}})),
            put(json!({"admin_state": "x"})),
            put(json!({"name": ""})),
            put(json!({"name": "n".repeat(256)})),
            ADMIN.put("/services/{one.id}", "[]"),
            ADMIN.put(&format!("/services/{NONE}"), "{}"),
            ADMIN.put("/services/x", "{}"),
            ANYONE.put("/services/{one.id}", "{}"),
            // Refused by both, and kept by the reference alone, which can't even delete it then.
            ADMIN.post("/projects", r#"{"name": "of-states"}"#).keep("other").tidies(),
            post(json!({"state": 1}), json!({"project": "{other.id}"})).keep("asleep"),
            ADMIN.put("/services/{asleep.id}", r#"{"status": {"state": "asleep"}}"#),
            ADMIN.get("/services/{asleep.id}").wanted(&NO_SUCH_STATE),
            ADMIN.get("/services?project=of-states").wanted(&NO_SUCH_STATE),
            ADMIN.delete("/projects/of-states").tidies(),
            ADMIN.delete("/services/{one.id}"),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/services?{query}"));
    with_snapshot(
        "lists of services",
        [
            post(json!({"n": 1, "pipeline_name": "p"}), json!({"name": "aa"})).keep("aa"),
            post(
                json!({"n": 2, "pipeline_step_name": "s"}),
                json!({"name": "bb", "service_type": {"type": "t", "flavor": "f"}}),
            )
            .keep("bb"),
            list(""),
            list("size=1&page=2"),
            list("hydrate=true&sort_by=desc:name"),
            list("name=aa"),
            list("name=startswith:b"),
            list("type=t"),
            list("type=oneof:[\"t\"]"),
            list("flavor=contains:F"),
            list("pipeline_name=p"),
            list("pipeline_step_name=isnull:"),
            list("model_version_id=isnull:"),
            list("model_version_id=x"),
            list(&format!("pipeline_run_id={NONE}")),
            list("running=true"),
            list("running=false"),
            list("running=x"),
            list("config=abc"),
            list("user=default"),
            list("logical_operator=or&name=aa&type=t"),
            list("project=default"),
            list("project=nope"),
            list("sort_by=type"),
            list("sort_by=desc:flavor"),
            list("sort_by=pipeline_name"),
            list("sort_by=user"),
            list("sort_by=running"),
            list("sort_by=config"),
            list("sort_by=state"),
            list("sort_by=nope"),
            ANYONE.get("/services"),
            ADMIN.delete("/services/{aa.id}"),
            ADMIN.delete("/services/{bb.id}"),
        ],
    )
}
