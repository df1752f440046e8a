//! Chromium as a process that runs a program of `tests/browser`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ADMIN, PASSWORD, TestApp, apart, end_of, missing};

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
    let inherited = [PACKAGES, CHROMIUM, SHOTS].into_iter();
    let mut child = apart("node", folder.path())
        .arg(Path::new(PROGRAMS).join(program))
        .envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("TMPDIR", folder.path())
        .env("ZENDO_URL", app.url())
        .env("ZENDO_ADMIN", ADMIN)
        .env("ZENDO_PASSWORD", PASSWORD)
        .envs(variables.iter().copied())
        .spawn()
        .unwrap();
    let (status, said) = end_of(&mut child, folder.path(), TIME_LIMIT).await;
    assert!(status.success() && said.contains("done: "), "{program}: {said}");
}
