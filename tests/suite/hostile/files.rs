//! Files that are shown belong to the project that shows them, and the server's own are shown to nobody.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::narrowed;
use crate::support::{Answer, Caller, Database, Program, TestApp};

on_each_store! {
    a_token_for_one_project_reads_no_other_projects_files,
    a_whole_store_is_nobodys,
    a_user_registers_no_folder_of_the_server,
}

/// A server that shows files below `stores`, where two projects have theirs in one admin's store.
struct Lab {
    folder: tempfile::TempDir,
    app: TestApp,
    admin: Caller,
    store: String,
}

impl Lab {
    async fn new(database: &Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("stores");
        for path in
            ["local/ours/data.html", "local/theirs/data.html", "local/theirs/log", "local/theirs/code.tar.gz"]
        {
            write(&root.join(path), &format!("{} of {path}", secret()));
        }
        symlink(root.join("local/theirs"), root.join("local/alias")).unwrap();
        symlink("../theirs/data.html", root.join("local/ours/link.html")).unwrap();
        let app = TestApp::start_with(database, &[("ZENDO_LOCAL_FILES_ROOT", root.to_str().unwrap())]).await;
        let admin = app.signed_in().await;
        let store = register(&admin, "here", &root.join("local")).await.expect_ok();
        let store = store["id"].as_str().unwrap().to_owned();
        for name in ["ours", "theirs"] {
            admin.post("/api/v1/projects", json!({"name": name})).await.expect_ok();
        }
        Self { folder, app, admin, store }
    }

    fn at(&self, path: &str) -> String {
        self.folder.path().join("stores").join(path).to_str().unwrap().to_owned()
    }

    async fn project(&self, name: &str) -> Value {
        self.admin.get(&format!("/api/v1/projects/{name}")).await.expect_ok()["id"].clone()
    }

    /// A version in a project that names the file as its data and as what shows it.
    async fn version(&self, caller: &Caller, project: &str, uri: &str) -> String {
        let body = json!({
            "project": self.project(project).await, "artifact_name": "a", "type": "DataArtifact", "save_type": "manual",
            "uri": uri, "materializer": "a.B", "data_type": "builtins.int", "artifact_store_id": self.store,
            "visualizations": [{"type": "html", "uri": uri}],
        });
        let made = caller.post("/api/v1/artifact_versions", body).await.expect_ok();
        format!("/api/v1/artifact_versions/{}", made["id"].as_str().unwrap())
    }

    /// A log in a project that is that file.
    async fn log(&self, caller: &Caller, project: &str, uri: &str) -> String {
        let stack = self.admin.get("/api/v1/stacks?name=default").await.expect_ok()["items"][0]["id"].clone();
        let pipeline =
            json!({"project": self.project(project).await, "name": uuid::Uuid::new_v4().to_string()});
        let pipeline = caller.post("/api/v1/pipelines", pipeline).await.expect_ok()["id"].clone();
        let project = self.project(project).await;
        let fields = json!({"project": project, "pipeline": pipeline, "stack": stack});
        let snapshot = serde_json::from_str(&crate::parity::bodies::snapshot(fields)).unwrap();
        let snapshot = caller.post("/api/v1/pipeline_snapshots", snapshot).await.expect_ok()["id"].clone();
        let logs = json!({"source": "client", "uri": uri, "artifact_store_id": self.store});
        let fields = json!({"project": project, "snapshot": snapshot, "logs": logs});
        let name = uuid::Uuid::new_v4().to_string();
        let run = serde_json::from_str(&crate::parity::bodies::run(&name, fields)).unwrap();
        let run = caller.post("/api/v1/runs", run).await.expect_ok();
        format!("/api/v1/runs/{}/logs?source=client", run[0]["id"].as_str().unwrap())
    }
}

/// What a file says that is not to be read. It is the same for all tests.
fn secret() -> &'static str {
    "the secret"
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn register(caller: &Caller, name: &str, path: &Path) -> Answer {
    let path = path.to_str().unwrap();
    let body =
        json!({"name": name, "type": "artifact_store", "flavor": "local", "configuration": {"path": path}});
    caller.post("/api/v1/components", body).await
}

#[track_caller]
fn is_refused(answer: &Answer, what: &str) {
    assert!([403, 404].contains(&answer.status), "{what}: {answer:?}");
    assert!(!answer.text.contains(secret()), "{what}: {answer:?}");
}

