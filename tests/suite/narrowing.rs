//! Narrowed tokens: what a token was not given it can't do, on any route, and neither can what is made with it.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Caller, Database, TestApp};

on_each_store! {
    a_token_does_what_its_scope_says_and_no_more,
    a_token_for_projects_sees_and_changes_those_only,
    a_narrowed_token_makes_no_credentials,
    what_is_no_scope_is_refused_and_named,
}

async fn narrowed(parent: &Caller, app: &TestApp, asked: &str) -> Caller {
    let token = parent.get(&format!("/api/v1/api_token?{asked}")).await.expect_ok();
    app.anonymous().with_token(token.as_str().unwrap())
}

#[track_caller]
fn lacks(answer: &Answer, scope: &str) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.json()["detail"][0], "IllegalOperationError", "{answer:?}");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{answer:?}");
}

async fn a_token_does_what_its_scope_says_and_no_more(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let script = narrowed(&admin, &app, "scope=tags:read+tags:create&scope=projects:read").await;
    let tag = script.post("/api/v1/tags", json!({"name": "nightly"})).await.expect_ok();
    let tag = format!("/api/v1/tags/{}", tag["id"].as_str().unwrap());
    script.get(&tag).await.expect_ok();
    lacks(&script.put(&tag, json!({"name": "daily"})).await, "tags:update");
    lacks(&script.delete(&tag).await, "tags:delete");
    lacks(&script.get("/api/v1/secrets").await, "secrets:read");
    script.get("/api/v1/projects").await.expect_ok();
    script.get("/api/v1/current-user").await.expect_ok();

    // A child has what both have: not what it asks for beside it, and not what it doesn't ask for.
    let child = narrowed(&script, &app, "scope=tags:write,secrets:read").await;
    child.get(&tag).await.expect_ok();
    lacks(&child.delete(&tag).await, "tags:delete");
    lacks(&child.get("/api/v1/secrets").await, "secrets:read");
    lacks(&child.get("/api/v1/projects").await, "projects:read");
    let reader = narrowed(&script, &app, "read_only=true").await;
    reader.get(&tag).await.expect_ok();
    lacks(&reader.post("/api/v1/tags", json!({"name": "weekly"})).await, "tags:create");

    let all_but = narrowed(&admin, &app, "scope=secrets:none").await;
    lacks(&all_but.get("/api/v1/secrets").await, "secrets:read");
    all_but.delete(&tag).await.expect_ok();
}

/// A project with a pipeline, an artifact, a model and its version, and the paths of all.
struct Project {
    id: String,
    paths: Vec<String>,
}

impl Project {
    async fn new(admin: &Caller, name: &str) -> Self {
        let made = admin.post("/api/v1/projects", json!({"name": name})).await.expect_ok();
        let id = made["id"].as_str().unwrap().to_owned();
        let mut paths = Vec::new();
        for (kind, body) in [
            ("pipelines", json!({"project": id, "name": "train"})),
            ("artifacts", json!({"project": id, "name": "weights", "has_custom_name": true})),
            ("models", json!({"project": id, "name": "churn"})),
        ] {
            let made = admin.post(&format!("/api/v1/{kind}"), body).await.expect_ok();
            paths.push(format!("/api/v1/{kind}/{}", made["id"].as_str().unwrap()));
        }
        let model = paths[2].rsplit('/').next().unwrap();
        let version = json!({"project": id, "name": "first", "model": model});
        let made = admin.post("/api/v1/model_versions", version).await.expect_ok();
        paths.push(format!("/api/v1/model_versions/{}", made["id"].as_str().unwrap()));
        Self { id, paths }
    }

    fn pipeline(&self) -> &str {
        self.paths[0].rsplit('/').next().unwrap()
    }
}

async fn a_token_for_projects_sees_and_changes_those_only(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let (ours, theirs) = (Project::new(&admin, "ours").await, Project::new(&admin, "theirs").await);
    let third = Project::new(&admin, "third").await;
    let script = narrowed(&admin, &app, &format!("project=ours&project={}", third.id)).await;
    let refused = |answer: Answer| answer.expect(403, "for other projects");

    for path in ours.paths.iter().chain(&third.paths) {
        script.get(path).await.expect_ok();
        script.put(path, json!({})).await.expect_ok();
    }
    for path in &theirs.paths {
        refused(script.get(path).await);
        refused(script.get(&path.replace('-', "%2D")).await);
        refused(script.put(path, json!({})).await);
        refused(script.delete(path).await);
        admin.get(path).await.expect_ok();
    }
    for kind in ["pipelines", "artifacts", "models", "model_versions", "runs", "steps", "schedules"] {
        script.get(&format!("/api/v1/{kind}?project=ours")).await.expect_ok();
        refused(script.get(&format!("/api/v1/{kind}?project=theirs")).await);
        refused(script.get(&format!("/api/v1/{kind}?project_name_or_id={}", theirs.id)).await);
        // Without a project it is of the default one.
        refused(script.get(&format!("/api/v1/{kind}")).await);
    }
    script.post("/api/v1/pipelines", json!({"project": ours.id, "name": "test"})).await.expect_ok();
    refused(script.post("/api/v1/pipelines", json!({"project": theirs.id, "name": "test"})).await);
    let named = "/api/v1/pipelines?project_name_or_id=theirs";
    refused(script.post(named, json!({"project": ours.id, "name": "try"})).await);
    refused(
        script.post("/api/v1/workspaces/theirs/pipelines", json!({"project": ours.id, "name": "try"})).await,
    );

    // What is named deep in a body counts too.
    let tag = script.post("/api/v1/tags", json!({"name": "nightly"})).await.expect_ok();
    let link =
        |pipeline: &str| json!([{"tag_id": tag["id"], "resource_id": pipeline, "resource_type": "pipeline"}]);
    script.post("/api/v1/tag_resources/batch", link(ours.pipeline())).await.expect_ok();
    refused(script.post("/api/v1/tag_resources/batch", link(theirs.pipeline())).await);

    // What belongs to no project is read, and not changed; of projects it sees its own.
    script.get("/api/v1/stacks").await.expect_ok();
    let outside = script.delete(&format!("/api/v1/tags/{}", tag["id"].as_str().unwrap())).await;
    outside.expect(403, "may not change what belongs to none");
    let seen = script.get("/api/v1/projects").await.expect_ok();
    assert_eq!(seen["total"], 2, "{seen}");
    script.get("/api/v1/projects/theirs").await.expect(404, "theirs");
    refused(script.get(&format!("/api/v1/projects/{}", theirs.id)).await);

    // Its children are for no other projects either.
    let child = narrowed(&script, &app, "project=theirs,ours").await;
    child.get(&ours.paths[0]).await.expect_ok();
    refused(child.get(&third.paths[0]).await);
    refused(child.get(&theirs.paths[0]).await);
    script.get("/api/v1/api_token?project=theirs").await.expect(403, "other projects");
}

