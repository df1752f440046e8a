//! Work that has begun is ended, whatever its caller does.
//!
//! A request is a future, which is dropped where it stands when its caller hangs up or its time is up. That is right for
//! one that only reads. But once it has begun something that has to come to its end - a secret is being proved, and a
//! wrong one has to be counted; a change has to be felt as soon as it is durable - it goes on in a task of its own, and
//! the server doesn't stop before it.
//!
//! Begun has whoever holds a thread for passwords or the store's writer, which are few, or has made an event of the audit.
//! Whoever still waits for its turn has not, so that callers who hang up leave nothing behind that could pile up.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_util::task::TaskTracker;

tokio::task_local! {
    /// Of the request that this is a part of.
    static BEGUN: Arc<Begun>;
}

/// Says that the request, if this is a part of one, has begun what has to come to its end.
pub fn must_finish() {
    let _ = BEGUN.try_with(|begun| begun.note());
}

/// Whether a request has begun something.
#[derive(Debug)]
struct Begun {
    has_begun: AtomicBool,
    detached: Detached,
}

impl Begun {
    fn note(&self) {
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            self.detached.0.begun.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Requests that go on without their callers.
#[derive(Debug, Clone)]
pub struct Detached(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    tasks: TaskTracker,
    /// How long each may go on: what waits for the store without an end holds its writer.
    limit: Duration,
    /// Requests with and without callers.
    begun: AtomicU64,
}

impl Detached {
    /// Each ends so long after its caller has gone, at the latest.
    pub fn new(limit: Duration) -> Self {
        Self(Arc::new(Shared { tasks: TaskTracker::new(), limit, begun: AtomicU64::new(0) }))
    }

    /// How many requests have begun something since the start.
    pub fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Waits for the end of those without callers, for so long at most. True when there are none left.
    pub async fn ended(&self, patience: Duration) -> bool {
        self.0.tasks.close();
        tokio::time::timeout(patience, self.0.tasks.wait()).await.is_ok()
    }
}

/// A future that goes on in a task when it is dropped after it has [begun](must_finish).
pub struct Work<T: Send + 'static> {
    /// None when it has ended, or panicked.
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    begun: Arc<Begun>,
}

impl<T: Send + 'static> Work<T> {
    pub fn new(future: impl Future<Output = T> + Send + 'static, detached: &Detached) -> Self {
        let begun = Arc::new(Begun { has_begun: AtomicBool::new(false), detached: detached.clone() });
        let future = BEGUN.scope(Arc::clone(&begun), future);
        Self { future: Some(Box::pin(future)), begun }
    }
}

impl<T: Send + 'static> Future for Work<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // Taken out while it works, so that one that panics isn't gone on with.
        let Some(mut future) = self.future.take() else { return Poll::Pending };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Work<T> {
    fn drop(&mut self) {
        let has_begun = self.begun.has_begun.load(Ordering::Relaxed);
        let Some(future) = self.future.take().filter(|_| has_begun) else { return };
        // Outside of a runtime nothing goes on: the process ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let limit = self.begun.detached.0.limit;
            let going_on = async move {
                if tokio::time::timeout(limit, future).await.is_err() {
                    tracing::warn!("a request whose caller had hung up took too long, and was ended");
                }
            };
            self.begun.detached.0.tasks.spawn_on(going_on, &runtime);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Work<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Work").field("begun", &self.begun).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    /// Polls work once, up to where it waits, drops it, lets it go on, and says whether it has come to its end.
    async fn goes_on(has_begun: bool) -> bool {
        let detached = Detached::new(PATIENCE);
        let (go_on, gone_on) = oneshot::channel::<()>();
        let (end, mut ended) = oneshot::channel();
        let mut work = Box::pin(Work::new(
            async move {
                if has_begun {
                    must_finish();
                }
                gone_on.await.unwrap();
                end.send(()).unwrap();
            },
            &detached,
        ));
        assert!(futures_util::poll!(work.as_mut()).is_pending());
        drop(work);
        let _ = go_on.send(());
        assert!(detached.ended(PATIENCE).await);
        assert_eq!(detached.begun(), u64::from(has_begun));
        ended.try_recv().is_ok()
    }

    #[tokio::test]
    async fn what_was_dropped_goes_on_if_it_had_begun() {
        assert!(goes_on(true).await);
        assert!(!goes_on(false).await);
    }

    #[tokio::test]
    async fn what_goes_on_has_a_time_limit() {
        let detached = Detached::new(Duration::from_millis(1));
        let mut work = Box::pin(Work::new(
            async {
                must_finish();
                std::future::pending::<()>().await;
            },
            &detached,
        ));
        assert!(futures_util::poll!(work.as_mut()).is_pending());
        drop(work);
        assert!(detached.ended(PATIENCE).await);
    }

    #[tokio::test]
    async fn who_panics_is_not_gone_on_with() {
        let detached = Detached::new(PATIENCE);
        let work = Work::new(
            async {
                must_finish();
                panic!("as it should")
            },
            &detached,
        );
        let work: Work<()> = work;
        let panicked = futures_util::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(work)).await;
        assert!(panicked.is_err() && detached.0.tasks.is_empty());
    }

    #[test]
    fn whoever_is_no_request_begins_nothing() {
        must_finish();
    }
}
