//! A request that is over, by its time limit, a hang-up or the server's stop, ends its query.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    ADMIN, Caller, Database, OwnMariaDb, PASSWORD, Program, TestApp, stays_well, wait_until,
};

on_each_store! {
    what_takes_too_long_ends_in_the_database,
    a_query_ends_with_its_caller,
    a_stop_ends_what_still_runs,
    a_stop_ends_what_no_request_waits_for,
    a_write_that_nobody_waits_for_is_undone,
    the_newest_version_is_found_among_many,
}

/// More than there are connections for reading to SQLite, and fewer than to MariaDB.
const QUERIES: usize = 12;
/// A slow part of a second at most, where a query would run for hours.
const AT_ONCE: Duration = Duration::from_secs(5);
const LIST: &str = "/api/v1/tags?name=startswith:a";

/// From now on each list of tags takes for ever.
pub(super) async fn make_tags_slow(database: &Database, admin: &Caller) {
    admin.post("/api/v1/tags", json!({"name": "any"})).await.expect_ok();
    let is_never_done = if database.is_mariadb() { SLOW_ON_MARIADB } else { SLOW_ON_SQLITE };
    let view = format!("CREATE VIEW tag AS SELECT * FROM all_tags WHERE {is_never_done};");
    database.execute(&format!("ALTER TABLE tag RENAME TO all_tags; {view}")).await;
}

/// Of several that are killed in one long sleep at the same time, MariaDB wakes some only seconds later.
const SLOW_ON_MARIADB: &str = "(SELECT COUNT(*) FROM flavor a, flavor b, flavor c WHERE SLEEP(0.02) = 1) > 0";
const SLOW_ON_SQLITE: &str = "(SELECT COUNT(*) FROM sqlite_master a, sqlite_master b, sqlite_master c, \
     sqlite_master d, sqlite_master e, sqlite_master f WHERE a.rowid > b.rowid) > 0";

/// That nothing is done for anybody any more.
async fn is_at_rest(database: &Database, app: &TestApp) {
    let admin = app.signed_in().await;
    // All connections for reading are asked for at once: none may be held by what nobody waits for.
    let start = Instant::now();
    let answers = join_all((0..QUERIES).map(|_| admin.get("/api/v1/projects"))).await;
    answers.iter().for_each(|answer| answer.expect(200, "items"));
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    runs_nothing(database).await;
}

async fn runs_nothing(database: &Database) {
    if database.is_mariadb() {
        const RUNNING: &str = "SELECT CAST(info AS CHAR) FROM information_schema.processlist \
             WHERE db = DATABASE() AND command = 'Query' AND id <> CONNECTION_ID()";
        wait_until("the database is at rest", AT_ONCE, async || database.texts(RUNNING).await.is_empty())
            .await;
    }
}

