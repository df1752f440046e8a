//! `zendo login`: sign in to a server and make it the active one.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::{CliError, password, program};
use crate::client::active::{self, Active};
use crate::client::api::{self, CurrentUser, ServerInfo};
use crate::client::config_file::ConfigFile;
use crate::client::credentials::Grant;
use crate::client::credentials_file::CredentialsFile;
use crate::client::device::{self, Polled, WaysIn};
use crate::client::error::printable;
use crate::client::http::{self, HttpClient};
use crate::client::settings::TlsCheck;
use crate::client::target::{self, Target};
use crate::client::token::Token;
use crate::client::{ClientError, Environment, ServerUrl, Session};
use crate::env::clock::{Clock, SystemClock};
use crate::env::random::{Randomness, SystemRandomness};

/// The account every server starts with, offered at the prompt.
const DEFAULT_USERNAME: &str = "default";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zendo login https://zen.example.com\n  \
                        zendo login https://zen.example.com --device\n  \
                        zendo login https://zen.example.com --username ci --password-stdin < password.txt")]
pub(super) struct LoginArgs {
    /// The server's address [default: the active server, to sign in again]
    #[arg(value_name = "URL")]
    pub server: Option<String>,
    /// The account's name [default: asked for]
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
    /// Sign in by approving it in a browser [default: where the server has a provider that knows people]
    #[arg(long, conflicts_with_all = ["username", "password_stdin"])]
    pub device: bool,
    /// The project to make active, by name or id [default: the account's own, or the only one]
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// The stack to make active, by name or id [default: the one named default]
    #[arg(long, value_name = "STACK")]
    pub stack: Option<String>,
    /// Trust the certificate authorities in this file when talking to the server
    #[arg(long, value_name = "FILE", conflicts_with = "no_verify_ssl")]
    pub ssl_ca_cert: Option<PathBuf>,
    /// Do not check the server's certificate (anyone on the way can then read the password)
    #[arg(long)]
    pub no_verify_ssl: bool,
}

/// Signs in and remembers it; the password itself is not remembered.
pub(super) fn run(args: &LoginArgs, program: &'static str) -> Result<(), CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let environment = Environment::from_process().map_err(explain)?;
    let tls = tls_of(args).map_err(explain)?;
    let config = ConfigFile::load(&environment.config_file()).map_err(explain)?;
    let mut target = find_target(args, &environment, &config).map_err(explain)?;
    refuse_overruled(&environment, &target.server, "login")?;
    if environment.credentials_in_memory_only {
        return Err(CliError::failure(
            "DISABLE_CREDENTIALS_DISK_CACHING leaves login no place to remember anything\n\
             Unset it, or give the credentials in ZENML_STORE_… environment variables instead.",
        ));
    }
    if let Some(tls) = &tls {
        target.tls = tls.clone();
    }
    warn_about(&target);

    // A damaged file is found out, and the server shown to be one, before anything secret is asked for.
    CredentialsFile::load(&environment.credentials_file()).map_err(explain)?;
    let http = HttpClient::new(&target).map_err(explain)?;
    let info = api::server_info(&http).map_err(explain)?;

    let token = token_of(&http, args, explain)?;
    let signed_in = sign_in(http, token, args, &config).map_err(explain)?;
    remember(&environment, &target.server, tls.as_ref(), &info, &signed_in).map_err(explain)?;
    program::print(&summary(&target.server, &signed_in))
}

/// Stops a command whose effect on `server` the environment would hide.
pub(super) fn refuse_overruled(
    environment: &Environment,
    server: &ServerUrl,
    command: &str,
) -> Result<(), CliError> {
    let mut names = environment.credential_variables.clone();
    let named = environment.store.url.as_deref();
    if named.is_some_and(|url| ServerUrl::parse(url).ok().as_ref() != Some(server)) {
        names.insert(0, "ZENML_STORE_URL");
    }
    if names.is_empty() {
        return Ok(());
    }
    let verb = if names.len() == 1 { "wins" } else { "win" };
    let names = names.join(" and ");
    Err(CliError::failure(format!(
        "{names} in the environment {verb} over anything {command} could change\n\
         Unset what you do not want to use, and run {command} then."
    )))
}

fn find_target(
    args: &LoginArgs,
    environment: &Environment,
    config: &ConfigFile,
) -> Result<Target, ClientError> {
    let requested = args.server.as_deref().map(ServerUrl::parse).transpose()?;
    target::resolve(requested, &environment.store, &config.store())
}

/// What the options say about the certificate; `None` keeps what is set for the server.
fn tls_of(args: &LoginArgs) -> Result<Option<TlsCheck>, ClientError> {
    if args.no_verify_ssl {
        return Ok(Some(TlsCheck::Off));
    }
    let Some(path) = &args.ssl_ca_cert else {
        return Ok(None);
    };
    http::check_bundle(path)?;
    // The next command may start in another folder.
    let path = std::path::absolute(path).map_err(|error| ClientError::file(path, &error))?;
    Ok(Some(TlsCheck::Ca(path.to_string_lossy().into_owned())))
}

fn warn_about(target: &Target) {
    if target.server.is_plain_remote() {
        program::complain(&format!(
            "warning: {} is not encrypted, so that others on the way can read the password",
            target.server
        ));
    } else if target.tls == TlsCheck::Off && target.server.as_str().starts_with("https:") {
        program::complain(&format!("warning: the certificate of {} is not checked", target.server));
    }
}

