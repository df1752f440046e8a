//! The unmodified `zenml` 0.98.0 client runs pipelines, and uses what they leave. Each program says which of its
//! promises was broken.

use serde_json::json;

use crate::support::{ClientProgram, Database, TestApp, keeps_its_promises};

on_each_store! {
    pipelines_run_fail_and_are_cached_retried_and_deleted,
    artifacts_models_and_tags_outlive_runs,
}

async fn pipelines_run_fail_and_are_cached_retried_and_deleted(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("runs", &[], &app.url()).await;
}

async fn artifacts_models_and_tags_outlive_runs(database: Database) {
    let app = TestApp::start(&database).await;
    // As a job does it: with the key of a service account.
    let admin = app.signed_in().await;
    let ci = admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", ci["id"].as_str().unwrap());
    let key = admin.post(&keys, json!({"name": "job"})).await.expect_ok();
    let credentials = [("ZENML_STORE_API_KEY", key["body"]["key"].as_str().unwrap())];
    if let Some(job) = ClientProgram::start("artifacts_and_models", &[], &app.url(), &credentials) {
        job.keeps_its_promises().await;
    }
}