async fn what_takes_too_long_ends_in_the_database(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_REQUEST_TIMEOUT", "2")]).await;
    let admin = app.signed_in().await;
    make_tags_slow(&database, &admin).await;
    let answers = join_all((0..QUERIES).map(|_| admin.get(LIST))).await;
    answers.iter().for_each(|answer| answer.expect(429, "too busy"));
    is_at_rest(&database, &app).await;
    let start = Instant::now();
    app.stop().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

async fn a_query_ends_with_its_caller(database: Database) {
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    make_tags_slow(&database, &admin).await;
    let asked =
        join_all((0..QUERIES).map(|_| tokio::time::timeout(Duration::from_millis(700), admin.get(LIST))));
    let hung_up = asked.await.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(hung_up, QUERIES, "nobody had an answer");
    is_at_rest(&database, &app).await;
    let start = Instant::now();
    app.stop().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}

async fn a_stop_ends_what_still_runs(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_REQUEST_TIMEOUT", "2")]).await;
    let admin = app.signed_in().await;
    make_tags_slow(&database, &admin).await;
    let asked = tokio::spawn(async move { admin.get(LIST).await.status });
    let store = app.state.store.clone();
    let reads = store.reads();
    wait_until("the list is asked for", AT_ONCE, async || store.reads() > reads).await;
    let start = Instant::now();
    app.stop().await;
    assert!(start.elapsed() < AT_ONCE + Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(asked.await.unwrap(), 429);
}

/// As a job does, which has no time limit of its own.
async fn a_stop_ends_what_no_request_waits_for(database: Database) {
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_REQUEST_TIMEOUT", "60")]).await;
    make_tags_slow(&database, &app.signed_in().await).await;
    let store = app.state.store.clone();
    let reads = store.reads();
    let running = tokio::spawn({
        let store = store.clone();
        let query = sea_query::Query::select().column("id").from("tag").to_owned();
        async move { store.fetch_all::<(String,)>(&query).await.is_err() }
    });
    wait_until("it runs", AT_ONCE, async || store.reads() > reads).await;
    let start = Instant::now();
    app.stop().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(running.await.unwrap(), "it was ended");
    runs_nothing(&database).await;
}

async fn a_write_that_nobody_waits_for_is_undone(database: Database) {
    // A write that has begun goes on without its caller, but not beyond a request's time.
    let app = TestApp::start_with(&database, &[("ZENML_SERVER_REQUEST_TIMEOUT", "2")]).await;
    let admin = app.signed_in().await;
    admin.post("/api/v1/tags", json!({"name": "any"})).await.expect_ok();
    let flavors = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| format!("flavor {name}")).join(", ");
    let trigger = match database.is_mariadb() {
        true => format!("FOR EACH ROW IF NEW.name = 'slow' THEN SET @slept = {SLOW_ON_MARIADB}; END IF"),
        false => format!(
            "WHEN NEW.name = 'slow' BEGIN \
             UPDATE tag SET color = (SELECT COUNT(*) FROM {flavors} WHERE a.id > b.id) WHERE id = NEW.id; END"
        ),
    };
    database.execute(&format!("CREATE TRIGGER slow AFTER INSERT ON tag {trigger}")).await;
    for _ in 0..3 {
        let slow = admin.post("/api/v1/tags", json!({"name": "slow"}));
        let answered = tokio::time::timeout(Duration::from_millis(500), slow).await;
        assert!(answered.is_err(), "{answered:?}");
    }
    stays_well(&admin, async {}).await;
    let slow = database.texts("SELECT name FROM tag WHERE name = 'slow'").await;
    assert_eq!(slow, Vec::<String>::new());
    is_at_rest(&database, &app).await;
}

/// To compare each of 10,000 versions with all others took minutes.
async fn the_newest_version_is_found_among_many(database: Database) {
    let app = TestApp::start(&database).await;
    is_found_among_many(&app.signed_in().await, database.is_mariadb(), async |sql| {
        database.execute(sql).await;
    })
    .await;
}

/// MySQL doesn't, and MariaDB needn't, remember what a subquery has found for the same artifact.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_version_is_found_where_no_subquery_is_remembered() {
    let Some(database) = OwnMariaDb::start().await else { return };
    database.execute("SET GLOBAL optimizer_switch = 'subquery_cache=off'").await;
    let server = Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
    let server = server.with("ZENML_STORE_URL", database.url()).serve().await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    is_found_among_many(&admin, true, async |sql| database.execute(&format!("USE zendo; {sql}")).await).await;
}

async fn is_found_among_many(admin: &Caller, is_mariadb: bool, execute: impl AsyncFn(&str)) {
    let project = admin.get("/api/v1/projects/default").await.expect_ok()["id"].clone();
    let artifact =
        admin.post("/api/v1/artifacts", json!({"project": project, "name": "a"})).await.expect_ok();
    let id = |thing: &serde_json::Value| thing.as_str().unwrap().replace('-', "");
    let unlimited = if is_mariadb { "SET max_recursive_iterations = 100000;" } else { "" };
    let (artifact_id, project_id) = (id(&artifact["id"]), id(&project));
    let versions = format!(
        "{unlimited} INSERT INTO artifact_version (id, created, updated, version, version_number, type, uri, \
         materializer, data_type, save_type, artifact_id, project_id) \
         WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000) \
         SELECT SUBSTR(CONCAT('{:032}', n), -32), '2026-01-02 03:04:05.000000', '2026-01-02 03:04:05.000000', n, n, \
         'DataArtifact', '/a', '{{}}', '{{}}', 'manual', '{artifact_id}', '{project_id}' FROM numbers",
        0
    );
    execute(&versions).await;
    let start = Instant::now();
    let listed = stays_well(admin, admin.get("/api/v1/artifacts?size=20&hydrate=true")).await.expect_ok();
    assert_eq!(listed["items"][0]["resources"]["latest_version_name"], "10000", "{listed}");
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
}
