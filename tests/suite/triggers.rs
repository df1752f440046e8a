//! Triggers: what each type keeps, what is attached to them, and what ends that.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};
use crate::webhooks::{Hook, project};

on_each_store! {
    a_schedule_knows_its_next_time_while_it_goes_off,
    an_archive_frees_the_name_and_detaches,
    a_source_is_of_the_project_and_may_end,
    what_cannot_be_kept_is_refused_and_leaves_nothing,
    lists_are_narrowed_by_type_state_and_what_is_attached,
    a_snapshot_is_attached_as_a_copy_that_is_configured,
    what_a_server_cannot_run_is_not_attached,
    of_attachments_at_once_one_is_made,
    a_snapshot_without_its_name_is_detached,
    errors_are_cleared_and_the_rest_stays,
    a_projects_end_is_that_of_its_triggers,
    the_events_of_each_kind_of_source_are_told_to_everyone,
}

const FAR: &str = "2090-01-01T00:00:00";

fn made(answer: &Answer) -> Value {
    answer.expect_ok()
}

fn id(answer: &Value) -> &str {
    answer["id"].as_str().unwrap()
}

async fn make(caller: &Caller, name: &str, more: Value) -> Answer {
    let mut body = json!({
        "project": project(caller).await, "name": name, "type": "schedule", "run_once_start_time": FAR,
    });
    for (field, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
            _ => body[field] = value.clone(),
        }
    }
    caller.post("/api/v1/triggers", body).await
}

async fn trigger(caller: &Caller, name: &str) -> String {
    id(&make(caller, name, json!({})).await.expect_ok()).to_owned()
}

/// A pipeline whose images were built for a stack that is elsewhere.
struct Runnable {
    pipeline: String,
    build: String,
    stack: String,
}

impl Runnable {
    async fn new(admin: &Caller) -> Self {
        let component = async |kind: &str, flavor: &str, configuration: Value| {
            let body = json!({"name": format!("far {kind}"), "type": kind, "flavor": flavor, "configuration": configuration});
            id(&admin.post("/api/v1/components", body).await.expect_ok()).to_owned()
        };
        let orchestrator = component("orchestrator", "kubernetes", json!({"kubernetes_context": "x"})).await;
        let store = component("artifact_store", "s3", json!({"path": "s3://x"})).await;
        let stack =
            json!({"name": "far", "components": {"orchestrator": [orchestrator], "artifact_store": [store]}});
        let stack = made(&admin.post("/api/v1/stacks", stack).await);
        let project = project(admin).await;
        let pipeline = json!({"project": project, "name": "p"});
        let pipeline = made(&admin.post("/api/v1/pipelines", pipeline).await);
        let (stack, pipeline) = (id(&stack).to_owned(), id(&pipeline).to_owned());
        let build = json!({
            "project": project, "is_local": false, "contains_code": true, "pipeline": pipeline, "stack": stack,
            "zenml_version": "0.98.0",
        });
        let build = made(&admin.post("/api/v1/pipeline_builds", build).await);
        Self { pipeline, build: id(&build).to_owned(), stack }
    }

