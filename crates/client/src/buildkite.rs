//! The identity of a job of Buildkite: its agent gives a new token each time it is asked.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use secrecy::SecretString;

use super::ClientError;
use super::error::printable;

const AGENT: &str = "buildkite-agent";
/// The agent asks Buildkite, and is given up after that.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes that are read of what the agent says.
const LONGEST: u64 = 64 << 10;
/// Characters of its complaint that are repeated.
const REPEATED: usize = 500;

/// The agent among the folders of `PATH`.
pub(crate) fn agent(path: &OsStr) -> Option<PathBuf> {
    let found = std::env::split_paths(path).map(|folder| folder.join(AGENT));
    // A folder that isn't named whole would be another one elsewhere.
    found.into_iter().find(|file| file.is_absolute() && file.is_file())
}

/// Asks the agent for a token that is for this audience.
pub(crate) fn token(agent: &Path, audience: &str) -> Result<SecretString, ClientError> {
    let unusable = |reason: String| ClientError::IdentityRefused { name: AGENT, reason };
    let mut child = Command::new(agent)
        .args(["oidc", "request-token", "--audience", audience])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| unusable(error.to_string()))?;
    let said = reading(child.stdout.take());
    let complaint = reading(child.stderr.take());
    let Ok(said) = said.recv_timeout(PATIENCE) else {
        // It may have ended meanwhile.
        let _ = child.kill();
        let _ = child.wait();
        return Err(unusable(format!("it gave no token within {} seconds", PATIENCE.as_secs())));
    };
    let status = child.wait().map_err(|error| unusable(error.to_string()))?;
    if !status.success() {
        // Whoever it has started may hold its standard error open.
        let words = complaint.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
        let words: String = printable(words.trim()).chars().take(REPEATED).collect();
        return Err(unusable(format!("it gave no token ({status}): {words}")));
    }
    match said.trim() {
        "" => Err(unusable("it said no token".to_owned())),
        token => Ok(token.to_owned().into()),
    }
}

/// What comes from a pipe, read beside all else: whoever waits for both would wait for ever once one is full.
fn reading(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (said, hear) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What came until it broke is what it said.
            let _ = pipe.take(LONGEST).read_to_end(&mut bytes);
        }
        let _ = said.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    hear
}
