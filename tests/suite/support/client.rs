//! The unmodified client as a process that runs a program of `tests/client`, where the client has never been.

use std::fs::read_dir;
use std::time::Duration;

use tokio::process::Child;

use super::{ADMIN, PASSWORD, apart, end_of, reference_python};

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client");
/// It imports a lot, and machines are busy.
const TIME_LIMIT: Duration = Duration::from_secs(600);
pub const AS_ADMIN: [(&str, &str); 2] = [("ZENML_STORE_USERNAME", ADMIN), ("ZENML_STORE_PASSWORD", PASSWORD)];

/// A program that runs; killed with the test.
pub struct ClientProgram {
    child: Child,
    folder: tempfile::TempDir,
}

impl ClientProgram {
    /// Starts `NAME.py` with credentials in its environment; None, said out loud, when the client isn't installed.
    pub fn start(name: &str, args: &[&str], url: &str, credentials: &[(&str, &str)]) -> Option<Self> {
        let python = reference_python()?;
        let folder = tempfile::tempdir().unwrap();
        // Beside its data, since the client takes the folder that it is started in for the root of all sources.
        for file in read_dir(PROGRAMS).unwrap().map(Result::unwrap) {
            if file.path().extension().is_some_and(|extension| extension == "py") {
                std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
            }
        }
        let child = apart(python, folder.path())
            .arg(format!("{name}.py"))
            .args(args)
            .env("COLUMNS", "400")
            .env("ZENML_CONFIG_PATH", folder.path().join("zenml"))
            .env("ZENML_ANALYTICS_OPT_IN", "false")
            .env("ZENML_ENABLE_RICH_TRACEBACK", "false")
            .env("ZENML_STORE_URL", url)
            .envs(credentials.iter().copied())
            .spawn()
            .unwrap();
        Some(Self { child, folder })
    }

    /// Whether it has ended, well or not.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end, and fails with what it printed unless it kept all its promises.
    pub async fn keeps_its_promises(mut self) {
        let (status, said) = end_of(&mut self.child, self.folder.path(), TIME_LIMIT).await;
        let verdicts = |verdict: &str| {
            said.lines().filter(|line| line.starts_with(verdict)).map(str::to_owned).collect::<Vec<_>>()
        };
        let (broken, kept) = (verdicts("BROKEN: "), verdicts("kept: "));
        assert!(status.success() && broken.is_empty() && !kept.is_empty(), "{said}\n{}", broken.join("\n"));
    }
}

/// Runs a program of `tests/client` against the server at that address, as the admin.
pub async fn keeps_its_promises(name: &str, args: &[&str], url: &str) {
    if let Some(program) = ClientProgram::start(name, args, url, &AS_ADMIN) {
        program.keeps_its_promises().await;
    }
}
