//! What a server does where its embedded database was lost, and how large the files of one are.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::support::{ADMIN, Database, PASSWORD, Program, TestApp, wait_until};

const LIMIT: Duration = Duration::from_secs(30);

fn server(folder: &Path) -> Program {
    Program::server()
        .with("ZENDO_DATA_DIR", folder.to_str().unwrap())
        .with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD)
}

async fn used(folder: &Path) {
    server(folder).serve().await.stop().await;
    assert!(folder.join("zendo.db").metadata().unwrap().len() > 100_000);
}

async fn is_refused(folder: &Path) {
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let finished = server(folder).run().await;
    finished.expect(1, &["zendo.db", "nothing was changed", "from a backup", "to begin a new server"]);
    assert_eq!(finished.stdout, "", "{finished:?}");
    let unchanged = names();
    assert!(before.iter().all(|name| unchanged.contains(name)), "{before:?} {unchanged:?}");
}

#[tokio::test]
async fn a_database_that_was_lost_is_no_new_server() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, database) = (folder.path(), folder.path().join("zendo.db"));
    used(folder).await;
    let whole = std::fs::read(&database).unwrap();
    // Empty, gone, and its first page alone, as after a crash before the WAL was copied; each without a WAL.
    std::fs::write(&database, "").unwrap();
    is_refused(folder).await;
    std::fs::remove_file(&database).unwrap();
    is_refused(folder).await;
    let empty = folder.join("empty.db");
    let options = SqliteConnectOptions::new().filename(&empty).create_if_missing(true);
    options
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .connect()
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    std::fs::rename(&empty, &database).unwrap();
    is_refused(folder).await;
    // Brought back, all is there.
    std::fs::write(&database, whole).unwrap();
    let server = server(folder).serve().await;
    server.signed_in(ADMIN, PASSWORD).await.get("/api/v1/current-user").await.expect_ok();
    // Lost with a WAL that holds all of the last minutes: SQLite would delete it.
    server.signal("KILL");
    server.finish().await;
    let wal = folder.join("zendo.db-wal");
    let length = wal.metadata().unwrap().len();
    std::fs::write(&database, "").unwrap();
    is_refused(folder).await;
    std::fs::remove_file(folder.join("zendo.db.made")).unwrap();
    is_refused(folder).await;
    assert!(length > 0 && wal.metadata().unwrap().len() == length);
    // Who wants a new server says so.
    std::fs::remove_file(wal).unwrap();
    used(folder).await;
}

#[tokio::test]
async fn a_new_folder_is_a_new_server() {
    let folder = tempfile::tempdir().unwrap();
    // Made before by hand, as for a mount of the file alone; and what a first start left that was cut short.
    std::fs::write(folder.path().join("zendo.db"), "").unwrap();
    std::fs::write(folder.path().join("zendo.db-wal"), "").unwrap();
    used(folder.path()).await;
    used(folder.path()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wal_that_grew_for_a_long_reader_is_small_again() {
    let database = Database::sqlite();
    let app = TestApp::start(&database).await;
    let options = SqliteConnectOptions::new().filename(database.sqlite_path());
    let mut reader = options.connect().await.unwrap();
    let begin = "BEGIN; SELECT COUNT(*) FROM user";
    sqlx::raw_sql(begin).execute(&mut reader).await.unwrap();
    for _ in 0..40 {
        database
            .execute("CREATE TABLE ballast AS SELECT zeroblob(400000) AS block; DROP TABLE ballast")
            .await;
    }
    let wal = database.sqlite_path().with_extension("db-wal");
    let length = || wal.metadata().map_or(0, |file| file.len());
    let largest = length();
    assert!(largest > 12 << 20, "{largest}");
    reader.close().await.unwrap();
    wait_until("the WAL is small again", LIMIT, async || length() < 1 << 20).await;
    println!("the WAL had {largest} bytes, and has {}", length());
    app.signed_in().await.api_token(60).await;
}
