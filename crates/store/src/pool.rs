//! Connections, each in a slot of its own, so that it is known which one a query runs on: a query that nobody waits for
//! any more is ended, by the caller's hang-up, its time limit or the server's stop.
//!
//! A query's future that is dropped doesn't stop the database. So whoever queries holds a [`Lease`], which ends what it
//! has asked when it is dropped; the next query waits until the connection is back.
//!
//! A connection comes back to its slot only in a known state: between two queries, and outside of a transaction. One
//! about which there is a doubt is closed, and so is one with too many prepared statements ([`super::statements`]); the
//! slot's next query opens another.
//!
//! The last few slots are kept for what is to be prompt ([`Rank::Reserved`]), however many expensive queries run.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection, MySql};
use tokio::runtime::Handle;
use tokio::sync::{AcquireError, Semaphore};
use tokio::time::timeout;

use super::StoreError;
use super::kill::Killer;
use super::lease::Lease;
use super::plans::Plans;
use super::presence::Presence;
use super::statements::Prepared;
use super::wire::Wire;

/// How long a query waits for a free connection, or the database to answer it, before it fails.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for queries that still have somebody who waits for them.
const LAST_QUERIES: Duration = Duration::from_secs(1);
/// A query that was told to end before its server had begun it runs all the same, and is told again after so long.
pub(super) const UNTIL_TOLD_AGAIN: Duration = Duration::from_millis(250);
/// How long a connection may take to end what nobody waits for.
pub(super) const TIDY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was not used for so long is closed.
const IDLE: Duration = Duration::from_mins(10);

/// What one connection is at.
#[derive(Debug, Default)]
pub(super) struct Progress {
    running: AtomicBool,
    /// The query under way is to end.
    pub ended: AtomicBool,
    /// All queries are to end, since the store is closed.
    pub closed: AtomicBool,
    /// MySQL's number of the connection; 0 when it isn't known.
    pub connection: AtomicU64,
    /// The MySQL server that counts so: behind a balancer there are several.
    pub server: Mutex<String>,
}

impl Progress {
    /// Whether the query under way has still somebody who waits for it.
    pub(crate) fn may_go_on(&self) -> bool {
        !self.ended.load(Ordering::Relaxed) && !self.closed.load(Ordering::Relaxed)
    }
}

/// Which connections may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// All but the last few.
    Shared,
    /// Those too. It is for cheap queries that somebody's way in, or out, hangs on.
    Reserved,
}

/// A connection between two queries.
pub(super) struct Kept<DB: Wire> {
    pub connection: DB::Connection,
    opened: Instant,
    used: Instant,
    prepared: Prepared,
}

/// One connection at most.
pub(super) struct Slot<DB: Wire> {
    kept: Mutex<Option<Kept<DB>>>,
    pub progress: Arc<Progress>,
}

impl<DB: Wire> Slot<DB> {
    fn kept(&self) -> MutexGuard<'_, Option<Kept<DB>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections of one kind.
pub(super) struct Pool<DB: Wire> {
    link: Arc<DB::Link>,
    pub(super) presence: Presence,
    slots: Box<[Slot<DB>]>,
    /// Numbers of those that nobody uses, the last used one last.
    idle: Mutex<Vec<usize>>,
    free: Semaphore,
    /// Of the free ones, those that are not reserved.
    shared: Semaphore,
    is_closed: AtomicBool,
    /// Statements that are prepared on all connections.
    prepared: Arc<AtomicUsize>,
    /// Of MySQL alone.
    pub(super) killer: Option<Killer>,
    pub(super) plans: Option<Arc<Plans>>,
}

impl<DB: Wire> std::fmt::Debug for Pool<DB> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pool").field("count", &self.slots.len()).finish_non_exhaustive()
    }
}

impl<DB: Wire> Pool<DB> {
    /// So many slots, some of which are reserved.
    pub(crate) fn new(
        link: DB::Link,
        count: usize,
        reserved: usize,
        killer: Option<Killer>,
        plans: Option<Arc<Plans>>,
    ) -> Arc<Self> {
        let slot = || Slot { kept: Mutex::default(), progress: Arc::default() };
        Arc::new(Self {
            link: Arc::new(link),
            presence: Presence::default(),
            slots: (0..count).map(|_| slot()).collect(),
            idle: Mutex::new((0..count).rev().collect()),
            free: Semaphore::new(count),
            shared: Semaphore::new(count.saturating_sub(reserved).max(1)),
            is_closed: AtomicBool::new(false),
            prepared: Arc::default(),
            killer,
            plans,
        })
    }

