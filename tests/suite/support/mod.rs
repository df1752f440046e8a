//! What makes a test a few lines: a database of its own, a server on it, and callers who ask it.

mod app;
mod caller;
mod clock;
mod database;
mod official;

pub use app::{ADMIN, PASSWORD, TestApp};
pub use caller::{Answer, Caller};
pub use clock::TestClock;
pub use database::Database;
pub use official::{official_client, reference_python};

/// Runs each of these tests on SQLite and on MariaDB. They take a [`Database`] that is new and empty.
macro_rules! on_each_store {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::support::Database::sqlite()).await;
            })+
        }
        mod on_mariadb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(database) = $crate::support::Database::mariadb(stringify!($test)).await {
                    super::$test(database).await;
                }
            })+
        }
    };
}

/// Says out loud that a part is missing, so its test is skipped; where `CI` is `true` it fails instead.
pub fn missing(part: &str, how_to_get_it: &str) {
    let message = format!("SKIPPED, since {part} is missing: {how_to_get_it}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
    eprintln!("{message}");
}
