//! Many at once, each with something of a new name: all of it is made, by one attempt of each.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::parity::bodies;
use crate::support::{Answer, Database, Lab, TestApp, read};

on_each_store! {
    each_of_many_new_names_is_made,
    each_of_many_that_ask_for_one_new_name_gets_it,
}

/// More than a write is tried.
const CALLERS: usize = 24;
const ROUNDS: usize = 3;

/// What is asked for in the place of that number.
async fn ask(lab: &Lab, store: &Value, kind: &str, name: &str) -> Answer {
    let of_project = |more: Value| bodies::merged(json!({"project": lab.project, "name": name}), more);
    match kind {
        "artifact_versions" => {
            let all = json!({"project": lab.project, "artifact_store_id": store, "tags": [name], "metadata": {name: 1}});
            let body = read(&bodies::artifact_version(name, all));
            lab.caller.post("/api/v1/artifact_versions", body).await
        }
        "runs" => lab.caller.post("/api/v1/runs", lab.run_body(name, json!({"tags": [name]}))).await,
        "tags" => lab.caller.post("/api/v1/tags", json!({"name": name})).await,
        "pipelines" => lab.caller.post("/api/v1/pipelines", of_project(json!({"tags": [name]}))).await,
        "models" => lab.caller.post("/api/v1/models", of_project(json!({"tags": [name]}))).await,
        _ => unreachable!("{kind}"),
    }
}

async fn lab(app: &TestApp) -> (Lab, Value) {
    let lab = Lab::with_snapshot(app).await;
    let store = lab.caller.get("/api/v1/components?type=artifact_store").await.expect_ok();
    let id = store["items"][0]["id"].clone();
    (lab, id)
}

async fn each_of_many_new_names_is_made(database: Database) {
    let app = TestApp::start(&database).await;
    let (lab, store) = lab(&app).await;
    for kind in ["artifact_versions", "runs", "tags", "pipelines", "models"] {
        for round in 0..ROUNDS {
            let names: Vec<String> =
                (0..CALLERS).map(|number| format!("{kind}_{number:02}_{round}")).collect();
            let all = join_all(names.iter().map(|name| ask(&lab, &store, kind, name))).await;
            let refused: Vec<&Answer> = all.iter().filter(|answer| answer.status != 200).collect();
            assert!(refused.is_empty(), "{kind}: {} of {CALLERS}: {:?}", refused.len(), refused[0]);
        }
    }
}

/// What has to be made first is made by one of them, and the others find it.
async fn each_of_many_that_ask_for_one_new_name_gets_it(database: Database) {
    let app = TestApp::start(&database).await;
    let (lab, store) = lab(&app).await;
    for round in 0..ROUNDS {
        let name = format!("numbers_{round}");
        let all = join_all((0..CALLERS).map(|_| ask(&lab, &store, "artifact_versions", &name))).await;
        let mut numbers: Vec<usize> = all
            .into_iter()
            .map(|answer| answer.expect_ok()["body"]["version"].as_str().unwrap().parse().unwrap())
            .collect();
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(1..=CALLERS), "{numbers:?}");
    }
}
