//! A write that MariaDB ends in its midst, for whatever reason: nothing of it is there, and no connection is left with a
//! transaction that nobody knows of.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Caller, Database, TestApp, wait_until};

const LIMIT: Duration = Duration::from_secs(30);
/// Of this database, besides whoever asks.
const OPEN_TRANSACTIONS: &str = "SELECT CAST(trx_id AS CHAR) FROM information_schema.innodb_trx \
     JOIN information_schema.processlist ON id = trx_mysql_thread_id \
     WHERE db = DATABASE() AND id <> CONNECTION_ID()";

fn tag(name: &str) -> Value {
    json!({"name": name})
}

/// From now on a tag of that name is written, and then that is done.
async fn after_a_tag(database: &Database, name: &str, what: &str) {
    let trigger = format!(
        "CREATE OR REPLACE TRIGGER ends AFTER INSERT ON tag FOR EACH ROW \
         IF NEW.name = '{name}' THEN {what}; END IF"
    );
    database.execute(&trigger).await;
}

/// Nothing of the write is there, and the same connections write and read as ever.
async fn is_undone(database: &Database, admin: &Caller, name: &str) {
    let other = format!("after {name}");
    admin.post("/api/v1/tags", tag(&other)).await.expect_ok();
    let tags = admin.get(&format!("/api/v1/tags?name={name}")).await.expect_ok();
    assert_eq!(tags["total"], 0, "{tags}");
    let tags = admin.get(&format!("/api/v1/tags?name=after%20{name}")).await.expect_ok();
    assert_eq!(tags["total"], 1, "{tags}");
    wait_until("no transaction is open", LIMIT, async || database.texts(OPEN_TRANSACTIONS).await.is_empty())
        .await;
}

fn expect(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(status == 500 || answer.header("retry-after").is_some(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_the_midst_of_a_write_undoes_it() {
    let Some(database) = Database::mariadb("errors").await else { return };
    // One connection for all, but for those that are reserved: whoever comes next has it.
    let settings = [("ZENML_STORE_POOL_SIZE", "1"), ("ZENML_STORE_MAX_OVERFLOW", "0")];
    let app = TestApp::start_with(&database, &settings).await;
    let admin = app.signed_in().await;
    let passing = [
        3, 20, 1020, 1021, 1026, 1030, 1037, 1038, 1041, 1047, 1114, 1180, 1205, 1206, 1213, 1290, 1637,
        1792, 1836, 1927, 2006, 2013, 3101,
    ];
    let of_time = [1317, 1969, 3024];
    let for_good = [1054, 1146, 1364, 1690];
    let all = passing.map(|number| (number, 503)).into_iter();
    let all = all.chain(of_time.map(|number| (number, 429))).chain(for_good.map(|number| (number, 500)));
    for (number, status) in all {
        let name = format!("e{number}");
        let signal = format!("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'ended'");
        after_a_tag(&database, &name, &signal).await;
        expect(&admin.post("/api/v1/tags", tag(&name)).await, status);
        is_undone(&database, &admin, &name).await;
    }
    wait_until("tokens are issued", LIMIT, async || admin.get("/api/v1/api_token").await.status == 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_or_query_that_is_killed_undoes_its_write() {
    let Some(database) = Database::mariadb("killed").await else { return };
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    for (name, kill, status) in [("connection", "KILL", 503), ("query", "KILL QUERY", 429)] {
        after_a_tag(&database, name, "SET @slept = SLEEP(3000)").await;
        let written = tokio::spawn({
            let admin = admin.clone();
            async move { admin.post("/api/v1/tags", tag(name)).await }
        });
        let sleeping = "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE db = DATABASE() \
             AND id <> CONNECTION_ID() AND state = 'User sleep'";
        let mut found = Vec::new();
        wait_until("the write is under way", LIMIT, async || {
            found = database.texts(sleeping).await;
            !found.is_empty()
        })
        .await;
        database.execute(&format!("{kill} {}", found[0])).await;
        expect(&written.await.unwrap(), status);
        is_undone(&database, &admin, name).await;
    }
}

/// Two that wait for each other: the database ends one of them, which is done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_lost_in_a_deadlock_is_done_again() {
    let Some(database) = Database::mariadb("deadlock").await else { return };
    let app = TestApp::start(&database).await;
    let admin = app.signed_in().await;
    // It takes part in no transaction, so that it counts each attempt.
    database.execute("CREATE TABLE attempts (n INT) ENGINE = MyISAM").await;
    let lose_once = "INSERT INTO attempts VALUES (1); \
         IF (SELECT COUNT(*) FROM attempts) = 1 THEN \
         SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock found'; END IF";
    after_a_tag(&database, "deadlock", lose_once).await;
    admin.post("/api/v1/tags", tag("deadlock")).await.expect_ok();
    let tags = admin.get("/api/v1/tags?name=deadlock").await.expect_ok();
    assert_eq!(tags["total"], 1, "{tags}");
    assert_eq!(database.texts("SELECT CAST(n AS CHAR) FROM attempts").await.len(), 2);
}
