//! `zendo serve`: read the settings, open the store, serve until told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use futures_util::FutureExt;
use rustix::process::Signal;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::CliError;
use crate::app::App;
use crate::config::{self, Config, ConfigError, Listen};
use crate::connections;
use crate::env::Environment;
use crate::server;
use crate::startup::{self, SignIn, StartupError};

#[derive(Debug, clap::Args)]
pub(super) struct ServeArgs {
    /// Address or name of this machine and port to listen on; port 0 takes a free one [env: ZENDO_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<Listen>,
    /// Folder of the embedded database, made when missing [env: ZENDO_DATA_DIR] [default: zendo-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Serves until SIGTERM or ctrl-c.
///
/// # Errors
/// Exit code 2 for an invalid setting, 1 when the server can't start.
pub(super) fn run(args: ServeArgs) -> Result<(), CliError> {
    let (mut config, warnings) = config_from_environment()?;
    config.zendo.listen = args.listen.unwrap_or(config.zendo.listen);
    config.zendo.data_dir = args.data_dir.unwrap_or(config.zendo.data_dir);
    config.check_folders().map_err(|error| CliError::usage(error.to_string()))?;
    start_log(&config);
    for warning in warnings.iter().chain(&config::unsafe_settings(&config)) {
        tracing::warn!("{warning}");
    }
    connections::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.context("the runtime can't start").and_then(|runtime| {
        // On a worker, and not on this thread, whose heap would keep what the start took and use it no more.
        let served = runtime.spawn(serve(config));
        let served = runtime.block_on(served).context("serving failed");
        // What still waits, such as for the name of a host, must not keep the program from its end.
        runtime.shutdown_background();
        served?
    });
    served.map_err(|error| CliError::failure(in_one_line(&error)))
}

/// An error with its causes, each said once: some say their causes themselves.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        }
    }
    line
}

/// The settings of the environment.
///
/// # Errors
/// Exit code 2 with one line about the first invalid setting.
pub(super) fn config_from_environment() -> Result<(Config, Vec<String>), CliError> {
    let usage = |error: ConfigError| CliError::usage(error.to_string());
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if config::variable_names().contains(&name) => {
                return Err(usage(ConfigError { variable: name, problem: "give UTF-8 text".into() }));
            }
            Err(_) => {}
        }
    }
    Config::from_env(variables).map_err(usage)
}

fn start_log(config: &Config) {
    // A line that can't be written, such as to a full disk, is no reason to write another about it.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let log = tracing_subscriber::registry().with(config.zendo.log.0.clone()).with(lines);
    // A second start in one process keeps the first one's log.
    let _ = log.try_init();
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let listen = config.zendo.listen.clone();
    // Signals are caught before anything is begun that they should not cut short.
    let stop = stop_signal().context("signals can't be caught")?.shared();
    let listener = match listen.resolve() {
        Ok(address) => TcpListener::bind(address).await,
        Err(error) => Err(error),
    };
    let listener = listener.with_context(|| {
        format!("can't listen on {listen}; give a free address with --listen or ZENDO_LISTEN")
    })?;
    let address = listener.local_addr()?;
    let started = startup::start_unless(stop.clone(), config, Environment::of_the_machine()).await;
    let (app, sign_in) = match started {
        Err(StartupError::Stopped) => return Ok(()),
        started => started?,
    };
    greet(&app, address, &sign_in).context("the terminal can't be written")?;
    server::serve(app, listener, stop).await.context("serving failed")
}

fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // A file that may not grow any more (`ulimit -f`) fails its write then, and doesn't end the program.
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests under way are finished first");
    })
}

fn greet(app: &App, address: SocketAddr, sign_in: &SignIn) -> std::io::Result<()> {
    let root = &app.config.root_url_path.0;
    let url = match &app.config.server_url {
        Some(url) => url.0.clone(),
        None => format!("http://{address}{root}"),
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "zendo {} listens on http://{address}{root}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "store: {}", app.store.description())?;
    writeln!(out, "console: {url}/console/")?;
    match sign_in {
        SignIn::Known => writeln!(out, "sign in: zendo login {url}")?,
        SignIn::Configured { name } => {
            writeln!(
                out,
                "sign in: zendo login {url} --username {name}, with the password of ZENML_DEFAULT_USER_PASSWORD"
            )?;
        }
        SignIn::Generated { name, password } => {
            writeln!(out, "sign in: zendo login {url} --username {name}")?;
            writeln!(out, "password: {}   (made now and shown only this once)", password.expose_secret())?;
        }
        SignIn::Activation => writeln!(
            out,
            "sign in: not yet; activate the server first, in the console or with\n  curl -X PUT {url}/api/v1/activate -H 'Content-Type: application/json' \\\n    -d '{{\"admin_username\": \"NAME\", \"admin_password\": \"PASSWORD\"}}'"
        )?,
    }
    out.flush()
}
