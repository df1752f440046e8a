//! Programs of `tests/python`, which use packages of others from PyPI.

use std::path::PathBuf;
use std::time::Duration;

use super::missing;
use super::program::run_program;

/// Names the virtual environment with the packages, which `tests/run` makes.
const ENVIRONMENT: &str = "ZENDO_TEST_PYTHON";
/// Machines are busy.
const TIME_LIMIT: Duration = Duration::from_secs(600);

pub(super) fn interpreter() -> Option<PathBuf> {
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
    let program = format!("python/{program}");
    let said = run_program(interpreter, &program, url, TIME_LIMIT, |command, _| {
        // They share a module, of which nothing is to be left beside it.
        command.env("COLUMNS", "200").env("PYTHONDONTWRITEBYTECODE", "1").envs(variables.iter().copied());
    });
    println!("{}", said.await);
}
