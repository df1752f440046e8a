//! Callers who ask for what is large, and don't take it.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::line::Line;
use crate::parity::bodies;
use crate::support::{ADMIN, Caller, PASSWORD, Program, ServerProcess, stays_well, wait_until};

/// Bytes of each file: more than the buffers between a server and a caller hold.
const SIZE: usize = 16 << 20;
const LIMIT: Duration = Duration::from_secs(60);

/// Files that no compression makes smaller, in a local artifact store.
struct Files {
    folder: tempfile::TempDir,
    server: ServerProcess,
    admin: Caller,
    store: String,
    project: String,
}

impl Files {
    async fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
        let program = program.with("ZENML_SERVER_REQUEST_TIMEOUT", "5");
        let root = folder.path().to_str().unwrap();
        let server = program.with("ZENDO_LOCAL_FILES_ROOT", root).serve().await;
        let admin = server.signed_in(ADMIN, PASSWORD).await;
        let store = json!({
            "name": "here", "type": "artifact_store", "flavor": "local", "configuration": {"path": root},
        });
        let store = id(&admin.post("/api/v1/components", store).await.expect_ok());
        let project = id(&admin.get("/api/v1/projects/default").await.expect_ok());
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self { folder, server, admin, store, project }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join("data").join(name);
        std::fs::write(&path, bytes).unwrap();
        text(&path)
    }

    /// An artifact version whose data is the whole folder, with that file as its visualization.
    async fn version(&self, visualization: &str) -> String {
        let version = json!({
            "project": self.project, "artifact_name": "numbers", "type": "DataArtifact", "save_type": "manual",
            "uri": text(&self.folder.path().join("data")), "materializer": "a.B", "data_type": "builtins.int",
            "artifact_store_id": self.store, "visualizations": [{"type": "image", "uri": visualization}],
        });
        id(&self.admin.post("/api/v1/artifact_versions", version).await.expect_ok())
    }

    async fn run(&self) -> String {
        let stack = id(&self.admin.get("/api/v1/stacks?name=default").await.expect_ok()["items"][0]);
        let pipeline = json!({"project": self.project, "name": "training"});
        let pipeline = id(&self.admin.post("/api/v1/pipelines", pipeline).await.expect_ok());
        let snapshot =
            bodies::snapshot(json!({"project": self.project, "stack": stack, "pipeline": pipeline}));
        let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
        let snapshot = id(&self.admin.post("/api/v1/pipeline_snapshots", snapshot).await.expect_ok());
        let run = bodies::run("run", json!({"project": self.project, "snapshot": snapshot}));
        let run: Value = serde_json::from_str(&run).unwrap();
        id(&self.admin.post("/api/v1/runs", run).await.expect_ok()[0])
    }

    /// Asks so often on lines of their own, and takes nothing of the answers. Returns the lines with the answers' status,
    /// when something of each body has come: what is made as a whole has been made by then.
    async fn ask(&self, path: &str, token: &str, count: usize) -> Vec<(Line, String)> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: zendo\r\nAuthorization: Bearer {token}\r\n\r\n");
        join_all((0..count).map(|_| async {
            let mut line = Line::to(self.server.address()).await;
            line.send(&head).await.unwrap();
            let mut start = [0; 4096];
            wait_until("the body begins", LIMIT, async || {
                let read = line.stream.peek(&mut start).await.unwrap();
                start[..read].windows(4).position(|end| end == b"\r\n\r\n").is_some_and(|at| read > at + 16)
            })
            .await;
            (line, String::from_utf8_lossy(&start[..12]).into_owned())
        }))
        .await
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

/// Bytes without a pattern.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length / 8).flat_map(|_| next().to_le_bytes()).collect()
}

/// How many have that status.
fn count(lines: &[(Line, String)], status: &str) -> usize {
    lines.iter().filter(|(_, start)| *start == format!("HTTP/1.1 {status}")).count()
}

#[tokio::test]
async fn downloads_that_nobody_takes_hold_neither_threads_nor_memory() {
    let files = Files::serve().await;
    let image = files.write("noise", noise(SIZE));
    let version = files.version(&image).await;
    let path = format!("/api/v1/artifact_versions/{version}");
    let admin = &files.admin;
    let token = admin.get(&format!("{path}/download-token")).await.expect_ok();
    let data = format!("{path}/data?token={}", token.as_str().unwrap());
    let before = files.server.peak_memory();
    let lines = stays_well(admin, async {
        let lines = files.ask(&data, "-", 60).await;
        // Passwords are checked on the threads that files are read on.
        files.server.signed_in(ADMIN, PASSWORD).await;
        lines
    })
    .await;
    assert_eq!((count(&lines, "200"), count(&lines, "429")), (32, 28));
    let more = files.server.peak_memory() - before;
    println!("60 downloads of {SIZE} bytes took {more} bytes more");
    assert!(more < 96 << 20, "{more}");
    // Who takes nothing for too long has to go, and makes room.
    wait_until("there is room again", LIMIT, async || {
        let answer = reqwest::get(format!("{}{data}", files.server.url())).await.unwrap();
        answer.status() == 200 && answer.bytes().await.is_ok_and(|bytes| bytes.len() > SIZE)
    })
    .await;
    drop(lines);
}

#[tokio::test]
async fn visualizations_that_nobody_takes_are_not_in_memory() {
    let files = Files::serve().await;
    let image = files.write("noise", noise(SIZE));
    let version = files.version(&image).await;
    let path = format!("/api/v1/artifact_versions/{version}/visualize");
    let token = files.admin.api_token(600).await;
    let whole = files.admin.get(&path).await.expect_ok();
    assert_eq!(whole["value"].as_str().unwrap().len(), SIZE.div_ceil(3) * 4);
    let before = files.server.peak_memory();
    let lines = stays_well(&files.admin, files.ask(&path, &token, 20)).await;
    assert_eq!(count(&lines, "200"), 20);
    let more = files.server.peak_memory() - before;
    println!("20 visualizations of {SIZE} bytes took {more} bytes more");
    assert!(more < 96 << 20, "{more}");
}

#[tokio::test]
async fn logs_that_nobody_takes_are_not_in_memory() {
    let files = Files::serve().await;
    let log = files.write("log", format!("{}\n", "x".repeat(999)).repeat(SIZE / 1000));
    let run = files.run().await;
    let logs = json!({
        "project": files.project, "source": "step", "uri": log, "artifact_store_id": files.store,
        "id": "00000000-0000-4000-8000-000000000007", "pipeline_run_id": run,
    });
    let logs = files.admin.post("/api/v1/logs", logs).await.expect_ok();
    let path = format!("/api/v1/logs/{}/entries", id(&logs));
    let token = files.admin.api_token(600).await;
    let before = files.server.peak_memory();
    let lines = stays_well(&files.admin, files.ask(&path, &token, 20)).await;
    let more = files.server.peak_memory() - before;
    println!("20 logs of {SIZE} bytes took {more} bytes more");
    assert!(more < 96 << 20, "{more}");
    assert_eq!(count(&lines, "200"), 20, "{:?}", lines.first().map(|(_, status)| status));
    let whole = files.admin.get(&path).await.expect_ok();
    assert_eq!(whole["items"].as_array().unwrap().len(), SIZE / 1000);
}
