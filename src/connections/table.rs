//! Which connections there are, what each is at, and who has to go when there is no place for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::ConnectionLimits;

/// Between two looks at the time, which no request does itself.
pub(super) const TICK: Duration = Duration::from_millis(250);
/// Bytes that a caller who is slow to take an answer has to take within the time of a request.
const SLOWEST: usize = 16 << 10;
/// Between two warnings of one kind.
const BETWEEN_WARNINGS: u64 = 60_000;

/// All connections.
#[derive(Debug)]
pub(super) struct Table {
    limits: ConnectionLimits,
    most: usize,
    /// Fewer than that for a time after the machine had no place for another.
    most_now: AtomicUsize,
    started: Instant,
    clock: Clock,
    warned: AtomicU64,
    entries: Mutex<Entries>,
}

/// Milliseconds since the start as of the last tick, which cost nothing to read.
type Clock = Arc<AtomicU64>;

#[derive(Debug, Default)]
struct Entries {
    last_id: u64,
    connections: HashMap<u64, Arc<Connection>>,
    by_address: HashMap<IpAddr, usize>,
}

/// A place among the connections, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    table: Arc<Table>,
    connection: Arc<Connection>,
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// Waits for its next request.
    Idle,
    /// Reads a request's head; the first one's from the start.
    Head,
    /// A request is under way.
    Busy,
    /// All is said; what the caller still sends is dropped, so that it hears the answer.
    Lingering,
}

/// What a connection is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// End when nothing is under way.
    Retire = 1,
    /// End now.
    End = 2,
}

/// What is known of a connection. Its task writes, others read.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    counted_as: Option<IpAddr>,
    clock: Clock,
    phase: AtomicU8,
    since: AtomicU64,
    /// When the caller took no more of an answer; 0 while it takes all.
    blocked_since: AtomicU64,
    /// Bytes that it has taken since.
    taken: AtomicUsize,
    /// Whether a request of it was answered.
    has_served: AtomicBool,
    has_unread_body: AtomicBool,
    order: AtomicU8,
    ordered: Notify,
}

