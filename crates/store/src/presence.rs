//! Whether a database in the network answers at all. A host that is gone without a word, or a line that swallows what is
//! sent, says nothing: each request would wait for all the time it has.
//!
//! So whoever waits long for an answer, while nobody else has got one either, has it found out by connecting anew, once
//! for all who wait. If that isn't answered, the database is silent: nobody waits for it any more, and each query is told
//! so at once, until it answers one of the attempts that go on meanwhile. A query that merely takes long is not hurt:
//! while it runs, the database takes connections.

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::StoreError;
use super::pool::{ACQUIRE_TIMEOUT, Pool, silent};
use super::wire::Wire;

/// How long nobody is answered before it is tried whether the database still is there.
const SUSPICIOUS: Duration = Duration::from_secs(1);
/// How long connecting takes at most where it takes less than half of that.
const LEAST_PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts at a silent database. Each is left its time, so there are some at once.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Presence {
    is_silent: watch::Sender<bool>,
    is_tried: AtomicBool,
    start: Instant,
    /// Milliseconds from the start to the last answer.
    answered: AtomicU64,
    /// Milliseconds that connecting took the last time; zero before the first.
    connecting: AtomicU64,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            is_silent: watch::Sender::new(false),
            is_tried: AtomicBool::new(false),
            start: Instant::now(),
            answered: AtomicU64::new(0),
            connecting: AtomicU64::new(0),
        }
    }
}

impl Presence {
    /// # Errors
    /// When the database is silent.
    pub(crate) fn ensure(&self) -> Result<(), StoreError> {
        if *self.is_silent.borrow() { Err(silent()) } else { Ok(()) }
    }

    /// How long whoever connects may wait: some do so for long because the server looks up their names.
    pub(crate) fn patience(&self) -> Duration {
        match self.connecting.load(Ordering::Relaxed) {
            0 => ACQUIRE_TIMEOUT,
            took => (Duration::from_millis(took) * 2).clamp(LEAST_PATIENCE, ACQUIRE_TIMEOUT),
        }
    }

    pub(crate) fn note_connected(&self, took: Duration) {
        self.connecting.store(milliseconds(took).max(1), Ordering::Relaxed);
    }

    fn note_answer(&self) {
        self.answered.store(milliseconds(self.start.elapsed()), Ordering::Relaxed);
    }

    fn since_answer(&self) -> Duration {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(answered)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Whether nothing was heard. A refusal is an answer, and known at once.
fn is_silence(error: &StoreError) -> bool {
    let kinds = [ErrorKind::TimedOut, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable];
    matches!(error, StoreError::Io(error) if kinds.contains(&error.kind()))
}

impl<DB: Wire> Pool<DB> {
    /// The answer of the database, for which nobody waits while it is silent.
    pub(crate) async fn answer<T: Send>(
        self: &Arc<Self>,
        asked: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if !DB::IS_REMOTE {
            return asked.await;
        }
        let mut answer = None;
        {
            let asked = pin!(async { answer = Some(asked.await) });
            self.wait_for(asked).await?;
        }
        let answer = answer.unwrap_or_else(|| Err(silent()));
        if !answer.as_ref().is_err_and(|error| matches!(error, StoreError::Io(_))) {
            self.presence.note_answer();
        }
        answer
    }

    /// Waits for what was asked. (It knows no answer's type, so that it is compiled once.)
    async fn wait_for(
        self: &Arc<Self>,
        mut asked: Pin<&mut (dyn Future<Output = ()> + Send)>,
    ) -> Result<(), StoreError> {
        let mut silence = self.presence.is_silent.subscribe();
        let start = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = &mut asked => return Ok(()),
                _ = silence.wait_for(|is_silent| *is_silent) => return Err(silent()),
                () = sleep(SUSPICIOUS) => {
                    // Of this connection nothing is heard any more, though others may be well.
                    if start.elapsed() > DB::longest(self.link()) {
                        return Err(silent());
                    }
                    self.suspect();
                }
            }
        }
    }

    /// Has it found out whether the database still is there, if nobody has heard of it and nobody does so already.
    fn suspect(self: &Arc<Self>) {
        let presence = &self.presence;
        if presence.since_answer() >= SUSPICIOUS && !presence.is_tried.swap(true, Ordering::Relaxed) {
            tokio::spawn(find_out(Arc::downgrade(self), presence.patience()));
        }
    }
}

/// Connects until the database answers, or nobody uses it any more.
async fn find_out<DB: Wire>(pool: Weak<Pool<DB>>, patience: Duration) {
    let end = tokio::time::Instant::now() + patience;
    let (mut attempts, mut is_silent) = (JoinSet::new(), false);
    let mut rounds = interval(BETWEEN_ATTEMPTS);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let has_answered = tokio::select! {
            Some(answered) = attempts.join_next() => answered.unwrap_or(false),
            () = sleep_until(end), if !is_silent => false,
            _ = rounds.tick() => {
                let Some(pool) = pool.upgrade().filter(|pool| !pool.is_closed()) else { return };
                attempts.spawn(attempt::<DB>(Arc::clone(pool.link())));
                false
            }
        };
        let Some(pool) = pool.upgrade().filter(|pool| !pool.is_closed()) else { return };
        if has_answered {
            pool.presence.note_answer();
            if pool.presence.is_silent.send_replace(false) {
                tracing::info!("the database answers again");
            }
            pool.presence.is_tried.store(false, Ordering::Relaxed);
            return;
        }
        // Somebody may have been answered by another way.
        if !is_silent && tokio::time::Instant::now() >= end {
            if pool.presence.since_answer() < SUSPICIOUS {
                pool.presence.is_tried.store(false, Ordering::Relaxed);
                return;
            }
            is_silent = true;
            tracing::error!("the database does not answer; nobody waits for it until it does");
            pool.presence.is_silent.send_replace(true);
            pool.drop_idle();
        }
    }
}

/// Whether the database has answered.
async fn attempt<DB: Wire>(link: Arc<DB::Link>) -> bool {
    match timeout(ACQUIRE_TIMEOUT, DB::connect(&link, &Arc::default())).await {
        Ok(Ok(connection)) => {
            // It has answered, whatever becomes of the farewell.
            tokio::spawn(timeout(LEAST_PATIENCE, sqlx::Connection::close(connection)));
            true
        }
        Ok(Err(error)) => !is_silence(&error),
        Err(_) => false,
    }
}
