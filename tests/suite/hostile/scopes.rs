//! A scope says what a token may do: what a request does besides, by its query, its body or its answer, takes a scope of
//! its own.

use reqwest::Method;
use serde_json::{Value, json};

use super::narrowed;
use crate::parity::bodies;
use crate::support::{Caller, Database, TestApp};

on_each_store! {
    no_write_answers_a_secrets_values_to_whoever_may_not_read_them,
    a_flag_of_the_query_takes_the_scope_of_what_it_does,
    nothing_of_another_kind_is_made_or_deleted_without_its_scope,
}

const VALUE: &str = "s3same-open";

#[tokio::test]
async fn an_older_path_is_no_way_round_a_scope() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    for asked in ["scope=pipeline_snapshots:none", "scope=runs:write"] {
        let script = narrowed(&app, &admin, asked).await;
        for path in ["pipeline_snapshots", "pipeline_deployments", "workspaces/default/pipeline_deployments"]
        {
            script.get(&format!("/api/v1/{path}")).await.expect(403, "pipeline_snapshots:read");
            let refused = script.post(&format!("/api/v1/{path}"), json!({})).await;
            assert!([403, 405].contains(&refused.status), "{path}: {refused:?}");
        }
    }
}

async fn no_write_answers_a_secrets_values_to_whoever_may_not_read_them(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let made = json!({"name": "theirs", "values": {"key": VALUE}});
    let made = admin.post("/api/v1/secrets", made).await.expect_ok();
    let secret = format!("/api/v1/secrets/{}", made["id"].as_str().unwrap());
    for scope in
        ["secrets:update,secrets:create", "*:update,*:create", "*:write,secrets:update,secrets:create"]
    {
        let writer = narrowed(&app, &admin, &format!("scope={scope}")).await;
        for (path, body) in [
            (secret.clone(), json!({})),
            (secret.clone(), json!({"values": null})),
            (secret.clone(), json!({"private": false})),
            (format!("{secret}?patch_values=true"), json!({"values": {}})),
            (format!("{secret}?patch_values=true&hydrate=true"), json!({"values": {"other": "x"}})),
        ] {
            let answer = writer.put(&path, body).await;
            assert_eq!(answer.expect_ok()["body"]["values"], json!({}), "{path}");
            assert!(!answer.text.contains(VALUE), "{answer:?}");
        }
        writer.get(&secret).await.expect(403, "secrets:read");
        let own = json!({"name": format!("own {}", scope.len()), "values": {"key": VALUE}});
        for path in ["/api/v1/secrets", "/api/v1/workspaces/default/secrets"] {
            let key = uuid::Uuid::new_v4().to_string();
            let mut own = own.clone();
            own["name"] = json!(format!("{} {path}", own["name"]));
            let keyed = |caller: &Caller| caller.clone().with("idempotency-key", &key);
            let first = keyed(&admin).post(path, own.clone()).await;
            assert_eq!(first.expect_ok()["body"]["values"]["key"], VALUE);
            // A repetition is no way round.
            let again = keyed(&writer).post(path, own.clone()).await;
            assert_eq!(
                (again.expect_ok()["body"]["values"].clone(), again.text.contains(VALUE)),
                (json!({}), false)
            );
            assert_eq!(keyed(&admin).post(path, own).await.text, first.text, "kept as it was");
        }
    }
    // Nothing was lost by it, and who may read is shown them.
    let both = narrowed(&app, &admin, "scope=secrets:update,secrets:read").await;
    let shown = both.put(&secret, json!({})).await.expect_ok();
    assert_eq!(shown["body"]["values"], json!({"key": VALUE, "other": "x"}));
}

