//! `zendo logout`: forget how to sign in to a server.

use super::{CliError, login, program};
use crate::client::config_file::ConfigFile;
use crate::client::credentials_file::CredentialsFile;
use crate::client::{ClientError, Environment, ServerUrl, target};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zendo logout\n  zendo logout https://zen.example.com")]
pub(super) struct LogoutArgs {
    /// The server's address [default: the active server]
    #[arg(value_name = "URL")]
    pub server: Option<String>,
    /// Accepted for scripts written for the official client; credentials are forgotten in any case
    #[arg(long, hide = true)]
    pub clear: bool,
}

/// Forgets the server's credentials, and that it was the active one.
pub(super) fn run(args: &LogoutArgs, program: &'static str) -> Result<(), CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let environment = Environment::from_process().map_err(explain)?;
    let Some(server) = find_server(args, &environment).map_err(explain)? else {
        return program::print("Not signed in to any server.\n");
    };
    login::refuse_overruled(&environment, &server, "logout")?;
    let text = forget(&environment, &server).map_err(explain)?;
    program::print(&text)
}

/// The server meant; `None` when none was given and none is active.
fn find_server(args: &LogoutArgs, environment: &Environment) -> Result<Option<ServerUrl>, ClientError> {
    let requested = args.server.as_deref().map(ServerUrl::parse).transpose()?;
    let config = ConfigFile::load(&environment.config_file())?;
    match target::resolve(requested, &environment.store, &config.store()) {
        Ok(target) => Ok(Some(target.server)),
        Err(ClientError::NoServer | ClientError::NotAServerStore) => Ok(None),
        Err(error) => Err(error),
    }
}

fn forget(environment: &Environment, server: &ServerUrl) -> Result<String, ClientError> {
    let mut config = ConfigFile::load(&environment.config_file())?;
    let mut credentials = CredentialsFile::load(&environment.credentials_file())?;
    let was_active = config.is_active(server);
    let was_remembered = credentials.forget(server);
    // Credentials first: should the second write fail, the secret is gone all the same.
    if was_remembered {
        credentials.save()?;
    }
    if was_active {
        config.deactivate();
        config.save()?;
    }
    Ok(match was_remembered || was_active {
        true => format!("Signed out of {server}.\n"),
        false => format!("Not signed in to {server}.\n"),
    })
}
