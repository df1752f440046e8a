//! The unmodified `zenml` 0.98.0 with its server, from PyPI.

use std::path::PathBuf;

/// Names the virtual environment that `tests/run` makes.
const ENVIRONMENT: &str = "ZENDO_TEST_ZENML";

fn program(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(ENVIRONMENT).map(|folder| PathBuf::from(folder).join("bin").join(name));
    let found = found.filter(|path| path.exists());
    if found.is_none() {
        super::missing("the official zenml 0.98.0 client", "run tests/run, which installs it");
    }
    found
}

/// The client's command.
pub fn official_client() -> Option<PathBuf> {
    program("zenml")
}

/// A Python that can import the client and the server.
pub fn reference_python() -> Option<PathBuf> {
    program("python")
}

/// The folder of the server's dashboard.
pub fn official_dashboard() -> Option<PathBuf> {
    let environment = reference_python()?.ancestors().nth(2)?.to_owned();
    let pythons = std::fs::read_dir(environment.join("lib")).ok()?.filter_map(Result::ok);
    let folders = pythons.map(|python| python.path().join("site-packages/zenml/zen_server/dashboard"));
    let found = folders.into_iter().find(|folder| folder.join("index.html").exists());
    assert!(found.is_some(), "the official client has come without its server's dashboard");
    found
}
