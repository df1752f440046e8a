//! What is done now and then, and by no request. Each job is a task of its own, so that a long one delays no other, and
//! each is safe on every replica at once.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::accounts::{deactivation, identities, operator_password};
use crate::app::{App, AppState};
use crate::auth::{key_proof, keys};
use crate::intake;
use crate::login::device_request;
use crate::login::oidc::{recheck, sign_in_rows};
use crate::lookups;
use crate::trusts::used;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
type Work = BoxFuture<'static, Result<(), Failure>>;
/// What one round of a job does.
type Round = Arc<dyn Fn(AppState) -> Work + Send + Sync>;
type Waiting = BoxFuture<'static, ()>;

/// Between two readings of what other replicas have revoked. With the life of what is remembered
/// ([`crate::store::Cache`]) it bounds how late an end is felt on another replica: within a second, with room for a
/// slow store.
const READING: Duration = Duration::from_millis(200);
/// Between two writes of what was gathered in memory.
const WRITING: Duration = Duration::from_millis(500);
const TENDING: Duration = Duration::from_secs(5);
const RECHECKING: Duration = Duration::from_secs(2);
const SWEEPING: Duration = Duration::from_mins(5);
const MINUTE: Duration = Duration::from_mins(1);
/// What a round under way gets at the stop: one that has taken what it writes would lose it.
const LAST_ROUND: Duration = Duration::from_secs(1);

struct Job {
    /// What could not be done, for the log.
    failure: &'static str,
    every: Duration,
    work: Round,
    /// Makes it due earlier than its interval.
    is_due: Option<fn(AppState) -> Waiting>,
    /// What is done at the stop, after the last request.
    last: Option<Round>,
}

impl Job {
    fn new(
        failure: &'static str,
        every: Duration,
        work: impl Fn(AppState) -> Work + Send + Sync + 'static,
    ) -> Self {
        Self { failure, every, work: Arc::new(work), is_due: None, last: None }
    }

    /// Is done at the stop, too.
    fn at_stop(self) -> Self {
        let last = Some(Arc::clone(&self.work));
        Self { last, ..self }
    }
}

/// All jobs, in the order of their last times.
fn table(app: &App) -> Vec<Job> {
    // One a receiver: a slow one keeps nothing from the others.
    let deliveries = (0..app.warnings.receivers()).map(|receiver| {
        Job::new("webhooks could not be sent", WRITING * 2, move |app| {
            Box::pin(async move { Ok(app.warnings.deliver(receiver).await?) })
        })
    });
    let replays = Duration::from_secs(app.config.api_transaction_cleanup_interval.0.into());
    usual(replays).into_iter().chain(deliveries).collect()
}

