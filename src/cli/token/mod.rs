//! `zendo token`: API tokens for scripts and pipelines, from the first to the last moment of their lives.

mod exec;
mod inspect;
mod keep;
mod list;
mod revoke;
mod signals;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use self::keep::Issuer;
use super::{CliError, program};
use crate::auth::permissions::Permissions;
use crate::client::api_tokens::TokenRequest;
use crate::client::config_file::ConfigFile;
use crate::client::exchange::{Exchange, Identity};
use crate::client::target::{self, Target};
use crate::client::{ClientError, Environment, ServerUrl, Session};
use crate::env::clock::{Clock, SystemClock};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  zendo token\n  zendo token --expires-in 3600\n  \
                  zendo token --name nightly --read-only\n  \
                  zendo token --project default --scope runs:read --scope artifacts:write\n  \
                  zendo token --address 10.0.0.0/8\n  \
                  zendo token --file /run/zendo/token --expires-in 900\n  \
                  zendo token --read-only --exec -- python report.py\n  \
                  zendo token --exchange --server https://zen.example.com --exec -- python train.py\n  \
                  curl -H \"Authorization: Bearer $(zendo token)\" https://zen.example.com/api/v1/current-user"
)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    exchange: ExchangeArgs,
    #[command(flatten)]
    server: ServerArgs,
    /// Keep a token in a file until stopped, instead of printing one
    ///
    /// The file has mode 0600 and holds the token alone, without a line break. It is replaced as a whole, so a reader
    /// always finds one whole good token. The token is renewed after two thirds of its life; while the server can't
    /// be reached, that is tried again and again, and the token that is there stays. SIGTERM or ctrl-c stops it with
    /// exit code 0, and leaves the file and its token to their readers until the token ends, unless --revoke-on-exit
    /// is given. The exit code is 1 when the session has ended, so that no new token can be had.
    #[arg(long, value_name = "PATH", conflicts_with = "exec")]
    file: Option<PathBuf>,
    /// With --file: take the token back and remove the file when stopped
    #[arg(long, requires = "file")]
    revoke_on_exit: bool,
    /// Run COMMAND with a token of its own
    ///
    /// COMMAND finds it in ZENML_STORE_API_TOKEN, with the server's address in ZENML_STORE_URL, as ZenML's client
    /// reads them (other ZENML_STORE_ credentials are left out), and in ZENDO_TOKEN. What is in a variable can't be
    /// renewed: a COMMAND that outlives its token reads the file that ZENDO_TOKEN_FILE names, whose token is renewed
    /// as with --file. Signals are passed on. When COMMAND ends, the file is removed, the token is taken back, and
    /// the exit code is COMMAND's own: 128 and the signal's number when a signal ended it, 127 when it is not found,
    /// 126 when it can't be run.
    #[arg(long, requires = "run")]
    exec: bool,
    /// The command to run, with its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND", requires = "exec")]
    run: Vec<OsString>,
}

#[derive(Debug, Args)]
struct RequestArgs {
    /// What to call the token in the list of tokens
    #[arg(long)]
    name: Option<String>,
    /// How long the token is to be good for [default: what the server is set to]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    expires_in: Option<u64>,
    /// Let it read, and change nothing
    #[arg(long)]
    read_only: bool,
    /// Let it see and change only what is in this project, by name or id; can be repeated
    #[arg(long = "project", value_name = "PROJECT")]
    projects: Vec<String>,
    /// Let it do only this, such as `runs:read`; can be repeated
    ///
    /// RESOURCE:VERB, where the verb is read, create, update, delete, use, secrets, write (all of them) or none, and
    /// the resource is named as in the API's paths; `*` is every other resource.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Let it be used only from this address or network, such as 10.0.0.0/8; can be repeated
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
}

