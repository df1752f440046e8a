//! Large pages are compressed for whoever takes them so, and nothing that holds a secret ever is.

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::query_counts::{Made, Maker, lists};
use crate::support::{Caller, Database, Lab, TestApp, wait_until};

const FLAVORS: &str = "/api/v1/flavors?size=100&hydrate=true";
const ALL: &str = "gzip, deflate, br, zstd";
/// Bytes from which a page is large.
const LARGE: usize = 8 << 10;
/// Lists of what opens something to somebody, or tells how it was tried.
const OF_SECRETS: [&str; 14] = [
    "/api/v1/api_tokens",
    "/api/v1/audit",
    "/api/v1/code_repositories",
    "/api/v1/components",
    "/api/v1/deployments",
    "/api/v1/secrets",
    "/api/v1/service_connectors",
    "/api/v1/services",
    "/api/v1/stacks",
    "/api/v1/trusts",
    "/api/v1/workspaces/default/code_repositories",
    "/api/v1/workspaces/default/components",
    "/api/v1/workspaces/default/service_connectors",
    "/api/v1/workspaces/default/stacks",
];

on_each_store! {
    large_pages_are_the_same_in_each_encoding,
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn encoding(&self) -> Option<&str> {
        self.headers.get("content-encoding").map(|value| value.to_str().unwrap())
    }

    fn varies_by_encoding(&self) -> bool {
        let all = self.headers.get_all("vary").iter();
        all.flat_map(|value| value.to_str().unwrap().split(',')).any(|name| name.trim() == "accept-encoding")
    }

    fn json(&self) -> Value {
        let mut plain = Vec::new();
        match self.encoding() {
            None => plain = self.body.clone(),
            Some("gzip") => drop(GzDecoder::new(&*self.body).read_to_end(&mut plain).unwrap()),
            Some("zstd") => plain = zstd::decode_all(&*self.body).unwrap(),
            Some(other) => panic!("{other} was not asked for"),
        }
        serde_json::from_slice(&plain).unwrap()
    }
}