impl Table {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let most = limits.most();
        Self {
            most,
            most_now: AtomicUsize::new(most),
            limits,
            started: Instant::now(),
            // 0 stands for never.
            clock: Arc::new(AtomicU64::new(1)),
            warned: AtomicU64::new(0),
            entries: Mutex::default(),
        }
    }

    /// The number of connections at most.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// A place for a connection from there. When there is none, another goes which waits; none when all are busy.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Slot> {
        let counted_as = self.limits.counted_as(address);
        let mut entries = self.entries();
        let of_address = counted_as.and_then(|address| entries.by_address.get(&address));
        let is_address_full = of_address.is_some_and(|count| *count >= self.limits.most_of_address);
        let is_full = entries.connections.len() >= self.most_now.load(Relaxed);
        let has_room = match (is_address_full, is_full) {
            (true, _) => entries.retire_one(|connection| connection.counted_as == counted_as),
            (false, true) => entries.retire_one(|_| true),
            (false, false) => true,
        };
        if (is_address_full || is_full) && self.is_time_to_warn() {
            let what = if is_address_full { "of one address" } else { "of all" };
            tracing::warn!(%address, "there are as many connections {what} as there may be");
        }
        if !has_room {
            return None;
        }
        entries.last_id += 1;
        let connection = Arc::new(Connection::new(entries.last_id, counted_as, Arc::clone(&self.clock)));
        entries.connections.insert(connection.id, Arc::clone(&connection));
        if let Some(address) = counted_as {
            *entries.by_address.entry(address).or_default() += 1;
        }
        Some(Slot { table: Arc::clone(self), connection })
    }

    /// The machine has no place for another connection: ends an eighth of them, those that have waited longest, and
    /// takes fewer for a time.
    pub(super) fn make_room(&self) {
        let mut entries = self.entries();
        let fewer = (entries.connections.len() * 7 / 8).max(1);
        self.most_now.store(fewer, Relaxed);
        while entries.connections.len() > fewer && entries.retire_one(|_| true) {}
    }

    /// Ends all connections as soon as nothing is under way on them.
    pub(super) fn retire_all(&self) {
        self.entries().connections.values().for_each(|connection| connection.give(Order::Retire));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries().connections.is_empty()
    }

    /// Takes the time, and ends the connections that are over one of theirs.
    pub(super) fn tick(&self) {
        let now = 1 + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.clock.store(now, Relaxed);
        self.most_now.store((self.most_now.load(Relaxed) + 1).min(self.most), Relaxed);
        for connection in self.entries().connections.values() {
            if connection.is_overdue(now, &self.limits) {
                connection.give(Order::End);
            }
        }
    }

    /// Whether the log has had no warning for some time.
    pub(super) fn is_time_to_warn(&self) -> bool {
        let now = self.clock.load(Relaxed);
        let warned = self.warned.load(Relaxed);
        let is_time = warned == 0 || now - warned.min(now) >= BETWEEN_WARNINGS;
        is_time && self.warned.compare_exchange(warned, now, Relaxed, Relaxed).is_ok()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Takes one of those out, the one that has waited longest: of those that have never been of use, if there are any.
    /// False when none waits.
    fn retire_one(&mut self, is_meant: impl Fn(&Connection) -> bool) -> bool {
        let waiting =
            self.connections.values().filter(|connection| is_meant(connection) && connection.is_waiting());
        let longest = waiting.min_by_key(|connection| {
            (connection.has_served.load(Relaxed), connection.since.load(Relaxed), connection.id)
        });
        let Some(connection) = longest.map(Arc::clone) else { return false };
        self.remove(&connection);
        connection.give(Order::Retire);
        true
    }

    fn remove(&mut self, connection: &Connection) {
        if self.connections.remove(&connection.id).is_none() {
            return;
        }
        if let Some(address) = connection.counted_as
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Slot {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.table.entries().remove(&self.connection);
    }
}

impl Phase {
    const ALL: [Self; 4] = [Self::Idle, Self::Head, Self::Busy, Self::Lingering];
}

impl Connection {
    fn new(id: u64, counted_as: Option<IpAddr>, clock: Clock) -> Self {
        Self {
            id,
            counted_as,
            since: AtomicU64::new(clock.load(Relaxed)),
            clock,
            phase: AtomicU8::new(Phase::Head as u8),
            blocked_since: AtomicU64::new(0),
            taken: AtomicUsize::new(0),
            has_served: AtomicBool::new(false),
            has_unread_body: AtomicBool::new(false),
            order: AtomicU8::new(0),
            ordered: Notify::new(),
        }
    }

    /// A request's head was read.
    pub(super) fn begin_request(&self) {
        self.enter(Phase::Busy);
    }

    /// All of an answer was handed on.
    pub(super) fn end_request(&self) {
        self.has_served.store(true, Relaxed);
        self.enter(Phase::Idle);
    }

    /// The answer was given without the whole of the request's body.
    pub(super) fn leave_body_unread(&self) {
        self.has_unread_body.store(true, Relaxed);
    }

    /// All is said. Whether the caller may still be sending, and so would not hear it if the line were cut.
    pub(super) fn begin_to_linger(&self) -> bool {
        let is_cut_short = self.has_unread_body.load(Relaxed) || self.phase() == Phase::Head;
        if is_cut_short {
            self.enter(Phase::Lingering);
        }
        is_cut_short
    }

    /// Whether what comes next begins a request.
    pub(super) fn is_idle(&self) -> bool {
        self.phase() == Phase::Idle
    }

    /// Whether what is said is no answer to a request that was read.
    pub(super) fn is_reading_head(&self) -> bool {
        self.phase() == Phase::Head
    }

    /// The caller sent something.
    pub(super) fn note_read(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The caller took so many bytes of an answer.
    pub(super) fn note_taken(&self, bytes: usize) {
        if self.blocked_since.load(Relaxed) != 0 {
            let taken = self.taken.load(Relaxed) + bytes;
            self.taken.store(taken, Relaxed);
            if taken >= SLOWEST {
                self.unblock();
            }
        }
    }

    /// The caller takes nothing for now.
    pub(super) fn note_blocked(&self) {
        if self.blocked_since.load(Relaxed) == 0 {
            self.blocked_since.store(self.clock.load(Relaxed), Relaxed);
            self.taken.store(0, Relaxed);
        }
    }

    /// The caller has taken all that there was.
    pub(super) fn note_flushed(&self) {
        if self.blocked_since.load(Relaxed) != 0 {
            self.unblock();
        }
    }

    /// Nothing is under way, not even the rest of an answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.phase() != Phase::Busy && self.blocked_since.load(Relaxed) == 0
    }

    /// Whether it is to end when nothing is under way.
    pub(super) fn is_retiring(&self) -> bool {
        self.order.load(Relaxed) != 0
    }

    /// Waits for an order.
    pub(super) async fn ordered(&self) -> Order {
        self.ordered.notified().await;
        if self.order.load(Relaxed) == Order::End as u8 { Order::End } else { Order::Retire }
    }

    fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Relaxed);
        self.ordered.notify_one();
    }

    fn is_overdue(&self, now: u64, limits: &ConnectionLimits) -> bool {
        let is_over = |since: u64, time: Duration| u128::from(now.saturating_sub(since)) > time.as_millis();
        match self.blocked_since.load(Relaxed) {
            0 => match self.phase() {
                Phase::Idle => is_over(self.since.load(Relaxed), limits.idle_time),
                Phase::Head | Phase::Lingering => is_over(self.since.load(Relaxed), limits.request_time),
                Phase::Busy => false,
            },
            blocked => is_over(blocked, limits.request_time),
        }
    }

    /// The time of the phase begins anew: while an answer is taken, nobody is idle.
    fn unblock(&self) {
        self.blocked_since.store(0, Relaxed);
        self.since.store(self.clock.load(Relaxed), Relaxed);
    }

    fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.phase.load(Relaxed)) % Phase::ALL.len()]
    }

    fn enter(&self, phase: Phase) {
        self.since.store(self.clock.load(Relaxed), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ServerSettings, ZendoSettings};

    fn table(most: usize, most_of_address: usize) -> Arc<Table> {
        let limits = ConnectionLimits::new(&ServerSettings::default(), &ZendoSettings::default());
        Arc::new(Table::new(ConnectionLimits { most: Some(most), most_of_address, ..limits }))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn is_retired(slot: &Slot) -> bool {
        slot.connection().is_retiring()
    }

    #[test]
    fn who_has_waited_longest_goes_first_and_nobody_busy() {
        let table = table(3, 3);
        let [busy, first, second] = [1, 2, 3].map(|last| table.admit(address(last)).unwrap());
        busy.connection().begin_request();
        let third = table.admit(address(4)).unwrap();
        assert!(is_retired(&first) && !is_retired(&busy) && !is_retired(&second));
        for slot in [&second, &third] {
            slot.connection().begin_request();
        }
        assert!(table.admit(address(5)).is_none(), "all are busy");
        drop(first);
        assert!(table.admit(address(5)).is_none(), "the one that went was counted once");
        drop(second);
        assert!(table.admit(address(5)).is_some());
    }

    #[test]
    fn who_has_asked_before_stays_before_who_has_not() {
        let table = table(2, 2);
        let served = table.admit(address(1)).unwrap();
        served.connection().begin_request();
        served.connection().end_request();
        let silent = table.admit(address(2)).unwrap();
        let _third = table.admit(address(3)).unwrap();
        assert!(is_retired(&silent) && !is_retired(&served));
    }

    #[test]
    fn a_machine_without_a_place_has_fewer_for_a_time() {
        let table = table(100, 100);
        let slots: Vec<_> = (0..80).map(|_| table.admit(address(1)).unwrap()).collect();
        table.make_room();
        assert_eq!(slots.iter().filter(|slot| is_retired(slot)).count(), 10);
        let _more = table.admit(address(1)).unwrap();
        assert_eq!(slots.iter().filter(|slot| is_retired(slot)).count(), 11);
        (0..100).for_each(|_| table.tick());
        let _many: Vec<_> = (0..30).map(|_| table.admit(address(1)).unwrap()).collect();
        assert_eq!(slots.iter().filter(|slot| is_retired(slot)).count(), 11);
    }

    #[test]
    fn an_address_makes_room_among_its_own() {
        let table = table(10, 2);
        let [other, first, second] = [1, 2, 2].map(|last| table.admit(address(last)).unwrap());
        let third = table.admit(address(2)).unwrap();
        assert!(is_retired(&first) && !is_retired(&other) && !is_retired(&second) && !is_retired(&third));
        let proxied: Vec<_> = (0..5).map(|_| table.admit(IpAddr::from([127, 0, 0, 1])).unwrap()).collect();
        assert!(!proxied.iter().any(is_retired), "a proxy on this machine speaks for many");
    }

    #[test]
    fn each_phase_has_its_time() {
        let limits = ConnectionLimits {
            request_time: Duration::from_secs(20),
            idle_time: Duration::from_mins(1),
            ..ConnectionLimits::new(&ServerSettings::default(), &ZendoSettings::default())
        };
        let clock = Arc::new(AtomicU64::new(1));
        let connection = Connection::new(1, None, Arc::clone(&clock));
        let at = |seconds: u64| {
            clock.store(1 + seconds * 1000, Relaxed);
            connection.is_overdue(1 + seconds * 1000, &limits)
        };
        assert!(!at(20) && at(21), "a head");
        connection.begin_request();
        assert!(!at(1000), "a request has its own limit");
        connection.end_request();
        assert!(!at(1060) && at(1061), "an idle one");
        connection.note_read();
        assert!(!at(1081) && at(1082), "a head, from its first byte");
        connection.begin_request();
        connection.note_blocked();
        connection.note_taken(SLOWEST - 1);
        assert!(!at(1102) && at(1103), "an answer that is not taken");
        connection.note_taken(1);
        assert!(!at(1104), "one that is");
        connection.note_blocked();
        connection.end_request();
        connection.note_flushed();
        assert!(!at(1164) && at(1165), "idle from the last byte that was taken");
    }
}