    /// How these connect.
    pub(crate) fn link(&self) -> &Arc<DB::Link> {
        &self.link
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// Waits for a slot that nobody uses.
    async fn place(self: &Arc<Self>, rank: Rank) -> Result<Place<DB>, StoreError> {
        self.presence.ensure()?;
        // An ordinary one waits here first, so that no more than one of them stands before what is to be prompt.
        let is_shared = rank == Rank::Shared;
        if is_shared {
            take(&self.shared).await?;
        }
        let mut right = Right { pool: Some(self), is_shared };
        take(&self.free).await?;
        let is_open = if self.is_closed() { Err(StoreError::PoolClosed) } else { self.presence.ensure() };
        if let Err(error) = is_open {
            self.free.add_permits(1);
            return Err(error);
        }
        let Some(number) = self.take_idle() else { return Err(StoreError::PoolTimedOut) };
        right.pool = None;
        Ok(Place { pool: Arc::clone(self), number, is_shared, is_running: false })
    }

    /// A connection for one query.
    pub(crate) async fn lease(self: &Arc<Self>, rank: Rank) -> Result<Lease<DB>, StoreError> {
        let place = self.place(rank).await?;
        let kept = match place.ready() {
            Some(kept) => kept,
            // Apart, since this takes much more memory than there mostly is to do.
            None => Box::pin(place.connect()).await?,
        };
        place.slot().progress.ended.store(false, Ordering::Relaxed);
        Ok(Lease::new(kept, place))
    }

    /// A transaction, which that statement begins.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        rank: Rank,
        statement: &'static str,
    ) -> Result<Lease<DB>, StoreError> {
        self.lease(rank).await?.begun(statement).await
    }

    /// Connections that are open, and those of them that nobody uses.
    pub(crate) fn sizes(&self) -> (u32, u32) {
        let idle = self.idle();
        let kept = idle.iter().filter(|number| self.slots[**number].kept().is_some()).count();
        let used = self.slots.len() - idle.len();
        (u32::try_from(kept + used).unwrap_or(u32::MAX), u32::try_from(kept).unwrap_or(u32::MAX))
    }

    /// Closes connections that were not used for long.
    pub(crate) async fn close_idle(&self) {
        let mut old = Vec::new();
        for slot in &self.slots {
            let mut kept = slot.kept();
            if kept.as_ref().is_some_and(|kept| kept.used.elapsed() > IDLE) {
                old.extend(kept.take());
            }
        }
        for kept in old {
            let _ = timeout(TIDY_TIMEOUT, kept.connection.close()).await;
        }
    }

    /// Closes what nobody uses, without a farewell.
    pub(crate) fn drop_idle(&self) {
        self.slots.iter().for_each(|slot| drop(slot.kept().take()));
    }

