//! The command line: one file a command.

mod completions;
mod healthcheck;
pub mod openapi;
mod serve;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Exit code for what the caller wrote wrongly: an argument or a setting (the one clap uses too).
pub const EXIT_USAGE: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Example:\n  zendo serve --listen 127.0.0.1:8080 --data-dir ./zendo-data",
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
    /// Run the server (what plain `zendo` does too)
    #[command(after_help = "Example:\n  zendo serve --listen 127.0.0.1:8080 --data-dir ./zendo-data")]
    Serve(serve::ServeArgs),
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
    /// A failure that is not the caller's wording: exit code 1.
    pub fn failure(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            exit_code: 1,
        }
    }
}

/// Parses `args`, runs the command and turns its outcome into an exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = Cli::parse_from(args);
    let outcome = match cli.command {
        None => serve::run(cli.serve),
        Some(Command::Serve(args)) => serve::run(args),
        Some(Command::Healthcheck(args)) => healthcheck::run(args),
        Some(Command::OpenApi(args)) => openapi::run(args),
        Some(Command::Completions(args)) => completions::run(args, Cli::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zendo: {}", error.message);
            ExitCode::from(error.exit_code)
        }
    }
}

/// Prints a line on standard output; a reader that has gone away is no error.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::failure(format!(
            "standard output can't be written: {error}"
        ))),
        _ => Ok(()),
    }
}
