//! Connections, each in a pool of its own, so that it is known which one a query runs on: a query that nobody waits
//! for any more is ended, by the caller's hang-up, its time limit or the server's stop.
//!
//! A query's future that is dropped doesn't stop the database. So whoever queries holds a [`Place`], which notes that a
//! query runs; a place that is dropped meanwhile ends it: SQLite looks into a flag every so many steps, and MySQL is
//! told `KILL QUERY` by another connection. The next query waits until the connection is back, and with it everything
//! that was undone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, MySql, Pool};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::StoreError;
use super::kill::Killer;

/// How long a query waits for a free connection before it fails.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for queries that still have somebody who waits for them.
const LAST_QUERIES: Duration = Duration::from_secs(1);
/// How long a stop waits for connections to close; what they had to write is written.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What one connection is at.
#[derive(Debug, Default)]
pub(super) struct Progress {
    running: AtomicBool,
    /// The query under way is to end.
    ended: AtomicBool,
    /// All queries are to end, since the store is closed.
    closed: AtomicBool,
    /// MySQL's number of the connection; 0 when it isn't known.
    pub connection: AtomicU64,
    /// The MySQL server that counts so: behind a balancer there are several.
    pub server: Mutex<String>,
}

impl Progress {
    /// Whether the query under way has still somebody who waits for it.
    pub fn may_go_on(&self) -> bool {
        !self.ended.load(Ordering::Relaxed) && !self.closed.load(Ordering::Relaxed)
    }
}

/// One connection at most.
#[derive(Debug)]
pub(super) struct Lane<DB: Database> {
    pub pool: Pool<DB>,
    pub progress: Arc<Progress>,
}

/// All connections of one kind.
#[derive(Debug)]
pub(super) struct Lanes<DB: Database> {
    lanes: Box<[Lane<DB>]>,
    /// Numbers of those that nobody uses, the last used one last.
    idle: Mutex<Vec<usize>>,
    free: Semaphore,
    /// Of MySQL alone.
    killer: Option<Killer>,
}

impl<DB: Database> Lanes<DB> {
    pub fn new(lanes: Vec<Lane<DB>>, killer: Option<Killer>) -> Arc<Self> {
        let idle = (0..lanes.len()).rev().collect();
        let free = Semaphore::new(lanes.len());
        Arc::new(Self { lanes: lanes.into(), idle: Mutex::new(idle), free, killer })
    }

    /// Waits for a connection that nobody uses.
    pub async fn place(self: &Arc<Self>) -> Result<Place<DB>, StoreError> {
        let permit = match self.free.try_acquire() {
            Ok(permit) => permit,
            Err(_) => match tokio::time::timeout(ACQUIRE_TIMEOUT, self.free.acquire()).await {
                Ok(permit) => permit.map_err(|_| StoreError::PoolClosed)?,
                Err(_) => return Err(StoreError::PoolTimedOut),
            },
        };
        permit.forget();
        let number = self.take_idle().ok_or(StoreError::PoolTimedOut)?;
        Ok(Place { lanes: Arc::clone(self), number, is_running: false })
    }

    /// A connection for one query.
    pub async fn lease(self: &Arc<Self>) -> Result<Lease<DB>, StoreError> {
        let place = self.place().await?;
        let connection = place.lane().pool.acquire().await?;
        place.lane().progress.ended.store(false, Ordering::Relaxed);
        Ok(Lease { connection, place })
    }

    /// A transaction; the statement is the one that begins it, where it isn't the engine's own.
    pub async fn begin(self: &Arc<Self>, statement: Option<&'static str>) -> Result<Open<DB>, StoreError> {
        let place = self.place().await?;
        let pool = &place.lane().pool;
        let connection = pool.acquire().await?;
        place.lane().progress.ended.store(false, Ordering::Relaxed);
        let statement = statement.map(sqlx::SqlStr::from_static);
        let transaction = sqlx::Transaction::begin(connection, statement).await?;
        Ok(Open { transaction, place })
    }