    /// Ends all connections; queries under way are given a moment. It is over within `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        let deadline = tokio::time::Instant::now() + patience;
        self.is_closed.store(true, Ordering::Relaxed);
        let all = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        drop(timeout(LAST_QUERIES.min(patience / 3), self.free.acquire_many(all)).await);
        let running: Vec<&Progress> = self.slots.iter().map(|slot| &*slot.progress).collect();
        running.iter().for_each(|progress| progress.closed.store(true, Ordering::SeqCst));
        let closing = async {
            let mut all_free = pin!(self.free.acquire_many(all));
            loop {
                if let Some(killer) = &self.killer {
                    let running = running.iter().filter(|progress| progress.running.load(Ordering::SeqCst));
                    join_all(running.map(|progress| killer.kill(progress))).await;
                }
                if timeout(UNTIL_TOLD_AGAIN, &mut all_free).await.is_ok() {
                    break;
                }
            }
            let kept: Vec<_> = self.slots.iter().filter_map(|slot| slot.kept().take()).collect();
            join_all(kept.into_iter().map(|kept| kept.connection.close())).await;
        };
        if tokio::time::timeout_at(deadline, closing).await.is_err() {
            tracing::warn!("some connections to the database did not close in time");
        }
    }

    /// The last used one whose connection is open, else the last used one.
    fn take_idle(&self) -> Option<usize> {
        let mut idle = self.idle();
        let ready = idle.iter().rposition(|number| self.slots[*number].kept().is_some());
        match ready {
            Some(at) => Some(idle.remove(at)),
            None => idle.pop(),
        }
    }

    fn put_back(&self, number: usize) {
        self.idle().push(number);
        self.free.add_permits(1);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<usize>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a database is that doesn't answer.
pub(super) fn silent() -> StoreError {
    StoreError::Io(io::ErrorKind::TimedOut.into())
}

/// Waits for one permit, which is given back by hand.
async fn take(semaphore: &Semaphore) -> Result<(), StoreError> {
    let closed = |_: AcquireError| StoreError::PoolClosed;
    let permit = match semaphore.try_acquire() {
        Ok(permit) => permit,
        Err(_) => match timeout(ACQUIRE_TIMEOUT, semaphore.acquire()).await {
            Ok(permit) => permit.map_err(closed)?,
            Err(_) => return Err(StoreError::PoolTimedOut),
        },
    };
    permit.forget();
    Ok(())
}

/// The right to one of the shared slots, of whoever still waits for it.
struct Right<'l, DB: Wire> {
    pool: Option<&'l Pool<DB>>,
    is_shared: bool,
}

impl<DB: Wire> Drop for Right<'_, DB> {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.filter(|_| self.is_shared) {
            pool.shared.add_permits(1);
        }
    }
}

/// The right to use one of the connections.
pub(super) struct Place<DB: Wire> {
    pub pool: Arc<Pool<DB>>,
    number: usize,
    is_shared: bool,
    pub is_running: bool,
}

impl<DB: Wire> Place<DB> {
    pub(crate) fn slot(&self) -> &Slot<DB> {
        &self.pool.slots[self.number]
    }

    /// The connection that is there and beyond doubt.
    fn ready(&self) -> Option<Kept<DB>> {
        let mut kept = self.slot().kept();
        let is_ready = |kept: &Kept<DB>| {
            kept.opened.elapsed() < DB::LIFE && DB::DOUBT.is_none_or(|doubt| kept.used.elapsed() < doubt)
        };
        kept.take_if(|kept| is_ready(kept))
    }

    /// The connection that is there, if it answers, else a new one.
    async fn connect(&self) -> Result<Kept<DB>, StoreError> {
        let presence = &self.pool.presence;
        let connecting = async {
            let kept = self.slot().kept().take();
            if let Some(mut kept) = kept.filter(|kept| kept.opened.elapsed() < DB::LIFE)
                && matches!(timeout(presence.patience(), kept.connection.ping()).await, Ok(Ok(())))
            {
                return Ok(kept);
            }
            let start = Instant::now();
            let connection = DB::connect(&self.pool.link, &self.slot().progress).await?;
            presence.note_connected(start.elapsed());
            let now = Instant::now();
            let prepared = Prepared::new(&self.pool.prepared);
            Ok(Kept { connection, opened: now, used: now, prepared })
        };
        let connecting = timeout(ACQUIRE_TIMEOUT, connecting);
        self.pool.answer(async { connecting.await.unwrap_or_else(|_| Err(silent())) }).await
    }

    pub(crate) fn keep(&self, mut kept: Kept<DB>) {
        kept.used = Instant::now();
        let may_go_on = kept.prepared.note(DB::prepared(&kept.connection));
        if may_go_on {
            *self.slot().kept() = Some(kept);
        } else if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout(TIDY_TIMEOUT, kept.connection.close()));
        }
    }

    pub(crate) fn note_running(&mut self, is_running: bool) {
        self.is_running = is_running;
        self.slot().progress.running.store(is_running, Ordering::SeqCst);
    }
}

impl<DB: Wire> Drop for Place<DB> {
    fn drop(&mut self) {
        self.note_running(false);
        if self.is_shared {
            self.pool.shared.add_permits(1);
        }
        self.pool.put_back(self.number);
    }
}

impl Pool<MySql> {
    /// A connection that is nobody's any more: for what changes its session.
    pub(crate) async fn detach(self: &Arc<Self>) -> Result<sqlx::MySqlConnection, StoreError> {
        self.lease(Rank::Shared).await?.detach()
    }
}
