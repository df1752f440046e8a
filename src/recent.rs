//! What is remembered of those that came last, up to a number of them.

use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashlink::LruCache;

/// Forgets whatever wasn't asked for the longest to make room. Whoever comes is kept in any case, which a cache that
/// weighs who is worth its place doesn't promise: limits and tokens that may be used once hang on it. All callers take
/// one lock, so it isn't for what each request asks.
#[derive(Debug)]
pub(crate) struct Recent<K: Eq + Hash, V> {
    entries: Mutex<LruCache<K, V>>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: Mutex::new(LruCache::new(most)) }
    }

    /// What is remembered of a key, or is made for it now, to look at or change while nobody else does.
    pub(crate) fn with<T>(&self, key: K, make: impl FnOnce() -> V, see: impl FnOnce(&mut V) -> T) -> T {
        see(self.entries().entry(key).or_insert_with(make))
    }

    /// Remembers something of a key, and returns what was remembered of it before.
    pub(crate) fn insert(&self, key: K, value: V) -> Option<V> {
        self.entries().insert(key, value)
    }

    pub(crate) fn forget(&self, key: &K) {
        self.entries().remove(key);
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V: Clone> Recent<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.entries().get(key).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered_and_a_new_one_always() {
        let recent = Recent::new(2);
        for key in ["a", "b"] {
            assert_eq!(recent.insert(key, 0), None);
        }
        for _ in 0..100 {
            recent.with("a", || 0, |times| *times += 1);
        }
        assert_eq!(recent.insert("c", 7), None);
        assert_eq!(["a", "b", "c"].map(|key| recent.get(&key)), [Some(100), None, Some(7)]);
        recent.forget(&"c");
        assert_eq!(recent.insert("a", 1), Some(100));
        assert_eq!(recent.get(&"c"), None);
    }
}