async fn a_narrowed_token_makes_no_credentials(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let account =
        admin.post("/api/v1/service_accounts", json!({"name": "ci", "active": true})).await.expect_ok();
    let keys = format!("/api/v1/service_accounts/{}/api_keys", account["id"].as_str().unwrap());
    for asked in
        ["scope=users:write,service_accounts:write,api_keys:write", "scope=secrets:none", "project=default"]
    {
        let script = narrowed(&admin, &app, asked).await;
        let attempts = [
            script.post(&keys, json!({"name": "wide"})).await,
            script.put("/api/v1/current-user", json!({"password": "wide", "old_password": "x"})).await,
            script.post("/api/v1/users", json!({"name": "wide", "password": "wide", "is_admin": true})).await,
            script.post("/api/v1/service_accounts", json!({"name": "wide"})).await,
            script.put(&format!("/api/v1/devices/{}/verify", Uuid::nil()), json!({"user_code": "x"})).await,
        ];
        for attempt in attempts {
            lacks(&attempt, "*:write");
        }
    }
    let whole = narrowed(&admin, &app, "scope=*:write").await;
    whole.post(&keys, json!({"name": "made"})).await.expect_ok();
}

async fn what_is_no_scope_is_refused_and_named(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (asked, reason) in [
        ("scope=runs", "'runs' is no scope"),
        ("scope=", "the scope is empty"),
        ("scope=runs:all", "'all' is no verb"),
        ("scope=rums:read", "'rums' is no kind of resource"),
        ("scope=runs:read,runs:none", "that nothing is allowed on 'runs', and that something is"),
        ("read_only=maybe", "valid boolean"),
    ] {
        admin.get(&format!("/api/v1/api_token?{asked}")).await.expect(422, reason);
    }
    for asked in ["project=", "project=nowhere", "project=default,nowhere"] {
        admin.get(&format!("/api/v1/api_token?{asked}")).await.expect(404, "No project");
    }
}

/// Whatever route there is or will be asks for a scope, or is one of the few that say why not.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_scope() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let nothing = narrowed(&admin, &app, "scope=*:none").await;
    let open = zendo::testing::open_operations();
    let is_closed = |route: &(&str, &str)| !open.contains(route) && route.1.starts_with("/api/v1/");
    let contract = zendo::testing::operations_of_contract().map(|route| (route.method, route.path));
    let mut routes: Vec<_> =
        zendo::testing::operations().into_iter().chain(contract).filter(is_closed).collect();
    routes.sort_unstable();
    routes.dedup();
    assert!(routes.len() > 250, "{}", routes.len());
    for (method, path) in routes {
        let called = path
            .split('/')
            .map(|part| if part.starts_with('{') { Uuid::nil().to_string() } else { part.into() });
        let called = called.collect::<Vec<String>>().join("/");
        let call = async |caller: &Caller| caller.request(method.parse().unwrap(), &called, "").await;
        let refused = call(&nothing).await;
        if ["/api/v1/api_token", "/api/v1/current-user"].contains(&path) && method == "GET" {
            assert_ne!(refused.status, 403, "{method} {path}");
            continue;
        }
        assert_eq!(refused.status, 403, "{method} {path}");
        let scope = refused.header("www-authenticate").and_then(|header| header.split("scope=\"").nth(1));
        let scope = scope.map(|scope| scope.trim_end_matches('"').to_owned()).unwrap();
        if scope == "*:write" {
            continue;
        }
        let granted = call(&narrowed(&admin, &app, &format!("scope={scope}")).await).await;
        let lacks_scope =
            granted.header("www-authenticate").is_some_and(|header| header.contains("insufficient"));
        assert!(!lacks_scope && granted.status != 401, "{method} {path} {scope}: {granted:?}");
    }
}

#[test]
fn every_table_of_a_project_is_guarded() {
    let schema: Value = serde_json::from_str(include_str!("../../contract/schema.json")).unwrap();
    let tables = schema.as_object().unwrap();
    let has_project = |table: &&String| tables[*table]["columns"].get("project_id").is_some();
    let of_projects: Vec<&str> = tables.keys().filter(has_project).map(String::as_str).collect();
    let mut guarded = [zendo::testing::TABLES_OF_PROJECTS, &["run_metadata"]].concat();
    guarded.sort_unstable();
    assert_eq!(guarded, of_projects);
}
