//! A store that can't be written for a time, since its disk is full or it is read-only: what can't be kept isn't promised,
//! and afterwards all is as before.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::{ADMIN, Answer, Caller, OwnMariaDb, PASSWORD, Program, ServerProcess, wait_until};

const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);
const AT_ONCE: std::time::Duration = std::time::Duration::from_secs(2);

pub(super) fn server() -> Program {
    Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD)
}

fn tag(number: usize) -> serde_json::Value {
    // Some pages of the database each.
    json!({"name": format!("{number:0>200}")})
}

/// 503, and when to come again.
#[track_caller]
pub(super) fn expect_passing(answer: &Answer, reason: &str) {
    answer.expect(503, reason);
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
}

/// Asks for tokens until there are none any more, and hands out those that there were.
async fn tokens_until_refused(admin: &Caller) -> Vec<String> {
    let mut tokens = Vec::new();
    loop {
        let answer = admin.get("/api/v1/api_token?expires_in=600").await;
        match answer.status {
            200 => tokens.push(answer.json().as_str().unwrap().to_owned()),
            _ => {
                expect_passing(&answer, "The database can't be used now");
                return tokens;
            }
        }
        assert!(tokens.len() < 10_000, "tokens are issued on and on");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn ids_in(admin: &Caller, path: &str) -> usize {
    usize::try_from(admin.get(path).await.expect_ok()["total"].as_u64().unwrap()).unwrap()
}

/// All that must and must not happen while a store can't be written, for whatever reason.
pub(super) async fn is_well_after_it(
    server: &ServerProcess,
    fill: impl AsyncFn(),
    make_room: impl AsyncFn(),
    reasons: &[&str],
) {
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    let mut tokens = vec![admin.api_token(600).await];
    let check = Program::new(&["healthcheck", "--listen", server.address()]);
    check.run().await.expect(0, &[]);
    let mut written = 0;
    for round in 0..2 {
        fill().await;
        // Nothing but tokens is asked for: that there is no room is found out by what they leave behind.
        tokens.extend(tokens_until_refused(&admin).await);
        let mut number = round * 1000;
        wait_until("a write is refused", LIMIT, async || {
            number += 1;
            let is_written = admin.post("/api/v1/tags", tag(number)).await.status == 200;
            written += usize::from(is_written);
            !is_written
        })
        .await;
        expect_passing(&admin.post("/api/v1/tags", tag(number)).await, "The database can't be used now");
        let nobody = server.anonymous();
        expect_passing(&nobody.login(ADMIN, PASSWORD).await, "The database can't be used now");
        let device = [("client_id", "00000000-0000-0000-0000-00000000c11e")];
        expect_passing(&nobody.post_form("/api/v1/device_authorization", &device).await, "can't be used now");
        expect_passing(&admin.get("/api/v1/api_token").await, "The database can't be used now");
        let ready = nobody.get("/ready").await;
        ready.expect(503, "not ready: the database can't be used: ");
        assert!(reasons.iter().any(|reason| ready.text.contains(reason)), "{ready:?}");
        let checked = check.run().await;
        checked.expect(1, &["is not ready: the database can't be used: "]);
        assert!(reasons.iter().any(|reason| checked.stderr.contains(reason)), "{checked:?}");
        // What is there can be read, and good tokens are good.
        admin.get("/api/v1/tags").await.expect_ok();
        nobody.with_token(&tokens[0]).get("/api/v1/current-user").await.expect_ok();

        make_room().await;
        admin.post("/api/v1/tags", tag(number + 500)).await.expect_ok();
        written += 1;
        assert_eq!(ids_in(&admin, "/api/v1/tags?size=1").await, written, "what was refused is not there");
        tokens.push(admin.api_token(600).await);
        server.signed_in(ADMIN, PASSWORD).await;
        server.anonymous().get("/ready").await.expect(200, "ok");
        check.run().await.expect(0, &[]);
    }
    println!("{} tokens were handed out around two such times", tokens.len());
    wait_until("each token is in the register and the audit", LIMIT, async || {
        ids_in(&admin, "/api/v1/api_tokens?size=1").await == tokens.len()
            && ids_in(&admin, "/api/v1/audit?action=token_issued&size=1").await == tokens.len()
    })
    .await;
    for trace in ["within a transaction", "non-zero transaction depth"] {
        assert!(!server.stderr().contains(trace), "{}", server.stderr());
    }
}

/// Works everywhere: no file may grow.
#[tokio::test]
async fn files_that_may_not_grow_cost_nothing_that_was_promised() {
    let server = server().serve().await;
    let (fill, make_room) =
        (async || server.limit_file_size(Some(8192)), async || server.limit_file_size(None));
    is_well_after_it(&server, fill, make_room, &["its disk can't be read or written", "its disk is full"])
        .await;
    server.stop().await;
}

/// A small file system, where whoever runs the tests may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", "size=12m,mode=0700", "none"];
        let mounted = Command::new("mount").args(options).arg(folder.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(folder))
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        let block = vec![0; 4096];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_costs_nothing_that_was_promised() {
    let Some(disk) = SmallDisk::mount() else {
        println!(
            "SKIPPED, since no file system can be mounted here; a limit of file sizes is tried in its place"
        );
        return;
    };
    let folder: &Path = disk.0.path();
    let server = server().with("ZENDO_DATA_DIR", folder.to_str().unwrap()).serve().await;
    let (fill, make_room) = (async || disk.fill(), async || std::fs::remove_file(disk.ballast()).unwrap());
    is_well_after_it(&server, fill, make_room, &["its disk is full", "its disk can't be read or written"])
        .await;
    // A stop waits for no room.
    disk.fill();
    let start = std::time::Instant::now();
    server.stop().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_read_only_for_a_time_costs_nothing_that_was_promised() {
    let Some(mut database) = OwnMariaDb::start().await else { return };
    let program = server().with("ZENML_STORE_URL", database.url());
    let server = program.serve().await;
    let (fill, make_room) = (
        async || database.execute("SET GLOBAL read_only = 1").await,
        async || database.execute("SET GLOBAL read_only = 0").await,
    );
    is_well_after_it(&server, fill, make_room, &["it is read-only"]).await;
    server.stop().await;
    // A start waits for it to be written again.
    database.execute("SET GLOBAL read_only = 1").await;
    let started = program.spawn();
    wait_until("it says that it waits", LIMIT, async || started.stderr().contains("it is read-only; ")).await;
    database.execute("SET GLOBAL read_only = 0").await;
    wait_until("it starts", LIMIT, async || started.stdout().contains(" listens on ")).await;
    started.stop().await;
    // Killed and started again below a running server.
    let server = program.serve().await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    database.kill().await;
    expect_passing(&admin.post("/api/v1/tags", tag(9000)).await, "it can't be reached");
    expect_passing(&admin.get("/api/v1/tags").await, "it can't be reached");
    database.run().await;
    admin.post("/api/v1/tags", tag(9000)).await.expect_ok();
    server.signed_in(ADMIN, PASSWORD).await.api_token(60).await;
    server.stop().await;
}
