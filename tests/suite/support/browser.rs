//! Chromium as a process that runs a program of `tests/browser`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{ADMIN, PASSWORD, TestApp, missing};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");
/// Names the folder of the programs' packages, which `tests/run` makes.
const PACKAGES: &str = "ZENDO_TEST_BROWSER";
/// Names another Chromium than the system's.
const CHROMIUM: &str = "ZENDO_TEST_CHROMIUM";
/// Names the folder that pictures of pages are left in, if any.
const SHOTS: &str = "ZENDO_TEST_SHOTS";
/// Machines are busy.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Whether programs of `tests/browser` can run; when they can't, it is said out loud what is missing.
pub fn has_browser() -> bool {
    let chromium = std::env::var_os(CHROMIUM).map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from);
    let packages = std::env::var_os(PACKAGES).map(PathBuf::from);
    let is_there = chromium.exists() && packages.is_some_and(|folder| folder.exists());
    if !is_there {
        missing("Chromium, node or a package of tests/browser", "run tests/run, which installs them");
    }
    is_there
}

/// Runs a program of `tests/browser` against the server, with the admin's name and password and more variables in its
/// environment, and fails with what it said unless it ended well.
pub async fn browser(program: &str, app: &TestApp, variables: &[(&str, &str)]) {
    if !has_browser() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = File::create(folder.path().join("output")).unwrap();
    let inherited = ["PATH", PACKAGES, CHROMIUM, SHOTS].into_iter();
    let mut child = Command::new("node")
        .arg(Path::new(PROGRAMS).join(program))
        .current_dir(folder.path())
        .env_clear()
        .envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("HOME", folder.path())
        .env("TMPDIR", folder.path())
        .env("ZENDO_URL", app.url())
        .env("ZENDO_ADMIN", ADMIN)
        .env("ZENDO_PASSWORD", PASSWORD)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ended = tokio::time::timeout(TIME_LIMIT, child.wait()).await;
    let said = String::from_utf8_lossy(&std::fs::read(folder.path().join("output")).unwrap()).into_owned();
    let status = ended.unwrap_or_else(|_| panic!("{program} goes on and on: {said}")).unwrap();
    assert!(status.success() && said.contains("done: "), "{program}: {said}");
}
