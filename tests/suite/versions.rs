//! Versions of artifacts and models: their numbers, what a batch makes, what is deleted with what, and the files that
//! are read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Caller, Database, TestApp};

on_each_store! {
    no_number_is_given_twice_by_several_servers,
    one_stage_has_one_version_whoever_asks,
    a_batch_is_made_whole_or_not_at_all,
    what_runs_have_used_stays,
    what_hangs_on_a_version_goes_with_it,
    metadata_is_filtered_as_numbers_and_texts,
}

const WRITERS: usize = 10;

async fn project(caller: &Caller) -> String {
    let project = caller.get("/api/v1/projects/default").await.expect_ok();
    project["id"].as_str().unwrap().to_owned()
}

/// A request for a version of the artifact with that name, with these fields besides.
fn version(project: &str, name: &str, fields: Value) -> Value {
    let mut body = json!({
        "project": project, "artifact_name": name, "type": "DataArtifact", "save_type": "manual", "uri": "/data/x",
        "materializer": "a.B", "data_type": "builtins.int",
    });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

async fn model(caller: &Caller, project: &str, name: &str) -> String {
    let model = caller.post("/api/v1/models", json!({"project": project, "name": name})).await.expect_ok();
    model["id"].as_str().unwrap().to_owned()
}

fn id(answer: &Value) -> &str {
    answer["id"].as_str().unwrap()
}

async fn no_number_is_given_twice_by_several_servers(database: Database) {
    let apps = [TestApp::start(&database).await, TestApp::start(&database).await];
    let callers = [apps[0].signed_in().await, apps[1].signed_in().await];
    let project = project(&callers[0]).await;
    let model = model(&callers[0], &project, "classifier").await;
    let (project, model, callers) = (&project, &model, &callers);
    let artifacts = futures_util::future::join_all((0..WRITERS).map(|writer| async move {
        // The artifact isn't there at first: one of them makes it.
        let body = version(project, "numbers", json!({}));
        let made = callers[writer % 2].post("/api/v1/artifact_versions", body).await.expect_ok();
        (made["body"]["artifact"]["id"].to_string(), made["body"]["version"].as_str().unwrap().to_owned())
    }));
    let models = futures_util::future::join_all((0..WRITERS).map(|writer| async move {
        let body = json!({"project": project, "model": model});
        let made = callers[writer % 2].post("/api/v1/model_versions", body).await.expect_ok();
        (made["body"]["number"].as_u64().unwrap(), made["name"].as_str().unwrap().to_owned())
    }));
    let (artifacts, models) = futures_util::future::join(artifacts, models).await;
    let of_artifacts: BTreeSet<String> = artifacts.iter().map(|(_, version)| version.clone()).collect();
    assert_eq!(of_artifacts, (1..=WRITERS).map(|number| number.to_string()).collect::<BTreeSet<_>>());
    assert_eq!(artifacts.iter().map(|(artifact, _)| artifact).collect::<BTreeSet<_>>().len(), 1);
    let of_models: BTreeSet<(u64, String)> = models.into_iter().collect();
    assert_eq!(of_models, (1..=10).map(|number| (number, number.to_string())).collect::<BTreeSet<_>>());
}

async fn one_stage_has_one_version_whoever_asks(database: Database) {
    let apps = [TestApp::start(&database).await, TestApp::start(&database).await];
    let callers = [apps[0].signed_in().await, apps[1].signed_in().await];
    let project = project(&callers[0]).await;
    let model = model(&callers[0], &project, "classifier").await;
    let mut versions = Vec::new();
    for _ in 0..6 {
        let body = json!({"project": project, "model": model});
        versions.push(callers[0].post("/api/v1/model_versions", body).await.expect_ok());
    }
    let callers = &callers;
    futures_util::future::join_all(versions.iter().enumerate().map(|(number, version)| async move {
        let path = format!("/api/v1/model_versions/{}", id(version));
        callers[number % 2].put(&path, json!({"stage": "production", "force": true})).await.expect_ok();
    }))
    .await;
    let staged = callers[0].get("/api/v1/model_versions?stage=production").await.expect_ok();
    assert_eq!(staged["total"], 1);
    let archived = callers[0].get("/api/v1/model_versions?stage=archived").await.expect_ok();
    assert_eq!(archived["total"], 5);
}

async fn a_batch_is_made_whole_or_not_at_all(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let taken = version(&project, "b", json!({"version": "best"}));
    admin.post("/api/v1/artifact_versions", taken.clone()).await.expect_ok();
    let first = version(&project, "a", json!({"tags": ["new"], "metadata": {"rows": 1}}));
    let refused = admin.post("/api/v1/artifact_versions/batch", json!([first, taken])).await;
    refused.expect(409, "best");
    assert_eq!(admin.get("/api/v1/artifact_versions").await.expect_ok()["total"], 1);
    assert_eq!(admin.get("/api/v1/artifacts?name=a").await.expect_ok()["total"], 0);
    assert_eq!(admin.get("/api/v1/tags?name=new").await.expect_ok()["total"], 0);
    let batch: Vec<Value> = (0..3).map(|_| version(&project, "a", json!({}))).collect();
    let made = admin.post("/api/v1/artifact_versions/batch", batch.into()).await.expect_ok();
    let versions: Vec<&str> =
        made.as_array().unwrap().iter().map(|one| one["body"]["version"].as_str().unwrap()).collect();
    assert_eq!(versions, ["1", "2", "3"]);
}

/// The tables of a run as far as they say that one of its steps made the version.
async fn make_as_output(database: &Database, project: &str, version: &str) {
    let (project, version) = (project.replace('-', ""), version.replace('-', ""));
    let now = "2030-01-01 00:00:00.000000";
    for sql in [
        format!(
            "INSERT INTO pipeline_run (id, created, updated, name, project_id, status, in_progress, `index`, \
             enable_heartbeat) \
             VALUES ('{:032}', '{now}', '{now}', 'run', '{project}', 'completed', 0, 1, 0)",
            1
        ),
        format!(
            "INSERT INTO step_run (id, created, updated, name, status, version, is_retriable, pipeline_run_id, \
             project_id) VALUES ('{:032}', '{now}', '{now}', 'step', 'completed', 1, 0, '{:032}', '{project}')",
            2, 1
        ),
        format!(
            "INSERT INTO step_run_output_artifact (name, step_id, artifact_id) VALUES ('output', '{:032}', '{version}')",
            2
        ),
    ] {
        database.execute(&sql).await;
    }
}

async fn what_runs_have_used_stays(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let make = |name: &str| admin.post("/api/v1/artifact_versions", version(&project, name, json!({})));
    let (used, unused) = (make("used").await.expect_ok(), make("unused").await.expect_ok());
    make_as_output(&database, &project, id(&used)).await;
    let of = |version: &Value| format!("/api/v1/artifact_versions/{}", id(version));
    let shown = admin.get(&of(&used)).await.expect_ok();
    assert_eq!(shown["resources"]["producer_step_run_id"], "00000000-0000-0000-0000-000000000002");
    assert_eq!(shown["resources"]["producer_pipeline_run_id"], "00000000-0000-0000-0000-000000000001");
    let list = async |query: &str| {
        let page = admin.get(&format!("/api/v1/artifact_versions?{query}")).await.expect_ok();
        let names =
            page["items"].as_array().unwrap().iter().map(|item| item["body"]["artifact"]["name"].to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(list("only_unused=true").await, [r#""unused""#]);
    assert_eq!(list("pipeline_run=run").await, [r#""used""#]);
    assert_eq!(list("pipeline_run=other").await, [""; 0]);
    admin.delete(&of(&used)).await.expect(400, "Runs use this artifact version");
    let artifact = format!("/api/v1/artifacts/{}", used["body"]["artifact"]["id"].as_str().unwrap());
    admin
        .delete("/api/v1/artifact_versions?project_name_or_id=default&only_versions=false")
        .await
        .expect_ok();
    admin.get(&of(&unused)).await.expect(404, "");
    assert_eq!(list("").await, [r#""used""#]);
    assert_eq!(admin.get("/api/v1/artifacts").await.expect_ok()["total"], 1);
    // What the run itself gave out stays, and is named; what its steps made goes with the artifact.
    let (run, given) = (format!("{:032}", 1), id(&used).replace('-', ""));
    let now = "2030-01-01 00:00:00.000000";
    let output = format!(
        "INSERT INTO pipeline_run_output (id, created, updated, pipeline_run_id, name, output_index, artifact_id) \
         VALUES ('{:032}', '{now}', '{now}', '{run}', 'o', 0, '{given}')",
        3
    );
    database.execute(&output).await;
    admin.delete(&artifact).await.expect(409, "given them out: used:1");
    assert_eq!(list("").await, [r#""used""#], "nothing was deleted");
    database.execute("DELETE FROM pipeline_run_output").await;
    admin.delete(&artifact).await.expect_ok();
    assert!(list("").await.is_empty());
    assert!(database.texts("SELECT name FROM step_run_output_artifact").await.is_empty());
}

async fn what_hangs_on_a_version_goes_with_it(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    let fields =
        json!({"tags": ["a"], "metadata": {"rows": 1}, "visualizations": [{"type": "html", "uri": "/x"}]});
    let made = admin.post("/api/v1/artifact_versions", version(&project, "a", fields)).await.expect_ok();
    let model = model(&admin, &project, "classifier").await;
    let of_model = json!({"project": project, "model": model, "tags": ["a"]});
    let of_model = admin.post("/api/v1/model_versions", of_model).await.expect_ok();
    let link = json!({"model_version": id(&of_model), "artifact_version": id(&made)});
    admin.post("/api/v1/model_version_artifacts", link).await.expect_ok();
    let shown = json!({
        "project": project, "artifact_visualization_id": made["metadata"]["visualizations"][0]["id"],
        "resource_id": model, "resource_type": "model",
    });
    admin.post("/api/v1/curated_visualizations", shown).await.expect_ok();
    let count = async |table: &str| database.texts(&format!("SELECT id FROM {table}")).await.len();
    for (table, expected) in [
        ("tag_resource", 2),
        ("run_metadata_resource", 1),
        ("curated_visualization", 1),
        ("model_versions_artifacts", 1),
    ] {
        assert_eq!(count(table).await, expected, "{table}");
    }
    admin
        .delete(&format!("/api/v1/artifacts/{}", made["body"]["artifact"]["id"].as_str().unwrap()))
        .await
        .expect_ok();
    assert_eq!(count("tag_resource").await, 1);
    admin.delete(&format!("/api/v1/models/{model}")).await.expect_ok();
    for table in
        ["tag_resource", "run_metadata_resource", "curated_visualization", "model_versions_artifacts"]
    {
        assert_eq!(count(table).await, 0, "{table}");
    }
}

async fn metadata_is_filtered_as_numbers_and_texts(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let project = project(&admin).await;
    for (name, rows) in [("a", json!(9)), ("b", json!(10.5)), ("c", json!("9"))] {
        let body = version(&project, name, json!({"metadata": {"rows": rows}}));
        admin.post("/api/v1/artifact_versions", body).await.expect_ok();
    }
    for (filter, expected) in [
        ("rows:gt:9", vec!["b"]),
        ("rows:gte:9", vec!["a", "b"]),
        ("rows:lt:10", vec!["a"]),
        ("rows:9", vec!["a", "c"]),
        ("rows:startswith:10", vec!["b"]),
        ("other:9", vec![]),
    ] {
        let path = format!("/api/v1/artifact_versions?run_metadata={filter}");
        let page = admin.get(&path).await.expect_ok();
        let items = page["items"].as_array().unwrap();
        let names: BTreeSet<&str> =
            items.iter().map(|item| item["body"]["artifact"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected.into_iter().collect::<BTreeSet<_>>(), "{filter}");
    }
}

/// A server that reads below a folder, and the id of a local artifact store that is there.
async fn with_local_store() -> (tempfile::TempDir, TestApp, Caller, String) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("stores");
    std::fs::create_dir_all(root.join("local/data/deep")).unwrap();
    std::fs::write(root.join("local/data/a.html"), "<p>Zoë").unwrap();
    std::fs::write(root.join("local/data/deep/b.bin"), [0_u8, 255]).unwrap();
    std::fs::write(folder.path().join("secret.html"), "secret").unwrap();
    std::os::unix::fs::symlink("../../../secret.html", root.join("local/data/link.html")).unwrap();
    let variables = [("ZENDO_LOCAL_FILES_ROOT", root.to_str().unwrap())];
    let app = TestApp::start_with(&Database::sqlite(), &variables).await;
    let admin = app.signed_in().await;
    let store = json!({
        "name": "here", "type": "artifact_store", "flavor": "local",
        "configuration": {"path": root.join("local").to_str().unwrap()},
    });
    let store = admin.post("/api/v1/components", store).await.expect_ok();
    let store = id(&store).to_owned();
    (folder, app, admin, store)
}

#[tokio::test]
async fn visualizations_are_read_below_the_folder_and_nowhere_else() {
    let (folder, _app, admin, store) = with_local_store().await;
    let at = |path: &str| folder.path().join(path).to_str().unwrap().to_owned();
    let visualizations = json!([
        {"type": "html", "uri": at("stores/local/data/a.html")},
        {"type": "image", "uri": at("stores/local/data/deep/b.bin")},
        {"type": "html", "uri": at("stores/local/data/link.html")},
        {"type": "html", "uri": at("stores/local/../../secret.html")},
        {"type": "html", "uri": at("secret.html")},
        {"type": "html", "uri": at("stores/local/data")},
    ]);
    let project = project(&admin).await;
    let fields = json!({"artifact_store_id": store, "visualizations": visualizations});
    let made = admin.post("/api/v1/artifact_versions", version(&project, "a", fields)).await.expect_ok();
    let order: Vec<&str> = made["metadata"]["visualizations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["body"]["uri"].as_str().unwrap())
        .collect();
    for (index, uri) in order.into_iter().enumerate() {
        let path = format!("/api/v1/artifact_versions/{}/visualize?index={index}", id(&made));
        let answer = admin.get(&path).await;
        if uri.ends_with("a.html") {
            assert_eq!(answer.expect_ok(), json!({"type": "html", "value": "<p>Zoë"}));
        } else if uri.ends_with("b.bin") {
            assert_eq!(answer.expect_ok(), json!({"type": "image", "value": "AP8="}));
        } else {
            answer.expect(404, "DoesNotExist");
        }
    }
}

#[tokio::test]
async fn data_is_downloaded_with_a_token_for_it() {
    let (folder, app, admin, store) = with_local_store().await;
    let uri = folder.path().join("stores/local/data");
    let project = project(&admin).await;
    let fields = json!({"artifact_store_id": store, "uri": uri.to_str().unwrap()});
    let made =
        admin.post("/api/v1/artifact_versions", version(&project, "numbers", fields)).await.expect_ok();
    let other =
        admin.post("/api/v1/artifact_versions", version(&project, "numbers", json!({}))).await.expect_ok();
    let path = format!("/api/v1/artifact_versions/{}", id(&made));
    let token = admin.get(&format!("{path}/download-token")).await.expect_ok();
    let token = token.as_str().unwrap();
    let download = |token: &str| format!("{}{path}/data?token={token}", app.url());
    let answer = reqwest::get(download(token)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/gzip");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"numbers-1.tar.gz\"");
    let bytes = answer.bytes().await.unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    assert_eq!(names.collect::<Vec<_>>(), [".", "deep", "a.html", "deep/b.bin"]);
    let anonymous = app.anonymous();
    let path_of_other = format!("/api/v1/artifact_versions/{}", id(&other));
    anonymous.get(&format!("{path_of_other}/data?token={token}")).await.expect(401, "another download");
    let access = app.signed_in().await.api_token(600).await;
    anonymous.get(&format!("{path}/data?token={access}")).await.expect(401, "CredentialsNotValid");
    anonymous.clone().with_token(token).get(&path).await.expect(401, "");
    app.clock.advance(31);
    anonymous.get(&format!("{path}/data?token={token}")).await.expect(401, "expired");
    // It ends with what it was asked for with.
    let script = app.signed_in().await.api_token(600).await;
    let holder = anonymous.clone().with_token(&script);
    let token = holder.get(&format!("{path}/download-token")).await.expect_ok();
    let token = token.as_str().unwrap();
    assert_eq!(reqwest::get(download(token)).await.unwrap().status(), 200);
    anonymous.post("/api/v1/api_tokens/revoke", json!({"token": script})).await.expect_ok();
    anonymous.get(&format!("{path}/data?token={token}")).await.expect(401, "was revoked");
    // So does one of an API key, though this server's clock is behind when all is taken back.
    let account =
        admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", id(&account));
    let key = admin.post(&keys, json!({"name": "k"})).await.expect_ok();
    let machine = anonymous.clone().with_token(key["body"]["key"].as_str().unwrap());
    let token = machine.get(&format!("{path}/download-token")).await.expect_ok();
    let token = token.as_str().unwrap();
    assert_eq!(reqwest::get(download(token)).await.unwrap().status(), 200);
    app.clock.advance(-20);
    app.signed_in().await.post("/api/v1/api_tokens/revoke", json!({"user": "ci"})).await.expect_ok();
    anonymous.get(&format!("{path}/data?token={token}")).await.expect(401, "was revoked");
}
