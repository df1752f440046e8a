//! `zendo token --exec`: a command with a token of its own.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use tokio::signal::unix::SignalKind;

use super::super::{CliError, program};
use super::keep::{self, Issued, Issuer, Keeper};
use super::signals::Signals;
use crate::client::ClientError;
use crate::client::environment::CREDENTIAL_VARIABLES;
use crate::client::target::Target;

/// As shells say it.
const NOT_FOUND: u8 = 127;
const NOT_RUNNABLE: u8 = 126;
const BY_SIGNAL: i32 = 128;

/// Runs `command` to its end; the exit code is its own.
pub(super) fn run(issuer: Issuer, command: &[OsString], program: &'static str) -> Result<ExitCode, CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let folder = private_folder().map_err(|error| {
        CliError::failure(format!("no folder for the token in {}: {error}", std::env::temp_dir().display()))
    })?;
    let path = folder.path().join("token");
    let first = issuer.issue().map_err(explain)?;
    let mut command = prepare(command, &issuer.target, &first, &path)?;
    let runtime = program::runtime()?;
    let outcome = runtime.block_on(async {
        let signals = Signals::catch(passed_on()).map_err(keep::no_signals)?;
        // Caught before there is a child, whose end can't be missed then.
        let children = Signals::catch([SignalKind::child()]).map_err(keep::no_signals)?;
        let mut keeper = Keeper::start(issuer, &path, first).map_err(explain)?;
        let outcome = match command.spawn() {
            Ok(child) => attend(child, signals, children, &mut keeper, program).await.map_err(lost),
            Err(error) => Err(not_run(&command, &error)),
        };
        keeper.revoke().await;
        outcome
    });
    runtime.shutdown_background();
    outcome.map(|status| ExitCode::from(code_of(status)))
}

/// For its owner alone.
fn private_folder() -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("zendo-token-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir()
}

fn prepare(command: &[OsString], target: &Target, token: &Issued, path: &Path) -> Result<Command, CliError> {
    let [name, args @ ..] = command else {
        return Err(CliError::usage("give the command to run after `--`"));
    };
    let mut command = Command::new(name);
    command.args(args);
    // ZenML's client would take any of them rather than the token.
    for variable in CREDENTIAL_VARIABLES {
        command.env_remove(variable);
    }
    let token = token.secret.expose_secret();
    command
        .env("ZENML_STORE_URL", target.server.as_str())
        .env("ZENML_STORE_VERIFY_SSL", target.tls.as_text())
        .env("ZENML_STORE_API_TOKEN", token)
        .env("ZENDO_TOKEN", token)
        .env("ZENDO_TOKEN_FILE", path);
    Ok(command)
}

/// The signals that are meant for the command.
fn passed_on() -> [SignalKind; 6] {
    [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::terminate(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ]
}

/// The signals of a terminal's keys reach the command without help, since it is of the same process group, and should
/// not come twice.
fn comes_from_the_terminal(kind: SignalKind) -> bool {
    let is_key = kind == SignalKind::interrupt() || kind == SignalKind::quit();
    is_key && (io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal())
}

/// Keeps the token and passes signals on until the command ends.
async fn attend(
    mut child: Child,
    mut signals: Signals,
    mut children: Signals,
    keeper: &mut Keeper,
    program: &'static str,
) -> io::Result<ExitStatus> {
    let mut can_renew = true;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        tokio::select! {
            _ = children.next() => {}
            kind = signals.next() => pass_on(kind, &child),
            error = keeper.keep(drop), if can_renew => {
                can_renew = false;
                let reason = program::explain(&error, program).message;
                program::complain(&format!("the token is not renewed any more, and {}: {reason}", keeper.outlook()));
            }
        }
    }
}

/// The child is there until `try_wait` has told of its end, so that its number is no other's.
fn pass_on(kind: SignalKind, child: &Child) {
    if comes_from_the_terminal(kind) {
        return;
    }
    if let Some(signal) = Signal::from_named_raw(kind.as_raw_value())
        && let Err(error) = kill_process(Pid::from_child(child), signal)
    {
        program::complain(&format!("the signal could not be passed on: {error}"));
    }
}

fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| Some(BY_SIGNAL + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(super::super::EXIT_FAILURE)
}

fn not_run(command: &Command, error: &io::Error) -> CliError {
    let exit_code = match error.kind() {
        ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_RUNNABLE,
    };
    let name = command.get_program().display();
    CliError { message: format!("`{name}` can't be run: {error}"), exit_code }
}

fn lost(error: io::Error) -> CliError {
    CliError::failure(format!("the command can't be waited for: {error}"))
}
