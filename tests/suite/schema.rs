//! The database: ZenML's own schema, and nothing of anybody else's is touched.

use crate::support::{self, ADMIN, Database, PASSWORD, Program, TestApp};

on_each_store! {
    the_schema_is_zenmls,
    another_revision_is_refused_and_left_alone,
    tables_of_something_else_are_refused_and_left_alone,
    a_database_that_is_current_is_left_as_it_is,
    indexes_that_zenml_does_not_make_are_made_at_a_start,
}

/// Compares with what the reference's own database looks like.
async fn expect_zenmls_schema(database: &Database) {
    let Some(python) = support::reference_python() else { return };
    let compared = tokio::process::Command::new(python)
        .args(["contract/inspect_schema.py", &database.url()])
        .args(["--compare", "contract/schema.json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(compared.status.success() && said.starts_with("equal: "), "{said}{compared:?}");
}

async fn the_schema_is_zenmls(database: Database) {
    TestApp::start(&database).await.stop().await;
    expect_zenmls_schema(&database).await;
    assert_eq!(database.texts("SELECT version_num FROM alembic_version").await, ["0.98.0"]);
    // What zendo has beyond it, ZenML's tools can tell by the name.
    let contract: serde_json::Value =
        serde_json::from_str(include_str!("../../contract/schema.json")).unwrap();
    let tables = database.tables().await;
    let is_zenmls =
        |table: &&String| contract.get(table.as_str()).is_some() || table.starts_with("sqlite_stat");
    let own: Vec<&String> = tables.iter().filter(|table| !is_zenmls(table)).collect();
    assert!(own.iter().all(|table| table.starts_with("zendo_")) && !own.is_empty(), "{own:?}");
}

/// The start fails with these words, and each row is as before.
async fn expect_refused(database: &Database, words: &[&str]) {
    let before = database.contents().await;
    Program::server().on(database).run().await.expect(1, words);
    assert_eq!(database.contents().await, before);
}

async fn another_revision_is_refused_and_left_alone(database: Database) {
    TestApp::start(&database).await.stop().await;
    for revision in ["0.97.0", "0.99.1"] {
        database.execute(&format!("UPDATE alembic_version SET version_num = '{revision}'")).await;
        expect_refused(&database, &[revision, "0.98.0", "nothing was changed"]).await;
    }
}

async fn tables_of_something_else_are_refused_and_left_alone(database: Database) {
    database.execute("CREATE TABLE wp_posts (id INTEGER); INSERT INTO wp_posts VALUES (7)").await;
    expect_refused(&database, &["wp_posts", "0.98.0", "nothing was changed"]).await;
    database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)").await;
    expect_refused(&database, &["0.98.0", "nothing was changed"]).await;
}

async fn a_database_that_is_current_is_left_as_it_is(database: Database) {
    TestApp::start(&database).await.stop().await;
    let before = database.contents().await;
    TestApp::start(&database).await.stop().await;
    assert_eq!(database.contents().await, before);
}

async fn indexes_that_zenml_does_not_make_are_made_at_a_start(database: Database) {
    TestApp::start(&database).await.stop().await;
    let made = own_indexes(&database).await;
    assert!(made.iter().any(|name| name == "step_run zendo_ix_step_run_project_id_created_id"), "{made:?}");
    for index in &made {
        let (table, index) = index.split_once(' ').unwrap();
        let on = if database.is_mariadb() { format!(" ON {table}") } else { String::new() };
        database.execute(&format!("DROP INDEX {index}{on}")).await;
    }
    assert!(own_indexes(&database).await.is_empty());
    TestApp::start(&database).await.stop().await;
    assert_eq!(own_indexes(&database).await, made);
}

/// Each with its table.
async fn own_indexes(database: &Database) -> Vec<String> {
    let sql = match database.is_mariadb() {
        false => {
            "SELECT tbl_name || ' ' || name FROM sqlite_master WHERE type = 'index' AND name LIKE 'zendo\\_ix%' ESCAPE '\\' ORDER BY 1"
        }
        true => {
            "SELECT DISTINCT CAST(CONCAT(table_name, ' ', index_name) AS CHAR) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND index_name LIKE 'zendo\\_ix%' ORDER BY 1"
        }
    };
    database.texts(sql).await
}

/// A foreign key without an index makes each deletion of what it refers to walk its whole table.
#[tokio::test]
async fn each_key_that_mysql_has_is_an_index_on_sqlite() {
    let database = Database::sqlite();
    TestApp::start(&database).await.stop().await;
    let contract: serde_json::Value =
        serde_json::from_str(include_str!("../../contract/schema.json")).unwrap();
    let mut keys = 0;
    for (table, facts) in contract.as_object().unwrap() {
        let indexes = database
            .texts(&format!(
                "SELECT group_concat(name) FROM (SELECT list.name AS i, info.name FROM pragma_index_list('{table}') \
                 AS list, pragma_index_info(list.name) AS info ORDER BY list.name, info.seqno) GROUP BY i"
            ))
            .await;
        for key in facts["indexes"]["mysql"].as_array().unwrap() {
            let columns: Vec<&str> =
                key["columns"].as_array().unwrap().iter().filter_map(|c| c.as_str()).collect();
            let columns = columns.join(",");
            let is_there = |index: &String| *index == columns || index.starts_with(&format!("{columns},"));
            assert!(indexes.iter().any(is_there), "{table} ({columns}): {indexes:?}");
            keys += 1;
        }
    }
    assert!(keys > 100, "{keys}");
}

/// MariaDB commits each table on its own, so a start that is killed leaves some of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_was_cut_short_is_taken_up_again() {
    for with_own_tables in [false, true] {
        let Some(database) = Database::mariadb("cut_short").await else { return };
        TestApp::start(&database).await.stop().await;
        let mut sql = "SET FOREIGN_KEY_CHECKS = 0;".to_owned();
        for table in database.tables().await {
            let is_own = table.starts_with("zendo_");
            match table.as_str() {
                "zendo_migrations" if !with_own_tables => sql.push_str("DELETE FROM zendo_migrations;"),
                "flavor" | "user" => sql.push_str(&format!("DELETE FROM `{table}`;")),
                _ if is_own && with_own_tables => {}
                _ => sql.push_str(&format!("DROP TABLE `{table}`;")),
            }
        }
        database.execute(&sql).await;
        let app = TestApp::start(&database).await;
        app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
        app.stop().await;
        expect_zenmls_schema(&database).await;
    }
}

/// Killed between a table of zendo's own and the note that it is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_cut_short_in_zendos_own_tables_is_taken_up_again() {
    let Some(database) = Database::mariadb("cut_short_in_own").await else { return };
    TestApp::start(&database).await.stop().await;
    database.execute("UPDATE zendo_migrations SET success = FALSE").await;
    let app = TestApp::start(&database).await;
    app.anonymous().login(ADMIN, PASSWORD).await.expect_ok();
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_embedded_database() {
    use std::os::unix::fs::PermissionsExt;
    let program = Program::new(&["--listen", "127.0.0.1:0", "--data-dir", "deep/data"]);
    let server = program.serve().await;
    server.signed_in("default", &server.printed_password().unwrap()).await;
    let mode = |name: &str| {
        let path = program.folder().join("deep").join(name);
        format!("{:o}", std::fs::metadata(path).unwrap().permissions().mode() & 0o777)
    };
    assert_eq!((mode("."), mode("data")), ("700".into(), "700".into()));
    for name in ["data/zendo.db", "data/zendo.db-wal", "data/zendo.db-shm"] {
        assert_eq!(mode(name), "600", "{name}");
    }
}
