//! Statements that stay prepared on connections. A server of MySQL's kind has so many for all its clients together
//! (`max_prepared_stmt_count`, 16,382 as it is delivered), and each connection would use more of them with time.
//!
//! A connection never closes one to make room for another: the server doesn't answer that, so that the next statement
//! would wait for the network's acknowledgment, forty milliseconds. It is rather closed itself, between two queries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// For all connections together: a quarter of what the server has, since it has other clients and zendo other replicas.
pub(super) const MOST: usize = 4_000;
/// A connection may have so many, whatever the others have: else it would be closed after each query.
const FEW: usize = 100;

/// How many one connection has.
#[derive(Debug)]
pub(super) struct Prepared {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Prepared {
    /// None yet, of a connection whose pool counts there.
    pub(super) fn new(all: &Arc<AtomicUsize>) -> Self {
        Self { all: Arc::clone(all), own: 0 }
    }

    /// Notes how many they are now, and returns whether the connection may go on with them.
    pub(super) fn note(&mut self, own: usize) -> bool {
        self.all.fetch_add(own, Ordering::Relaxed);
        let before = self.all.fetch_sub(self.own, Ordering::Relaxed);
        let all = before.saturating_sub(self.own);
        self.own = own;
        own <= FEW || all <= MOST
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_on_until_all_have_too_many_together() {
        let all = Arc::default();
        let mut first = Prepared::new(&all);
        assert!(first.note(MOST - FEW));
        let mut second = Prepared::new(&all);
        assert!(second.note(FEW));
        assert!(!second.note(FEW + 1));
        assert!(first.note(MOST - FEW - 1), "fewer than before");
        drop(first);
        assert!(second.note(MOST));
        assert!(!second.note(MOST + 1));
        drop(second);
        assert_eq!(all.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn few_are_always_right() {
        let all = Arc::new(AtomicUsize::new(MOST));
        assert!(Prepared::new(&all).note(FEW));
        assert_eq!(all.load(Ordering::Relaxed), MOST);
    }
}
