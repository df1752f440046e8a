//! Programs of `tests/python`, which use packages of others from PyPI.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ADMIN, PASSWORD, apart, end_of, missing};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
/// Names the virtual environment with the packages, which `tests/run` makes.
const ENVIRONMENT: &str = "ZENDO_TEST_PYTHON";
/// Machines are busy.
const TIME_LIMIT: Duration = Duration::from_secs(600);

fn interpreter() -> Option<PathBuf> {
    let found = std::env::var_os(ENVIRONMENT).map(|folder| PathBuf::from(folder).join("bin/python"));
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        missing("a package of tests/python", "run tests/run, which installs them");
    }
    found
}

/// Runs a program of `tests/python` against the server at that address, with the admin's name and password and more
/// variables in its environment, and fails with what it said unless it ended well.
pub async fn python(program: &str, url: &str, variables: &[(&str, &str)]) {
    let Some(interpreter) = interpreter() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut child = apart(interpreter, folder.path())
        .arg(Path::new(PROGRAMS).join(program))
        .env("COLUMNS", "200")
        .env("ZENDO_URL", url)
        .env("ZENDO_ADMIN", ADMIN)
        .env("ZENDO_PASSWORD", PASSWORD)
        .envs(variables.iter().copied())
        .spawn()
        .unwrap();
    let (status, said) = end_of(&mut child, folder.path(), TIME_LIMIT).await;
    println!("{said}");
    assert!(status.success() && said.contains("done: "), "{program}: {said}");
}
