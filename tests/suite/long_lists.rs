//! A list too long to be counted for each page is counted right all the same.

use std::time::Duration;

use serde_json::json;

use crate::support::{Database, TestApp, wait_until};

on_each_store! {
    what_was_made_or_deleted_here_is_counted_at_once,
    what_another_program_made_is_counted_soon,
}

/// More than are counted for each page.
const TAGS: usize = 1_500;
const LIST: &str = "/api/v1/tags?size=20";

/// Makes tags as another program on the same database would.
async fn insert_tags(database: &Database, first: usize, number: usize) {
    let end = first + number;
    let unlimited = if database.is_mariadb() { "SET max_recursive_iterations = 100000;" } else { "" };
    let tags = format!(
        "{unlimited} INSERT INTO tag (id, created, updated, name, color, exclusive) \
         WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {end}) \
         SELECT SUBSTR(CONCAT('{:032}', n), -32), '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000', \
         CONCAT('tag_', n), 'blue', FALSE FROM numbers",
        0
    );
    database.execute(&tags).await;
}

async fn what_was_made_or_deleted_here_is_counted_at_once(database: Database) {
    let app = TestApp::start(&database).await;
    insert_tags(&database, 0, TAGS).await;
    let person = app.signed_in().await;
    let total = async || person.get(LIST).await.expect_ok()["total"].as_u64().unwrap() as usize;
    let mut made = Vec::new();
    for more in 0..5 {
        assert_eq!(total().await, TAGS + more);
        let tag = person.post("/api/v1/tags", json!({"name": format!("more_{more}")})).await.expect_ok();
        made.push(tag["id"].as_str().unwrap().to_owned());
    }
    for (fewer, id) in made.iter().enumerate() {
        assert_eq!(total().await, TAGS + 5 - fewer);
        person.delete(&format!("/api/v1/tags/{id}")).await.expect_ok();
    }
    // Down to where each page is counted, and up again.
    database.execute("DELETE FROM tag WHERE name LIKE 'tag_1%'").await;
    person.post("/api/v1/tags", json!({"name": "last"})).await.expect_ok();
    let left = total().await;
    assert!(left < 1_000, "{left}");
    insert_tags(&database, 10_000, TAGS).await;
    assert_eq!(total().await, left + TAGS);
}

async fn what_another_program_made_is_counted_soon(database: Database) {
    let app = TestApp::start(&database).await;
    insert_tags(&database, 0, TAGS).await;
    let person = app.signed_in().await;
    let page = person.get(LIST).await.expect_ok();
    assert_eq!((&page["total"], &page["total_pages"]), (&json!(TAGS), &json!(TAGS / 20)));
    insert_tags(&database, TAGS, 20).await;
    wait_until("the other program's tags are counted", Duration::from_secs(5), async || {
        person.get(LIST).await.expect_ok()["total"] == json!(TAGS + 20)
    })
    .await;
    let last = person.get(&format!("{LIST}&page={}", TAGS / 20 + 1)).await.expect_ok();
    assert_eq!(last["items"].as_array().unwrap().len(), 20);
}
