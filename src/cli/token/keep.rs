//! `zendo token --file`: a good token in a file, for as long as it is wanted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::SignalKind;
use tokio::task::JoinHandle;

use super::super::{CliError, program};
use super::signals::Signals;
use crate::client::api_tokens::{self, TokenRequest};
use crate::client::claims::Unverified;
use crate::client::exchange::Exchange;
use crate::client::http::HttpClient;
use crate::client::target::Target;
use crate::client::{ClientError, Environment, Session, expiry, files};
use crate::env::clock::SharedClock;

/// The clock is looked at this often while waiting: a machine that was asleep is late already when it wakes.
const LOOK: Duration = Duration::from_secs(10);
/// The longest time between two tries, and how much of a token's life it may be.
const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(60);
const PAUSES_IN_A_LIFE: i32 = 12;
const SHORTEST_PAUSE: TimeDelta = TimeDelta::seconds(1);
/// Servers take a token for a while after its end, since clocks differ (ZENML_SERVER_JWT_TOKEN_LEEWAY_SECONDS).
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// A projected token of Kubernetes is replaced after four fifths of its life, which is ten minutes at least.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);
const LOOK_AT_FILE: Duration = Duration::from_millis(500);
/// How long the end waits for a server, to take tokens back there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Gets tokens, each with the credentials that are there by then.
pub(super) struct Issuer {
    pub environment: Environment,
    pub target: Target,
    pub request: TokenRequest,
    /// For the identity of this job, in place of a session.
    pub exchange: Option<Exchange>,
    pub clock: SharedClock,
}

/// A token that was just made.
#[derive(Clone)]
pub(super) struct Issued {
    pub secret: SecretString,
    /// By the clock of this machine, which may differ from the server's.
    made: DateTime<Utc>,
    /// `None` for one that does not end.
    life: Option<TimeDelta>,
}

impl Issuer {
    pub(super) fn issue(&self) -> Result<Issued, ClientError> {
        let made = self.clock.now();
        let secret = match &self.exchange {
            Some(exchange) => self.exchanged(exchange)?,
            None => {
                let mut session = Session::open(&self.environment, &self.target, made)?;
                api_tokens::issue(&mut session, &self.request)?
            }
        };
        let claims = Unverified::read(secret.expose_secret());
        let life = claims.and_then(|claims| {
            let made_there = claims.moment("iat").unwrap_or(made);
            Some(claims.moment("exp")? - made_there)
        });
        Ok(Issued { secret, made, life })
    }

    /// One for this job's identity, once there is a token of it that wasn't exchanged before.
    fn exchanged(&self, exchange: &Exchange) -> Result<SecretString, ClientError> {
        let http = HttpClient::new(&self.target)?;
        let scope = super::scope_of(&self.request);
        let until = self.clock.now() + LONGEST_WAIT;
        let mut has_told = false;
        loop {
            match exchange.issue(&http, &self.request, scope.as_deref()) {
                Err(ClientError::UsedIdentity { path: Some(path) }) if self.clock.now() < until => {
                    if !has_told {
                        let shown = path.display();
                        program::complain(&format!(
                            "the token in {shown} was exchanged before; waiting for another"
                        ));
                    }
                    has_told = true;
                    std::thread::sleep(LOOK_AT_FILE);
                }
                issued => return issued,
            }
        }
    }

    /// Takes a token back, without waiting long.
    fn revoke(&self, token: &SecretString) -> Result<bool, ClientError> {
        let timeout = self.target.timeout.min(PATIENCE);
        let http = HttpClient::new(&Target { timeout, ..self.target.clone() })?;
        api_tokens::revoke_text(&http, token).map(|revoked| revoked.revoked)
    }
}

impl Issued {
    fn end(&self) -> Option<DateTime<Utc>> {
        self.made.checked_add_signed(self.life?)
    }

    /// "is good for 1 hour", as of `now`.
    pub(super) fn outlook(&self, now: DateTime<Utc>) -> String {
        match self.end() {
            Some(end) if end > now => format!("is good for {}", expiry::span(end - now)),
            Some(end) => format!("ended {}", expiry::relative(end, now)),
            None => "does not end".to_owned(),
        }
    }

