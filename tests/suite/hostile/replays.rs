//! A repetition's answer is one that the token which asks now could get.

use serde_json::{Value, json};

use super::narrowed;
use crate::support::{Caller, Database, TestApp};

on_each_store! {
    a_repetition_shows_nothing_of_another_project,
    a_repetition_asks_the_scope_anew,
}

const KEY: &str = "idempotency-key";
const ONE: &str = "00000000-0000-4000-8000-000000000001";

async fn project(admin: &Caller, name: &str) -> String {
    let made = admin.post("/api/v1/projects", json!({"name": name})).await.expect_ok();
    made["id"].as_str().unwrap().to_owned()
}

fn requests(project: &str, number: usize) -> [(&'static str, Value); 3] {
    let name = format!("n{number}");
    [
        ("/api/v1/pipelines", json!({"project": project, "name": name, "description": "private"})),
        ("/api/v1/models", json!({"project": project, "name": name, "description": "private"})),
        ("/api/v1/artifacts", json!({"project": project, "name": name, "has_custom_name": true})),
    ]
}

async fn a_repetition_shows_nothing_of_another_project(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (ours, theirs) = (project(&admin, "ours").await, project(&admin, "theirs").await);
    // Somebody's own project is no part of what an answer is about.
    admin.put("/api/v1/current-user", json!({"default_project_id": theirs})).await.expect_ok();
    let script = narrowed(&app, &admin, "project=ours").await;
    for (number, (path, body)) in requests(&theirs, 0).into_iter().enumerate() {
        let key = format!("00000000-0000-4000-8000-00000000010{number}");
        let keyed = |caller: &Caller| caller.clone().with(KEY, &key);
        let first = keyed(&admin).post(path, body).await;
        first.expect_ok();
        let (_, mine) = requests(&ours, 1)[number].clone();
        // In memory, and when it is only in the store.
        keyed(&script).post(path, mine.clone()).await.expect(403, "for other projects");
        app.state.replays.write(zendo::testing::Clock::now(&*app.clock)).await.unwrap();
        let replica = TestApp::start(&database).await;
        let there = replica.anonymous().with(KEY, &key);
        let token = admin.get("/api/v1/api_token?project=ours").await.expect_ok();
        let there = there.with_token(token.as_str().unwrap());
        there.post(path, mine.clone()).await.expect(403, "for other projects");
        assert_eq!(keyed(&admin).post(path, mine.clone()).await.text, first.text, "kept as it was");
        // A key of its own works, and a repetition of that too.
        let own = script.clone().with(KEY, &key.replace("-8000-", "-9000-"));
        let made = own.post(path, mine.clone()).await;
        made.expect_ok();
        assert_eq!(own.post(path, mine).await.text, made.text);
    }
}

async fn a_repetition_asks_the_scope_anew(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let body = json!({"name": "nightly"});
    let first = admin.clone().with(KEY, ONE).post("/api/v1/tags", body.clone()).await;
    first.expect_ok();
    for asked in
        ["read_only=true", "scope=tags:none", "scope=tags:read,tags:update,tags:delete", "scope=runs:write"]
    {
        let script = narrowed(&app, &admin, asked).await.with(KEY, ONE);
        script.post("/api/v1/tags", body.clone()).await.expect(403, "tags:create");
    }
    let outside = narrowed(&app, &admin, "project=default").await.with(KEY, ONE);
    outside.post("/api/v1/stacks", json!({})).await.expect(403, "some projects only");
    let script = narrowed(&app, &admin, "scope=tags:create").await.with(KEY, ONE);
    assert_eq!(script.post("/api/v1/tags", body).await.text, first.text);
}
