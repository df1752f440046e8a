//! `zendo token`: print an API token for scripts and pipelines.

use chrono::Utc;
use secrecy::ExposeSecret;

use super::{CliError, program};
use crate::client::config_file::ConfigFile;
use crate::client::{ClientError, Environment, ServerUrl, Session, api, target};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  zendo token\n  zendo token --expires-in 3600\n  \
                        curl -H \"Authorization: Bearer $(zendo token)\" https://zen.example.com/api/v1/current-user")]
pub struct TokenArgs {
    /// How long the token is to be good for [default: what the server is set to]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub expires_in: Option<u64>,
    /// The server to ask, among those signed in to [default: the active one]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
}

/// Prints the token, alone on its line.
pub fn run(args: &TokenArgs, program: &'static str) -> Result<(), CliError> {
    let token = fetch(args).map_err(|error| program::explain(&error, program))?;
    program::print(&format!("{}\n", token.expose_secret()))
}

fn fetch(args: &TokenArgs) -> Result<secrecy::SecretString, ClientError> {
    let environment = Environment::from_process()?;
    let config = ConfigFile::load(&environment.config_file())?;
    let requested = args.server.as_deref().map(ServerUrl::parse).transpose()?;
    let target = target::resolve(requested, &environment.store, &config.store())?;
    let mut session = Session::open(&environment, &target, Utc::now())?;
    api::api_token(&mut session, args.expires_in)
}