    /// Connections that are open, and those of them that nobody uses.
    pub fn sizes(&self) -> (u32, u32) {
        let open = self.lanes.iter().map(|lane| lane.pool.size()).sum();
        let idle: usize = self.lanes.iter().map(|lane| lane.pool.num_idle()).sum();
        (open, u32::try_from(idle).unwrap_or(u32::MAX))
    }

    /// Ends all connections; queries under way are given a moment.
    pub async fn close(&self) {
        let all = u32::try_from(self.lanes.len()).unwrap_or(u32::MAX);
        drop(tokio::time::timeout(LAST_QUERIES, self.free.acquire_many(all)).await);
        let running: Vec<&Progress> = self.lanes.iter().map(|lane| &*lane.progress).collect();
        running.iter().for_each(|progress| progress.closed.store(true, Ordering::Relaxed));
        if let Some(killer) = &self.killer {
            for progress in running.iter().filter(|progress| progress.running.load(Ordering::Relaxed)) {
                killer.kill(progress).await;
            }
        }
        let closing = futures_util::future::join_all(self.lanes.iter().map(|lane| lane.pool.close()));
        if tokio::time::timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("some connections to the database did not close in time");
        }
    }

    /// The last used one whose connection is open and back, else the last used one.
    fn take_idle(&self) -> Option<usize> {
        let mut idle = self.idle();
        let ready = idle.iter().rposition(|number| self.lanes[*number].pool.num_idle() > 0);
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

/// The right to use one of the connections. Dropping it while a query runs ends the query.
pub(super) struct Place<DB: Database> {
    lanes: Arc<Lanes<DB>>,
    number: usize,
    is_running: bool,
}

impl<DB: Database> Place<DB> {
    fn lane(&self) -> &Lane<DB> {
        &self.lanes.lanes[self.number]
    }

    fn note_running(&mut self, is_running: bool) {
        self.is_running = is_running;
        self.lane().progress.running.store(is_running, Ordering::Relaxed);
    }
}

impl<DB: Database> Drop for Place<DB> {
    fn drop(&mut self) {
        if self.is_running {
            self.lane().progress.ended.store(true, Ordering::Relaxed);
            if self.lanes.killer.is_some()
                && let Ok(runtime) = Handle::try_current()
            {
                // Nobody else may use the connection before its query is killed.
                runtime.spawn(end_query(Arc::clone(&self.lanes), self.number));
                return;
            }
            self.note_running(false);
        }
        self.lanes.put_back(self.number);
    }
}

/// Kills the query that nobody waits for, and gives its connection back.
async fn end_query<DB: Database>(lanes: Arc<Lanes<DB>>, number: usize) {
    let lane = &lanes.lanes[number];
    if let Some(killer) = &lanes.killer {
        killer.kill(&lane.progress).await;
    }
    // The connection has come back, or a new one has taken its place.
    drop(lane.pool.acquire().await);
    lane.progress.running.store(false, Ordering::Relaxed);
    lanes.put_back(number);
}

/// A connection for one query.
pub(super) struct Lease<DB: Database> {
    connection: PoolConnection<DB>,
    place: Place<DB>,
}

impl<DB: Database> Lease<DB> {
    /// The connection for a query that begins now; [`Lease::end`] tells that it is over.
    pub fn start(&mut self) -> &mut DB::Connection {
        self.place.note_running(true);
        &mut self.connection
    }

    pub fn end(&mut self) {
        self.place.note_running(false);
    }
}

/// An open transaction.
pub(super) struct Open<DB: Database> {
    transaction: sqlx::Transaction<'static, DB>,
    place: Place<DB>,
}

impl<DB: Database> Open<DB> {
    /// As [`Lease::start`].
    pub fn start(&mut self) -> &mut DB::Connection {
        self.place.note_running(true);
        &mut self.transaction
    }

    pub fn end(&mut self) {
        self.place.note_running(false);
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await
    }
}

impl Lanes<MySql> {
    /// A connection that is nobody's any more: for what changes its session.
    pub async fn detach(self: &Arc<Self>) -> Result<sqlx::MySqlConnection, StoreError> {
        Ok(self.lease().await?.connection.detach())
    }
}
