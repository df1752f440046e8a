//! `zendo token inspect`: what a token says about itself, in words.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::output::{self, Output};
use super::super::{CliError, EXIT_FAILURE, EXIT_USAGE, password, program};
use super::ServerArgs;
use crate::client::claims::Unverified;
use crate::client::error::printable;
use crate::client::session::credentials_for;
use crate::client::{ClientError, Environment, expiry};
use crate::env::clock::{Clock, SystemClock};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo token inspect\n  zendo token inspect /run/zendo/token\n  \
                        zendo token | zendo token inspect -\n  zendo token inspect - --output json < token.txt")]
pub(super) struct InspectArgs {
    /// The file that holds the token, `-` for standard input [default: the token of the session]
    ///
    /// The signature is not checked, and no server is asked: it can't be told whether the token is genuine, or was
    /// taken back. The exit code is 0 for a token that is not over, 1 for one that is, 2 for everything else. The
    /// token itself is not printed.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    server: ServerArgs,
}

/// Prints what there is to tell.
pub(super) fn run(args: &InspectArgs, program: &'static str) -> Result<ExitCode, CliError> {
    inspect(args, program).map_err(|error| CliError { exit_code: EXIT_USAGE, ..error })
}

fn inspect(args: &InspectArgs, program: &'static str) -> Result<ExitCode, CliError> {
    let token = match args.file.as_deref() {
        None => of_session(args).map_err(|error| program::explain(&error, program))?.ok_or_else(|| {
            CliError::failure(
                "no token is remembered: the session is an API key or a password, which gets one",
            )
        })?,
        Some(path) if path == Path::new("-") => password::from_stdin()?,
        Some(path) if path.to_str().and_then(Unverified::read).is_some() => {
            let advice =
                "give it on standard input, or the name of its file: others see what is in an argument";
            return Err(CliError::usage(format!("FILE: that is a token itself; {advice}")));
        }
        Some(path) => {
            let unreadable = |error| CliError::failure(format!("{}: {error}", path.display()));
            password::read(File::open(path).map_err(unreadable)?).map_err(unreadable)?
        }
    };
    let read = Unverified::read(token.expose_secret().trim()).ok_or_else(|| not_a_token(&token))?;
    let now = SystemClock.now();
    let end = read.moment("exp");
    program::print(&match args.output {
        Output::Table => words(&read, now),
        Output::Json => as_json(&read, now),
    })?;
    Ok(match end {
        Some(end) if end <= now => ExitCode::from(EXIT_FAILURE),
        _ => ExitCode::SUCCESS,
    })
}

fn of_session(args: &InspectArgs) -> Result<Option<SecretString>, ClientError> {
    let environment = Environment::from_process()?;
    let target = args.server.target(&environment)?;
    Ok(credentials_for(&environment, &target)?.token.map(|token| token.secret))
}

fn not_a_token(text: &SecretString) -> CliError {
    CliError::failure(match text.expose_secret().trim() {
        "" => "there is no token in it",
        key if key.starts_with("ZENKEY_") => "that is an API key, not a token",
        _ => "that is no token of ZenML or zendo, which is a JWT",
    })
}

fn as_json(read: &Unverified, now: DateTime<Utc>) -> String {
    let end = read.moment("exp");
    let told = json!({
        "verified": false,
        "expired": end.is_some_and(|end| end <= now),
        "expires_in": end.map(|end| (end - now).num_seconds()),
        "header": read.header,
        "claims": read.claims,
    });
    format!("{told:#}\n")
}

/// The claims that have words of their own.
const TOLD: [&str; 20] = [
    "sub",
    "iss",
    "aud",
    "iat",
    "exp",
    "auth_time",
    "jti",
    "parents",
    "token_type",
    "scope",
    "projects",
    "addresses",
    "device_id",
    "api_key_id",
    "key_gen",
    "schedule_id",
    "pipeline_run_id",
    "root_run_id",
    "deployment_id",
    "session_id",
];

fn words(read: &Unverified, now: DateTime<Utc>) -> String {
    let mut text = String::from(
        "Read without a check: only the server knows whether it is genuine, or was taken back.\n\n",
    );
    let mut line = |label: &str, value: &str| text += &format!("{label:<12} {}\n", printable(value));
    let moment = |claim| read.moment(claim).map(|moment| dated(moment, now));
    line("Id", read.text("jti").unwrap_or("none: ZenML's own server made it"));
    line("Kind", kind(read.text("token_type")));
    line("For", &format!("the account {}", read.text("sub").unwrap_or("that is not named")));
    line("May", &read.text("scope").map_or_else(|| "all that its account may".to_owned(), scope_in_words));
    line("Projects", &projects(&read.claims));
    line("Usable from", &addresses(&read.claims));
    line("Bound to", &bindings(read));
    line("Made from", &parents(&read.claims));
    line("Issued by", &format!("the server {}", read.text("iss").unwrap_or("that is not named")));
    line("Accepted by", read.text("aud").unwrap_or("not said"));
    if let Some(moment) = moment("auth_time") {
        line("Signed in", &moment);
    }
    line("Made", &moment("iat").unwrap_or_else(|| "not said".to_owned()));
    line("Ends", &moment("exp").unwrap_or_else(|| "never by itself".to_owned()));
    line("Left", &left(read.moment("exp"), now));
    line("Signed with", &signature(read));
    for (name, value) in read.claims.iter().filter(|(name, _)| !TOLD.contains(&name.as_str())) {
        line("Also says", &format!("{name} = {value}"));
    }
    text
}

