//! Lists that take every connection they can get don't keep anybody from signing in, or a token from being checked and
//! revoked.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::ended_queries::make_tags_slow;
use crate::support::{ADMIN, Caller, Database, TestApp, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const PROMPT: Duration = Duration::from_secs(1);
/// More than there are connections to either store.
const LISTS: usize = 60;

on_each_store! {
    lists_keep_nobody_from_signing_in_or_revoking,
    of_the_fewest_connections_some_are_for_signing_in,
}

/// How long each step took of the life of a token.
async fn a_token_lives_and_ends(app: &TestApp) -> Vec<(&'static str, Duration)> {
    let mut steps = Vec::new();
    let mut last = Instant::now();
    let mut step = |name| {
        steps.push((name, last.elapsed()));
        last = Instant::now();
    };
    let session = app.signed_in().await;
    step("sign-in");
    let token = session.api_token(600).await;
    step("token");
    let script = app.anonymous().with_token(&token);
    script.get("/api/v1/current-user").await.expect_ok();
    step("check");
    session.post("/api/v1/api_tokens/revoke", json!({"token": token})).await.expect_ok();
    step("revocation");
    script.get("/api/v1/current-user").await.expect(401, "");
    step("refusal");
    app.anonymous().login(ADMIN, "wrong").await.expect(401, "");
    step("refused sign-in");
    app.anonymous().get("/ready").await.expect(200, "ok");
    step("readiness");
    session.get("/api/v1/logout").await.expect_ok();
    step("sign-out");
    steps
}

async fn is_prompt_beside_lists(app: &TestApp, database: &Database, busy: u64) {
    let admin = app.signed_in().await;
    make_tags_slow(database, &admin).await;
    let reads = app.state.store.reads();
    let mut lists = JoinSet::new();
    for _ in 0..LISTS {
        let admin: Caller = admin.clone();
        lists.spawn(async move { admin.get("/api/v1/tags?name=startswith:a").await.status });
    }
    wait_until("the lists have all connections", LIMIT, async || app.state.store.reads() >= reads + busy)
        .await;
    // The machine may be busy with other tests: the best of three is what the server can do.
    let mut best = a_token_lives_and_ends(app).await;
    for _ in 0..2 {
        let again = a_token_lives_and_ends(app).await;
        best.iter_mut().zip(again).for_each(|(best, again)| best.1 = best.1.min(again.1));
    }
    println!("{best:?}");
    assert!(best.iter().all(|(_, took)| *took < PROMPT), "{best:?}");
    // Those who found no connection are told so after a while; the others have theirs to the end.
    while let Some(done) = lists.try_join_next() {
        assert_eq!(done.unwrap(), 503);
    }
    assert!(!lists.is_empty());
}

async fn lists_keep_nobody_from_signing_in_or_revoking(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_REQUEST_TIMEOUT", "60")]).await;
    is_prompt_beside_lists(&app, &database, LISTS as u64).await;
}

async fn of_the_fewest_connections_some_are_for_signing_in(database: Database) {
    let settings = [
        ("ZENML_STORE_POOL_SIZE", "1"),
        ("ZENML_STORE_MAX_OVERFLOW", "0"),
        ("ZENML_SERVER_REQUEST_TIMEOUT", "60"),
    ];
    let app = TestApp::start_with(&database, &settings).await;
    is_prompt_beside_lists(&app, &database, 1).await;
    if database.is_mariadb() {
        let connections = app.state.store.connections();
        assert!(connections.total <= 3, "{connections:?}");
        app.signed_in().await.get("/api/v1/load-info").await.expect_ok();
    }
}
