//! Chromium as a process that runs a program of `tests/browser`.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::program::run_program;
use super::{TestApp, missing};

/// Names the folder of the programs' packages, which `tests/run` makes.
pub(super) const PACKAGES: &str = "ZENDO_TEST_BROWSER";
/// Names another Chromium than the system's.
const CHROMIUM: &str = "ZENDO_TEST_CHROMIUM";
/// The one without windows takes three fifths of the other one's time.
const CHROMIUMS: [&str; 2] = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];
/// Names the folder that pictures of pages are left in, if any.
const SHOTS: &str = "ZENDO_TEST_SHOTS";
/// Machines are busy.
const TIME_LIMIT: Duration = Duration::from_secs(300);
/// A browser can use a core and more: with more of them than cores, pages take longer than their programs wait.
static BROWSERS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// Whether programs of `tests/browser` can run; when they can't, it is said out loud what is missing.
pub fn has_browser() -> bool {
    let packages = std::env::var_os(PACKAGES).map(PathBuf::from);
    let is_there = chromium().is_some() && packages.is_some_and(|folder| folder.exists());
    if !is_there {
        missing("Chromium, node or a package of tests/browser", "run tests/run, which installs them");
    }
    is_there
}

fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os(CHROMIUM).map(|named| vec![PathBuf::from(named)]);
    let all = named.unwrap_or_else(|| CHROMIUMS.map(PathBuf::from).to_vec());
    all.into_iter().find(|program| program.exists())
}

/// Runs a program of `tests/browser` against the server, with the admin's name and password and more variables in its
/// environment, and fails with what it said unless it ended well.
pub async fn browser(program: &str, app: &TestApp, variables: &[(&str, &str)]) {
    if !has_browser() {
        return;
    }
    let _turn = BROWSERS.acquire().await.unwrap();
    let inherited = [PACKAGES, SHOTS].into_iter();
    let (program, url) = (format!("browser/{program}"), app.url());
    let said = run_program("node", &program, &url, TIME_LIMIT, |command, folder| {
        command.envs(inherited.filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(chromium().map(|chromium| (CHROMIUM, chromium)));
        command.env("TMPDIR", folder).envs(variables.iter().copied());
    });
    said.await;
}