/// Things of a project, each with something of another kind that hangs on it.
struct World {
    project: String,
    stack: String,
    pipeline: String,
    snapshot: String,
    run: String,
    artifact: String,
    version: String,
    model: String,
    model_version: String,
    tag: String,
    logs: String,
    secret: String,
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

impl World {
    async fn new(admin: &Caller, name: &str) -> Self {
        let make = async |path: &str, body: Value| {
            let made = admin.post(&format!("/api/v1/{path}"), body).await.expect_ok();
            id(made.get(0).unwrap_or(&made))
        };
        let project = make("projects", json!({"name": name})).await;
        let stack = admin.get("/api/v1/stacks?name=default").await.expect_ok()["items"][0]["id"].clone();
        let pipeline = make("pipelines", json!({"project": project, "name": "train"})).await;
        let fields = json!({"project": project, "stack": stack, "pipeline": pipeline, "name": "first"});
        let configured = json!({"name": "train", "model": {"name": "made by a run"}});
        let fields = bodies::merged(fields, json!({"pipeline_configuration": configured}));
        let snapshot = make("pipeline_snapshots", read(&bodies::snapshot(fields))).await;
        let run =
            make("runs", run_of(&project, &snapshot, "one", json!({"tags": [format!("{name} run")]}))).await;
        let version = admin
            .post("/api/v1/artifact_versions", version_of(&project, json!({"artifact_name": "data"})))
            .await;
        let version = version.expect_ok();
        let artifact = id(&version["body"]["artifact"]);
        let model = make("models", json!({"project": project, "name": "churn"})).await;
        let model_version =
            make("model_versions", json!({"project": project, "model": model, "name": "first"})).await;
        let version = id(&version);
        make("model_version_artifacts", json!({"model_version": model_version, "artifact_version": version}))
            .await;
        let tag = format!("{name} tag");
        make("tags", json!({"name": tag})).await;
        let logs = make("logs", json!({"project": project, "source": "runner", "uri": "/logs"})).await;
        let secret = make("secrets", json!({"name": name, "values": {"key": VALUE}})).await;
        let stack = stack.as_str().unwrap().to_owned();
        Self {
            project,
            stack,
            pipeline,
            snapshot,
            run,
            artifact,
            version,
            model,
            model_version,
            tag,
            logs,
            secret,
        }
    }
}

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

fn run_of(project: &str, snapshot: &str, name: &str, more: Value) -> Value {
    read(&bodies::run(name, bodies::merged(json!({"project": project, "snapshot": snapshot}), more)))
}

fn version_of(project: &str, more: Value) -> Value {
    let body = json!({
        "project": project, "type": "DataArtifact", "save_type": "manual", "uri": "/data/x", "materializer": "a.B",
        "data_type": "builtins.int",
    });
    bodies::merged(body, more)
}

async fn a_flag_of_the_query_takes_the_scope_of_what_it_does(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let world = World::new(&admin, "lab").await;
    let version = format!("/api/v1/artifact_versions/{}", world.version);
    let linker = narrowed(&app, &admin, "scope=model_version_artifacts:write").await;
    let links = format!("/api/v1/model_versions/{}/artifacts", world.model_version);
    for no in ["false", "False", "FALSE", "0", "no", "off", "f", "n", "true&only_links=false"] {
        let refused = linker.delete(&format!("{links}?only_links={no}")).await;
        assert!([403, 422].contains(&refused.status), "{no}: {refused:?}");
        assert_eq!(admin.get(&version).await.status, 200, "{no}");
    }
    linker.delete(&format!("{links}?only_links=false")).await.expect(403, "artifact_versions:delete");
    linker.delete(&format!("{links}?only_links=%66alse")).await.expect(403, "artifact_versions:delete");
    linker.delete(&format!("{links}?only%5Flinks=false")).await.expect(403, "artifact_versions:delete");
    linker.delete(&links).await.expect_ok();
    admin.get(&version).await.expect_ok();

    let pruner = narrowed(&app, &admin, "scope=artifact_versions:write").await;
    let prune = "/api/v1/artifact_versions?project_name_or_id=lab";
    pruner.delete(&format!("{prune}&only_versions=false")).await.expect(403, "artifacts:delete");
    pruner.delete(prune).await.expect_ok();
    admin.get(&format!("/api/v1/artifacts/{}", world.artifact)).await.expect_ok();
    let both = narrowed(&app, &admin, "scope=artifact_versions:write,artifacts:delete").await;
    both.delete(&format!("{prune}&only_versions=false")).await.expect_ok();
    admin.get(&format!("/api/v1/artifacts/{}", world.artifact)).await.expect(404, "");
}

/// Kinds of resource by the tables in which they are.
const TABLES: [(&str, &str); 19] = [
    ("artifact", "artifacts"),
    ("artifact_version", "artifact_versions"),
    ("tag", "tags"),
    ("tag_resource", "tag_resources"),
    ("run_metadata", "run-metadata"),
    ("logs", "logs"),
    ("model", "models"),
    ("model_version", "model_versions"),
    ("model_versions_artifacts", "model_version_artifacts"),
    ("model_versions_runs", "model_version_pipeline_runs"),
    ("pipeline", "pipelines"),
    ("pipeline_snapshot", "pipeline_snapshots"),
    ("pipeline_run", "runs"),
    ("step_run", "steps"),
    ("run_template", "run_templates"),
    ("stack", "stacks"),
    ("stack_component", "components"),
    ("secret_resource", "secrets"),
    ("hook_invocation", "hook_invocations"),
];

/// How many there are of each kind.
async fn counts(database: &Database) -> Vec<String> {
    let counts =
        TABLES.map(|(table, kind)| format!("SELECT CAST(CONCAT('{kind}=', COUNT(*)) AS CHAR) FROM {table}"));
    database.texts(&counts.join(" UNION ALL ")).await
}

async fn nothing_of_another_kind_is_made_or_deleted_without_its_scope(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let world = World::new(&admin, "lab").await;
    let World { project, stack, pipeline, snapshot, run, version, model, tag, secret, .. } = &world;
    let new = "made on the way";
    let component = json!({
        "name": "c", "type": "artifact_store", "flavor": "local", "configuration": {}, "secrets": [secret],
    });
    let parts = json!({
        "orchestrator": [{"flavor": "local", "configuration": {}}],
        "artifact_store": [{"flavor": "local", "configuration": {}}],
    });
    let logs = json!({"source": "runner", "uri": "/logs/x"});
    let step = |more| {
        let run = json!({"project": project, "pipeline_run_id": run});
        read(&bodies::step_run("load", bodies::merged(run, more)))
    };
    let snapshot_of = |more| {
        let fields = json!({"project": project, "stack": stack, "pipeline": pipeline});
        read(&bodies::snapshot(bodies::merged(fields, more)))
    };
    let hook = json!({
        "project": project, "pipeline_run_id": run, "logs_id": world.logs, "name": "h", "hook_type": "run_start",
        "status": "completed", "source": "a.b", "start_time": "2026-01-02T03:04:06",
    });
    let of_artifact = json!({"artifact_name": "new", "tags": [new], "metadata": {"a": 1}});
    let cases: Vec<(&str, &str, String, Value)> = vec![
        (
            "artifact_versions:create",
            "POST",
            "artifact_versions".into(),
            version_of(project, of_artifact.clone()),
        ),
        (
            "artifact_versions:create",
            "POST",
            "artifact_versions/batch".into(),
            json!([version_of(project, bodies::merged(of_artifact, json!({"artifact_name": "newer"})))]),
        ),
        (
            "artifact_versions:update",
            "PUT",
            format!("artifact_versions/{version}"),
            json!({"add_tags": [tag]}),
        ),
        (
            "artifact_versions:update",
            "PUT",
            format!("artifact_versions/{version}"),
            json!({"remove_tags": [tag]}),
        ),
        (
            "artifacts:create",
            "POST",
            "artifacts".into(),
            json!({"project": project, "name": "n", "tags": ["a1"]}),
        ),
        ("artifacts:update", "PUT", format!("artifacts/{}", world.artifact), json!({"add_tags": ["a2"]})),
        ("models:create", "POST", "models".into(), json!({"project": project, "name": "n", "tags": ["m1"]})),
        ("models:update", "PUT", format!("models/{model}"), json!({"add_tags": ["m2"]})),
        (
            "model_versions:create",
            "POST",
            "model_versions".into(),
            json!({"project": project, "model": model, "tags": ["v1"]}),
        ),
        (
            "model_versions:update",
            "PUT",
            format!("model_versions/{}", world.model_version),
            json!({"add_tags": [tag]}),
        ),
        (
            "pipelines:create",
            "POST",
            "pipelines".into(),
            json!({"project": project, "name": "n", "tags": ["p1"]}),
        ),
        ("pipelines:update", "PUT", format!("pipelines/{pipeline}"), json!({"add_tags": ["p2"]})),
        (
            "pipeline_snapshots:create",
            "POST",
            "pipeline_snapshots".into(),
            snapshot_of(json!({"tags": ["s1"]})),
        ),
        (
            "pipeline_snapshots:create",
            "POST",
            "pipeline_deployments".into(),
            snapshot_of(json!({"name": "first", "replace": true})),
        ),
        (
            "runs:create",
            "POST",
            "runs".into(),
            run_of(project, snapshot, "two", json!({"tags": [tag], "logs": logs})),
        ),
        ("runs:create", "POST", "runs".into(), run_of(project, snapshot, "three", json!({}))),
        ("runs:update", "PUT", format!("runs/{run}"), json!({"add_tags": ["r1"], "add_logs": [logs]})),
        ("runs:update", "PUT", format!("runs/{run}"), json!({"remove_tags": ["r1"]})),
        ("steps:create", "POST", "steps".into(), step(json!({"logs": logs}))),
        ("hook_invocations:create", "POST", "hook_invocations".into(), hook),
        ("components:create", "POST", "components".into(), component),
        (
            "stacks:create",
            "POST",
            "stacks".into(),
            json!({"name": "s", "components": parts, "secrets": [secret]}),
        ),
        ("models:delete", "DELETE", format!("models/{model}"), Value::Null),
        ("artifacts:delete", "DELETE", format!("artifacts/{}", world.artifact), Value::Null),
        ("pipeline_snapshots:delete", "DELETE", format!("pipeline_snapshots/{snapshot}"), Value::Null),
        ("pipelines:delete", "DELETE", format!("pipelines/{pipeline}"), Value::Null),
        ("projects:delete", "DELETE", "projects/lab".into(), Value::Null),
    ];
    for (scope, method, path, body) in cases {
        let mut scopes = vec![scope.to_owned()];
        // A refusal names what is missing, and with all of that it is done.
        loop {
            let before = counts(&database).await;
            let script = narrowed(&app, &admin, &format!("scope={}", scopes.join(","))).await;
            let caller = script.with("content-type", "application/json");
            let text = if body.is_null() { String::new() } else { body.to_string() };
            let answer =
                caller.request(method.parse::<Method>().unwrap(), &format!("/api/v1/{path}"), text).await;
            let after = counts(&database).await;
            let changed: Vec<&str> = before
                .iter()
                .zip(&after)
                .filter(|(was, is)| was != is)
                .map(|(was, _)| kind_of(was))
                .collect();
            if answer.status == 200 {
                let known = |kind: &&&str| !scopes.iter().any(|scope| scope.starts_with(&format!("{kind}:")));
                let parts =
                    ["steps", "tag_resources", "model_version_artifacts", "model_version_pipeline_runs"];
                let gone = |kind: &&&str| method != "DELETE" || !is_part(kind, &parts);
                let others: Vec<_> = changed.iter().filter(known).filter(gone).collect();
                assert!(others.is_empty(), "{method} {path} with {scopes:?} changed {others:?}");
                break;
            }
            assert!(changed.is_empty(), "{method} {path}: {answer:?} changed {changed:?}");
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            let missing =
                challenge.split("scope=\"").nth(1).map(|scope| scope.trim_end_matches('"').to_owned());
            let missing = missing.unwrap_or_else(|| panic!("{method} {path} with {scopes:?}: {answer:?}"));
            assert!(!scopes.contains(&missing), "{method} {path}: {missing} twice");
            scopes.push(missing);
        }
        assert!(scopes.len() > 1, "{method} {path}: nothing more was asked for");
    }
}

fn kind_of(count: &str) -> &str {
    count.split('=').next().unwrap_or_default()
}

/// What goes with the whole that it is a part of; it has no deletion of its own, or is a link.
fn is_part(kind: &str, parts: &[&str]) -> bool {
    parts.contains(&kind) || ["logs", "run-metadata", "hook_invocations"].contains(&kind)
}
