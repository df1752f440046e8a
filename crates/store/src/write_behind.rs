//! Rows that are written a moment after what they tell of: gathered in memory, inserted many at a time.

use std::cmp::min;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use tokio::sync::Notify;

use super::{BatchRow, Store, StoreError};

/// Rows of one transaction: other writers come between two of them.
const BATCH: usize = 2048;

/// So many are written without waiting for the next round. Of more at once, SQLite's thread would keep a core from requests
/// for as long as these take, and from other writers.
const WORTH: usize = 256;

/// A bounded queue of rows on their way to the store. Whoever brings one takes no lock, since all requests come here; so
/// there may be as many rows above the bound as there are threads.
///
/// Whoever keeps the house calls [`WriteBehind::flush`] now and then, and once more before the store is closed. A row
/// is in the store once and whole, or not at all: a batch that failed, or whose writer was stopped half-way, is written
/// again by the next flush, and the table's key tells rows that are there already.
#[derive(Debug)]
pub struct WriteBehind<R> {
    queue: SegQueue<R>,
    /// Rows that were taken from the queue and are not known to be in the store.
    under_way: tokio::sync::Mutex<Vec<R>>,
    capacity: usize,
    filling: Notify,
    /// Whether it was told that the queue fills, since the last batch was taken.
    is_told: AtomicBool,
}

impl<R: BatchRow> WriteBehind<R> {
    /// A queue that holds so many rows at most.
    pub fn new(capacity: usize) -> Self {
        Self {
            queue: SegQueue::new(),
            under_way: tokio::sync::Mutex::default(),
            capacity,
            filling: Notify::new(),
            is_told: AtomicBool::new(false),
        }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// The row itself, when there is no room for it.
    pub fn push(&self, row: R) -> Result<(), R> {
        let length = self.queue.len();
        if length >= self.capacity {
            return Err(row);
        }
        self.queue.push(row);
        // Early, so that there is room for what comes while the store takes its time.
        let fills = length + 1 >= min(self.capacity / 4, WORTH);
        if fills && !self.is_told.load(Ordering::Relaxed) && !self.is_told.swap(true, Ordering::Relaxed) {
            self.filling.notify_one();
        }
        Ok(())
    }

    /// Writes what was taken up to now.
    ///
    /// # Errors
    /// When the database doesn't answer. What is not written stays for the next call.
    pub async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        self.flush_and(store, |_| {}).await
    }

    /// As [`WriteBehind::flush`], and tells of each batch that is durable now.
    ///
    /// # Errors
    /// As [`WriteBehind::flush`].
    pub async fn flush_and(&self, store: &Store, written: impl Fn(&[R])) -> Result<(), StoreError> {
        let mut under_way = self.under_way.lock().await;
        // What comes meanwhile is for the next call: where rows come all the time, this one would never end.
        let batches = self.queue.len().div_ceil(BATCH) + usize::from(!under_way.is_empty());
        for _ in 0..batches {
            self.write_batch(&mut under_way, store, &written).await?;
        }
        Ok(())
    }

    /// Takes a row; where there is no room, some is made first.
    ///
    /// # Errors
    /// When there is no room and the database doesn't answer. The row is not taken then.
    pub async fn push_or_wait(
        &self,
        row: R,
        store: &Store,
        written: impl Fn(&[R]),
    ) -> Result<(), StoreError> {
        match self.push(row) {
            Ok(()) => Ok(()),
            // Apart, since waiting takes much more memory than there mostly is to do.
            Err(row) => Box::pin(self.wait_and_push(row, store, written)).await,
        }
    }

    async fn wait_and_push(
        &self,
        mut row: R,
        store: &Store,
        written: impl Fn(&[R]),
    ) -> Result<(), StoreError> {
        loop {
            let mut under_way = self.under_way.lock().await;
            // Of many that wait, one writes for all.
            if self.queue.len() >= self.capacity {
                self.write_batch(&mut under_way, store, &written).await?;
            }
            drop(under_way);
            match self.push(row) {
                Ok(()) => return Ok(()),
                Err(refused) => row = refused,
            }
        }
    }

    async fn write_batch(
        &self,
        under_way: &mut Vec<R>,
        store: &Store,
        written: &impl Fn(&[R]),
    ) -> Result<(), StoreError> {
        if under_way.is_empty() {
            self.take_batch(under_way);
        }
        if !under_way.is_empty() {
            store.insert_rows(under_way).await?;
            written(under_way);
            // Its memory is no use until the next batch.
            *under_way = Vec::new();
        }
        Ok(())
    }

    /// Waits until there are rows enough for a transaction: the time to flush them, earlier than the next round would.
    pub async fn filling(&self) {
        self.filling.notified().await;
    }

    /// The oldest rows go first.
    fn take_batch(&self, batch: &mut Vec<R>) {
        self.is_told.store(false, Ordering::Relaxed);
        batch.reserve_exact(min(self.queue.len(), BATCH));
        batch.extend(std::iter::from_fn(|| self.queue.pop()).take(BATCH));
    }
}

#[cfg(test)]
mod tests {
    use sea_query::Query;

    use super::*;
    use crate::testing::{Turn, unmigrated};

    async fn names(store: &Store) -> Vec<String> {
        let query = Query::select().column("name").from("zendo_turn").to_owned();
        let rows: Vec<(String,)> = store.fetch_all(&query).await.unwrap();
        rows.into_iter().map(|(name,)| name).collect()
    }

    #[tokio::test]
    async fn each_row_is_written_once_though_a_write_failed_or_was_sent_twice() {
        let (store, _folder) = unmigrated().await;
        let queue = WriteBehind::new(10_000);
        let turns = || (0..2345).map(|number| format!("{number:04}"));
        turns().for_each(|name| queue.push(Turn(name)).unwrap());
        queue.flush(&store).await.expect_err("there is no table yet");
        store.migrate().await.unwrap();
        turns().take(100).for_each(|name| queue.push(Turn(name)).unwrap());
        queue.flush(&store).await.unwrap();
        let mut written = names(&store).await;
        written.sort();
        assert_eq!(written, turns().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_full_queue_takes_no_more_and_gives_back_what_it_refused() {
        let queue = WriteBehind::new(4);
        let taken = (0..7).filter(|number| queue.push(Turn(number.to_string())).is_ok()).count();
        assert_eq!(taken, 4);
        queue.filling().await;
    }
}
