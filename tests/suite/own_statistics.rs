//! What MariaDB thinks of tables by itself, where the suite tells it numbers otherwise (tests/mariadb_statistics.sql): of a
//! column that has nulls alone it thinks that all rows have the value which is looked for.

use serde_json::json;

use crate::support::{Database, Lab, OwnMariaDb, TestApp};

/// Of each table, many more than are let through for one page.
const ROWS: usize = 6_000;
/// Steps of the run that is asked for: MariaDB doesn't look for each of so many in the index.
const STEPS: usize = 300;

const ID: (&str, &str) = ("id", "CONCAT('a', LPAD(n, 31, '0'))");

/// Inserts so many rows like the first one of a table, but for these columns, which may be made of the number `n`.
async fn multiply(database: &Database, table: &str, rows: usize, changed: &[(&str, &str)]) {
    let columns = format!(
        "SELECT CAST(column_name AS CHAR) FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = '{table}'"
    );
    let columns = database.texts(&columns).await;
    let values: Vec<String> = columns
        .iter()
        .map(|column| match changed.iter().find(|(name, _)| name == column) {
            Some((_, value)) => (*value).to_owned(),
            None => format!("first.`{column}`"),
        })
        .collect();
    let columns: Vec<String> = columns.iter().map(|column| format!("`{column}`")).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    database
        .execute(&format!(
            "SET max_recursive_iterations = 100000; \
             INSERT INTO `{table}` ({columns}) \
             WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}) \
             SELECT {values} FROM numbers, (SELECT * FROM `{table}` ORDER BY created LIMIT 1) AS first; \
             ANALYZE TABLE `{table}`"
        ))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_pages_follow_the_page_where_most_rows_have_no_value() {
    let Some(server) = OwnMariaDb::start().await else { return };
    let database = Database::on(&server);
    let app = TestApp::start(&database).await;
    let lab = Lab::with_snapshot(&app).await;
    let stores = lab.caller.get("/api/v1/components?type=artifact_store").await.expect_ok();
    let logs = json!({"uri": "/logs", "artifact_store_id": stores["items"][0]["id"]});
    let run = lab.run("first", json!({"logs": logs})).await;
    lab.step(&run, "load", json!({})).await;
    let of_run = ("name", "CONCAT('load_', n)");
    let other = lab.post_snapshot(json!({})).await.expect_ok()["id"].as_str().unwrap().replace('-', "");
    let other = format!("'{other}'");
    multiply(&database, "step_configuration", ROWS, &[ID, of_run, ("snapshot_id", &other)]).await;
    multiply(&database, "step_run", STEPS, &[ID, of_run]).await;
    let another = [ID, ("name", "CONCAT('run_', n)"), ("orchestrator_run_id", "n"), ("index", "n + 1")];
    multiply(&database, "pipeline_run", ROWS, &another).await;
    multiply(&database, "logs", ROWS, &[ID, ("pipeline_run_id", ID.1)]).await;

    let run = run["id"].as_str().unwrap();
    for (path, number) in [
        (format!("steps?size={STEPS}&pipeline_run_id={run}"), STEPS),
        (format!("steps?size={STEPS}&pipeline_run_id={run}&hydrate=true"), STEPS),
        ("runs?size=300".to_owned(), 300),
    ] {
        let page = lab.caller.get(&format!("/api/v1/{path}")).await.expect_ok();
        assert_eq!(page["items"].as_array().unwrap().len(), number, "{path}");
    }
    lab.caller.get(&format!("/api/v1/runs/{run}/dag")).await.expect_ok();
}

/// Rows that the server has read, for all connections together.
async fn rows_read(server: &OwnMariaDb) -> u64 {
    let mut read = 0;
    for of in ["key", "next", "prev", "rnd", "rnd_next"] {
        read += server.status(&format!("Handler_read_{of}")).await;
    }
    read
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_what_many_others_find_is_read_and_not_the_list() {
    let Some(server) = OwnMariaDb::start().await else { return };
    let database = Database::on(&server);
    // What is read is counted instead.
    let app = TestApp::start_with(&database, &[("ZENDO_PLANS", "")]).await;
    let lab = Lab::with_snapshot(&app).await;
    lab.run("first", json!({})).await;
    lab.caller.post("/api/v1/tags", json!({"name": "many"})).await.expect_ok();
    // More than are named in a query.
    multiply(&database, "pipeline_snapshot", 1_500, &[ID]).await;
    let of_snapshot = ("snapshot_id", "CONCAT('a', LPAD(1 + n % 1500, 31, '0'))");
    let runs =
        [ID, ("name", "CONCAT('run_', n)"), ("orchestrator_run_id", "n"), ("index", "n + 1"), of_snapshot];
    multiply(&database, "pipeline_run", ROWS, &runs).await;
    let links = "INSERT INTO tag_resource (id, created, updated, tag_id, resource_id, resource_type) \
         SELECT run.id, run.created, run.created, tag.id, run.id, 'pipeline_run' FROM pipeline_run AS run, tag; \
         ANALYZE TABLE tag_resource";
    database.execute(links).await;
    let stack = lab.stack.as_str().unwrap();
    for filter in
        [format!("runs?stack_id={stack}"), "runs?tags=many".into(), "tags?resource_type=pipeline_run".into()]
    {
        let mut least = u64::MAX;
        // Now and then the list is counted, and jobs read something, too.
        for _ in 0..10 {
            let before = rows_read(&server).await;
            lab.caller.get(&format!("/api/v1/{filter}")).await.expect_ok();
            least = least.min(rows_read(&server).await - before);
        }
        assert!(least < 2_500, "{filter}: {least} of {ROWS} rows");
    }
}