    async fn snapshot(&self, admin: &Caller, name: &str, more: Value) -> String {
        let mut body = json!({
            "project": project(admin).await, "name": name, "run_name_template": "r", "stack": self.stack,
            "pipeline": self.pipeline, "build": self.build, "client_version": "0.98.0", "server_version": "0.98.0",
            "pipeline_configuration": {"name": "p", "settings": {"orchestrator:far orchestrator": {"node": 1}}},
            "step_configurations": {"load": {
                "spec": {"source": "m.f", "upstream_steps": [], "invocation_id": "load"},
                "config": {"name": "load", "parameters": {"a": 1}},
                "step_config_overrides": {"name": "load", "parameters": {"a": 1}},
            }},
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id(&admin.post("/api/v1/pipeline_snapshots", body).await.expect_ok()).to_owned()
    }
}

fn link(trigger: &str, snapshot: &str) -> String {
    format!("/api/v1/triggers/{trigger}/pipeline_snapshots/{snapshot}")
}

async fn attached(admin: &Caller, trigger: &str, of: &str) -> Vec<String> {
    let trigger = admin.get(&format!("/api/v1/triggers/{trigger}")).await.expect_ok();
    let snapshots = trigger["resources"][of].as_array().unwrap().clone();
    snapshots.iter().map(|snapshot| id(snapshot).to_owned()).collect()
}

async fn a_schedule_knows_its_next_time_while_it_goes_off(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let cron = json!({"run_once_start_time": null, "cron_expression": "0 0 1 1 *", "start_time": "2040-05-01T02:00:00+02:00"});
    let trigger = made(&make(&admin, "s", cron.clone()).await);
    assert_eq!(trigger["body"]["next_occurrence"], "2041-01-01T00:00:00");
    assert_eq!(trigger["body"]["start_time"], "2040-05-01T00:00:00");
    assert_eq!((&trigger["name"], &trigger["metadata"]), (&Value::Null, &json!({})));
    let path = format!("/api/v1/triggers/{}", id(&trigger));
    let change = |active: bool| json!({"type": "schedule", "name": "s", "active": active, "cron_expression": "0 0 1 1 *", "start_time": FAR});
    let off = admin.put(&path, change(false)).await.expect_ok();
    assert_eq!(off["body"]["next_occurrence"], Value::Null);
    let found = admin.get("/api/v1/triggers?next_occurrence=gt:2089-01-01 00:00:00").await.expect_ok();
    assert_eq!(found["total"], 1, "the column stays");
    let on = admin.put(&path, change(true)).await.expect_ok();
    assert_eq!(on["body"]["next_occurrence"], "2091-01-01T00:00:00");
    let said = json!({"type": "schedule", "name": "s", "cron_expression": "* * * * *", "next_occurrence": "2033-01-01T01:00:00+01:00"});
    assert_eq!(admin.put(&path, said).await.expect_ok()["body"]["next_occurrence"], "2033-01-01T00:00:00");
}

async fn an_archive_frees_the_name_and_detaches(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let snapshot = far.snapshot(&admin, "one", json!({})).await;
    let long = "é".repeat(255);
    let trigger = trigger(&admin, &long).await;
    make(&admin, &long, json!({})).await.expect(409, "already exists");
    admin.put(&link(&trigger, &snapshot), json!({})).await.expect_ok();
    let path = format!("/api/v1/triggers/{trigger}");
    admin.delete(&path).await.expect_ok();
    let archived = admin.get(&path).await.expect_ok();
    assert_eq!(
        (&archived["body"]["is_archived"], &archived["body"]["active"]),
        (&json!(true), &json!(false))
    );
    let name = archived["body"]["name"].as_str().unwrap();
    assert!(name.ends_with(')') && name.chars().count() == 255, "{name}");
    assert_eq!(archived["resources"]["snapshots"], json!([]));
    admin.delete(&path).await.expect(403, "archived");
    admin.put(&link(&trigger, &snapshot), json!({})).await.expect(403, "archived");
    let copies = "SELECT CAST(COUNT(*) AS CHAR) FROM pipeline_snapshot WHERE name IS NULL";
    assert_eq!(database.texts(copies).await, ["1"], "what is refused leaves no copy");
    make(&admin, &long, json!({})).await.expect_ok();
    admin.delete(&format!("{path}?soft=false")).await.expect_ok();
    admin.get(&path).await.expect(404, "trigger");
}

async fn a_source_is_of_the_project_and_may_end(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let other = admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok();
    let pipeline = async |project: &Value, name: &str| {
        made(&admin.post("/api/v1/pipelines", json!({"project": project, "name": name})).await)
    };
    let (here, there) =
        (pipeline(&json!(project(&admin).await), "here").await, pipeline(&other["id"], "there").await);
    let waits = |id: &Value, events: Value| {
        json!({"run_once_start_time": null, "type": "platform_event",
            "source_entity": {"type": "pipeline", "id": id}, "target_events": events})
    };
    let events = json!(["run_failed", "run_completed", "run_failed"]);
    make(&admin, "t", waits(&there["id"], events.clone())).await.expect(404, "pipeline");
    make(&admin, "t", waits(&here["id"], json!(["completed"]))).await.expect(422, "platform_event");
    let trigger = make(&admin, "t", waits(&here["id"], events.clone())).await.expect_ok();
    assert_eq!(trigger["body"]["target_events"], events);
    let columns = "SELECT CONCAT(source_entity, '|', target_events) FROM `trigger`";
    let columns = if database.is_mariadb() {
        columns
    } else {
        "SELECT source_entity || '|' || target_events FROM \"trigger\""
    };
    let expected = format!("pipeline:{}|event:run_failed event:run_completed event:run_failed", id(&here));
    assert_eq!(database.texts(columns).await, [expected]);
    admin.delete(&format!("/api/v1/pipelines/{}", id(&here))).await.expect_ok();
    let path = format!("/api/v1/triggers/{}", id(&trigger));
    assert_eq!(admin.get(&path).await.expect_ok()["body"]["source_entity"]["id"], here["id"]);
}

async fn what_cannot_be_kept_is_refused_and_leaves_nothing(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let hook = Hook::custom(&admin, "w").await;
    let none = "00000000-0000-0000-0000-000000000001";
    let other = admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok();
    let cron = |text: &str| json!({"run_once_start_time": null, "cron_expression": text});
    let of_webhook = |more: Value| {
        let mut body = json!({"run_once_start_time": null, "type": "webhook", "webhook_id": hook.id, "configuration": {}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (wrong, status, said) in [
        (json!({"project": none}), 404, "project"),
        (cron(""), 422, "cron"),
        (cron("0 0 30 2 *"), 422, "fifty years"),
        (cron("60 * * * *"), 422, "range"),
        (json!({"cron_expression": "* * * * *"}), 422, "schedule"),
        (json!({"type": "other"}), 422, "union_tag_invalid"),
        (json!({"type": null}), 422, "union_tag_not_found"),
        (json!({"flavor": "webhook"}), 422, "'flavor'"),
        (json!({"concurrency": "queue"}), 422, "'concurrency'"),
        (of_webhook(json!({"webhook_id": none})), 404, "webhook"),
        (of_webhook(json!({"project": other["id"]})), 404, "webhook"),
        (of_webhook(json!({"configuration": {"target_events": [{"event_type": ""}]}})), 422, "event_type"),
        (
            of_webhook(
                json!({"configuration": {"target_events": [{"event_type": "a", "filters": {"a..b": "x"}}]}}),
            ),
            422,
            "filters",
        ),
    ] {
        make(&admin, "t", wrong.clone()).await.expect(status, said);
    }
    assert_eq!(admin.get("/api/v1/triggers").await.expect_ok()["total"], 0);
    let trigger = make(&admin, "t", of_webhook(json!({}))).await.expect_ok();
    let path = format!("/api/v1/triggers/{}", id(&trigger));
    let change = json!({"type": "webhook", "name": "t", "configuration": {}});
    admin.put(&path, change).await.expect(422, "whole");
    let change = json!({"type": "schedule", "name": "t", "run_once_start_time": FAR});
    admin.put(&path, change).await.expect(403, "type");
}

async fn lists_are_narrowed_by_type_state_and_what_is_attached(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let snapshot = far.snapshot(&admin, "one", json!({})).await;
    let (one, two) = (trigger(&admin, "one").await, trigger(&admin, "two").await);
    let hook = Hook::custom(&admin, "w").await;
    let of_webhook =
        json!({"run_once_start_time": null, "type": "webhook", "webhook_id": hook.id, "configuration": {}});
    make(&admin, "three", of_webhook).await.expect_ok();
    admin.put(&link(&one, &snapshot), Value::Null).await.expect_ok();
    admin.delete(&format!("/api/v1/triggers/{two}")).await.expect_ok();
    let copy = attached(&admin, &one, "executable_snapshots").await.remove(0);
    let names = async |query: &str| {
        let page = admin.get(&format!("/api/v1/triggers?sort_by=name&{query}")).await.expect_ok();
        let items = page["items"].as_array().unwrap().clone();
        let names = items
            .iter()
            .map(|item| item["body"]["name"].as_str().unwrap().split('_').next().unwrap().to_owned());
        names.collect::<Vec<String>>().join(" ")
    };
    for (query, expected) in [
        ("", "one three"),
        ("is_archived=true", "two"),
        ("type=webhook", "three"),
        ("type=webhook&type=schedule", "one three"),
        ("type=web", ""),
        ("flavor=native schedule", "one"),
        ("logical_operator=or&name=one&name=three&type=webhook", "three"),
        (&format!("webhook_id={}", hook.id), "three"),
        (&format!("snapshot_id={snapshot}"), "one"),
        (&format!("snapshot_id={copy}"), "one"),
        (&format!("pipeline_id={}", far.pipeline), "one"),
        (&format!("pipeline_id={snapshot}"), ""),
    ] {
        assert_eq!(names(query).await, expected, "{query}");
    }
    admin.get("/api/v1/triggers?snapshot_id=x").await.expect(400, "UUID");
    let snapshots = admin.get(&format!("/api/v1/pipeline_snapshots?trigger_id={one}")).await.expect_ok();
    assert_eq!(snapshots["items"][0]["id"], snapshot);
}

async fn a_snapshot_is_attached_as_a_copy_that_is_configured(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let snapshot = far.snapshot(&admin, "one", json!({})).await;
    let trigger = trigger(&admin, "t").await;
    let secret = admin.post("/api/v1/secrets", json!({"name": "s", "values": {"k": "v"}})).await.expect_ok();
    let configuration = json!({
        "run_name": "nightly", "enable_cache": false, "secrets": ["s"],
        "settings": {"orchestrator": {"pod": 2}},
        "steps": {"load": {"parameters": {"a": 5}, "enable_cache": true}, "gone": {"parameters": {"x": 1}}},
    });
    admin.put(&link(&trigger, &snapshot), configuration).await.expect(200, "null");
    assert_eq!(attached(&admin, &trigger, "snapshots").await, std::slice::from_ref(&snapshot));
    let copy = attached(&admin, &trigger, "executable_snapshots").await.remove(0);
    let copy = admin.get(&format!("/api/v1/pipeline_snapshots/{copy}")).await.expect_ok();
    let metadata = &copy["metadata"];
    assert_eq!((&copy["name"], &metadata["source_snapshot_id"]), (&Value::Null, &json!(snapshot)));
    assert_eq!(metadata["run_name_template"], "nightly");
    let pipeline = &metadata["pipeline_configuration"];
    assert_eq!((&pipeline["enable_cache"], &pipeline["secrets"]), (&json!(false), &json!([secret["id"]])));
    let settings = json!({"orchestrator:far orchestrator": {"node": 1, "pod": 2, "synchronous": false}});
    assert_eq!(pipeline["settings"], settings);
    let step = &metadata["step_configurations"]["load"]["config"];
    assert_eq!((&step["parameters"], &step["enable_cache"]), (&json!({"a": 5}), &json!(true)));
    admin.put(&link(&trigger, &snapshot), json!({})).await.expect(403, "allow_replace");
    admin.put(&format!("{}?allow_replace=true", link(&trigger, &snapshot)), json!({})).await.expect_ok();
    let now = attached(&admin, &trigger, "executable_snapshots").await;
    assert!(now.len() == 1 && now[0] != id(&copy), "{now:?}");
    admin.delete(&link(&trigger, &now[0])).await.expect_ok();
    admin.delete(&link(&trigger, &snapshot)).await.expect(404, "not attached");
}

async fn what_a_server_cannot_run_is_not_attached(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let trigger = trigger(&admin, "t").await;
    let unbuilt = far.snapshot(&admin, "unbuilt", json!({"build": null})).await;
    let nameless = far.snapshot(&admin, "x", json!({"name": null})).await;
    let snapshot = far.snapshot(&admin, "one", json!({})).await;
    let build = |more: Value| {
        let mut body =
            json!({"is_local": false, "contains_code": true, "pipeline": far.pipeline, "stack": far.stack});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let built = async |name: &str, more: Value| {
        let mut body = build(more);
        body["project"] = json!(project(&admin).await);
        let build = admin.post("/api/v1/pipeline_builds", body).await.expect_ok();
        far.snapshot(&admin, name, json!({"build": build["id"]})).await
    };
    let local = built("local", json!({"is_local": true})).await;
    let stale = built("stale", json!({"stack_checksum": "0123456789abcdef0123456789abcdef"})).await;
    // MD5 of "kubernetes" and "s3", the integrations that the stack's images need.
    let fresh = built("fresh", json!({"stack_checksum": hex_of_integrations()})).await;
    let before = database.texts("SELECT id FROM pipeline_snapshot").await.len();
    for (snapshot, configuration, status, said) in [
        (&unbuilt, json!({}), 400, "no build"),
        (&nameless, json!({}), 403, "name"),
        (&local, json!({}), 400, "machine"),
        (&stale, json!({}), 400, "changed"),
        (&snapshot, json!({"parameters": {"a": 1}}), 400, "parameters"),
        (&snapshot, json!({"build": far.build}), 400, "build"),
        (&snapshot, json!({"schedule": {"cron_expression": "* * * * *"}}), 400, "schedule"),
        (&snapshot, json!({"settings": {"docker": {"dockerfile": "x"}}}), 400, "Docker"),
        (&snapshot, json!({"steps": {"load": {"settings": {"docker": {"dockerfile": "x"}}}}}), 400, "Docker"),
        (&snapshot, json!({"steps": {"load": {"parameters": {"b": 1}}}}), 400, "parameter"),
        (&snapshot, json!({"secrets": ["none"]}), 404, "secret"),
        (&snapshot, json!({"enable_cache": "perhaps"}), 422, "enable_cache"),
    ] {
        admin.put(&link(&trigger, snapshot), configuration).await.expect(status, said);
    }
    assert_eq!(attached(&admin, &trigger, "snapshots").await, Vec::<String>::new());
    assert_eq!(database.texts("SELECT id FROM pipeline_snapshot").await.len(), before, "no copy is left");
    admin.put(&link(&trigger, &fresh), json!({})).await.expect_ok();
}

/// What ZenML's client writes into a build of a stack with these integrations.
fn hex_of_integrations() -> &'static str {
    "3509a262e1bb5cd89a636f658e603bb9"
}

async fn of_attachments_at_once_one_is_made(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let snapshot = far.snapshot(&admin, "one", json!({})).await;
    let trigger = trigger(&admin, "t").await;
    let path = link(&trigger, &snapshot);
    let all = join_all((0..5).map(|_| admin.put(&path, json!({})))).await;
    let made = all.iter().filter(|answer| answer.status == 200).count();
    assert!(made == 1 && all.iter().all(|answer| [200, 403].contains(&answer.status)), "{all:?}");
    assert_eq!(attached(&admin, &trigger, "executable_snapshots").await.len(), 1);
    assert_eq!(database.texts("SELECT id FROM pipeline_snapshot WHERE name IS NULL").await.len(), 1);
}

async fn a_snapshot_without_its_name_is_detached(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let trigger = trigger(&admin, "t").await;
    let attach = async |name: &str| {
        let snapshot = far.snapshot(&admin, name, json!({})).await;
        admin.put(&link(&trigger, &snapshot), json!({})).await.expect_ok();
        assert_eq!(attached(&admin, &trigger, "snapshots").await, std::slice::from_ref(&snapshot));
        format!("/api/v1/pipeline_snapshots/{snapshot}")
    };
    let none = Vec::<String>::new();
    let snapshot = attach("unnamed").await;
    admin.put(&snapshot, json!({"name": false})).await.expect_ok();
    assert_eq!(attached(&admin, &trigger, "snapshots").await, none);
    let snapshot = attach("deleted").await;
    admin.delete(&snapshot).await.expect_ok();
    assert_eq!(attached(&admin, &trigger, "snapshots").await, none);
    attach("replaced").await;
    far.snapshot(&admin, "replaced", json!({"replace": true})).await;
    assert_eq!(attached(&admin, &trigger, "snapshots").await, none);
}

async fn errors_are_cleared_and_the_rest_stays(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let far = Runnable::new(&admin).await;
    let trigger = trigger(&admin, "t").await;
    let (one, two) =
        (far.snapshot(&admin, "one", json!({})).await, far.snapshot(&admin, "two", json!({})).await);
    for snapshot in [&one, &two] {
        admin.put(&link(&trigger, snapshot), json!({})).await.expect_ok();
    }
    let state = |status: &str| {
        format!(r#"{{"last_status": "{status}", "last_error_type": "X", "last_error_count": 3}}"#)
    };
    let write = async |of: &str, status: &str| {
        let copy =
            format!("SELECT id FROM pipeline_snapshot WHERE source_snapshot_id = '{}'", of.replace('-', ""));
        let state = state(status);
        let update =
            format!("UPDATE trigger_snapshot SET dispatch_state = '{state}' WHERE snapshot_id IN ({copy})");
        database.execute(&update).await;
    };
    write(&one, "ERROR").await;
    write(&two, "SUCCESS").await;
    let path = format!("/api/v1/triggers/{trigger}");
    let states = async || admin.get(&path).await.expect_ok()["resources"]["snapshot_dispatch_states"].clone();
    assert_eq!(states().await[&one]["last_error_count"], 3);
    admin.delete(&format!("{path}/dispatch_state?snapshot_id={trigger}")).await.expect(404, "not attached");
    admin.delete(&format!("{path}/dispatch_state?snapshot_id={one}")).await.expect_ok();
    assert_eq!((&states().await[&one], &states().await[&two]["last_error_count"]), (&Value::Null, &json!(3)));
    admin.delete(&format!("{path}/dispatch_state")).await.expect_ok();
    let left = &states().await[&two];
    assert_eq!(
        (&left["last_status"], &left["last_error_count"], &left["last_error_type"]),
        (&json!("SUCCESS"), &json!(0), &Value::Null)
    );
}

async fn a_projects_end_is_that_of_its_triggers(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let other = admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok();
    let there = make(&admin, "t", json!({"project": other["id"]})).await.expect_ok();
    assert_eq!(admin.get("/api/v1/triggers").await.expect_ok()["total"], 0, "a list is of one project");
    assert_eq!(admin.get("/api/v1/triggers?project=other").await.expect_ok()["total"], 1);
    admin.get("/api/v1/triggers?project=none").await.expect(404, "project");
    let token = format!("/api/v1/api_token?project={}", project(&admin).await);
    let token = admin.get(&token).await.expect_ok();
    let narrowed = app.anonymous().with_token(token.as_str().unwrap());
    narrowed.get(&format!("/api/v1/triggers/{}", id(&there))).await.expect(403, "");
    admin.delete("/api/v1/projects/other").await.expect_ok();
    admin.get(&format!("/api/v1/triggers/{}", id(&there))).await.expect(404, "trigger");
}

async fn the_events_of_each_kind_of_source_are_told_to_everyone(database: Database) {
    let app = TestApp::start(&database).await;
    let events = async |kind: &str| {
        let events =
            app.anonymous().get(&format!("/api/v1/supported-events?source_type={kind}")).await.expect_ok();
        let events = events.as_array().unwrap().clone();
        events.iter().map(|event| event["value"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(events("pipeline").await, ["run_completed", "run_failed"]);
    assert_eq!(events("pipeline_snapshot").await, ["run_completed", "run_failed"]);
    assert_eq!(events("pipeline_run").await, ["completed", "failed"]);
    app.anonymous().get("/api/v1/supported-events").await.expect(422, "source_type");
    app.anonymous().get("/api/v1/supported-events?source_type=x").await.expect(422, "source_type");
}
