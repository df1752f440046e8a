//! A disk that can't be read or written for a time, at whatever moment that begins: nothing is half written, and what
//! was found out too late was not promised.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::unwritable::{expect_passing, is_well_after_it, server};
use crate::support::{ADMIN, Database, FailingDisk, PASSWORD, Program, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
const UNREAD: &str = "its disk can't be read";
const REASON: &str = "its disk can't be read or written";

async fn is_well_after(what: &str) {
    let Some(disk) = FailingDisk::new() else { return };
    let server = disk.below(server()).serve().await;
    is_well_after_it(&server, async || disk.fail(what, 0), async || disk.mend(), &[REASON]).await;
    disk.fail(what, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_disk_that_can_not_be_written_costs_nothing_that_was_promised() {
    is_well_after("write").await;
}

#[tokio::test]
async fn a_disk_that_keeps_nothing_costs_nothing_that_was_promised() {
    is_well_after("flush").await;
}

#[tokio::test]
async fn a_disk_that_can_not_be_read_is_told_and_passes() {
    let Some(disk) = FailingDisk::new() else { return };
    let database = Database::sqlite();
    let server = disk.below(server().on(&database)).serve().await;
    let check = Program::new(&["healthcheck", "--listen", server.address()]);
    let (admin, nobody) = (server.signed_in(ADMIN, PASSWORD).await, server.anonymous());
    let mut names = BTreeSet::new();
    for (round, color) in ["red", "blue", "green"].into_iter().enumerate() {
        let name = format!("round {round}");
        // Of another color than the next one: SQLite writes nothing where nothing changes.
        admin.post("/api/v1/tags", json!({"name": name, "color": "teal"})).await.expect_ok();
        names.insert(name);
        disk.fail("read", 0);
        // What others have written since is in no reader's memory.
        database.execute(&format!("UPDATE tag SET color = '{color}'")).await;
        for path in ["/api/v1/tags", "/api/v1/users", "/api/v1/flavors?size=100", "/api/v1/api_tokens"] {
            expect_passing(&admin.get(path).await, UNREAD);
        }
        expect_passing(&nobody.login(ADMIN, PASSWORD).await, UNREAD);
        nobody.get("/ready").await.expect(503, &format!("not ready: the database can't be used: {UNREAD}"));
        check.run().await.expect(1, &[UNREAD]);
        disk.mend();
        let tags = admin.get("/api/v1/tags").await.expect_ok();
        let found = tags["items"].as_array().unwrap().iter();
        assert_eq!(found.map(|tag| tag["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), names);
        server.signed_in(ADMIN, PASSWORD).await.api_token(60).await;
        nobody.get("/ready").await.expect(200, "ok");
        check.run().await.expect(0, &[]);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_disk_that_fails_at_any_moment_leaves_no_half_of_a_write() {
    let Some(disk) = FailingDisk::new() else { return };
    let server = disk.below(server()).serve().await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    let (mut made, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for (what, most) in [("write", 40), ("flush", 8), ("read", 40)] {
        for after in 0..most {
            let name = format!("{what}-{after}");
            // So that others have to read.
            admin.post("/api/v1/tags", json!({"name": name})).await.expect_ok();
            disk.fail(what, after);
            let account = json!({"name": name, "description": "x".repeat(200), "active": true});
            let answer = admin.post("/api/v1/service_accounts", account).await;
            let listed = admin.get("/api/v1/tags?size=100").await;
            disk.mend();
            assert!(
                listed.status == 503 || listed.json()["total"] == made.len() + refused.len() + 1,
                "{listed:?}"
            );
            match answer.status {
                200 => made.insert(name),
                _ => {
                    expect_passing(&answer, "The database can't be used now");
                    refused.insert(name)
                }
            };
        }
    }
    println!("{} writes succeeded, {} were refused", made.len(), refused.len());
    assert!(made.len() > 10 && refused.len() > 10);
    let mut found = BTreeSet::new();
    for page in 1..=2 {
        let path = format!("/api/v1/service_accounts?size=50&page={page}");
        let accounts = admin.get(&path).await.expect_ok();
        let names = accounts["items"].as_array().unwrap().iter();
        found.extend(names.map(|account| account["name"].as_str().unwrap().to_owned()));
    }
    assert!(found.is_superset(&made), "{made:?} in {found:?}");
    // A write whose row could not be read again for the answer was made, wholly.
    let unread: BTreeSet<String> = found.difference(&made).cloned().collect();
    assert!(unread.iter().all(|name| name.starts_with("read-") && refused.contains(name)), "{unread:?}");
    wait_until("each one that was made is in the audit, and no other", LIMIT, async || {
        let records = admin.get("/api/v1/audit?action=service_account_created&size=1").await.expect_ok();
        records["total"] == found.len()
    })
    .await;
    let log = server.stop().await;
    for trace in ["within a transaction", "non-zero transaction depth"] {
        assert!(!log.stderr.contains(trace), "{log:?}");
    }
}
