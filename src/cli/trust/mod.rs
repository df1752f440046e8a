//! `zendo trust`: whose tokens are taken in exchange for one of a service account.

mod rule;
mod words;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::SecretString;

use self::rule::{AddArgs, UpdateArgs};
use self::words::{printable_lines, table, words};
use super::output::{self, Output};
use super::token::ServerArgs;
use super::{CliError, EXIT_FAILURE, password, program};
use crate::client::ClientError;
use crate::client::claims::Unverified;
use crate::client::error::printable;
use crate::client::trusts::{self, Trust};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust add train --account ci --github acme/app --branch main\n  \
                        zendo trust add nightly --account ci --gitlab acme/app --branch main --scope runs:write\n  \
                        zendo trust list\n  zendo trust update nightly --address 10.0.0.0/8\n  \
                        zendo trust test token.txt\n  zendo trust remove nightly")]
pub(super) struct TrustArgs {
    /// The server to ask, among those signed in to [default: the active one]
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take the tokens of somebody, as a service account
    ///
    /// Say whose with one of --github, --gitlab, --kubernetes and --buildkite, or with --issuer and --condition. What is
    /// said beside a form narrows it. Warnings say when a rule trusts more people than it should.
    Add(Box<AddArgs>),
    /// List the rules
    List(ListArgs),
    /// Change a rule; what isn't said stays
    ///
    /// The tokens that it has given end, unless only its name or description changes.
    Update(Box<UpdateArgs>),
    /// Delete a rule; the tokens that it has given end at once
    Remove(RemoveArgs),
    /// Tell which rule takes a token, and why the others don't
    ///
    /// The token is not exchanged. The exit code is 0 when a rule takes it, 1 when none does.
    Test(TestArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust list\n  zendo trust list --output json")]
struct ListArgs {
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  zendo trust remove nightly")]
struct RemoveArgs {
    /// The rule's name or id
    name: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo trust test token.txt\n  zendo trust test - < token.txt")]
struct TestArgs {
    /// The token, the file that holds it, or `-` for standard input
    #[arg(value_name = "TOKEN")]
    source: String,
    /// Words for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// Runs one of the commands.
pub(super) fn run(args: &TrustArgs, program: &'static str) -> Result<ExitCode, CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let rule = match &args.command {
        Command::Add(add) => Some(add.rule()?),
        Command::Update(update) => Some(update.changes()?),
        _ => None,
    };
    let token = match &args.command {
        Command::Test(test) => Some(token_of(&test.source)?),
        _ => None,
    };
    let mut session = ServerArgs { server: args.server.clone() }.session().map_err(explain)?;
    match &args.command {
        Command::Add(_) => {
            told("Made", &trusts::add(&mut session, &rule.unwrap_or_default()).map_err(explain)?)
        }
        Command::Update(update) => {
            let changed = trusts::update(&mut session, &update.name, &rule.unwrap_or_default());
            told("Changed", &changed.map_err(explain)?)
        }
        Command::List(list) => {
            let rules = trusts::list(&mut session).map_err(explain)?;
            program::print(&match list.output {
                Output::Json => output::json(&rules)?,
                Output::Table => {
                    let rules: Result<Vec<Trust>, _> =
                        rules.into_iter().map(|rule| trusts::of(&session, rule)).collect();
                    table(&rules.map_err(explain)?)
                }
            })
        }
        Command::Remove(remove) => {
            trusts::remove(&mut session, &remove.name).map_err(explain)?;
            program::print(&format!("Removed {}; the tokens that it has given are refused.\n", remove.name))
        }
        Command::Test(test) => {
            let told = trusts::test(&mut session, &token.unwrap_or_default()).map_err(explain)?;
            program::print(&match test.output {
                Output::Json => output::json(&told)?,
                Output::Table => words(&told),
            })?;
            return Ok(match told.trust_id.is_some() && !told.used {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILURE),
            });
        }
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Says what a rule is now, and what is wrong with it.
fn told(done: &str, rule: &Trust) -> Result<(), CliError> {
    for warning in &rule.body.warnings {
        program::complain(&format!("warning: {}", printable(warning)));
    }
    let (name, issuer, audience) = (&rule.name, &rule.body.issuer, &rule.body.audience);
    let text = match rule.body.active {
        true => {
            format!("{done} {name}: tokens of {issuer} for {audience} are taken as {}.\n", rule.account())
        }
        false => format!("{done} {name}: it is inactive, and no tokens are taken by it.\n"),
    };
    program::print(&printable_lines(&text))
}

/// The token itself, or what a file or standard input has.
fn token_of(given: &str) -> Result<SecretString, CliError> {
    if given == "-" {
        return password::from_stdin();
    }
    if Unverified::read(given.trim()).is_some() {
        return Ok(given.trim().to_owned().into());
    }
    let unreadable = |error| CliError::failure(format!("{given}: {error}"));
    password::read(fs::File::open(Path::new(given)).map_err(unreadable)?).map_err(unreadable)
}
