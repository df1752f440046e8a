//! Each text that a caller can send has the bound of the contract or of the column that keeps it, on both engines.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::parity::bodies;
use crate::support::{Caller, Database, TestApp};

on_each_store! {
    each_text_of_the_contract_has_a_bound,
    what_is_kept_in_large_columns_has_a_bound_too,
}

/// More than a TEXT holds, and than any `maxLength` of the contract.
const LONG: usize = 70_000;
/// Served, and without a text of their own that is kept, or with those of another operation; or in need of what is not
/// there. All are written by the store's one way, which looks at lengths.
const WITHOUT_TEXTS: [&str; 16] = [
    // As /service_connectors takes it, and keeps nothing of it.
    "/service_connectors/verify",
    "/activate",
    "/devices/{device_id}/verify",
    "/pipeline_deployments",
    "/api/v1/workspaces",
    "/batch",
    "/release",
    "/prune",
    "/statistics",
    "/refresh",
    "/stop",
    "/disable_heartbeat",
    "/secrets_operations/backup",
    "/secrets_operations/restore",
    "/heartbeat",
    "/api/v1/api_tokens",
];

/// What is there to refer to.
struct Things {
    admin: Caller,
    /// By the name that stands for it in paths and bodies.
    ids: Vec<(&'static str, String)>,
    number: std::cell::Cell<usize>,
}

impl Things {
    async fn on(app: &TestApp) -> Self {
        let admin = app.signed_in().await;
        let mut things = Self { admin, ids: Vec::new(), number: Default::default() };
        let project = things.admin.get("/api/v1/projects/default").await.expect_ok();
        things.keep("{project}", &project);
        for (name, path, body) in requests() {
            let body = things.filled(&body);
            let path = things.filled_text(path);
            let answer = things.admin.post(&path, body.clone()).await;
            assert_eq!(answer.status, 200, "{path} {body} {}", answer.text);
            things.keep(name, &answer.json());
        }
        things
    }

    fn keep(&mut self, name: &'static str, made: &Value) {
        let made = if made.is_array() { &made[0] } else { made };
        if let Some(id) = made["id"].as_str() {
            self.ids.push((name, id.to_owned()));
        }
        if let Some(id) = made["metadata"]["visualizations"][0]["id"].as_str() {
            self.ids.push(("{visualization}", id.to_owned()));
        }
    }

    fn filled_text(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }

