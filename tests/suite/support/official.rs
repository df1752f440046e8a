//! The unmodified `zenml` 0.98.0 with its server, from PyPI.

use std::path::PathBuf;

/// Names the virtual environment that `tests/run` makes.
const ENVIRONMENT: &str = "ZENDO_TEST_ZENML";
/// Names the folder of libraries that `tests/run` keeps for the client alone: with them in its environment, the reference's
/// server would be another one.
const LIBRARIES: &str = "ZENDO_TEST_CLIENT_LIBRARIES";

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

/// What the client finds more libraries by.
pub fn client_libraries() -> Option<(&'static str, String)> {
    let found = std::env::var_os(LIBRARIES).map(PathBuf::from).filter(|folder| folder.exists());
    if found.is_none() {
        super::missing("a library of tests/client", "run tests/run, which installs them");
    }
    found.map(|folder| ("PYTHONPATH", folder.display().to_string()))
}

/// Whether there is Kubernetes' own client, which ZenML's signs in.
pub fn has_kubectl() -> bool {
    let is_there = std::process::Command::new("kubectl").args(["version", "--client"]).output().is_ok();
    if !is_there {
        super::missing("kubectl", "install kubernetes-client, as tests/run does");
    }
    is_there
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
