//! A component's configuration is read by its flavor, when it is made, changed, or made with a stack; what is kept is in
//! the types of the flavor.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};

const COMPONENTS: &str = "/api/v1/components";

on_each_store! {
    a_configuration_is_kept_in_the_types_of_its_flavor,
    what_does_not_fit_its_flavor_is_refused,
    a_change_is_read_as_a_new_one_is,
    a_stacks_new_components_are_read_too,
    a_path_is_judged_in_the_form_in_which_it_is_kept,
    a_custom_flavor_takes_anything,
}

async fn make(caller: &Caller, flavor: &str, configuration: Value) -> Answer {
    let (kind, flavor) = flavor.split_once('/').unwrap();
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("component {}", MADE.fetch_add(1, Ordering::Relaxed));
    let body = json!({"name": name, "type": kind, "flavor": flavor, "configuration": configuration});
    caller.post(COMPONENTS, body).await
}

fn kept(answer: &Answer) -> Value {
    answer.expect_ok()["metadata"]["configuration"].clone()
}

async fn a_configuration_is_kept_in_the_types_of_its_flavor(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (flavor, sent, expected) in [
        ("orchestrator/kubernetes", json!({"synchronous": "true"}), json!({"synchronous": true})),
        (
            "orchestrator/kubernetes",
            json!({"synchronous": "no", "timeout": 5.0}),
            json!({"synchronous": false, "timeout": 5}),
        ),
        // Defaults aren't kept, not of what is within, either.
        ("orchestrator/kubernetes", json!({}), json!({})),
        (
            "orchestrator/vertex",
            json!({"location": "x", "custom_job_parameters": {"boot_disk_size_gb": "5", "zz": 1}}),
            json!({"location": "x", "custom_job_parameters": {"boot_disk_size_gb": 5}}),
        ),
        // Command lines send JSON as a text.
        (
            "orchestrator/airflow",
            json!({"dag_tags": "[\"a\"]", "dag_args": "{\"b\": 1.50}"}),
            json!({"dag_tags": ["a"], "dag_args": {"b": 1.5}}),
        ),
        (
            "orchestrator/databricks",
            json!({"host": "h", "schedule_timezone": "Europe/Berlin"}),
            json!({"host": "h", "schedule_timezone": "Europe/Berlin"}),
        ),
        ("data_validator/great_expectations", json!({"context_config": ""}), json!({"context_config": null})),
        // What a secret holds isn't looked at.
        (
            "artifact_store/digitalocean",
            json!({"path": "s3://a", "region": "{{space.region}}"}),
            json!({"path": "s3://a", "region": "{{space.region}}"}),
        ),
        // Whether this machine has the folder is nobody's business.
        (
            "data_validator/great_expectations",
            json!({"context_root_dir": "/no/such/folder"}),
            json!({"context_root_dir": "/no/such/folder"}),
        ),
        ("deployer/docker", json!({"port_range": [1, "2"]}), json!({"port_range": [1, 2]})),
        (
            "sandbox/docker",
            json!({"pull_policy": "never", "cpu_limit": 2}),
            json!({"pull_policy": "never", "cpu_limit": 2.0}),
        ),
        ("orchestrator/vm_aws", json!({"cpus": "4", "memory": "4+"}), json!({"cpus": 4, "memory": "4+"})),
        ("container_registry/default", json!({"uri": "host/"}), json!({"uri": "host"})),
        (
            "artifact_store/s3",
            json!({"path": "s3://a", "key": "{{aws.key}}", "client_kwargs": {"endpoint_url": "http://h/"}}),
            json!({"path": "s3://a", "key": "{{aws.key}}", "client_kwargs": {"endpoint_url": "http://h"}}),
        ),
        (
            "log_store/datadog",
            json!({"api_key": "a", "application_key": "b"}),
            json!({"api_key": "a", "application_key": "b", "endpoint": "https://http-intake.logs.datadoghq.com/api/v2/logs"}),
        ),
    ] {
        let made = make(&admin, flavor, sent.clone()).await;
        assert_eq!(kept(&made), expected, "{flavor} {sent}");
        let path = format!("{COMPONENTS}/{}", made.json()["id"].as_str().unwrap());
        assert_eq!(kept(&admin.get(&path).await), expected, "{flavor} {sent}");
    }
}