    /// The body with what it refers to, and with a name that nothing has.
    fn filled(&self, body: &Value) -> Value {
        self.number.set(self.number.get() + 1);
        let text = self.filled_text(&body.to_string()).replace("NAME", &format!("n{}", self.number.get()));
        serde_json::from_str(&text).unwrap()
    }
}

/// A request for each kind of thing, in an order in which each can refer to those before.
fn requests() -> Vec<(&'static str, &'static str, Value)> {
    let source = json!({"module": "m", "attribute": "A", "type": "user"});
    let component = |kind: &str| {
        json!({
            "name": "NAME", "type": kind, "flavor": "local", "configuration": {}, "labels": {}, "environment": {},
        })
    };
    let far = |kind: &str, flavor: &str, configuration: Value| json!({"name": "NAME", "type": kind, "flavor": flavor, "configuration": configuration});
    let snapshot = bodies::snapshot(json!({
        "project": "{project}", "stack": "{stack}", "pipeline": "{pipeline}", "is_dynamic": true, "name": "NAME",
        "description": "d", "code_path": "p", "pipeline_configuration": bodies::pipeline_configuration(json!({})),
    }));
    let read = |body: String| serde_json::from_str::<Value>(&body).unwrap();
    let run = json!({
        "project": "{project}", "snapshot": "{snapshot}", "orchestrator_run_id": "NAME", "status_reason": "r",
        "logs": {"uri": "/a.log", "artifact_store_id": "{store}", "source": "s"},
    });
    let template = json!({
        "project": "{project}", "name": "NAME", "description": "d", "source_snapshot_id": "{templatable}", "tags": ["a"],
    });
    let step = json!({
        "project": "{project}", "pipeline_run_id": "{run}", "logs": {
            "uri": "/s.log", "artifact_store_id": "{store}", "source": "s",
        }, "exception_info": {"traceback": "t"}, "dynamic_config": bodies::step("NAME", &[], json!({})),
    });
    let of_run = json!({"project": "{project}", "pipeline_run_id": "{run}"});
    let version = json!({
        "project": "{project}", "artifact_store_id": "{store}", "content_hash": "h", "version": "NAME",
        "visualizations": [{"type": "json", "uri": "/a.json"}], "metadata": {"a": "b"}, "tags": ["a"],
    });
    let logs = json!({
        "project": "{project}", "uri": "/c.log", "artifact_store_id": "{store}", "source": "s",
    });
    vec![
        ("{other}", "/api/v1/projects", json!({"name": "NAME", "display_name": "d", "description": "d"})),
        (
            "{user}",
            "/api/v1/users",
            json!({
                "name": "NAME", "full_name": "f", "is_admin": false, "password": "secret", "email": "a@example.com",
                "user_metadata": {"a": "b"}, "avatar_url": "https://example.com/a.png",
            }),
        ),
        (
            "{account}",
            "/api/v1/service_accounts",
            json!({
                "name": "NAME", "full_name": "f", "description": "d", "active": true, "avatar_url": "https://example.com",
            }),
        ),
        ("{key}", "/api/v1/service_accounts/{account}/api_keys", json!({"name": "NAME", "description": "d"})),
        ("{tag}", "/api/v1/tags", json!({"name": "NAME", "color": "teal"})),
        ("{secret}", "/api/v1/secrets", json!({"name": "NAME", "values": {"a": "b"}})),
        (
            "{repository}",
            "/api/v1/code_repositories",
            json!({
                "project": "{project}", "name": "NAME", "config": {"url": "u"}, "source": source, "logo_url": "l",
                "description": "d",
            }),
        ),
        ("{store}", "/api/v1/components", component("artifact_store")),
        ("{orchestrator}", "/api/v1/components", component("orchestrator")),
        (
            "{flavor}",
            "/api/v1/flavors",
            json!({
                "name": "NAME", "type": "orchestrator", "config_schema": {"a": "b"}, "source": "s", "integration": "i",
                "connector_type": null, "is_custom": true, "logo_url": "l", "docs_url": "d", "sdk_docs_url": "s",
            }),
        ),
        (
            "{stack}",
            "/api/v1/stacks",
            json!({
                "name": "NAME", "description": "d", "stack_spec_path": "p", "labels": {"a": "b"},
                "components": {"artifact_store": ["{store}"], "orchestrator": ["{orchestrator}"]},
            }),
        ),
        (
            "{far_orchestrator}",
            "/api/v1/components",
            far("orchestrator", "kubernetes", json!({"kubernetes_context": "x"})),
        ),
        ("{far_store}", "/api/v1/components", far("artifact_store", "s3", json!({"path": "s3://x"}))),
        (
            "{far_stack}",
            "/api/v1/stacks",
            json!({
                "name": "NAME",
                "components": {"artifact_store": ["{far_store}"], "orchestrator": ["{far_orchestrator}"]},
            }),
        ),
        (
            "{pipeline}",
            "/api/v1/pipelines",
            json!({
                "project": "{project}", "name": "NAME", "description": "d", "tags": ["a"],
            }),
        ),
        (
            "{schedule}",
            "/api/v1/schedules",
            json!({
                "project": "{project}", "name": "NAME", "active": true, "cron_expression": "0 0 * * *",
                "orchestrator_id": "{orchestrator}", "pipeline_id": "{pipeline}",
            }),
        ),
        (
            "{build}",
            "/api/v1/pipeline_builds",
            json!({
                "project": "{project}", "is_local": false, "contains_code": false, "stack": "{stack}",
                "pipeline": "{pipeline}", "images": {"a": {"image": "i"}}, "checksum": "c", "stack_checksum": "s",
                "zenml_version": "0.98.0", "python_version": "3.11", "duration": 1,
            }),
        ),
        (
            "{far_build}",
            "/api/v1/pipeline_builds",
            json!({
                "project": "{project}", "is_local": false, "contains_code": true, "stack": "{far_stack}",
                "pipeline": "{pipeline}",
            }),
        ),
        ("{snapshot}", "/api/v1/pipeline_snapshots", read(snapshot)),
        (
            "{templatable}",
            "/api/v1/pipeline_snapshots",
            read(bodies::snapshot(json!({
                "project": "{project}", "stack": "{far_stack}", "pipeline": "{pipeline}", "build": "{far_build}",
            }))),
        ),
        ("{template}", "/api/v1/run_templates", template),
        ("{run}", "/api/v1/runs", read(bodies::run("NAME", run))),
        ("{step}", "/api/v1/steps", read(bodies::step_run("NAME", step))),
        ("{version}", "/api/v1/artifact_versions", read(bodies::artifact_version("NAME", version))),
        ("{artifact}", "/api/v1/artifacts", json!({"project": "{project}", "name": "NAME", "tags": ["a"]})),
        (
            "{model}",
            "/api/v1/models",
            json!({
                "project": "{project}", "name": "NAME", "license": "l", "description": "d", "audience": "a",
                "use_cases": "u", "limitations": "l", "trade_offs": "t", "ethics": "e", "save_models_to_registry": true,
            }),
        ),
        (
            "{shown}",
            "/api/v1/curated_visualizations",
            json!({
                "project": "{project}", "artifact_visualization_id": "{visualization}", "resource_id": "{model}",
                "resource_type": "model", "display_name": "NAME",
            }),
        ),
        (
            "{model_version}",
            "/api/v1/model_versions",
            json!({
                "project": "{project}", "model": "{model}", "name": "NAME", "description": "d", "stage": "staging",
            }),
        ),
        (
            "{metadata}",
            "/api/v1/run-metadata",
            json!({
                "project": "{project}", "resources": [{"id": "{run}", "type": "pipeline_run"}],
                "values": {"a": "b"}, "types": {"a": "str"},
            }),
        ),
        ("{logs}", "/api/v1/logs", bodies::merged(logs, json!({"pipeline_run_id": "{run}"}))),
        (
            "{hook}",
            "/api/v1/hook_invocations",
            bodies::merged(
                of_run,
                json!({
                    "hook_type": "run_start", "status": "completed", "start_time": "2026-01-02T03:04:05", "name": "n",
                }),
            ),
        ),
        (
            "{condition}",
            "/api/v1/run_wait_conditions",
            json!({
                "project": "{project}", "run": "{run}", "name": "one", "type": "external_input", "question": "q",
                "data_schema": {"type": "string"},
            }),
        ),
        (
            "{deployment}",
            "/api/v1/deployments",
            json!({
                "project": "{project}", "name": "NAME", "snapshot_id": "{snapshot}", "deployer_id": "{store}",
                "url": "http://d", "auth_key": "k",
            }),
        ),
        (
            "{service}",
            "/api/v1/services",
            json!({
                "project": "{project}", "name": "NAME", "config": {"type": "x", "unlike": "NAME"},
                "service_type": {"type": "t", "flavor": "f", "name": "n", "description": "d", "logo_url": "l"},
                "service_source": "a.b", "admin_state": "active", "prediction_url": "http://p",
                "health_check_url": "http://h",
            }),
        ),
        (
            "{connector}",
            "/api/v1/service_connectors",
            json!({
                "name": "NAME", "description": "d", "connector_type": "docker", "auth_method": "password",
                "resource_types": ["docker-registry"], "resource_id": "docker.io",
                "configuration": {"username": "u", "password": "p"},
            }),
        ),
        (
            "{webhook}",
            "/api/v1/webhooks",
            json!({"project": "{project}", "name": "NAME", "webhook_type": "custom", "secret": "s"}),
        ),
        (
            "{link}",
            "/api/v1/model_version_artifacts",
            json!({
                "model_version": "{model_version}", "artifact_version": "{version}",
            }),
        ),
    ]
}

/// The paths of PUT, with the ids of what is there.
const CHANGES: [(&str, &str); 31] = [
    ("/api/v1/projects/{project_name_or_id}", "{other}"),
    ("/api/v1/users/{user_name_or_id}", "{user}"),
    ("/api/v1/users/{user_name_or_id}/email-opt-in", "{user}"),
    ("/api/v1/current-user", ""),
    ("/api/v1/settings", ""),
    ("/api/v1/service_accounts/{service_account_name_or_id}", "{account}"),
    ("/api/v1/service_accounts/{service_account_id}/api_keys/{api_key_name_or_id}", "{key}"),
    ("/api/v1/tags/{tag_id}", "{tag}"),
    ("/api/v1/secrets/{secret_id}", "{secret}"),
    ("/api/v1/code_repositories/{code_repository_id}", "{repository}"),
    ("/api/v1/components/{component_id}", "{store}"),
    ("/api/v1/flavors/{flavor_id}", "{flavor}"),
    ("/api/v1/stacks/{stack_id}", "{stack}"),
    ("/api/v1/pipelines/{pipeline_id}", "{pipeline}"),
    ("/api/v1/schedules/{schedule_id}", "{schedule}"),
    ("/api/v1/pipeline_snapshots/{snapshot_id}", "{snapshot}"),
    ("/api/v1/runs/{run_id}", "{run}"),
    ("/api/v1/artifact_versions/{artifact_version_id}", "{version}"),
    ("/api/v1/artifacts/{artifact_id}", "{artifact}"),
    ("/api/v1/models/{model_id}", "{model}"),
    ("/api/v1/model_versions/{model_version_id}", "{model_version}"),
    ("/api/v1/logs/{logs_id}", "{logs}"),
    ("/api/v1/run_templates/{template_id}", "{template}"),
    ("/api/v1/steps/{step_id}", "{step}"),
    ("/api/v1/curated_visualizations/{visualization_id}", "{shown}"),
    ("/api/v1/run_wait_conditions/{run_wait_condition_id}", "{condition}"),
    ("/api/v1/run_wait_conditions/{run_wait_condition_id}/resolve", "{condition}"),
    ("/api/v1/deployments/{deployment_id}", "{deployment}"),
    ("/api/v1/services/{service_id}", "{service}"),
    ("/api/v1/service_connectors/{connector_id}", "{connector}"),
    ("/api/v1/webhooks/{webhook_id}", "{webhook}"),
];

fn contract() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/contract/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The names of a body's texts by the contract, with their greatest length if it says one.
fn texts_of(contract: &Value, method: &str, path: &str) -> Vec<(String, Option<u64>)> {
    let body = &contract["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
    let Some(name) = body["$ref"].as_str().and_then(|name| name.rsplit('/').next()) else {
        return Vec::new();
    };
    let properties = contract["components"]["schemas"][name]["properties"].as_object().unwrap();
    let text_in =
        |schema: &Value| (schema["type"] == "string" && schema["format"].is_null()).then(|| schema.clone());
    let text = |schema: &Value| {
        let any = schema["anyOf"].as_array().into_iter().flatten().find_map(text_in);
        text_in(schema).or(any).map(|text| text["maxLength"].as_u64())
    };
    properties.iter().filter_map(|(name, schema)| Some((name.clone(), text(schema)?))).collect()
}

/// The body once with each of its texts and names too long, wherever it stands.
fn lengthened(body: &Value) -> Vec<Value> {
    let with = |part: &dyn Fn(&mut Value)| {
        let mut changed = body.clone();
        part(&mut changed);
        changed
    };
    match body {
        Value::String(text) if text.starts_with('{') => Vec::new(),
        Value::String(_) => vec![json!("x".repeat(LONG))],
        Value::Array(items) => (0..items.len())
            .flat_map(|at| lengthened(&items[at]).into_iter().map(move |item| (at, item)))
            .map(|(at, item)| with(&|body| body[at] = item.clone()))
            .collect(),
        Value::Object(fields) => {
            let values = fields.iter().flat_map(|(name, value)| {
                lengthened(value).into_iter().map(move |value| (name.clone(), value))
            });
            values.map(|(name, value)| with(&|body| body[&name] = value.clone())).collect()
        }
        _ => Vec::new(),
    }
}

async fn each_text_of_the_contract_has_a_bound(database: Database) {
    let app = TestApp::start(&database).await;
    let things = Things::on(&app).await;
    let contract = contract();
    let mut wrong = Vec::new();
    let mut met = BTreeSet::new();
    for (name, path, body) in requests() {
        met.insert(("POST", path.replace("{account}", "{service_account_id}")));
        let listed = path.replace("{account}", "{service_account_id}");
        let mut bodies: Vec<(String, bool, Value)> =
            lengthened(&body).into_iter().map(|body| (name.to_owned(), false, body)).collect();
        for (text, most) in texts_of(&contract, "post", &listed) {
            let long = json!("x".repeat(most.map_or(LONG, |most| most as usize + 1)));
            bodies.push((text.clone(), most.is_some(), bodies::merged(body.clone(), json!({text: long}))));
        }
        for (text, is_bounded, body) in bodies {
            let answer = things.admin.post(&things.filled_text(path), things.filled(&body)).await;
            if answer.status >= 500 || (is_bounded && answer.status < 400) {
                wrong.push(format!("POST {path} {text} {} {:.200}", answer.status, answer.text));
            }
        }
    }
    for (path, id) in CHANGES {
        met.insert(("PUT", path.to_owned()));
        let filled = path.replace("{service_account_id}", "{account}");
        let placeholder = filled.rsplit('/').find(|part| part.starts_with('{') && *part != "{account}");
        let filled = placeholder.map_or(filled.clone(), |placeholder| filled.replace(placeholder, id));
        for (text, most) in texts_of(&contract, "put", path) {
            let long = "x".repeat(most.map_or(LONG, |most| most as usize + 1));
            let answer = things.admin.put(&things.filled_text(&filled), json!({&text: long})).await;
            let is_bounded = most.is_some();
            if answer.status >= 500 || (is_bounded && answer.status < 400) {
                wrong.push(format!("PUT {path} {text} {} {:.200}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    check_columns(&database).await;
    let is_left_out =
        |path: &str| path.contains("/workspaces/") || WITHOUT_TEXTS.iter().any(|end| path.ends_with(end));
    let served = zendo::testing::operations().into_iter();
    let missed: Vec<_> = served
        .filter(|(method, path)| ["POST", "PUT"].contains(method) && !is_left_out(path))
        .filter(|(method, path)| !texts_of(&contract, &method.to_lowercase(), path).is_empty())
        .filter(|(method, path)| !met.contains(&(*method, (*path).to_owned())))
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
}

/// No text in the database is longer than ZenML's column for it; SQLite itself doesn't look.
async fn check_columns(database: &Database) {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/mysql/zenml_0.98.0.sql");
    let schema = std::fs::read_to_string(schema).unwrap();
    let mut table = String::new();
    for line in schema.lines() {
        let quoted: Vec<&str> = line.split('`').collect();
        if line.starts_with("CREATE TABLE") {
            table = quoted[1].to_owned();
        } else if quoted.first().is_some_and(|start| start.trim().is_empty()) && quoted.len() > 2 {
            let most = match quoted[2].trim().split([' ', ',']).next().unwrap() {
                "VARCHAR(255)" => 255,
                "TEXT" | "BLOB" => 65_535,
                _ => continue,
            };
            let quote = if database.is_mariadb() { '`' } else { '"' };
            let (column, from) = (format!("{quote}{}{quote}", quoted[1]), format!("{quote}{table}{quote}"));
            let longer = format!("SELECT 'x' FROM {from} WHERE LENGTH({column}) > {most}");
            assert_eq!(database.texts(&longer).await.len(), 0, "{table} {}", quoted[1]);
        }
    }
}

/// 16 MiB, as a MEDIUMTEXT holds, is the largest of all.
async fn what_is_kept_in_large_columns_has_a_bound_too(database: Database) {
    let app = TestApp::start(&database).await;
    let things = Things::on(&app).await;
    let large = "x".repeat(17 << 20);
    let (_, path, snapshot) = requests().into_iter().find(|(name, _, _)| *name == "{snapshot}").unwrap();
    let mut large_snapshot = things.filled(&snapshot);
    large_snapshot["pipeline_configuration"]["extra"] = json!({"a": large});
    large_snapshot["step_configurations"] = json!({});
    things.admin.post(path, large_snapshot).await.expect(422, "at most 16777215 bytes");
    let metadata = json!({"a": large});
    things.admin.put("/api/v1/current-user", json!({"user_metadata": metadata})).await.expect(422, "");
    things.admin.post(path, things.filled(&snapshot)).await.expect_ok();
}
