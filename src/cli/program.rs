//! The name the program was called by, and texts that have to show it.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::CliError;
use crate::client::ClientError;
use crate::client::credentials::Origin;

/// The program's own name, and the other one it answers to when linked under it.
const OWN_NAME: &str = "zendo";
const OFFICIAL_NAME: &str = "zenml";

/// The name to show in usage texts and advice: `zenml` when called through a link of that name.
pub(super) fn name(argument_zero: Option<&OsStr>) -> &'static str {
    let called = argument_zero.and_then(|argument| Path::new(argument).file_stem());
    if called == Some(OsStr::new(OFFICIAL_NAME)) { OFFICIAL_NAME } else { OWN_NAME }
}

/// Puts `program` in the place of the own name in every usage line and example of `command`.
pub(super) fn rename(command: clap::Command, program: &'static str) -> clap::Command {
    rename_examples(command.bin_name(program), &format!("{OWN_NAME} "), program)
}

fn rename_examples(mut command: clap::Command, pattern: &str, program: &str) -> clap::Command {
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(examples.replace(pattern, &format!("{program} ")));
    }
    command.mut_subcommands(|sub| rename_examples(sub, pattern, program))
}

/// A runtime for a command that does one thing after the other.
///
/// # Errors
/// When it can't start.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CliError::failure(format!("the runtime can't start: {error}")))
}

/// Writes `text` to standard output.
///
/// A reader that went away early (`… | head -0`) has all it wanted: that is no error.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::failure(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error, where nobody may be left to read it.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{OWN_NAME}: {text}");
}

/// The error as the caller sees it: what happened, and what to do next.
pub(super) fn explain(error: &ClientError, program: &str) -> CliError {
    let advice = match error {
        ClientError::InvalidUrl { .. } => Some("Example: https://zen.example.com".to_owned()),
        ClientError::NoServer | ClientError::NotAServerStore => {
            Some(format!("Sign in to one with `{program} login URL`."))
        }
        ClientError::NotSignedIn { server } | ClientError::Expired { server, .. } => {
            Some(format!("Sign in with `{program} login {server}`."))
        }
        ClientError::Refused { origin: None, .. } => Some("Check the user name and password.".to_owned()),
        ClientError::Refused { origin: Some(Origin::Environment), .. } => {
            Some("They come from ZENML_STORE_… environment variables: check those.".to_owned())
        }
        ClientError::Refused { origin: Some(Origin::ConfigFile), .. } => {
            Some("They come from the `store` part of config.yaml: check that.".to_owned())
        }
        ClientError::Refused { origin: Some(Origin::CredentialsFile), server, .. } => {
            Some(format!("Sign in again with `{program} login {server}`."))
        }
        ClientError::Unreachable { .. } => {
            Some("Check the address, and that the server is running.".to_owned())
        }
        ClientError::Tls { .. } => Some(
            "If an authority of your own signed the server's certificate, give the authority's certificate with \
             `login --ssl-ca-cert FILE` or in ZENML_STORE_VERIFY_SSL."
                .to_owned(),
        ),
        ClientError::NotZenml { .. } => Some("Check the address.".to_owned()),
        ClientError::Redirected { location, .. } => Some(format!(
            "Credentials are not sent on. If you trust that address, use it: `{program} login {location}`."
        )),
        ClientError::DamagedFile { .. } => {
            Some("Repair it, or move it away and sign in again.".to_owned())
        }
        ClientError::NotDownscoped { .. } => Some(
            "Limits (--read-only, --project, --scope) need a server that is zendo, of this version or later."
                .to_owned(),
        ),
        ClientError::NoIdentity => Some(
            "There is one in a GitHub job with `permissions: id-token: write`, in a GitLab job with `id_tokens:` named \
             ZENDO_ID_TOKEN, in a pod with a projected token at /var/run/secrets/zendo/token, in a Buildkite job with \
             buildkite-agent on its PATH; else give a file with --subject-token-file. docs/workloads.md has examples."
                .to_owned(),
        ),
        ClientError::UsedIdentity { path: Some(path) } => {
            Some(format!("Another one has to be put in {} first.", path.display()))
        }
        ClientError::UsedIdentity { path: None } => Some(
            "A job that needs its token for longer asks for one that lives as long (--expires-in).".to_owned(),
        ),
        ClientError::Unknown { .. }
        | ClientError::Server { .. }
        | ClientError::InvalidSetting { .. }
        | ClientError::IdentityRefused { .. }
        | ClientError::File { .. } => None,
    };
    let message = match advice {
        Some(advice) => format!("{error}\n{advice}"),
        None => error.to_string(),
    };
    match error {
        ClientError::InvalidUrl { .. } | ClientError::InvalidSetting { .. } => CliError::usage(message),
        _ => CliError::failure(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_named_zenml_is_answered_to() {
        for (argument, expected) in [
            (Some("/usr/local/bin/zenml"), "zenml"),
            (Some("zenml"), "zenml"),
            (Some("target/debug/zendo"), "zendo"),
            (Some("something"), "zendo"),
            (None, "zendo"),
        ] {
            assert_eq!(name(argument.map(OsStr::new)), expected);
        }
    }
}
