//! What makes a test a few lines: a database of its own, a server on it, and callers who ask it.

mod apart;
mod app;
mod browser;
mod caller;
mod client;
mod clock;
mod database;
mod failing_disk;
mod far_sides;
mod guard;
mod issuer;
mod lab;
mod line;
pub mod logs;
mod mariadb_tls;
mod official;
mod own_mariadb;
mod process;
mod program;
mod python;
mod reference;
mod wellness;

pub use apart::{apart, end_of, said_in};
pub use app::{ADMIN, PASSWORD, TestApp};
pub use browser::{browser, has_browser};
pub use caller::{Answer, Caller};
pub use client::{AS_ADMIN, ClientProgram, keeps_its_promises};
pub use clock::TestClock;
pub use database::Database;
pub use failing_disk::FailingDisk;
pub use far_sides::{FarSide, unused_port};
pub use guard::{Guard, Proxy};
pub use issuer::{EXCHANGE, Issuer, JWT, exchange};
pub use lab::{Lab, read};
pub use line::Line;
pub use mariadb_tls::TlsMariaDb;
pub use official::{client_libraries, has_kubectl, official_client, official_dashboard, reference_python};
pub use own_mariadb::OwnMariaDb;
pub use process::{Finished, Program, ServerProcess, ZENDO};
pub use python::python;
pub use reference::ReferenceServer;
pub use wellness::stays_well;

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

/// Asks again and again until it is so; a test waits for what happens, never for a time.
pub async fn wait_until(what: &str, limit: std::time::Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + limit;
    while !is_so().await {
        assert!(std::time::Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