    /// After two thirds of its life, and never at once, however short that is.
    fn due(&self) -> Option<DateTime<Utc>> {
        self.made.checked_add_signed((self.life? * 2 / 3).max(SHORTEST_PAUSE))
    }

    /// Until the next try after that many failed ones.
    fn pause(&self, failures: u32) -> TimeDelta {
        let doubled = SHORTEST_PAUSE * (1 << failures.saturating_sub(1).min(10));
        let share = self.life.map_or(LONGEST_PAUSE, |life| life / PAUSES_IN_A_LIFE);
        doubled.min(LONGEST_PAUSE).min(share).max(SHORTEST_PAUSE)
    }
}

/// Keeps a good token in a file.
pub(super) struct Keeper {
    issuer: Arc<Issuer>,
    path: PathBuf,
    /// The one in the file.
    current: Issued,
    /// All that it was given, but for those that no server takes any more.
    given: Vec<Issued>,
    due: Option<DateTime<Utc>>,
    failures: u32,
    /// One that is under way.
    renewal: Option<JoinHandle<Result<Issued, ClientError>>>,
}

impl Keeper {
    /// Writes the first token.
    pub(super) fn start(issuer: Issuer, path: &Path, first: Issued) -> Result<Self, ClientError> {
        write(path, &first)?;
        Ok(Self {
            issuer: Arc::new(issuer),
            path: path.to_owned(),
            due: first.due(),
            given: vec![first.clone()],
            current: first,
            failures: 0,
            renewal: None,
        })
    }

    /// Renews the token whenever it is due, until that is no longer possible; returns why. May be dropped and called
    /// again. `tell` hears of renewals; what goes wrong is always said.
    pub(super) async fn keep(&mut self, tell: impl Fn(String)) -> ClientError {
        loop {
            self.wait().await;
            match self.renew().await {
                Ok(()) => tell(format!("renewed: the token {}", self.outlook())),
                Err(error) if ends_the_session(&error) => return error,
                Err(error) => self.put_off(&error),
            }
        }
    }

    /// How long the token in the file is good for.
    pub(super) fn outlook(&self) -> String {
        self.current.outlook(self.issuer.clock.now())
    }

    async fn wait(&self) {
        let Some(due) = self.due else { return std::future::pending().await };
        while let Ok(left) = (due - self.issuer.clock.now()).to_std() {
            // A timer counts whole milliseconds.
            tokio::time::sleep(left.min(LOOK) + Duration::from_millis(1)).await;
        }
    }

    async fn renew(&mut self) -> Result<(), ClientError> {
        let issuer = Arc::clone(&self.issuer);
        let renewal = self.renewal.get_or_insert_with(|| tokio::task::spawn_blocking(move || issuer.issue()));
        let outcome = renewal.await;
        self.renewal = None;
        let issued = outcome.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        let now = self.issuer.clock.now();
        self.given.retain(|token| token.end().is_none_or(|end| end + LEEWAY > now));
        self.given.push(issued.clone());
        write(&self.path, &issued)?;
        self.due = issued.due();
        self.current = issued;
        self.failures = 0;
        Ok(())
    }

    fn put_off(&mut self, error: &ClientError) {
        self.failures += 1;
        let now = self.issuer.clock.now();
        let pause = self.current.pause(self.failures);
        self.due = now.checked_add_signed(pause);
        let (again, outlook) = (expiry::span(pause), self.current.outlook(now));
        program::complain(&format!("{error}; trying again in {again}; the token that is there {outlook}"));
    }

    /// Takes back all tokens that were made here.
    pub(super) async fn revoke(mut self) {
        if let Some(renewal) = self.renewal.take()
            && let Ok(Ok(Ok(issued))) = tokio::time::timeout(PATIENCE, renewal).await
        {
            self.given.push(issued);
        }
        for token in &self.given {
            let outlook = token.outlook(self.issuer.clock.now());
            if let Err(error) = self.issuer.revoke(&token.secret) {
                program::complain(&format!("the token was not taken back, and {outlook}: {error}"));
                break;
            }
        }
    }
}

/// Whether another try would bring the same. What stands in for a server that is away may answer 404 or 5xx.
fn ends_the_session(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { .. }
        | ClientError::Expired { .. }
        | ClientError::NotSignedIn { .. }
        | ClientError::UsedIdentity { path: None }
        | ClientError::NotDownscoped { .. } => true,
        ClientError::Server { status, .. } => matches!(status, 400 | 403 | 422),
        _ => false,
    }
}

