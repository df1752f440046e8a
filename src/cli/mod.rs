//! The command line: one file a command.

mod audit;
mod completions;
mod healthcheck;
mod keys;
mod login;
mod logout;
pub mod openapi;
mod output;
mod password;
mod program;
mod serve;
mod status;
mod store;
mod token;
mod trust;
mod user;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Exit code for what went wrong on the way: a server that refuses or cannot be reached, a file.
pub const EXIT_FAILURE: u8 = 1;

/// Exit code for what the caller wrote wrongly: an argument or a setting (the one clap uses too).
pub const EXIT_USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Examples:\n  zendo serve --listen 127.0.0.1:8080 --data-dir ./zendo-data\n  \
                  zendo login http://127.0.0.1:8080\n  zendo token --expires-in 3600",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (what the program does without a command, too)
    #[command(after_help = "Example:\n  zendo serve --listen 127.0.0.1:8080 --data-dir ./zendo-data")]
    Serve(serve::ServeArgs),
    /// Make, list and change users on the store itself, for when nobody can sign in
    ///
    /// These commands need no running server and nobody's password: they open the database with the settings of
    /// `serve` (--data-dir, ZENDO_DATA_DIR, ZENML_STORE_...). A server that runs meanwhile goes by the change
    /// within a second.
    User(user::UserArgs),
    /// Show who did what: sign-ins, tokens, changes of keys and accounts
    ///
    /// Reads the records from the store itself, as `user` does, with the newest last. docs/audit.md tells what each
    /// action means.
    Audit(audit::AuditArgs),
    /// Rotate, list and retire the keys that tokens are signed with, on the store itself
    ///
    /// These commands work as those of `user` do: with the settings of `serve`, beside a running server or without
    /// one. There are keys where ZENDO_SIGNING_ALGORITHM is EdDSA, ES256 or RS256.
    Keys(keys::KeysArgs),
    /// Print an API token, for scripts and pipelines; keep one in a file, list them, take them back
    Token(Box<token::TokenArgs>),
    /// Say whose tokens are taken in exchange for one of a service account: those of CI jobs and pods
    ///
    /// For admins who are signed in. docs/workloads.md has examples.
    Trust(trust::TrustArgs),
    /// Sign in to a server and make it the active one
    Login(login::LoginArgs),
    /// Forget how to sign in to a server
    Logout(logout::LogoutArgs),
    /// Show the active server and who is signed in
    Status(status::StatusArgs),
    /// Ask whether the server on this machine is ready; exit code 0 if so
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Print the OpenAPI document of the server, or what of ZenML's API it has
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApiArgs),
    /// Print a completion script for your shell
    Completions(completions::CompletionsArgs),
}

/// Why a command ended without doing what it was asked: printed on standard error, with what to do next.
#[derive(Debug)]
pub struct CliError {
    pub message: String,
    pub exit_code: u8,
}

impl CliError {
    /// Something went wrong that is not the caller's writing.
    fn failure(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: EXIT_FAILURE }
    }

    /// The caller wrote something that cannot be used.
    fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: EXIT_USAGE }
    }
}

/// Parses `args`, runs the command and turns its outcome into an exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let program = program::name(args.first().map(OsString::as_os_str));
    let mut command = program::rename(Cli::command(), program);
    let matches = command.clone().get_matches_from(args);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit());
    match dispatch(cli, command, program) {
        Ok(code) => code,
        Err(error) => {
            program::complain(&error.message);
            ExitCode::from(error.exit_code)
        }
    }
}

fn dispatch(cli: Cli, command: clap::Command, program: &'static str) -> Result<ExitCode, CliError> {
    let done = match cli.command {
        None => serve::run(cli.serve),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::User(args)) => user::run(args, program),
        Some(Command::Audit(args)) => audit::run(args, program),
        Some(Command::Keys(args)) => keys::run(args, program),
        Some(Command::Token(args)) => return token::run(*args, program),
        Some(Command::Trust(args)) => return trust::run(&args, program),
        Some(Command::Login(args)) => login::run(&args, program),
        Some(Command::Logout(args)) => logout::run(&args, program),
        Some(Command::Status(args)) => status::run(&args, program),
        Some(Command::Healthcheck(args)) => healthcheck::run(args),
        Some(Command::OpenApi(args)) => openapi::run(args),
        Some(Command::Completions(args)) => completions::run(args, command),
    };
    done.map(|()| ExitCode::SUCCESS)
}
