//! `zendo keys`: the keys that tokens are signed with, on the store itself.

use std::fmt::Write;
use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;
use uuid::Uuid;

use super::output::{self, Output};
use super::{CliError, program, store};
use crate::audit::{Action, Audit, Origin};
use crate::auth::keys::{KeyRow, KeyState, KeyStore, RetireError, Retired};
use crate::config::SigningAlgorithm;
use crate::env::Environment;
use crate::env::clock::SharedClock;
use crate::startup;
use crate::store::Id;

/// Seconds that a new key is known everywhere before it signs: servers read the store twice a second.
const DELAY: u32 = 1;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  ZENDO_SIGNING_ALGORITHM=EdDSA zendo keys rotate\n  \
                        zendo keys list --data-dir /var/lib/zendo\n  \
                        zendo keys retire 019c2f6e-5a51-7d0c-b5f4-0a6f1d7f3c11")]
pub(super) struct KeysArgs {
    /// Folder of the embedded database [env: ZENDO_DATA_DIR] [default: zendo-data]
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key that takes over from the one that signs
    ///
    /// It is of the algorithm in ZENDO_SIGNING_ALGORITHM. Servers and /.well-known/jwks.json have it within a second,
    /// and it signs from then on. What older keys have signed stays good until its end, or until they are retired.
    Rotate(RotateArgs),
    /// List the keys
    ///
    /// next: published, and will sign. active: signs new tokens. retiring: signs no more, its tokens are good.
    /// retired: its tokens are refused.
    List(ListArgs),
    /// Refuse a key and every token that it has signed, on all servers within a second
    ///
    /// The key that signs can be retired when there is a next one, which signs at once.
    Retire(RetireArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo keys rotate\n  zendo keys rotate --in 600")]
struct RotateArgs {
    /// Seconds until it signs: at least what other programs keep /.well-known/jwks.json for, if they don't read it
    /// again when they meet a new key
    #[arg(long = "in", value_name = "SECONDS", default_value_t = DELAY)]
    delay: u32,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  zendo keys list\n  zendo keys list --output json")]
struct ListArgs {
    /// A table for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  zendo keys retire 019c2f6e-5a51-7d0c-b5f4-0a6f1d7f3c11")]
struct RetireArgs {
    /// The key's id, as `list` shows it
    kid: Uuid,
}

/// Runs one of the commands on the store that the settings name.
///
/// # Errors
/// Exit code 2 for an invalid argument or setting, 1 for what the store or a rule refuses.
pub(super) fn run(args: KeysArgs, program: &'static str) -> Result<(), CliError> {
    program::print(&program::runtime()?.block_on(execute(args, program))?)
}

async fn execute(args: KeysArgs, program: &'static str) -> Result<String, CliError> {
    let (store, config) = store::open(args.data_dir.as_deref(), true, program).await?;
    let environment = Environment::of_the_machine();
    let audit = store::open_audit(&store, &config, &environment)?;
    let operator = Operator {
        keeper: startup::key_store(store.clone(), &config, &environment),
        algorithm: config.zendo.signing_algorithm,
        audit,
        clock: environment.clock,
        program,
    };
    let done = match args.command {
        Command::Rotate(args) => operator.rotate(args).await,
        Command::List(args) => operator.list(args).await,
        Command::Retire(args) => operator.retire(Id(args.kid)).await,
    };
    operator.audit.close().await.map_err(|error| CliError::failure(error.to_string()))?;
    store.close().await;
    done
}

struct Operator {
    keeper: KeyStore,
    audit: Audit,
    algorithm: Option<SigningAlgorithm>,
    clock: SharedClock,
    program: &'static str,
}

impl Operator {
    async fn rotate(&self, args: RotateArgs) -> Result<String, CliError> {
        let algorithm = self.algorithm.ok_or_else(|| {
            CliError::usage(
                "ZENDO_SIGNING_ALGORITHM is not set: servers with these settings sign with a secret, which has no \
                 rotation. Set it as the server has it: EdDSA, ES256 or RS256.",
            )
        })?;
        let delay = TimeDelta::seconds(args.delay.into());
        let record = (&self.audit, &Origin::operator());
        let made = self.keeper.rotate(algorithm, delay, record, self.clock.now()).await;
        let made = made.map_err(|error| CliError::failure(error.to_string()))?;
        let (kid, from) = (made.kid, time(made.signs_from_ms));
        let algorithm = algorithm.name();
        Ok(format!("Made the {algorithm} key {kid}, which signs from {from} UTC.\n"))
    }

    async fn list(&self, args: ListArgs) -> Result<String, CliError> {
        let keys = self.keeper.list().await;
        let keys = keys.map_err(|error| CliError::failure(format!("the store can't be read: {error}")))?;
        if self.algorithm.is_none() && keys.iter().any(|key| key.retired_ms.is_none()) {
            program::complain(
                "ZENDO_SIGNING_ALGORITHM is not set: no key signs on a server with these settings",
            );
        }
        let now = self.clock.now().timestamp_millis();
        let listed: Vec<Listed> =
            keys.iter().map(|key| Listed::of(key, key.state(&keys, self.algorithm, now))).collect();
        match args.output {
            Output::Table => Ok(table(&listed)),
            Output::Json => output::json(&listed),
        }
    }

    async fn retire(&self, kid: Id) -> Result<String, CliError> {
        let refused = |error: RetireError| match error {
            RetireError::Needed(_) => CliError::failure(format!("{error}: `{} keys rotate`", self.program)),
            error => CliError::failure(error.to_string()),
        };
        let event = self.audit.event(&Origin::operator(), Action::SigningKeyRetired);
        let event = event.on("signing_key", kid, "");
        Ok(match self.keeper.retire(kid, &event, self.clock.now()).await.map_err(refused)? {
            Retired::Now => format!("Retired {kid}; every token that it has signed is refused.\n"),
            Retired::Before => format!("{kid} is retired already.\n"),
            Retired::InFavourOf(next) => format!(
                "Retired {kid}; every token that it has signed is refused, and {next} signs from now on.\n"
            ),
        })
    }
}

/// A key as it is shown. There is nothing secret in it.
#[derive(Serialize)]
struct Listed<'a> {
    kid: Uuid,
    algorithm: &'a str,
    state: &'static str,
    created: Option<DateTime<Utc>>,
    signs_from: Option<DateTime<Utc>>,
    retired: Option<DateTime<Utc>>,
}

impl<'a> Listed<'a> {
    fn of(key: &'a KeyRow, state: KeyState) -> Self {
        Self {
            kid: key.kid.0,
            algorithm: &key.algorithm,
            state: match state {
                KeyState::Next => "next",
                KeyState::Active => "active",
                KeyState::Retiring => "retiring",
                KeyState::Retired => "retired",
            },
            created: DateTime::from_timestamp_millis(key.created_ms),
            signs_from: DateTime::from_timestamp_millis(key.signs_from_ms.max(key.created_ms)),
            retired: key.retired_ms.and_then(DateTime::from_timestamp_millis),
        }
    }
}

fn table(keys: &[Listed]) -> String {
    let mut text = format!(
        "{:36}  ALGORITHM  {:8}  {:19}  {:19}  RETIRED (UTC)\n",
        "KEY", "STATE", "CREATED (UTC)", "SIGNS FROM (UTC)"
    );
    for key in keys {
        let [created, from, retired] = [key.created, key.signs_from, key.retired].map(shown);
        let Listed { kid, algorithm, state, .. } = key;
        let line = format!("{kid:36}  {algorithm:9}  {state:8}  {created:19}  {from:19}  {retired}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn time(milliseconds: i64) -> String {
    shown(DateTime::from_timestamp_millis(milliseconds))
}

fn shown(moment: Option<DateTime<Utc>>) -> String {
    moment.map(output::moment).unwrap_or_default()
}
