//! Many of the unmodified `zenml` 0.98.0 clients at once, and servers that are killed under them: nothing that
//! was answered is lost, and nothing is numbered twice.

use std::time::Duration;

use crate::support::{
    AS_ADMIN, ClientProgram, Database, PASSWORD, Program, TestApp, keeps_its_promises, wait_until,
};

on_each_store! {
    ten_clients_run_pipelines_at_once_and_nothing_is_lost_or_numbered_twice,
    runs_go_on_through_crashes_of_the_server_and_nothing_answered_is_lost,
}

/// Between two steps; a client waits longer each time that it finds no server.
const STEP_LIMIT: Duration = Duration::from_secs(60);

async fn ten_clients_run_pipelines_at_once_and_nothing_is_lost_or_numbered_twice(database: Database) {
    let app = TestApp::start(&database).await;
    keeps_its_promises("many_clients", &["10", "2", &app.url()], &app.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_clients_of_two_servers_on_one_database_lose_nothing_and_number_nothing_twice() {
    let Some(database) = Database::mariadb("two_servers").await else { return };
    let (one, two) = (TestApp::start(&database).await, TestApp::start(&database).await);
    keeps_its_promises("many_clients", &["10", "2", &one.url(), &two.url()], &one.url()).await;
}

async fn steps(database: &Database) -> usize {
    let count = database.texts("SELECT CAST(COUNT(*) AS CHAR) FROM step_run").await;
    count[0].parse().unwrap()
}

async fn runs_go_on_through_crashes_of_the_server_and_nothing_answered_is_lost(database: Database) {
    let first = Program::server().on(&database).with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
    let mut server = first.serve().await;
    let (address, url) = (server.address().to_owned(), server.url().to_owned());
    let again = Program::new(&["serve", "--listen", &address]).on(&database);
    // Three clients with two runs of two steps each.
    let Some(mut clients) = ClientProgram::start("many_clients", &["3", "2", &url], &url, &AS_ADMIN) else {
        return;
    };
    let mut crashes = 0;
    for made in [1, 4, 7, 10] {
        wait_until("the next step is under way", STEP_LIMIT, async || {
            clients.has_ended() || steps(&database).await >= made
        })
        .await;
        if clients.has_ended() {
            break;
        }
        crashes += 1;
        server.signal("KILL");
        assert_eq!(server.finish().await.code, None);
        server = again.serve().await;
    }
    clients.keeps_its_promises().await;
    assert_eq!(crashes, 4, "the clients ended early");
    server.stop().await;
}
