//! Programs of `tests/browser` and `tests/python`: they ask a server, and say that they are done.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::{ADMIN, PASSWORD, apart, end_of};

/// Runs a program of `tests` against the server at that address, with the admin's name and password and what `set_up`
/// adds in its environment, and fails with what it said unless it ended well. Returns that.
pub async fn run_program(
    interpreter: impl AsRef<OsStr>,
    program: &str,
    url: &str,
    limit: Duration,
    set_up: impl FnOnce(&mut Command, &Path),
) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = apart(interpreter, folder.path());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(program));
    command.env("ZENDO_URL", url).env("ZENDO_ADMIN", ADMIN).env("ZENDO_PASSWORD", PASSWORD);
    set_up(&mut command, folder.path());
    let (status, said) = end_of(&mut command.spawn().unwrap(), folder.path(), limit).await;
    assert!(status.success() && said.contains("done: "), "{program}: {said}");
    said
}