async fn get_as(app: &TestApp, caller: &Caller, method: Method, path: &str, encodings: Option<&str>) -> Got {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", app.url()));
    request = request.header("authorization", caller.header("authorization").unwrap());
    if let Some(encodings) = encodings {
        request = request.header("accept-encoding", encodings);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    Got { status, headers, body: answer.bytes().await.unwrap().to_vec() }
}

async fn large_pages_are_the_same_in_each_encoding(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    let narrow = admin.get("/api/v1/api_token?scope=flavors:read").await.expect_ok();
    let narrow = app.anonymous().with_token(narrow.as_str().unwrap());
    let get = async |encodings| get_as(&app, &admin, Method::GET, FLAVORS, encodings).await;
    let plain = get(None).await;
    assert!(plain.encoding().is_none() && plain.varies_by_encoding());
    assert_eq!(plain.headers["content-length"], *plain.body.len().to_string());
    for (encodings, expected) in [
        ("gzip", Some("gzip")),
        ("zstd", Some("zstd")),
        (ALL, Some("zstd")),
        ("gzip, deflate", Some("gzip")),
        ("gzip;q=0.5, zstd;q=0.1", Some("gzip")),
        ("*", Some("zstd")),
        ("identity", None),
        ("br", None),
        ("gzip;q=0", None),
        ("nonsense", None),
        ("", None),
        ("*;q=0", None),
    ] {
        let got = get(Some(encodings)).await;
        assert_eq!((got.status, got.encoding()), (StatusCode::OK, expected), "{encodings:?}");
        assert!(got.varies_by_encoding(), "{encodings:?}: {:?}", got.headers);
        assert_eq!(got.headers["content-type"], "application/json");
        assert_eq!(got.json(), plain.json(), "{encodings:?}");
        if expected.is_some() {
            assert!(got.body.len() * 4 < plain.body.len(), "{} of {}", got.body.len(), plain.body.len());
            println!("{encodings:?}: {} of {} bytes", got.body.len(), plain.body.len());
        }
    }
    let head = get_as(&app, &admin, Method::HEAD, FLAVORS, Some("gzip")).await;
    assert_eq!((head.encoding(), head.body.len()), (Some("gzip"), 0));
    let narrowed = get_as(&app, &narrow, Method::GET, FLAVORS, Some("gzip")).await;
    assert_eq!((narrowed.encoding(), narrowed.json()), (Some("gzip"), plain.json()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_small_and_no_secret_is_compressed() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let text = "long ".repeat(40);
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let made = (0..60).map(async |number: u32| {
        let secret = json!({"name": format!("s{number}"), "values": {"key": text}});
        admin.post("/api/v1/secrets", secret).await.expect_ok();
        let config = json!({"token": text});
        let source = json!({"module": "a", "attribute": "B", "type": "user"});
        let repository = json!({
            "name": format!("r{number}"), "project": project, "config": config, "source": source
        });
        admin.post("/api/v1/code_repositories", repository).await.expect_ok();
        let component = json!({
            "name": format!("c{number}"), "type": "orchestrator", "flavor": "local", "configuration": {},
            "labels": {"key": text}
        });
        admin.post("/api/v1/components", component).await.expect_ok();
        admin.api_token(60 + number).await;
        app.anonymous().login("default", "wrong").await;
    });
    join_all(made).await;
    let tokens = "/api/v1/audit?action=token_issued&size=1";
    let recorded = async || admin.get(tokens).await.expect_ok()["total"].as_u64() >= Some(60);
    wait_until("all that was done is recorded", Duration::from_secs(30), recorded).await;
    for path in [
        "/api/v1/secrets?size=100&hydrate=true",
        "/api/v1/code_repositories?size=100&hydrate=true",
        "/api/v1/components?size=100&hydrate=true",
        "/api/v1/api_tokens?size=100&hydrate=true",
        "/api/v1/audit?size=100",
    ] {
        let got = get_as(&app, &admin, Method::GET, path, Some(ALL)).await;
        assert!(got.status == StatusCode::OK && got.body.len() > 20_000, "{path}: {} bytes", got.body.len());
        assert!(got.encoding().is_none() && !got.varies_by_encoding(), "{path}");
    }
    for path in [
        "/api/v1/projects",
        "/api/v1/current-user",
        "/api/v1/api_token",
        "/api/v1/info",
        "/api/v1/users?size=100",
    ] {
        let got = get_as(&app, &admin, Method::GET, path, Some(ALL)).await;
        assert!(got.status == StatusCode::OK && got.encoding().is_none(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_a_tag_or_its_own_encoding_stays_as_it_was() {
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let document = get_as(&app, &admin, Method::GET, "/openapi.json", Some(ALL)).await;
    assert_eq!(document.encoding(), Some("gzip"));
    let tag = document.headers["etag"].to_str().unwrap().to_owned();
    let again = app.anonymous().with("if-none-match", &tag).get("/openapi.json").await;
    assert_eq!(again.status, 304);
    assert!(document.json()["paths"].is_object());
}

/// What isn't made with the others: devices that a person has approved, run templates, and more of what is small.
async fn make_more(app: &TestApp, database: &Database, maker: &Maker, made: &Made) {
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    let account = id(&made.account);
    let model = &made.run["resources"]["model_version"]["body"]["model"]["id"];
    let project = maker.caller.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let machine = app.anonymous().with("user-agent", "Host/my-host ZenML/0.98.0 Python/3.11 OS/linux");
    for number in 0..20 {
        let client = format!("00000000-0000-4000-8000-0000000000{number:02}");
        let asked = machine.post_form("/api/v1/device_authorization", &[("client_id", &client)]).await;
        asked.expect_ok();
        let keys = format!("/service_accounts/{account}/api_keys");
        let (name, text) = (format!("more_{number}"), "text ".repeat(40));
        maker.make(&keys, json!({"name": name})).await;
        maker.make("/projects", json!({"name": name, "description": text})).await;
        maker.make("/service_accounts", json!({"name": name, "description": text, "active": true})).await;
        maker.make("/model_versions", json!({"project": project, "model": model, "name": name})).await;
        let trust = json!({
            "name": name, "issuer": "https://issuer.example", "service_account": name, "conditions": {"sub": text},
        });
        maker.make("/trusts", trust).await;
        let warning = format!(
            "INSERT INTO zendo_warning (id, created, once, kind, text, subject_kind, subject_id, subject_name, details) \
             VALUES ('{0}', '2026-01-01 00:00:00', '{number}', 'x', '{text}{text}', 'user', '{0}', 'x', '{{}}')",
            client.replace('-', "")
        );
        database.execute(&warning).await;
    }
    let all_of_one =
        format!("UPDATE step_run SET name = id, pipeline_run_id = '{}'", id(&made.child).replace('-', ""));
    database.execute(&all_of_one).await;
    let approved =
        "UPDATE auth_devices SET user_id = (SELECT id FROM user WHERE name = 'default'), status = 'active'";
    database.execute(approved).await;
    let component = async |kind: &str, flavor: &str, configuration: Value| {
        let body = json!({"name": "far", "type": kind, "flavor": flavor, "configuration": configuration});
        maker.make("/components", body).await["id"].clone()
    };
    let orchestrator = component("orchestrator", "kubernetes", json!({})).await;
    let store = component("artifact_store", "s3", json!({"path": "s3://x"})).await;
    let parts = json!({"orchestrator": [orchestrator], "artifact_store": [store]});
    let stack = maker.make("/stacks", json!({"name": "far", "components": parts})).await["id"].clone();
    let pipeline = maker.make("/pipelines", json!({"project": project, "name": "far"})).await["id"].clone();
    let build = json!({"project": project, "is_local": false, "contains_code": true, "stack": stack});
    let build = maker.make("/pipeline_builds", build).await["id"].clone();
    let snapshot = json!({
        "project": project, "stack": stack, "pipeline": pipeline, "build": build, "run_name_template": "again",
        "pipeline_configuration": {"name": "far"}, "pipeline_spec": {"steps": []}, "step_configurations": {},
    });
    let snapshot = maker.make("/pipeline_snapshots", snapshot).await["id"].clone();
    for number in 0..10 {
        let name = format!("template_{number}");
        maker
            .make("/run_templates", json!({"project": project, "name": name, "source_snapshot_id": snapshot}))
            .await;
    }
}

/// All lists of the server's own table of routes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_large_page_is_compressed_but_those_of_secrets() {
    let database = Database::sqlite();
    let app = TestApp::start(&database).await;
    let maker = Maker::new(&app).await;
    let made = maker.make_page().await;
    make_more(&app, &database, &maker, &made).await;
    let admin = &maker.caller;
    for number in 0..20 {
        admin.api_token(60 + number).await;
    }
    let get = async |path: &str, encodings| get_as(&app, admin, Method::GET, path, encodings).await;
    let document = app.anonymous().get("/openapi.json").await.expect_ok();
    let paths = lists(&made, &document);
    let (mut wrong, mut compressed, mut of_secrets) = (Vec::new(), 0, 0);
    for path in &paths {
        let holds_secrets = OF_SECRETS.contains(&path.as_str());
        let all = format!("{path}?size=1000&hydrate=true");
        let (plain, packed) = (get(&all, None).await, get(&all, Some(ALL)).await);
        assert_eq!((plain.status, packed.status), (StatusCode::OK, StatusCode::OK), "{path}");
        if plain.body.len() <= LARGE
            || plain.encoding().is_some()
            || packed.json()["total"] != plain.json()["total"]
        {
            wrong.push(format!("{path}: {} bytes are too few to tell, or not the same", plain.body.len()));
        }
        if packed.encoding().is_some() == holds_secrets || packed.varies_by_encoding() == holds_secrets {
            wrong.push(format!("{path}: {:?} of {} bytes", packed.encoding(), plain.body.len()));
        }
        (compressed, of_secrets) =
            (compressed + usize::from(packed.encoding().is_some()), of_secrets + usize::from(holds_secrets));
        let small = get(&format!("{path}?size=1"), Some(ALL)).await;
        if small.body.len() <= LARGE && small.encoding().is_some() {
            wrong.push(format!("{path}: a page of {} bytes is compressed", small.body.len()));
        }
    }
    println!("{compressed} of {} lists are compressed, {of_secrets} hold secrets", paths.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(of_secrets, OF_SECRETS.len());
}

/// Whose length isn't known before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_is_compressed_and_a_short_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let app = TestApp::start_with(&Database::sqlite(), &[("ZENDO_LOCAL_FILES_ROOT", root)]).await;
    let lab = Lab::with_snapshot(&app).await;
    let store =
        json!({"name": "here", "type": "artifact_store", "flavor": "local", "configuration": {"path": root}});
    let store = lab.caller.post("/api/v1/components", store).await.expect_ok()["id"].clone();
    let run = lab.run("one", json!({})).await;
    let run_path = format!("/api/v1/runs/{}/logs", run["id"].as_str().unwrap());
    for (number, lines, is_large) in [(1, 3, false), (2, 500, true), (3, 20_000, true)] {
        let (uri, source) = (format!("{root}/{number}.log"), format!("step_{number}"));
        std::fs::write(&uri, "a line of a log\n".repeat(lines)).unwrap();
        let id = format!("00000000-0000-4000-8000-00000000000{number}");
        let log = json!({
            "project": lab.project, "source": source, "uri": uri, "artifact_store_id": store, "id": id,
            "pipeline_run_id": run["id"],
        });
        lab.caller.post("/api/v1/logs", log).await.expect_ok();
        for path in [format!("/api/v1/logs/{id}/entries"), format!("{run_path}?source={source}")] {
            let plain = get_as(&app, &lab.caller, Method::GET, &path, None).await;
            let packed = get_as(&app, &lab.caller, Method::GET, &path, Some("gzip")).await;
            assert_eq!((plain.status, plain.encoding()), (StatusCode::OK, None), "{path}");
            assert_eq!(packed.encoding(), is_large.then_some("gzip"), "{path}: {} bytes", plain.body.len());
            let (plain, packed) = (plain.json(), packed.json());
            let number_of = |log: &Value| log.get("items").unwrap_or(log).as_array().unwrap().len();
            assert_eq!((number_of(&plain), number_of(&packed)), (lines, lines), "{path}");
        }
    }
}
