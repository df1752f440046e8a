//! The identity of a job of Buildkite: its agent gives a new token each time it is asked.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

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
    token_within(PATIENCE, agent, audience)
}

fn token_within(patience: Duration, agent: &Path, audience: &str) -> Result<SecretString, ClientError> {
    let deadline = Instant::now() + patience;
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
    let ended = match said.recv_timeout(patience) {
        Ok(said) => status_until(deadline, &mut child).map(|status| status.map(|status| (said, status))),
        Err(_) => Ok(None),
    };
    let Some((said, status)) = ended.map_err(|error| unusable(error.to_string()))? else {
        // It may have ended meanwhile.
        let _ = child.kill();
        let _ = child.wait();
        return Err(unusable(format!("it gave no token within {} seconds", patience.as_secs())));
    };
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

/// How it has ended; none if it goes on, though it has nothing more to say.
fn status_until(deadline: Instant, child: &mut Child) -> io::Result<Option<ExitStatus>> {
    loop {
        match child.try_wait()? {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            status => return Ok(status),
        }
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

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_agent_that_does_not_end_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let agent = folder.path().join(AGENT);
        for (number, waits) in ["exec sleep 600", "echo token; exec sleep 600 >&-"].into_iter().enumerate() {
            fs::write(&agent, format!("#!/bin/sh\n{waits}\n")).unwrap();
            fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
            let refused = token_within(Duration::from_secs(1), &agent, "zendo").unwrap_err();
            assert!(refused.to_string().contains("within 1 seconds"), "{number}: {refused}");
        }
    }
}
