//! `zendo serve`: read the settings, open the store, serve until told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::CliError;

#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Address and port to listen on [env: ZENDO_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Folder for the embedded database, made when missing [env: ZENDO_DATA_DIR] [default: zendo-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

pub fn run(_args: ServeArgs) -> Result<(), CliError> {
    Ok(())
}
