//! `zendo healthcheck`: does the server on this machine answer? For containers, which have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::CliError;
use super::serve::config_from_environment;
use crate::client::error::printable;
use crate::config::Listen;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const LONGEST_REASON: u64 = 4096;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  zendo healthcheck --listen 127.0.0.1:8080")]
pub(super) struct HealthcheckArgs {
    /// Address or name and port the server listens on [env: ZENDO_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<Listen>,
}

/// Asks `/ready` of the server here.
///
/// # Errors
/// When it doesn't answer that it is ready.
pub(super) fn run(args: HealthcheckArgs) -> Result<(), CliError> {
    let (config, _) = config_from_environment()?;
    let listen = args.listen.unwrap_or(config.zendo.listen);
    let address =
        listen.resolve().map_err(|error| CliError::failure(format!("{listen} is not known: {error}")))?;
    let address = reachable(address);
    let url = format!("http://{address}{}/ready", config.server.root_url_path.0);
    let config = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None);
    let agent: ureq::Agent = config.http_status_as_error(false).build().into();
    let not_ready = |reason: &str| CliError::failure(format!("{url} is not ready: {reason}"));
    let mut answer = agent.get(&url).call().map_err(|error| not_ready(&error.to_string()))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.body_mut().with_config().limit(LONGEST_REASON).read_to_string().unwrap_or_default();
    let reason = text.lines().next().unwrap_or_default().trim_start_matches("not ready: ");
    Err(not_ready(&match reason {
        "" => status.to_string(),
        reason => printable(reason),
    }))
}

/// An address that listens everywhere is asked at home.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}