async fn a_token_for_one_project_reads_no_other_projects_files(database: Database) {
    let lab = Lab::new(&database).await;
    let (us, them) = (
        narrowed(&lab.app, &lab.admin, "project=ours").await,
        narrowed(&lab.app, &lab.admin, "project=theirs").await,
    );
    let theirs = lab.version(&them, "theirs", &lab.at("local/theirs")).await;
    let page = lab.version(&them, "theirs", &lab.at("local/theirs/data.html")).await;
    let log = lab.log(&them, "theirs", &lab.at("local/theirs/log")).await;
    for uri in [
        "local/theirs/data.html",
        "local/theirs/log",
        "local/theirs/code.tar.gz",
        "local/theirs",
        "local/theirs/",
        "local//theirs/./data.html",
        "local/alias/data.html",
        "local/alias",
        "local/ours/link.html",
        "local/ours/../theirs/data.html",
        "local/theirs/data.html/",
        "local/theirs/%2e/data.html",
        "local/THEIRS/data.html",
        "nowhere",
    ] {
        for uri in [lab.at(uri), format!("file://{}", lab.at(uri)), uri.to_owned()] {
            let ours = lab.version(&us, "ours", &uri).await;
            is_refused(&us.get(&format!("{ours}/visualize")).await, &uri);
            is_refused(&us.get(&format!("{ours}/download-token")).await, &uri);
            let log = lab.log(&us, "ours", &uri).await;
            is_refused(&us.get(&log).await, &uri);
        }
    }
    // A folder that holds theirs is no way to them.
    let all = lab.version(&us, "ours", &lab.at("local")).await;
    is_refused(&us.get(&format!("{all}/download-token")).await, "the whole store");

    // Each reads its own, whatever the other has named meanwhile.
    let ours = lab.version(&us, "ours", &lab.at("local/ours/data.html")).await;
    us.get(&format!("{ours}/visualize")).await.expect(200, secret());
    them.get(&format!("{page}/visualize")).await.expect(200, secret());
    them.get(&format!("{theirs}/download-token")).await.expect(200, "");
    them.get(&log).await.expect(200, secret());
    lab.admin.get(&format!("{page}/visualize")).await.expect(200, secret());
}

/// Whoever names a folder first doesn't get what others put there later.
async fn a_whole_store_is_nobodys(database: Database) {
    let lab = Lab::new(&database).await;
    let us = narrowed(&lab.app, &lab.admin, "project=ours").await;
    let them = narrowed(&lab.app, &lab.admin, "project=theirs").await;
    let all = lab.version(&us, "ours", &lab.at("local")).await;
    let theirs = lab.version(&them, "theirs", &lab.at("local/theirs")).await;
    them.get(&format!("{theirs}/visualize")).await.expect(404, "");
    let token = us.get(&format!("{all}/download-token")).await.expect_ok();
    let link = format!("{}{all}/data?token={}", lab.app.url(), token.as_str().unwrap());
    let bytes = reqwest::get(link).await.unwrap().bytes().await.unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert!(names.contains(&"ours/data.html".to_owned()), "{names:?}");
    assert!(names.iter().all(|name| !name.contains("theirs")), "{names:?}");
    them.get(&format!("{theirs}/download-token")).await.expect(200, "");
}