/// The jobs of every server.
fn usual(replays: Duration) -> Vec<Job> {
    vec![
        Job::new("revocations could not be read", READING, |app| {
            Box::pin(async move { Ok(app.auth.revocations.refresh(app.env.clock.now()).await?) })
        }),
        Job::new("signing keys could not be read", READING, |app| {
            Box::pin(async move { Ok(app.auth.signing_keys.refresh(app.env.clock.now()).await?) })
        }),
        Job::new("the last activity could not be written", MINUTE / 2, |app| {
            Box::pin(async move { Ok(app.server.activity.write(&app.store).await?) })
        })
        .at_stop(),
        Job {
            is_due: Some(|app| Box::pin(async move { app.auth.register.filling().await })),
            ..Job::new("API tokens could not be written", WRITING, |app| {
                Box::pin(async move { Ok(app.auth.register.flush().await?) })
            })
        }
        .at_stop(),
        Job::new("last uses could not be written", WRITING * 4, |app| {
            Box::pin(async move {
                let uses = app.auth.last_used.write(&app.store).await?;
                Ok(app.warnings.note_uses(uses).await?)
            })
        })
        .at_stop(),
        Job::new("what webhooks count could not be written", WRITING * 4, |app| {
            Box::pin(async move { Ok(app.intake.counts.write(&app.store).await?) })
        })
        .at_stop(),
        Job::new("answers could not be written", WRITING, |app| {
            Box::pin(async move { Ok(app.replays.write(app.env.clock.now()).await?) })
        })
        .at_stop(),
        Job {
            last: Some(Arc::new(|app| Box::pin(async move { Ok(app.audit.close().await?) }))),
            ..Job::new("audit records could not be written", WRITING, |app| {
                Box::pin(async move { Ok(app.audit.write().await?) })
            })
        },
        Job::new("keys that end could not be told", MINUTE, |app| {
            Box::pin(async move { Ok(app.warnings.tell_key_ends().await?) })
        }),
        Job::new("refusals of accounts could not be told", TENDING, |app| {
            Box::pin(async move { Ok(app.warnings.tell_refusals(app.audit.take_refused()).await?) })
        }),
        Job::new("warnings could not be swept", SWEEPING, |app| {
            Box::pin(
                async move { Ok(app.warnings.sweep(app.env.clock.now(), app.auth.token_history).await?) },
            )
        }),
        Job::new("it could not be tried whether the database can be written", TENDING, |app| {
            Box::pin(async move { Ok(app.store.watch_writability().await?) })
        }),
        Job::new("the database could not be tended", TENDING, |app| {
            Box::pin(async move { Ok(app.store.tend().await?) })
        }),
        Job::new("what lists find things by could not be completed", WRITING, |app| {
            Box::pin(async move { Ok(lookups::complete(&app.store).await?) })
        }),
        Job::new("the database's clock could not be read", MINUTE, |app| {
            Box::pin(async move { Ok(app.check_clock().await?) })
        }),
        Job::new("answers could not be swept", replays.max(WRITING), |app| {
            Box::pin(async move { Ok(app.replays.sweep(app.env.clock.now()).await?) })
        }),
        Job::new("audit records could not be swept", MINUTE, |app| {
            Box::pin(async move { Ok(app.audit.sweep(app.env.clock.now()).await?) })
        }),
        Job::new("sign-in failures could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(app.sign_in.throttle.sweep(app.env.clock.now()).await?) })
        }),
        Job::new("known places could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(app.sign_in.known_places.sweep(app.env.clock.now()).await?) })
        }),
        Job::new("used tokens of others could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(used::sweep(&app.auth_store, app.env.clock.now()).await?) })
        }),
        Job::new("revocations could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(app.auth.revocations.sweep(app.env.clock.now()).await?) })
        }),
        Job::new("API tokens could not be swept", SWEEPING, |app| {
            Box::pin(async move {
                Ok(app.auth.register.sweep(app.env.clock.now() - app.auth.token_history).await?)
            })
        }),
        Job::new("devices could not be swept", MINUTE, |app| {
            Box::pin(async move { Ok(device_request::sweep(&app.store, app.env.clock.now()).await?) })
        }),
        Job::new("digests of API keys could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(key_proof::sweep_digests(&app.store).await?) })
        }),
        Job::new("notes on deactivated accounts could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(deactivation::sweep(&app.store).await?) })
        }),
        Job::new("sign-ins by the provider could not be checked", RECHECKING, |app| {
            Box::pin(async move { Ok(recheck::check_due(&app).await?) })
        }),
        Job::new("what is over of sign-ins by the provider could not be swept", SWEEPING, |app| {
            Box::pin(async move {
                identities::sweep(&app.store).await?;
                operator_password::sweep(&app.store, app.env.clock.now()).await?;
                Ok(sign_in_rows::sweep(&app.store).await?)
            })
        }),
        Job::new("deliveries to webhooks could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(intake::sweep(&app.store, app.env.clock.now()).await?) })
        }),
        Job::new("signing keys could not be swept", SWEEPING, |app| {
            Box::pin(async move { Ok(keys::sweep(&app.store, app.env.clock.now()).await?) })
        }),
    ]
}

/// The jobs of a running server.
pub(crate) struct Jobs {
    app: AppState,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// Starts all jobs.
pub(crate) fn start(app: AppState) -> Jobs {
    let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
    for job in table(&app) {
        tasks.spawn(job.go_on(app.clone(), stop.clone()));
    }
    Jobs { app, tasks, stop }
}

/// Does each job once, in the table's order, as if all were due.
///
/// # Errors
/// That of the first one that fails.
pub async fn do_each(app: &AppState) -> Result<(), Failure> {
    for job in table(app) {
        (job.work)(app.clone()).await?;
    }
    Ok(())
}

impl Jobs {
    /// Stops them, and does the last ones, as far as there is time: a database that is away must not keep the server
    /// from its end.
    pub(crate) async fn stop(mut self, deadline: Instant) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout_at(deadline.min(Instant::now() + LAST_ROUND), ended).await;
        self.tasks.shutdown().await;
        for job in table(&self.app) {
            let Some(last) = job.last else { continue };
            match timeout_at(deadline, last(self.app.clone())).await {
                Ok(outcome) => note(job.failure, outcome),
                Err(_) => tracing::warn!("{}: there was no time left", job.failure),
            }
        }
    }
}

impl Job {
    async fn go_on(self, app: AppState, stop: CancellationToken) {
        let mut rounds = interval_at(Instant::now() + self.every, self.every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.next_round(&app, &mut rounds) => {}
            }
            // A task of its own, which ends with this one: a fault of one round must not end all.
            let mut round = JoinSet::new();
            round.spawn((self.work)(app.clone()));
            match round.join_next().await {
                Some(Ok(outcome)) => note(self.failure, outcome),
                Some(Err(error)) => tracing::error!(%error, "{}", self.failure),
                None => {}
            }
        }
    }

    async fn next_round(&self, app: &AppState, rounds: &mut Interval) {
        let is_due = async {
            match self.is_due {
                Some(is_due) => is_due(app.clone()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = rounds.tick() => {}
            () = is_due => {}
        }
    }
}

fn note(failure: &str, outcome: Result<(), Failure>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{failure}");
    }
}
