//! Pages, as people see them in Chromium.

use crate::support::{Database, TestApp, browser};

on_each_store! {
    what_a_page_does_wrong_is_noticed,
}

async fn what_a_page_does_wrong_is_noticed(database: Database) {
    let app = TestApp::start(&database).await;
    browser("harness.mjs", &app, &[]).await;
}
