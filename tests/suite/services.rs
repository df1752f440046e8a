//! Services: what model deployers keep running. What one says of itself is checked before it is kept.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp, keeps_its_promises};

const SERVICES: &str = "/api/v1/services";
const NONE: &str = "00000000-0000-0000-0000-000000000001";

on_each_store! {
    a_state_that_there_is_not_is_refused_before_it_is_kept,
    one_configuration_is_of_one_service_in_a_project,
    a_service_is_in_the_project_of_its_path_and_of_what_it_serves,
    a_service_is_changed_by_what_its_deployer_sees,
    a_model_version_shows_the_first_of_its_services,
    the_client_keeps_services,
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

async fn project(caller: &Caller) -> String {
    id(&caller.get("/api/v1/projects/default").await.expect_ok())
}

fn service(project: &str, config: Value, more: Value) -> Value {
    let mut body = json!({
        "project": project, "name": "svc", "service_type": {"type": "model-serving", "flavor": "mlflow"},
        "config": config,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn version(admin: &Caller, project: &str, model: &str) -> String {
    let model = json!({"project": project, "name": model});
    let model = id(&admin.post("/api/v1/models", model).await.expect_ok());
    let version = json!({"project": project, "model": model, "name": "first"});
    id(&admin.post("/api/v1/model_versions", version).await.expect_ok())
}

async fn a_state_that_there_is_not_is_refused_before_it_is_kept(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let made = admin
        .post(SERVICES, service(&project, json!({"a": 1}), json!({"status": {"state": "active"}})))
        .await;
    let path = format!("{SERVICES}/{}", id(&made.expect_ok()));
    for state in [json!("asleep"), json!(""), json!(5), json!({})] {
        let status = json!({"status": {"state": state}});
        let new = service(&project, json!({"new": state}), status.clone());
        admin.post(SERVICES, new).await.expect(422, "scaled_to_zero");
        admin.put(&path, status).await.expect(422, "scaled_to_zero");
    }
    let page = admin.get(SERVICES).await.expect_ok();
    assert_eq!((&page["total"], &page["items"][0]["body"]["state"]), (&json!(1), &json!("active")));
}

async fn one_configuration_is_of_one_service_in_a_project(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let config: Value = serde_json::from_str(r#"{"b": {"y": 1.0, "x": [1, "é"]}, "a": null}"#).unwrap();
    let made = admin.post(SERVICES, service(&project, config.clone(), json!({}))).await.expect_ok();
    assert_eq!(made["metadata"]["config"], config);
    // However it is written.
    let head = format!(
        r#"{{"project": "{project}", "name": "n", "service_type": {{"type": "t", "flavor": "f"}}, "config":"#
    );
    for same in
        [r#"{"a":null,"b":{"x":[1,"\u00e9"],"y":1.0}}"#, r#"{ "b": {"x": [1, "é"], "y": 1.0}, "a": null }"#]
    {
        let json = admin.clone().with("content-type", "application/json");
        let answer = json.request(reqwest::Method::POST, SERVICES, format!("{head} {same}}}")).await;
        answer.expect(409, "EntityExistsError");
    }
    let other = id(&admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok());
    admin.post(SERVICES, service(&other, config, json!({}))).await.expect_ok();
    admin
        .post(SERVICES, service(&project, json!({"b": {"y": 1, "x": [1, "é"]}, "a": null}), json!({})))
        .await
        .expect_ok();
    let at_once = (0..5).map(|_| admin.post(SERVICES, service(&project, json!({"at": "once"}), json!({}))));
    let made = join_all(at_once).await.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 1);
}

async fn a_service_is_in_the_project_of_its_path_and_of_what_it_serves(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let other = id(&admin.post("/api/v1/projects", json!({"name": "other"})).await.expect_ok());
    let by_path = "/api/v1/workspaces/other/services";
    let made = admin.post(by_path, service(&project, json!({"a": 1}), json!({}))).await.expect_ok();
    assert_eq!(made["body"]["project_id"], json!(other));
    admin
        .post("/api/v1/workspaces/none/services", service(&project, json!({}), json!({})))
        .await
        .expect(404, "none");
    admin.post(SERVICES, service(NONE, json!({"b": 1}), json!({}))).await.expect(404, "KeyError");
    let elsewhere = version(&admin, &other, "m").await;
    for (field, wrong) in
        [("model_version_id", elsewhere.as_str()), ("model_version_id", NONE), ("pipeline_run_id", NONE)]
    {
        let body = service(&project, json!({"c": 1}), json!({field: wrong}));
        admin.post(SERVICES, body).await.expect(404, "not found");
    }
    assert_eq!(admin.get(SERVICES).await.expect_ok()["total"], 0);
    admin.delete("/api/v1/projects/other").await.expect_ok();
    admin.get(&format!("{SERVICES}/{}", id(&made))).await.expect(404, "service");
}

async fn a_service_is_changed_by_what_its_deployer_sees(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let more = json!({
        "labels": {"a": "b"}, "status": {"state": "active", "x": 1}, "endpoint": {"port": 1}, "prediction_url": "http://p",
        "admin_state": "active", "service_source": "m.S",
    });
    let config = json!({"pipeline_name": "train", "pipeline_step_name": "deploy"});
    let made = admin.post(SERVICES, service(&project, config.clone(), more)).await.expect_ok();
    let path = format!("{SERVICES}/{}", id(&made));
    let emptied =
        json!({"labels": {}, "status": {}, "endpoint": {}, "prediction_url": "", "config": {"n": 1}});
    let changed = admin.put(&path, emptied).await.expect_ok();
    let (body, metadata) = (&changed["body"], &changed["metadata"]);
    for gone in [
        &body["labels"],
        &body["state"],
        &metadata["status"],
        &metadata["endpoint"],
        &metadata["prediction_url"],
    ] {
        assert_eq!(gone, &Value::Null, "{changed}");
    }
    assert_eq!(metadata["config"], config, "what it serves stays");
    let unchanged = admin.put(&path, json!({"name": null, "admin_state": null})).await.expect_ok();
    assert_eq!(unchanged["metadata"]["admin_state"], "active");
    for query in [
        "pipeline_name=train",
        "pipeline_step_name=startswith:dep",
        "type=model-serving",
        "flavor=mlflow",
        "running=true",
    ] {
        let page = admin.get(&format!("{SERVICES}?{query}")).await.expect_ok();
        assert_eq!(page["total"], 1, "{query}");
    }
    admin.delete(&path).await.expect_ok();
    admin.get(&path).await.expect(404, "service");
}

async fn a_model_version_shows_the_first_of_its_services(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let [busy, idle] = [version(&admin, &project, "busy").await, version(&admin, &project, "idle").await];
    let mut last = String::new();
    for number in 0..7 {
        let more = json!({"name": format!("s{number}"), "model_version_id": busy});
        last =
            id(&admin.post(SERVICES, service(&project, json!({"number": number}), more)).await.expect_ok());
    }
    let services = |answer: &Value| answer["resources"]["services"].clone();
    let of = async |version: &str| {
        services(&admin.get(&format!("/api/v1/model_versions/{version}")).await.expect_ok())
    };
    let page = of(&busy).await;
    assert_eq!((&page["total"], &page["total_pages"], &page["max_size"]), (&json!(7), &json!(2), &json!(5)));
    let names: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4"]);
    assert_eq!(page["items"][0]["metadata"]["config"], json!({"number": 0}), "they are whole");
    assert_eq!(of(&idle).await["total"], 0);
    let listed = admin.get("/api/v1/model_versions").await.expect_ok();
    assert_eq!(
        listed["items"].as_array().unwrap().iter().filter(|item| services(item)["total"] == 7).count(),
        1
    );
    // What they served goes, and they stay.
    admin.delete(&format!("/api/v1/model_versions/{busy}")).await.expect_ok();
    let left = admin.get(&format!("{SERVICES}/{last}")).await.expect_ok();
    assert_eq!(left["resources"]["model_version"], Value::Null);
}

async fn the_client_keeps_services(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("services", &[], &app.url()).await;
}
