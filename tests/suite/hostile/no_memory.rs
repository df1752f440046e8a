//! A database without memory for its work: whoever asks is told, nothing is left out of an answer, and what was promised
//! is kept.

#![expect(unsafe_code, reason = "SQLite's own functions say how much memory it has")]

use std::collections::BTreeSet;
use std::time::Duration;

use libsqlite3_sys::{
    SQLITE_CONFIG_MEMSTATUS, SQLITE_OK, sqlite3_config, sqlite3_hard_heap_limit64, sqlite3_memory_used,
};
use serde_json::json;

use crate::support::{ADMIN, Answer, Caller, Database, PASSWORD, TestApp, apart, end_of, wait_until};

const LIMIT: Duration = Duration::from_secs(120);
const ALONE: &str = "ZENDO_TEST_ALONE";
const NAME: &str = "hostile::no_memory::a_database_without_memory_is_told_and_passes";

/// While it is there, SQLite has so many bytes more than it uses now, in the whole process.
struct Memory;

impl Memory {
    fn limit(more: i64) -> Self {
        // SAFETY: both may be called at any time, from any thread.
        unsafe { sqlite3_hard_heap_limit64(sqlite3_memory_used() + more) };
        Self
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { sqlite3_hard_heap_limit64(0) };
    }
}

/// zendo's SQLite doesn't count its memory, which a limit needs.
fn count_memory() {
    // SAFETY: nothing else in this process has used SQLite yet.
    let configured = unsafe { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1) };
    assert_eq!(configured, SQLITE_OK);
}

/// In a process of its own, since no other test in it would have memory either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_memory_is_told_and_passes() {
    if std::env::var_os(ALONE).is_some() {
        return is_told_and_passes().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut child =
        apart(program, folder.path()).args([NAME, "--exact", "--nocapture"]).env(ALONE, "1").spawn().unwrap();
    let (ended, said) = end_of(&mut child, folder.path(), LIMIT).await;
    println!("{said}");
    assert!(ended.success() && said.contains("1 passed"));
}

/// An answer, or that there is none now.
fn has_answered(answer: &Answer) -> bool {
    match answer.status {
        200 => true,
        status => {
            assert!([429, 503].contains(&status), "{answer:?}");
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            false
        }
    }
}

/// Names of all tags, if they can be had.
async fn tags(admin: &Caller) -> Option<BTreeSet<String>> {
    let listed = admin.get("/api/v1/tags?size=200").await;
    let names = |listed: &Answer| {
        let listed = listed.json();
        let tags = listed["items"].as_array().unwrap().iter();
        tags.map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    };
    has_answered(&listed).then(|| names(&listed))
}

fn has_all(found: &BTreeSet<String>, made: &BTreeSet<String>, unsure: &BTreeSet<String>) -> bool {
    found.is_superset(made) && found.difference(made).all(|name| unsure.contains(name))
}

async fn is_told_and_passes() {
    count_memory();
    let app = TestApp::start(&Database::sqlite()).await;
    let admin = app.signed_in().await;
    let (mut made, mut unsure, mut tokens, mut refused) = (BTreeSet::new(), BTreeSet::new(), 0, 0);
    for number in 0..60 {
        let name = format!("{number:0>200}");
        admin.post("/api/v1/tags", json!({"name": name})).await.expect_ok();
        made.insert(name);
    }
    for more in
        [0, 50, 100, 200, 400, 800, 1_500, 3_000, 6_000, 9_000, 12_000, 25_000, 50_000, 100_000, 200_000]
    {
        let memory = Memory::limit(more);
        for part in ["a", "b", "c"] {
            let name = format!("{part} {more:0>200}");
            let answer = admin.post("/api/v1/tags", json!({"name": name})).await;
            if has_answered(&answer) {
                made.insert(name);
            } else {
                // The row may have been written, and not have been read again for the answer.
                unsure.insert(name);
                refused += 1;
            }
            // Each has all that there is, or none.
            if let Some(found) = tags(&admin).await {
                assert!(has_all(&found, &made, &unsure), "with {more} bytes: {found:?}");
            } else {
                refused += 1;
            }
            tokens += usize::from(has_answered(&admin.get("/api/v1/api_token?expires_in=600").await));
            has_answered(&app.anonymous().login(ADMIN, PASSWORD).await);
            for path in
                ["/api/v1/current-user", "/api/v1/users?size=7", "/api/v1/flavors?size=100&hydrate=true"]
            {
                has_answered(&admin.get(path).await);
            }
            let ready = app.anonymous().get("/ready").await;
            assert!([200, 503].contains(&ready.status), "{ready:?}");
        }
        drop(memory);
        let name = format!("after {more}");
        admin.post("/api/v1/tags", json!({"name": name})).await.expect_ok();
        made.insert(name);
        let found = tags(&admin).await.unwrap();
        assert!(has_all(&found, &made, &unsure), "after {more} bytes: {found:?}");
        app.signed_in().await.api_token(60).await;
        tokens += 1;
        app.anonymous().get("/ready").await.expect(200, "ok");
    }
    println!("{refused} requests were refused, {tokens} tokens handed out");
    assert!(refused > 10);
    for path in ["/api/v1/api_tokens?size=1", "/api/v1/audit?action=token_issued&size=1"] {
        let is_written = async || admin.get(path).await.expect_ok()["total"] == tokens;
        wait_until("each token is in the register and the audit", LIMIT, is_written).await;
    }
    app.stop().await;
}
