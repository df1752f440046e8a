//! `zendo status`: which server is active, and who is signed in there.

use chrono::{DateTime, Utc};

use super::{CliError, output, program};
use crate::client::active::{self, Active};
use crate::client::api::{self, CurrentUser, ServerInfo};
use crate::client::config_file::ConfigFile;
use crate::client::credentials::{Credentials, Grant, Origin};
use crate::client::error::printable;
use crate::client::http::HttpClient;
use crate::client::target::{self, Target};
use crate::client::{ClientError, Environment, ServerUrl, Session, expiry};
use crate::env::clock::{Clock, SystemClock};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zendo status\n  zendo status && zendo token")]
pub(super) struct StatusArgs {
    /// The server to look at, among those signed in to [default: the active one]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
}

/// Prints what is known. The outcome is an error when the server cannot be reached or nobody is signed in.
pub(super) fn run(args: &StatusArgs, program: &'static str) -> Result<(), CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let mut report = Report::default();
    let outcome = examine(args, &mut report);
    program::print(&report.text)?;
    outcome.map_err(explain)
}

/// Lines of a label and what it says.
#[derive(Debug, Default)]
struct Report {
    text: String,
}

impl Report {
    fn line(&mut self, label: &str, value: &str) {
        self.text.push_str(&format!("{label:<15} {}\n", printable(value)));
    }
}

/// Writes what can be found out to `report`, up to the first thing that fails.
fn examine(args: &StatusArgs, report: &mut Report) -> Result<(), ClientError> {
    let now = SystemClock.now();
    let environment = Environment::from_process()?;
    report.line("Configuration", &environment.config_folder.to_string_lossy());
    let config = ConfigFile::load(&environment.config_file())?;
    let requested = args.server.as_deref().map(ServerUrl::parse).transpose()?;
    let target = target::resolve(requested, &environment.store, &config.store())?;
    report.line("Server", target.server.as_str());
    report_server(report, &target)?;
    let mut session = Session::open(&environment, &target, now).inspect_err(|_| {
        report.line("Signed in", "no");
    })?;
    report_account(report, &mut session, &environment, &config, now)
}

fn report_server(report: &mut Report, target: &Target) -> Result<(), ClientError> {
    let http = HttpClient::new(target)?;
    let ServerInfo { id, name, version, .. } = api::server_info(&http).inspect_err(|_| {
        report.line("Reachable", "no");
    })?;
    report.line("Reachable", &format!("yes, ZenML {version}"));
    report.line("Server name", name.as_deref().unwrap_or("none"));
    report.line("Server id", &id.to_string());
    Ok(())
}

fn report_account(
    report: &mut Report,
    session: &mut Session,
    environment: &Environment,
    config: &ConfigFile,
    now: DateTime<Utc>,
) -> Result<(), ClientError> {
    let user = api::current_user(session).inspect_err(|_| report.line("Signed in", "no"))?;
    report.line("Signed in", &account(&user));
    report.line("With", &means(session.credentials(), now));
    let project_id = environment.active_project_id.as_deref().or(config.active_project_id());
    let stack_id = environment.active_stack_id.as_deref().or(config.active_stack_id());
    let Active { project, stack } = active::resolve(session, &user, project_id, stack_id)?;
    let name = |named: Option<api::Named>| named.map_or_else(|| "none".to_owned(), |named| named.name);
    report.line("Active project", &name(project));
    report.line("Active stack", &name(stack));
    Ok(())
}

fn account(user: &CurrentUser) -> String {
    let kind = if user.is_service_account() { " (service account)" } else { "" };
    format!("yes, as {}{kind}", user.name)
}

/// How the account is signed in, where that was found, and when it ends.
fn means(credentials: &Credentials, now: DateTime<Utc>) -> String {
    let place = match credentials.origin {
        Origin::Environment => "the environment",
        Origin::ConfigFile => "config.yaml",
        Origin::CredentialsFile => "credentials.yaml",
    };
    match (&credentials.grant, &credentials.token) {
        (Some(Grant::ApiKey(_)), _) => format!("API key in {place}"),
        (Some(Grant::Password { .. }), _) => format!("password in {place}"),
        (None, Some(token)) => match token.shown_end() {
            Some(end) => {
                let date = output::moment(end);
                format!("token in {place}, which ends {} ({date} UTC)", expiry::relative(end, now))
            }
            None => format!("token in {place}, which does not end"),
        },
        (None, None) => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::token::Token;
    use secrecy::SecretString;

    #[test]
    fn the_means_are_told_without_the_secret() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let with = |token, grant| Credentials { origin: Origin::CredentialsFile, token, grant };
        let secret = || SecretString::from("hunter2");
        let token = Token::issued(secret(), Some(7_200), now);
        assert_eq!(
            means(&with(Some(token.clone()), None), now),
            "token in credentials.yaml, which ends in 2 hours (2027-01-15 10:00:00 UTC)"
        );
        assert_eq!(
            means(&with(Some(Token::bare(secret())), None), now),
            "token in credentials.yaml, which does not end"
        );
        assert_eq!(
            means(&with(Some(token), Some(Grant::ApiKey(secret()))), now),
            "API key in credentials.yaml"
        );
    }
}
