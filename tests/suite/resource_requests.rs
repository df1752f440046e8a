//! Requests for resources of pools, which the paid server has: what is asked is read as ever, and answered that there are
//! no pools.

use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    what_is_rightly_asked_is_answered_that_there_are_no_pools,
    what_is_wrongly_asked_is_refused_before_that,
    whoever_may_not_ask_is_not_told,
}

const REQUESTS: &str = "/api/v1/resource_requests";
const ONE: &str = "/api/v1/resource_requests/00000000-0000-0000-0000-000000000001";
const NO_POOLS: &str = r#""NotImplementedError""#;

fn renewal() -> Value {
    json!({"lease_expires_at": "2030-01-01T00:00:00Z"})
}

/// All of them, as they should be asked.
async fn all(caller: &Caller) -> [Answer; 4] {
    [
        caller.get(REQUESTS).await,
        caller.get(ONE).await,
        caller.post(&format!("{ONE}/renew"), renewal()).await,
        caller.post(&format!("{ONE}/release"), Value::Null).await,
    ]
}

async fn what_is_rightly_asked_is_answered_that_there_are_no_pools(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for answer in all(&admin).await.into_iter().chain(all(&app.new_user("ada", false).await).await) {
        answer.expect(501, NO_POOLS);
        answer.expect(501, "pools");
    }
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    for query in [
        "hydrate=true",
        "page=2&size=3",
        "sort_by=desc:status",
        "sort_by=created&logical_operator=or&status=x&name=y",
        "status=startswith:al",
        "component_id=00000000-0000-0000-0000-000000000001",
        "pool_id=00000000-0000-0000-0000-000000000001&step_run_id=00000000-0000-0000-0000-000000000001",
        "user=default",
        "created=gt:2026-01-01 00:00:00",
        "project=default",
        &format!("project={}", project.as_str().unwrap()),
    ] {
        admin.get(&format!("{REQUESTS}?{query}")).await.expect(501, NO_POOLS);
    }
    for hydrate in ["true", "false"] {
        admin.get(&format!("{ONE}?hydrate={hydrate}")).await.expect(501, NO_POOLS);
    }
    // What can't be there is not in the answers of what would ask for it.
    assert_eq!(admin.get("/api/v1/steps?hydrate=true").await.expect_ok()["total"], 0);
}

async fn what_is_wrongly_asked_is_refused_before_that(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (query, part) in [
        ("page=0", "page"),
        ("size=x", "size"),
        ("size=0", "size"),
        ("hydrate=perhaps", "hydrate"),
        ("sort_by=nope", "sort_by"),
        ("logical_operator=xor", "logical_operator"),
        ("scope_user=x", "scope_user"),
        ("pool_id=oneof:x", "oneof"),
        ("pool_id=gt:x", "gt"),
        ("created=soon", "datetime"),
    ] {
        let refused = admin.get(&format!("{REQUESTS}?{query}")).await;
        assert!([400, 422].contains(&refused.status) && refused.text.contains(part), "{query}: {refused:?}");
    }
    admin.get(&format!("{REQUESTS}?project=none")).await.expect(404, "project");
    admin.get(&format!("{ONE}?hydrate=perhaps")).await.expect(422, "hydrate");
    let odd = format!("{REQUESTS}/x");
    admin.get(&odd).await.expect(422, "resource_request_id");
    admin.post(&format!("{odd}/renew"), renewal()).await.expect(422, "resource_request_id");
    admin.post(&format!("{odd}/release"), Value::Null).await.expect(422, "resource_request_id");
    for body in [
        json!({"lease_expires_at": "soon"}),
        json!({"lease_expires_at": {}}),
        json!([]),
        json!("x"),
        Value::Null,
    ] {
        let refused = admin.post(&format!("{ONE}/renew"), body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
    }
    for (path, status) in [(REQUESTS, 405), (ONE, 405)] {
        assert_eq!(admin.delete(path).await.status, status, "{path}");
        assert_eq!(admin.put(path, json!({})).await.status, status, "{path}");
    }
}

async fn whoever_may_not_ask_is_not_told(database: Database) {
    let app = TestApp::start(&database).await;
    for answer in all(&app.anonymous()).await {
        answer.expect(401, "Not authenticated");
    }
    let admin = app.signed_in().await;
    let scoped = async |scope: &str| {
        let token = admin.get(&format!("/api/v1/api_token?scope={scope}")).await.expect_ok();
        app.anonymous().with_token(token.as_str().unwrap())
    };
    let [list, one, renew, release] = all(&scoped("resource_requests:read").await).await;
    list.expect(501, NO_POOLS);
    one.expect(501, NO_POOLS);
    renew.expect(403, "resource_requests:update");
    release.expect(403, "resource_requests:update");
    let [list, one, renew, release] = all(&scoped("resource_requests:update").await).await;
    list.expect(403, "resource_requests:read");
    one.expect(403, "resource_requests:read");
    renew.expect(501, NO_POOLS);
    release.expect(501, NO_POOLS);
    for answer in all(&scoped("runs:read").await).await {
        answer.expect(403, "resource_requests:");
    }
}
