//! Reads that get slower as their table grows are refused in this suite (ZENDO_PLANS; tests/plans.txt).

use std::time::Duration;

use crate::support::{Database, TestApp, wait_until};

on_each_store! {
    a_read_of_a_whole_table_is_refused,
    a_list_is_let_through_by_its_own_line_alone,
}

const SORTED: &str = "/api/v1/audit?sort_by=action";

/// What the file lets through, without the lines about a table.
fn without(table: &str) -> String {
    let all = include_str!("../plans.txt");
    all.lines().filter(|line| !line.contains(table)).fold(String::new(), |text, line| text + line + "\n")
}

async fn a_read_of_a_whole_table_is_refused(database: Database) {
    let stricter = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(stricter.path(), without("zendo_audit")).unwrap();
    let app = TestApp::start(&database).await;
    let person = app.signed_in().await;
    wait_until("the sign-in is in the list", Duration::from_secs(5), async || {
        person.get(SORTED).await.expect_ok()["total"] != 0
    })
    .await;
    app.stop().await;
    let app = TestApp::start_with(&database, &[("ZENDO_PLANS", stricter.path().to_str().unwrap())]).await;
    let person = app.signed_in().await;
    person.get(SORTED).await.expect(500, "");
    person.get("/api/v1/runs?sort_by=desc:updated").await.expect_ok();
}

/// What an empty list of values decides in one statement lets through no other one that has the same words.
async fn a_list_is_let_through_by_its_own_line_alone(database: Database) {
    let stricter = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(stricter.path(), without("zendo_api_token")).unwrap();
    let app = TestApp::start_with(&database, &[("ZENDO_PLANS", stricter.path().to_str().unwrap())]).await;
    let person = app.signed_in().await;
    person.api_token(60).await;
    let list = "/api/v1/api_tokens?sort_by=name";
    wait_until("the list of all tokens is refused", Duration::from_secs(5), async || {
        person.get(list).await.status == 500
    })
    .await;
    app.stop().await;
    let app = TestApp::start(&database).await;
    let person = app.signed_in().await;
    person.get(list).await.expect_ok();
    person.get("/api/v1/runs?name=oneof:[]").await.expect_ok();
}

/// On SQLite all decisions go by numbers that don't change, so that what this suite has seen holds for each store.
#[tokio::test]
async fn what_the_planner_knows_outlasts_an_analyze() {
    let database = Database::sqlite();
    let known =
        async || database.texts("SELECT tbl || ' ' || idx || ' ' || stat FROM sqlite_stat1 ORDER BY 1").await;
    TestApp::start(&database).await.stop().await;
    let before = known().await;
    assert!(before.len() > 200, "{}", before.len());
    for spoil in ["ANALYZE", "DELETE FROM sqlite_stat1", "UPDATE sqlite_stat1 SET stat = '3 1'"] {
        database.execute(spoil).await;
        assert_ne!(known().await, before, "{spoil}");
        TestApp::start(&database).await.stop().await;
        assert_eq!(known().await, before, "{spoil}");
    }
}
