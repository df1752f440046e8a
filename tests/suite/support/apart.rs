//! Programs of others, apart from whoever runs the tests: in a folder of their own, without inherited variables.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

const OUTPUT: &str = "output";

/// A program in that folder, where all that it says goes to one file; killed with the test.
pub fn apart(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let output = File::create(folder.join(OUTPUT)).unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .kill_on_drop(true);
    command
}

/// What the program in that folder has said.
pub fn said_in(folder: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(folder.join(OUTPUT)).unwrap()).into_owned()
}

/// Waits for the program's end, and returns how it ended and what it said.
pub async fn end_of(child: &mut Child, folder: &Path, limit: Duration) -> (ExitStatus, String) {
    let ended = tokio::time::timeout(limit, child.wait()).await;
    let said = said_in(folder);
    (ended.unwrap_or_else(|_| panic!("it goes on and on: {said}")).unwrap(), said)
}