async fn a_user_registers_no_folder_of_the_server(database: Database) {
    let lab = Lab::new(&database).await;
    let bob = lab.app.new_user("bob", false).await;
    for path in ["", ".", "other", "localx", "local/../other", "/", "/etc"] {
        let path = lab.folder.path().join("stores").join(path);
        register(&bob, "mine", &path).await.expect(403, "Only an admin registers");
        let stack = json!({"name": "mine", "components": {
            "orchestrator": [{"flavor": "local", "configuration": {}}],
            "artifact_store": [{"flavor": "local", "configuration": {"path": path}}],
        }});
        bob.post("/api/v1/stacks", stack).await.expect(403, "Only an admin registers");
        let component = format!("/api/v1/components/{}", lab.store);
        let change = json!({"configuration": {"path": path}});
        bob.put(&component, change).await.expect(403, "Only an admin registers");
    }
    // Within what an admin has registered, and without a path, there is nothing to gain.
    let within = register(&bob, "within", &PathBuf::from(lab.at("local/ours"))).await.expect_ok();
    let body = json!({"name": "elsewhere", "type": "artifact_store", "flavor": "local", "configuration": {}});
    bob.post("/api/v1/components", body).await.expect_ok();
    let made = lab.version(&lab.admin, "ours", &lab.at("local/ours/data.html")).await;
    bob.get(&format!("{made}/visualize")).await.expect(200, secret());
    let mine = Lab { store: within["id"].as_str().unwrap().to_owned(), ..lab };
    let made = mine.version(&mine.admin, "ours", &mine.at("local/ours/data.html")).await;
    bob.get(&format!("{made}/visualize")).await.expect(200, secret());
    // A store whose owner is an admin no more is read as a user's.
    let eve = mine.app.new_user("eve", true).await;
    write(Path::new(&mine.at("eves/page.html")), secret());
    let hers = register(&eve, "hers", Path::new(&mine.at("eves"))).await.expect_ok();
    let hers = Lab { store: hers["id"].as_str().unwrap().to_owned(), ..mine };
    let made = hers.version(&hers.admin, "ours", &hers.at("eves/page.html")).await;
    hers.admin.get(&format!("{made}/visualize")).await.expect(200, secret());
    hers.admin.put("/api/v1/users/eve", json!({"is_admin": false})).await.expect_ok();
    let answer = hers.admin.get(&format!("{made}/visualize")).await;
    is_refused(&answer, "no admin's");
    // Until an admin says so again.
    let again = json!({"configuration": {"path": hers.at("eves")}});
    hers.admin.put(&format!("/api/v1/components/{}", hers.store), again).await.expect_ok();
    hers.admin.get(&format!("{made}/visualize")).await.expect(200, secret());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_files_are_shown_to_nobody() {
    let database = Database::sqlite();
    let lab = Lab::new(&database).await;
    let own = database.sqlite_path();
    let beside = |end: &str| PathBuf::from(format!("{}{end}", own.display()));
    write(&own.parent().unwrap().join("backup.db"), secret());
    for (name, target) in [
        ("database", own.clone()),
        ("wal", beside("-wal")),
        ("shm", beside("-shm")),
        ("backup", own.parent().unwrap().join("backup.db")),
    ] {
        let hard = PathBuf::from(lab.at(&format!("local/hard/{name}")));
        std::fs::create_dir_all(hard.parent().unwrap()).unwrap();
        // The two may be on different file systems.
        if std::fs::hard_link(&target, &hard).is_err() {
            continue;
        }
        symlink(&target, lab.at(&format!("local/soft-{name}"))).unwrap();
        for uri in [lab.at(&format!("local/hard/{name}")), lab.at(&format!("local/soft-{name}"))] {
            let version = lab.version(&lab.admin, "ours", &uri).await;
            is_refused(&lab.admin.get(&format!("{version}/visualize")).await, &uri);
            let log = lab.log(&lab.admin, "ours", &uri).await;
            is_refused(&lab.admin.get(&log).await, &uri);
        }
    }
    symlink(own.parent().unwrap(), lab.at("local/folder")).unwrap();
    let version = lab.version(&lab.admin, "ours", &lab.at("local/folder")).await;
    is_refused(&lab.admin.get(&format!("{version}/download-token")).await, "a link to the data folder");
    // In an archive they are as if they weren't there.
    write(Path::new(&lab.at("local/hard/mine")), "mine");
    let version = lab.version(&lab.admin, "ours", &lab.at("local/hard")).await;
    let token = lab.admin.get(&format!("{version}/download-token")).await.expect_ok();
    let link = format!("{}{version}/data?token={}", lab.app.url(), token.as_str().unwrap());
    let bytes = reqwest::get(link).await.unwrap().bytes().await.unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(names, [".", "mine"]);
}

/// The official client's own layout: the database among the artifact stores.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_holds_the_database_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let stores = folder.path().join("local_stores");
    std::fs::create_dir_all(stores.join("default_zen_store")).unwrap();
    symlink(&stores, folder.path().join("link")).unwrap();
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let database = format!("sqlite:///{}", text(stores.join("default_zen_store/zenml.db")));
    for root in
        [text(stores.clone()), text(folder.path().join("link")), text(folder.path().into()), "/".to_owned()]
    {
        let server = Program::server().with("ZENDO_LOCAL_FILES_ROOT", &root);
        let by_url = server.with("ZENML_STORE_URL", &database).run().await;
        by_url.expect(2, &["ZENDO_LOCAL_FILES_ROOT: ", "zenml.db", "which users could download"]);
        let data = text(stores.join("default_zen_store"));
        let by_folder = Program::server().with("ZENDO_LOCAL_FILES_ROOT", &root).with("ZENDO_DATA_DIR", &data);
        by_folder.run().await.expect(2, &["ZENDO_LOCAL_FILES_ROOT: ", "which users could download"]);
    }
    assert!(!stores.join("default_zen_store/zenml.db").exists(), "nothing was made");
}
