//! Deployments of snapshots, and the tokens of their processes.

use serde_json::{Value, json};

use super::bodies::{merged, run, snapshot, with_snapshot};
use super::step::{ADMIN, ANYONE, By, Scenario, Step};
use super::wanted::{BOTH_OF_DEPLOYMENTS, COPY_STAYS, LISTED_ONCE, OTHERS_WORK};

const NONE: &str = "00000000-0000-0000-0000-000000000001";
const COMPONENTS: &str = "/components?name=default&type=deployer";

pub fn scenarios() -> Vec<Scenario> {
    vec![made(), refused(), changed(), listed(), processes(), left()]
}

fn body(name: &str, more: Value) -> String {
    let body = json!({
        "project": "{project.id}", "name": name, "snapshot_id": "{snapshot.id}",
        "deployer_id": "{components.items.0.id}",
    });
    merged(body, more).to_string()
}

fn post(name: &str, more: Value) -> Step {
    ADMIN.post("/deployments", &body(name, more))
}

fn made() -> Scenario {
    with_snapshot(
        "making deployments",
        [
            ADMIN.get(COMPONENTS).keep("components"),
            post("served", json!({"auth_key": "k", "tags": ["a", {"name": "b", "color": "teal"}]}))
                .keep("served"),
            post("served", json!({})),
            post(
                "plain",
                json!({"auth_key": null, "tags": null, "status": "running", "url": "x", "user": null}),
            )
            .keep("plain"),
            post("", json!({"auth_key": ""})).keep("nameless"),
            ADMIN.get("/deployments/{served.id}"),
            ADMIN.get("/deployments/{served.id}?hydrate=false"),
            ADMIN.get("/deployments/{served.id}?hydrate=x"),
            ADMIN.get("/deployments/x"),
            ADMIN.get(&format!("/deployments/{NONE}")),
            ANYONE.get("/deployments/{served.id}"),
            ADMIN.get("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.get("/onboarding_state").compared_elsewhere(),
            ADMIN.delete("/deployments/{served.id}"),
            ADMIN.delete("/deployments/{served.id}"),
            ADMIN.delete("/deployments/{plain.id}"),
            ADMIN.delete("/deployments/{nameless.id}"),
            ADMIN.delete("/deployments/x"),
            ANYONE.delete(&format!("/deployments/{NONE}")),
        ],
    )
}

fn refused() -> Scenario {
    let without = |field: &str| {
        let mut sent: Value = serde_json::from_str(&body("x", json!({}))).unwrap();
        sent.as_object_mut().unwrap().remove(field);
        ADMIN.post("/deployments", &sent.to_string())
    };
    with_snapshot(
        "refused deployments",
        [
            ADMIN.get(COMPONENTS).keep("components"),
            without("project"),
            without("name"),
            without("snapshot_id"),
            without("deployer_id"),
            post("x", json!({"project": NONE})),
            post("x", json!({"snapshot_id": NONE})),
            post("x", json!({"deployer_id": NONE})),
            post("x", json!({"project": "default"})),
            post("x", json!({"name": 5})),
            post("x", json!({"name": null})),
            post("x", json!({"name": "n".repeat(256)})),
            post("x", json!({"auth_key": 5})),
            post("x", json!({"tags": 5})),
            ADMIN.post("/deployments", "[]"),
            ADMIN.post("/deployments", ""),
            ANYONE.post("/deployments", "{}"),
        ],
    )
}

fn changed() -> Scenario {
    let put = |sent: Value| ADMIN.put("/deployments/{one.id}", &sent.to_string());
    with_snapshot(
        "changes of deployments",
        [
            ADMIN.get(COMPONENTS).keep("components"),
            post("one", json!({"auth_key": "k"})).keep("one"),
            post("two", json!({})).keep("two"),
            put(json!({})),
            put(
                json!({"name": null, "url": null, "status": null, "auth_key": null, "deployment_metadata": null}),
            ),
            put(json!({"status": "pending", "url": "http://x", "deployment_metadata": {"a": {"b": 1.0}}})),
            put(json!({"status": "running"})),
            put(json!({"status": "unknown"})),
            put(json!({"status": "error"})),
            put(json!({"status": "asleep"})),
            put(json!({"url": "", "auth_key": ""})),
            put(json!({"name": "one"})),
            put(json!({"name": "two"})),
            put(json!({"name": "three"})),
            put(json!({"add_tags": ["a", "b"]})),
            put(json!({"remove_tags": ["a", "none"]})),
            put(json!({"add_tags": 5})),
            put(json!({"add_tags": [5]})),
            put(json!({"deployer_id": NONE, "project": NONE})),
            put(json!({"snapshot_id": NONE})),
            put(json!({"snapshot_id": "{snapshot.id}"})),
            put(json!({"deployment_metadata": 5})),
            put(json!({"deployment_metadata": {}})),
            ADMIN.put("/deployments/{one.id}", "[]"),
            ADMIN.put("/deployments/{one.id}", ""),
            ADMIN.put(&format!("/deployments/{NONE}"), "{}"),
            ADMIN.put("/deployments/x", "{}"),
            ANYONE.put("/deployments/{one.id}", "{}"),
            ADMIN.delete("/deployments/{one.id}"),
            ADMIN.delete("/deployments/{two.id}"),
        ],
    )
}

fn listed() -> Scenario {
    let list = |query: &str| ADMIN.get(&format!("/deployments?{query}"));
    let snapshots = |query: &str| ADMIN.get(&format!("/pipeline_snapshots?{query}"));
    with_snapshot(
        "lists of deployments",
        [
            ADMIN.get(COMPONENTS).keep("components"),
            post("aa", json!({"tags": ["a"]})).keep("aa"),
            post("bb", json!({})).keep("bb"),
            ADMIN.put("/deployments/{bb.id}", r#"{"status": "running", "url": "http://b"}"#),
            list(""),
            list("size=1&page=2"),
            list("page=9"),
            list("hydrate=true&sort_by=desc:name"),
            list("name=aa"),
            list("name=contains:B"),
            list("url=http://b"),
            list("url=isnull:"),
            list("status=running"),
            list("status=oneof:[\"unknown\"]"),
            list("status=x"),
            list("snapshot_id={snapshot.id}"),
            list("snapshot_id=x"),
            list("deployer_id={components.items.0.id}"),
            list(&format!("deployer_id={NONE}")),
            list("pipeline=training"),
            list("pipeline={pipeline.id}"),
            list("pipeline=startswith:tr&pipeline=none"),
            list("tags=a"),
            list("tags=none"),
            list("user=default"),
            list("scope_user=x"),
            list("logical_operator=or&name=aa&status=running"),
            list("auth_key=k"),
            list("project=default"),
            list("project=nope"),
            list("sort_by=pipeline"),
            list("sort_by=snapshot"),
            list("sort_by=desc:tags"),
            list("sort_by=status"),
            list("sort_by=desc:url"),
            list("sort_by=user"),
            list("sort_by=project"),
            list("sort_by=deployer"),
            list("sort_by=nope"),
            ANYONE.get("/deployments"),
            snapshots("deployed=true"),
            snapshots("deployed=false").wanted(&COPY_STAYS),
            snapshots("deployed=x"),
            snapshots("pipeline={pipeline.id}&sort_by=deployment").wanted(&LISTED_ONCE),
            snapshots("deployed=true&sort_by=deployment").wanted(&BOTH_OF_DEPLOYMENTS),
            ADMIN.delete("/deployments/{aa.id}"),
            ADMIN.delete("/deployments/{bb.id}"),
        ],
    )
}

/// What the process of a deployment does with its token.
fn processes() -> Scenario {
    let process = By("process");
    let work = By("work");
    with_snapshot(
        "processes of deployments",
        [
            ADMIN.get(COMPONENTS).keep("components"),
            post("own", json!({"auth_key": "k"})).keep("own"),
            post("other", json!({})).keep("other"),
            ADMIN.get(&format!("/api_token?token_type=workload&deployment_id={NONE}")),
            ADMIN.get("/api_token?token_type=workload&deployment_id=x"),
            ADMIN.get("/api_token?deployment_id={own.id}"),
            ADMIN.get("/api_token?token_type=workload&deployment_id={own.id}").keep("process"),
            process.get("/current-user"),
            process.get("/deployments/{own.id}"),
            process.get("/pipeline_snapshots/{snapshot.id}"),
            process.get("/projects/{project.id}"),
            process
                .post("/pipeline_snapshots", &snapshot(json!({"source_snapshot": "{snapshot.id}"})))
                .keep("called"),
            process
                .post(
                    "/runs",
                    &run(
                        "call",
                        json!({
                            "snapshot": "{called.id}", "status": "initializing", "orchestrator_run_id": null,
                            "trigger_info": {"deployment_id": "{own.id}"},
                        }),
                    ),
                )
                .keep("runs"),
            process.get("/api_token?token_type=workload&pipeline_run_id={runs.0.id}").keep("work"),
            process.get("/api_token?token_type=workload&deployment_id={other.id}"),
            work.get("/runs/{runs.0.id}"),
            work.get("/deployments/{own.id}"),
            ADMIN.get("/runs?triggered_by_deployment_id={own.id}"),
            process.get("/deployments/{other.id}").wanted(&OTHERS_WORK),
            ADMIN.delete("/deployments/{own.id}"),
            process.get("/current-user"),
            work.get("/current-user"),
            ADMIN.get("/runs/{runs.0.id}"),
            ADMIN.delete("/deployments/{other.id}"),
        ],
    )
}

/// What is left of what they hang on.
fn left() -> Scenario {
    with_snapshot(
        "what deployments hang on",
        [
            ADMIN
                .post(
                    "/components",
                    r#"{"name": "of deployments", "type": "deployer", "flavor": "docker", "configuration": {}}"#,
                )
                .keep("deployer"),
            post("left", json!({"deployer_id": "{deployer.id}"})).keep("left"),
            ADMIN.delete("/components/{deployer.id}"),
            ADMIN.put("/deployments/{left.id}", r#"{"status": "absent"}"#),
            ADMIN.delete("/pipeline_snapshots/{snapshot.id}"),
            ADMIN.get("/deployments/{left.id}"),
            ADMIN.delete("/components/{deployer.id}"),
            ADMIN.get("/deployments/{left.id}"),
            ADMIN.delete("/deployments/{left.id}"),
        ],
    )
}
