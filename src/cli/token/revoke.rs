//! `zendo token revoke`: take tokens back.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{ArgGroup, Args};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::super::{CliError, EXIT_FAILURE, password, program};
use super::ServerArgs;
use crate::client::api_tokens::{self, Revoked};
use crate::client::http::HttpClient;
use crate::client::{ClientError, Environment, Session};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["ids", "token", "all"]),
    after_help = "Examples:\n  zendo token revoke 019c2f6e-5a51-7d0c-b5f4-0a6f1d7f3c11\n  \
                  zendo token revoke --token < leaked.txt\n  zendo token revoke --all\n  \
                  zendo token revoke --all --user eve --yes"
)]
pub(super) struct RevokeArgs {
    /// The tokens' ids, as `list` shows them
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Read the text of a token from standard input, and take that one back; needs no sign-in
    #[arg(long)]
    token: bool,
    /// Take back everything: all of your API tokens, wherever they are, and you are signed out everywhere
    #[arg(long)]
    all: bool,
    /// With --all: those of this account instead, by name or id; for admins
    #[arg(long, value_name = "NAME", requires = "all")]
    user: Option<String>,
    /// With --all: don't ask
    #[arg(long, requires = "all")]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Takes back what is said. The exit code is 1 when anything of it was not there to be taken back.
pub(super) fn run(args: &RevokeArgs, program: &'static str) -> Result<ExitCode, CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    if args.token {
        return revoke_text(args, program);
    }
    let ids = args.ids.iter().map(|id| parse(id)).collect::<Result<Vec<Uuid>, CliError>>()?;
    let mut session = args.server.session().map_err(explain)?;
    if !args.all {
        return revoke_each(&mut session, &ids, program);
    }
    let whose = args
        .user
        .as_ref()
        .map_or_else(|| "your API tokens".to_owned(), |user| format!("API tokens of {user}"));
    if !(args.yes
        || confirm(&format!(
            "Take back all {whose}, and sign out everywhere, at {}?",
            session.http().server()
        ))?)
    {
        return Err(CliError::failure("nothing was taken back"));
    }
    let revoked = api_tokens::revoke_all(&mut session, args.user.as_deref()).map_err(explain)?;
    program::print(&format!(
        "Took back all {whose}: {} live ones, and every sign-in.\n",
        revoked.descendants
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What is no id may be the text of a token, so it is not repeated.
fn parse(id: &str) -> Result<Uuid, CliError> {
    Uuid::parse_str(id).map_err(|_| {
        let advice = "give the text of a token on standard input, with --token";
        CliError::usage(format!("ID: that is no id of a token, as `list` shows them; {advice}"))
    })
}

/// All of them, though one may be refused.
fn revoke_each(session: &mut Session, ids: &[Uuid], program: &'static str) -> Result<ExitCode, CliError> {
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        match api_tokens::revoke(session, *id) {
            Ok(revoked) => program::print(&format!("Took back {id}{}.\n", made_from_it(revoked)))?,
            Err(error @ ClientError::Server { .. }) => {
                program::complain(&format!("{id}: {error}"));
                code = ExitCode::from(EXIT_FAILURE);
            }
            Err(error) => return Err(program::explain(&error, program)),
        }
    }
    Ok(code)
}

fn revoke_text(args: &RevokeArgs, program: &'static str) -> Result<ExitCode, CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let environment = Environment::from_process().map_err(explain)?;
    let target = args.server.target(&environment).map_err(explain)?;
    let http = HttpClient::new(&target).map_err(explain)?;
    let token = match password::at_terminal() {
        true => password::ask("The token's text: ")?,
        false => password::from_stdin()?,
    };
    if token.expose_secret().trim().is_empty() {
        return Err(CliError::usage("there is no token on standard input"));
    }
    let revoked = api_tokens::revoke_text(&http, &token).map_err(explain)?;
    if !revoked.revoked {
        let message = format!("that is no live token of {}; nothing was taken back", target.server);
        return Err(CliError::failure(message));
    }
    program::print(&format!("Took back the token{}.\n", made_from_it(revoked)))?;
    Ok(ExitCode::SUCCESS)
}

/// What went with a token.
fn made_from_it(revoked: Revoked) -> String {
    match revoked.descendants {
        0 => String::new(),
        count => format!(" and the {count} made from it"),
    }
}

fn confirm(question: &str) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::usage("nobody is there to be asked: say --yes if you mean it"));
    }
    let unreadable = |error| CliError::failure(format!("the answer can't be read: {error}"));
    let mut out = io::stderr().lock();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).map_err(unreadable)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(unreadable)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