async fn what_does_not_fit_its_flavor_is_refused(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (flavor, sent, status, part) in [
        ("orchestrator/kubernetes", json!({"synchronous": "perhaps"}), 422, "synchronous"),
        ("orchestrator/kubernetes", json!({"timeout": 5.5}), 422, "timeout"),
        ("orchestrator/kubernetes", json!({"synchronous": null}), 422, "synchronous"),
        ("orchestrator/kubernetes", json!({"concurrency_policy": "sometimes"}), 422, "concurrency_policy"),
        ("orchestrator/kubernetes", json!({"no_such": 1}), 400, "no_such"),
        ("orchestrator/airflow", json!({"dag_tags": "a"}), 422, "dag_tags"),
        ("orchestrator/databricks", json!({"host": "h", "schedule_timezone": "Berlin"}), 422, "time zone"),
        ("orchestrator/databricks", json!({"host": "h", "schedule_timezone": "utc"}), 422, "time zone"),
        ("deployer/docker", json!({"port_range": [1]}), 422, "port_range"),
        ("deployer/docker", json!({"port_range": "[1, 2]"}), 422, "port_range"),
        ("artifact_store/s3", json!({"path": "/here"}), 422, "s3://"),
        ("artifact_store/s3", json!({}), 422, "path"),
        ("artifact_store/gcp", json!({"path": "s3://a"}), 422, "gs://"),
        ("artifact_store/azure", json!({"path": "gs://a"}), 422, "az://"),
        ("container_registry/aws", json!({"uri": "a/b"}), 422, "uri"),
        // Whoever checks it would have to know it.
        ("container_registry/aws", json!({"uri": "{{registry.uri}}"}), 400, "secret"),
        ("log_store/otel", json!({"endpoint": "x", "headers": {"a": 5}}), 422, "headers"),
        (
            "step_operator/runai",
            json!({
                "client_id": "a", "client_secret": "b", "runai_base_url": "https://a.b", "project_name": "p",
                "pvc_mounts": [{"path": "/a", "no_such": 1}],
            }),
            422,
            "no_such",
        ),
    ] {
        make(&admin, flavor, sent).await.expect(status, part);
    }
    // What is refused isn't told again: it may be a secret.
    let refused = make(
        &admin,
        "log_store/datadog",
        json!({"api_key": {"word": "open sesame"}, "application_key": "b"}),
    )
    .await;
    assert!(refused.status == 422 && !refused.text.contains("sesame"), "{refused:?}");
}

async fn a_change_is_read_as_a_new_one_is(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let made = make(&admin, "orchestrator/kubernetes", json!({"synchronous": true})).await.expect_ok();
    let path = format!("{COMPONENTS}/{}", made["id"].as_str().unwrap());
    let put = async |configuration: Value| admin.put(&path, json!({"configuration": configuration})).await;
    assert_eq!(kept(&put(json!({"synchronous": "off"})).await), json!({"synchronous": false}));
    put(json!({"synchronous": "perhaps"})).await.expect(422, "synchronous");
    put(json!({"no_such": true})).await.expect(400, "no_such");
    assert_eq!(
        kept(&admin.get(&path).await),
        json!({"synchronous": false}),
        "what is refused changes nothing"
    );
    assert_eq!(kept(&put(json!({})).await), json!({}));
}

async fn a_stacks_new_components_are_read_too(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let stack = |name: &str, path: &str| {
        json!({"name": name, "components": {
            "orchestrator": [{"flavor": "kubernetes", "configuration": {"synchronous": "yes"}}],
            "artifact_store": [{"flavor": "s3", "configuration": {"path": path}}],
        }})
    };
    admin.post("/api/v1/stacks", stack("wrong", "/tmp")).await.expect(422, "s3://");
    assert_eq!(
        admin.get(&format!("{COMPONENTS}?name=wrong")).await.expect_ok()["total"],
        0,
        "nothing is left"
    );
    admin.post("/api/v1/stacks", stack("right", "s3://a")).await.expect_ok();
    let made =
        admin.get(&format!("{COMPONENTS}?name=right&type=orchestrator&hydrate=true")).await.expect_ok();
    assert_eq!(made["items"][0]["metadata"]["configuration"], json!({"synchronous": true}));
}

/// Quotes around a path are taken away: a folder that no admin has registered is none with them, either.
async fn a_path_is_judged_in_the_form_in_which_it_is_kept(database: Database) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("store").display().to_string();
    let setting = [("ZENDO_LOCAL_FILES_ROOT", root.path().to_str().unwrap())];
    let app = TestApp::start_with(&database, &setting).await;
    let (admin, bob) = (app.signed_in().await, app.new_user("bob", false).await);
    let plain = make(&bob, "artifact_store/local", json!({"path": folder})).await.status;
    let quoted = make(&bob, "artifact_store/local", json!({"path": format!("'{folder}'")})).await.status;
    assert_eq!(quoted, plain);
    let made = make(&admin, "artifact_store/local", json!({"path": format!("`{folder}`")})).await;
    assert_eq!(kept(&made), json!({"path": folder}));
    let path = format!("{COMPONENTS}/{}", made.json()["id"].as_str().unwrap());
    let other = root.path().join("other").display().to_string();
    let change = async |path_of_store: String| {
        bob.put(&path, json!({"configuration": {"path": path_of_store}})).await.status
    };
    assert_eq!(change(format!("\"{other}\"")).await, change(other).await);
}

async fn a_custom_flavor_takes_anything(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let flavor = json!({
        "name": "own", "type": "alerter", "source": "a.B", "integration": "", "config_schema":
        {"properties": {"a": {"type": "integer"}}, "required": ["a"], "title": "Own", "type": "object"},
    });
    admin.post("/api/v1/flavors", flavor).await.expect_ok();
    assert_eq!(
        kept(&make(&admin, "alerter/own", json!({"a": "x", "b": [1.0]})).await),
        json!({"a": "x", "b": [1.0]})
    );
}