/// A token for a password, or for an approval in a browser.
fn token_of(
    http: &HttpClient,
    args: &LoginArgs,
    explain: impl Fn(ClientError) -> CliError,
) -> Result<Token, CliError> {
    let by_device = args.device || {
        let ways = if args.username.is_none() { device::ways_in(http) } else { WaysIn::default() };
        ways.name.is_some()
    };
    if by_device {
        return wait_for_approval(http, explain);
    }
    let grant = ask_for_credentials(args)?;
    api::sign_in(http, &grant, SystemClock.now()).map_err(explain)
}

/// Says where it is to be approved, and waits for that.
fn wait_for_approval(
    http: &HttpClient,
    explain: impl Fn(ClientError) -> CliError,
) -> Result<Token, CliError> {
    let random: &dyn Randomness = &SystemRandomness;
    let client_id = random.uuid();
    let waiting = device::ask(http, client_id).map_err(&explain)?;
    program::complain(&format!(
        "Open this address in a browser, sign in there, and approve this machine:\n  {}\nIts code is {}. Waiting...",
        printable(&waiting.address(http)),
        printable(&waiting.user_code),
    ));
    let mut pause = waiting.interval.max(1);
    let mut left = waiting.expires_in;
    while left > 0 {
        thread::sleep(Duration::from_secs(pause));
        left = left.saturating_sub(pause);
        match waiting.poll(http, client_id, SystemClock.now()).map_err(&explain)? {
            Polled::Approved(token) => return Ok(token),
            Polled::Pending => {}
            Polled::TooOften => pause += 5,
            Polled::Over(reason) => return Err(CliError::failure(format!("not signed in: {reason}"))),
        }
    }
    Err(CliError::failure("not signed in: nobody has approved it in time"))
}

fn ask_for_credentials(args: &LoginArgs) -> Result<Grant, CliError> {
    if !args.password_stdin && !password::at_terminal() {
        return Err(CliError::usage(
            "there is no terminal to ask for the password at\nGive --username NAME and --password-stdin.",
        ));
    }
    let username = match &args.username {
        Some(name) => name.clone(),
        None => ask_for_username()?,
    };
    let password = if args.password_stdin { password::from_stdin()? } else { password::ask("Password: ")? };
    Ok(Grant::Password { username, password })
}

fn ask_for_username() -> Result<String, CliError> {
    let failed = |error: io::Error| CliError::failure(format!("the user name cannot be read: {error}"));
    // Standard output is for results.
    let mut prompt = io::stderr().lock();
    write!(prompt, "Username [{DEFAULT_USERNAME}]: ").and_then(|()| prompt.flush()).map_err(failed)?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line).map_err(failed)? == 0 {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    }
    let name = line.trim();
    Ok(if name.is_empty() { DEFAULT_USERNAME } else { name }.to_owned())
}

/// What a sign-in came to.
struct SignedIn {
    token: Token,
    user: CurrentUser,
    active: Active,
}

fn sign_in(
    http: HttpClient,
    token: Token,
    args: &LoginArgs,
    config: &ConfigFile,
) -> Result<SignedIn, ClientError> {
    let now = SystemClock.now();
    let mut session = Session::with_token(http, token.clone(), now);
    let user = api::current_user(&mut session)?;
    let mut active =
        active::resolve(&mut session, &user, config.active_project_id(), config.active_stack_id())?;
    let unknown = |session: &Session, kind, name: &str| ClientError::Unknown {
        server: session.http().server().clone(),
        kind,
        name: name.to_owned(),
    };
    if let Some(name) = &args.project {
        let found = api::find_project(&mut session, name)?;
        active.project = Some(found.ok_or_else(|| unknown(&session, "project", name))?);
    }
    if let Some(name) = &args.stack {
        let found = api::find_stack(&mut session, name)?;
        active.stack = Some(found.ok_or_else(|| unknown(&session, "stack", name))?);
    }
    Ok(SignedIn { token, user, active })
}

fn remember(
    environment: &Environment,
    server: &ServerUrl,
    tls: Option<&TlsCheck>,
    info: &ServerInfo,
    signed_in: &SignedIn,
) -> Result<(), ClientError> {
    // Read anew: the official client may have written them while the password was being typed.
    let mut credentials = CredentialsFile::load(&environment.credentials_file())?;
    credentials.sign_in(server, &signed_in.token, info);
    credentials.save()?;
    let mut config = ConfigFile::load(&environment.config_file())?;
    let id = |named: &Option<api::Named>| named.as_ref().map(|named| named.id.to_string());
    let (project, stack) = (id(&signed_in.active.project), id(&signed_in.active.stack));
    config.activate(server, tls, project.as_deref(), stack.as_deref());
    config.save()
}

fn summary(server: &ServerUrl, signed_in: &SignedIn) -> String {
    let mut text = format!("Signed in to {server} as {}.\n", signed_in.user.name);
    match &signed_in.active.project {
        Some(project) => text.push_str(&format!("Active project: {}\n", project.name)),
        None => text.push_str("No project is active; choose one with --project.\n"),
    }
    if let Some(stack) = &signed_in.active.stack {
        text.push_str(&format!("Active stack: {}\n", stack.name));
    }
    text
}