#[derive(Debug, Args)]
struct ExchangeArgs {
    /// Get the token for the identity of this job, without a sign-in
    ///
    /// The server has to have a trust rule for it. The identity is looked for in this order: --subject-token-file,
    /// ZENDO_SUBJECT_TOKEN_FILE, GitHub's ACTIONS_ID_TOKEN_REQUEST_URL, GitLab's variable ZENDO_ID_TOKEN, Kubernetes'
    /// projected file /var/run/secrets/zendo/token, and in a job of Buildkite its buildkite-agent. Each token of an
    /// identity is exchanged once: GitHub and Buildkite give another one for each renewal, a file is waited for until
    /// another one is in it, and what is in a variable can't be renewed.
    #[arg(long)]
    exchange: bool,
    /// With --exchange: the file that holds the identity's token
    #[arg(long, value_name = "PATH", requires = "exchange")]
    subject_token_file: Option<PathBuf>,
    /// With --exchange: who the identity's token is to be for [default: what the server says]
    #[arg(long, value_name = "AUDIENCE", requires = "exchange")]
    audience: Option<String>,
    /// With --exchange: the service account, or the trust rule, that is meant, where rules for several take the identity
    #[arg(long = "as", value_name = "NAME", requires = "exchange")]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server to ask, among those signed in to [default: the active one]
    #[arg(long, value_name = "URL")]
    pub(super) server: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the API tokens that are good: your own, or everyone's for an admin
    List(list::ListArgs),
    /// Take tokens back: the server refuses them from then on
    Revoke(revoke::RevokeArgs),
    /// Tell what a token says about itself, without asking any server
    Inspect(inspect::InspectArgs),
}

/// Runs one of the commands; without one it prints a token, keeps one in a file, or runs a program with one.
pub(super) fn run(args: TokenArgs, program: &'static str) -> Result<ExitCode, CliError> {
    match args.command {
        Some(Command::List(args)) => list::run(&args, program).map(|()| ExitCode::SUCCESS),
        Some(Command::Revoke(args)) => revoke::run(&args, program),
        Some(Command::Inspect(args)) => inspect::run(&args, program),
        None => {
            let issuer = issuer(args.request, args.exchange, &args.server)
                .map_err(|error| program::explain(&error, program))?;
            if args.exec {
                return exec::run(issuer, &args.run, program);
            }
            match args.file {
                Some(path) => keep::run(issuer, &path, args.revoke_on_exit, program),
                None => print(&issuer, program),
            }
            .map(|()| ExitCode::SUCCESS)
        }
    }
}

/// Prints the token, alone on its line.
fn print(issuer: &Issuer, program: &'static str) -> Result<(), CliError> {
    let issued = issuer.issue().map_err(|error| program::explain(&error, program))?;
    program::print(&format!("{}\n", issued.secret.expose_secret()))
}

fn issuer(request: RequestArgs, exchange: ExchangeArgs, server: &ServerArgs) -> Result<Issuer, ClientError> {
    let environment = Environment::from_process()?;
    let target = server.target(&environment)?;
    let RequestArgs { name, expires_in, read_only, projects, scopes, addresses } = request;
    let is_downscoped = read_only || !allow_all(&scopes);
    let request = TokenRequest { name, expires_in, read_only, projects, scopes, addresses, is_downscoped };
    let exchange = match exchange {
        ExchangeArgs { exchange: false, .. } => None,
        ExchangeArgs { subject_token_file, audience, account, .. } => {
            let identity = Identity::find(subject_token_file.as_deref(), |name| std::env::var_os(name))?;
            Some(Exchange::new(identity, audience, account))
        }
    };
    Ok(Issuer { environment, target, request, exchange, clock: Arc::new(SystemClock) })
}

/// What `--scope` and `--read-only` leave together, as OAuth's requests have it.
fn scope_of(request: &TokenRequest) -> Option<String> {
    let listed = (!request.scopes.is_empty()).then(|| request.scopes.join(" "));
    match (listed, request.read_only) {
        (listed, false) => listed,
        (None, true) => Some(Permissions::read_only().to_string()),
        // What is no scope is for the server to refuse.
        (Some(listed), true) => Some(match listed.parse::<Permissions>() {
            Ok(permissions) => permissions.intersection(&Permissions::read_only()).to_string(),
            Err(_) => listed,
        }),
    }
}

/// Whether a token with these scopes may do all that its user may. What the server will refuse is no such list.
fn allow_all(scopes: &[String]) -> bool {
    scopes.is_empty() || scopes.join(" ").parse() == Ok(Permissions::all())
}

impl ServerArgs {
    fn target(&self, environment: &Environment) -> Result<Target, ClientError> {
        let config = ConfigFile::load(&environment.config_file())?;
        let requested = self.server.as_deref().map(ServerUrl::parse).transpose()?;
        target::resolve(requested, &environment.store, &config.store())
    }

    pub(super) fn session(&self) -> Result<Session, ClientError> {
        let environment = Environment::from_process()?;
        let target = self.target(&environment)?;
        Session::open(&environment, &target, SystemClock.now())
    }
}