fn write(path: &Path, token: &Issued) -> Result<(), ClientError> {
    files::replace_file(path, token.secret.expose_secret().as_bytes())
}

/// Keeps a token in `path` until SIGTERM or ctrl-c.
///
/// # Errors
/// When no first token can be had, or no further one since the session has ended.
pub(super) fn run(
    issuer: Issuer,
    path: &Path,
    revoke_on_exit: bool,
    program: &'static str,
) -> Result<(), CliError> {
    let explain = |error: ClientError| program::explain(&error, program);
    let path = replaceable(path).map_err(explain)?;
    let first = issuer.issue().map_err(explain)?;
    let runtime = program::runtime()?;
    let outcome = runtime.block_on(async {
        let mut stop =
            Signals::catch([SignalKind::terminate(), SignalKind::interrupt()]).map_err(no_signals)?;
        let mut keeper = Keeper::start(issuer, &path, first).map_err(explain)?;
        let shown = path.display();
        program::complain(&format!(
            "the token in {shown} {}, and is renewed until this is stopped",
            keeper.outlook()
        ));
        let ended = tokio::select! {
            error = keeper.keep(|text| program::complain(&text)) => Err(explain(error)),
            _ = stop.next() => Ok(()),
        };
        if revoke_on_exit {
            keeper.revoke().await;
            fs::remove_file(&path).map_err(|error| explain(ClientError::file(&path, &error)))?;
        } else {
            program::complain(&format!("stopped; the token in {shown} {}", keeper.outlook()));
        }
        ended
    });
    // A request that is under way keeps nobody waiting.
    runtime.shutdown_background();
    outcome
}

pub(super) fn no_signals(error: std::io::Error) -> CliError {
    CliError::failure(format!("signals can't be caught: {error}"))
}

/// The path from the root. A folder, a pipe or a device is not to be replaced by a file.
fn replaceable(path: &Path) -> Result<PathBuf, ClientError> {
    let absolute = std::path::absolute(path).map_err(|error| ClientError::file(path, &error))?;
    match fs::metadata(&absolute) {
        Ok(found) if !found.is_file() => {
            let reason = "it is there, and no ordinary file".to_owned();
            Err(ClientError::File { path: absolute, reason })
        }
        _ => Ok(absolute),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn issued(seconds: Option<i64>) -> Issued {
        let made = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Issued { secret: SecretString::from("t"), made, life: seconds.map(TimeDelta::seconds) }
    }

    proptest! {
        #[test]
        fn a_token_is_renewed_while_it_is_good(life in 2i64..=604_800) {
            let token = issued(Some(life));
            prop_assert!(token.due().unwrap() < token.end().unwrap());
            prop_assert!(token.due().unwrap() >= token.made + SHORTEST_PAUSE);
        }

        #[test]
        fn tries_are_further_and_further_apart_but_many_in_a_third_of_a_life(
            life in 60i64..=604_800, failures in 1u32..1_000
        ) {
            let token = issued(Some(life));
            prop_assert!(token.pause(failures) <= token.pause(failures + 1));
            prop_assert!((SHORTEST_PAUSE..=LONGEST_PAUSE).contains(&token.pause(failures)));
            prop_assert!(token.pause(failures) * 4 <= TimeDelta::seconds(life) / 3);
        }
    }

    #[test]
    fn what_does_not_end_is_never_due() {
        assert_eq!(issued(None).due(), None);
        assert_eq!(issued(None).pause(100), LONGEST_PAUSE);
    }

    #[test]
    fn only_what_stays_as_it_is_ends_the_session() {
        let server = || crate::client::ServerUrl::parse("http://h").unwrap();
        let status = |status| ClientError::Server { status, message: String::new() };
        assert!(ends_the_session(&ClientError::NotSignedIn { server: server() }));
        assert!(ends_the_session(&status(403)));
        for passing in [status(404), status(429), status(503)] {
            assert!(!ends_the_session(&passing), "{passing:?}");
        }
        let away = ClientError::Unreachable { server: server(), reason: String::new() };
        assert!(!ends_the_session(&away));
    }
}