fn kind(token_type: Option<&str>) -> &str {
    match token_type {
        Some("login") => "login, made by a sign-in",
        Some("generic") => "generic, for scripts and pipelines",
        Some("workload") => "workload, for one run, schedule or deployment",
        Some(other) => other,
        None => "not said, as in ZenML's own tokens",
    }
}

/// `runs:read runs:update secrets:none *:write` as "runs: read, update; secrets: nothing; all else: everything".
fn scope_in_words(scope: &str) -> String {
    let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
    for entry in scope.split_whitespace() {
        let (resource, verb) = entry.split_once(':').unwrap_or((entry, "?"));
        let verb = match verb {
            "write" => "everything",
            "none" => "nothing",
            verb => verb,
        };
        match parts.iter_mut().find(|(name, _)| *name == resource) {
            Some((_, verbs)) => verbs.push(verb),
            None => parts.push((resource, vec![verb])),
        }
    }
    let is_said = parts.iter().any(|(name, _)| *name == "*");
    let only_all = parts.len() == 1 && is_said;
    // What is said of all others goes last.
    parts.sort_by_key(|(name, _)| *name == "*");
    if !is_said {
        parts.push(("*", vec!["nothing"]));
    }
    let parts = parts.iter().map(|(name, verbs)| {
        let name = match *name {
            "*" if only_all => "everywhere",
            "*" => "all else",
            name => name,
        };
        format!("{name}: {}", verbs.join(", "))
    });
    parts.collect::<Vec<_>>().join("; ")
}

fn addresses(claims: &serde_json::Map<String, Value>) -> String {
    match claims.get("addresses").and_then(Value::as_array) {
        Some(networks) => networks.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        None => "everywhere".to_owned(),
    }
}

fn projects(claims: &serde_json::Map<String, Value>) -> String {
    match claims.get("projects").and_then(Value::as_array) {
        Some(ids) => {
            let ids: Vec<&str> = ids.iter().filter_map(Value::as_str).collect();
            format!("only {}", ids.join(", "))
        }
        None => "all that its account may see".to_owned(),
    }
}

/// What it ends with.
fn bindings(read: &Unverified) -> String {
    let names = [
        ("device_id", "the device"),
        ("api_key_id", "the API key"),
        ("schedule_id", "the schedule"),
        ("pipeline_run_id", "the pipeline run"),
        ("root_run_id", "its root run"),
        ("deployment_id", "the deployment"),
        ("session_id", "the browser session"),
    ];
    let bound = names.iter().filter_map(|(claim, name)| Some(format!("{name} {}", read.text(claim)?)));
    let mut bound: Vec<String> = bound.collect();
    if let Some(generation) = read.claims.get("key_gen") {
        bound.push(format!("generation {generation} of the key"));
    }
    match bound.is_empty() {
        true => "its account alone".to_owned(),
        false => bound.join(", "),
    }
}

/// The tokens whose revocation takes it along, the nearest first.
fn parents(claims: &serde_json::Map<String, Value>) -> String {
    let parents: Vec<&str> = claims
        .get("parents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match parents.is_empty() {
        true => "no other token".to_owned(),
        false => parents.join(", from "),
    }
}

fn dated(moment: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} UTC, {}", output::moment(moment), expiry::relative(moment, now))
}

fn left(end: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    match end {
        Some(end) if end > now => expiry::span(end - now),
        Some(_) => "nothing: it is over".to_owned(),
        None => "no end".to_owned(),
    }
}

fn signature(read: &Unverified) -> String {
    let header = |name| read.header.get(name).and_then(Value::as_str);
    let algorithm = header("alg").unwrap_or("an algorithm that is not named");
    match header("kid") {
        Some(kid) => format!("{algorithm}, with the server's key {kid}"),
        None => format!("{algorithm}, with the server's secret"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_told_in_words() {
        for (scope, expected) in [
            ("*:read", "everywhere: read"),
            ("runs:read", "runs: read; all else: nothing"),
            ("*:write secrets:none", "secrets: nothing; all else: everything"),
            ("runs:read runs:update tags:write", "runs: read, update; tags: everything; all else: nothing"),
        ] {
            assert_eq!(scope_in_words(scope), expected);
        }
    }
}
