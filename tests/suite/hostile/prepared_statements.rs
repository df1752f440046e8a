//! Statements that MariaDB keeps prepared: none is closed while somebody waits, and they may run out.

use crate::support::{ADMIN, Caller, OwnMariaDb, PASSWORD, Program, ServerProcess};

const LISTS: [&str; 9] =
    ["artifacts", "components", "flavors", "models", "pipelines", "run_templates", "stacks", "tags", "users"];
/// Each of them makes another statement, with each of the moments' for both columns: what is only sorted otherwise is
/// not asked for where a list is empty.
const NAMES: [&str; 5] = ["equals", "contains", "startswith", "endswith", "notequals"];
const MOMENTS: [&str; 3] = ["gt", "gte", "lt"];
const MOMENT: &str = "2026-01-02%2003:04:05";

async fn server(database: &OwnMariaDb) -> ServerProcess {
    let program = Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD);
    program.with("ZENML_STORE_URL", database.url()).serve().await
}

/// Asks for hundreds of lists, with a statement of its own for each, and returns how many were answered.
async fn ask_for_many(admin: &Caller) -> usize {
    let mut answered = 0;
    for list in LISTS {
        for (name, created) in NAMES.into_iter().flat_map(|name| MOMENTS.map(|created| (name, created))) {
            for updated in MOMENTS {
                let filters = format!("name={name}:a&created={created}:{MOMENT}&updated={updated}:{MOMENT}");
                let answer = admin.get(&format!("/api/v1/{list}?{filters}")).await;
                match answer.status {
                    503 => {
                        answer.expect(503, "it has too many prepared statements");
                        assert!(answer.header("retry-after").is_some());
                    }
                    _ => {
                        answer.expect_ok();
                        answered += 1;
                    }
                }
            }
        }
    }
    answered
}

/// The server doesn't answer the end of a statement, so that the next one would wait for the network's acknowledgment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_is_closed_to_make_room_for_another() {
    let Some(database) = OwnMariaDb::start().await else { return };
    let server = server(&database).await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    // A start has statements that it uses once.
    let closed_before = database.status("Com_stmt_close").await;
    assert!(ask_for_many(&admin).await > 400);
    // More than sqlx keeps on a connection by itself.
    assert!(database.status("Prepared_stmt_count").await > 200, "they stay prepared");
    assert_eq!(database.status("Com_stmt_close").await, closed_before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_has_no_more_of_them_is_told_and_serves_on() {
    let Some(database) = OwnMariaDb::start().await else { return };
    let server = server(&database).await;
    let admin = server.signed_in(ADMIN, PASSWORD).await;
    database.execute("SET GLOBAL max_prepared_stmt_count = 60").await;
    let answered = ask_for_many(&admin).await;
    assert!(answered > 100, "a connection without room makes room: {answered}");
    database.execute("SET GLOBAL max_prepared_stmt_count = 16382").await;
    admin.get("/api/v1/tags?name=oneof:[\"a\"]").await.expect_ok();
    server.signed_in(ADMIN, PASSWORD).await.api_token(60).await;
}
