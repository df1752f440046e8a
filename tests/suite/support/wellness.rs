//! Whether a server is well meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Caller;

/// An answer of /health at best, and of anything at worst: the machine may be busy with other tests.
const PROMPT: Duration = Duration::from_millis(250);
const LATE: Duration = Duration::from_secs(5);
/// How often the server is asked at least.
const LEAST: usize = 3;

/// Does that while another caller, who may write, asks the server and writes; fails unless /health answers promptly and
/// each write succeeds.
pub async fn stays_well<T>(other: &Caller, during: impl Future<Output = T>) -> T {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let mut during = std::pin::pin!(during);
    let (mut best, mut asked, mut done) = (LATE, 0, None);
    while asked < LEAST || done.is_none() {
        let ask = async {
            let start = Instant::now();
            other.get("/health").await.expect(200, "ok");
            let took = start.elapsed();
            let name = format!("well-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            other.post("/api/v1/tags", json!({"name": name})).await.expect_ok();
            tokio::time::sleep(Duration::from_millis(10)).await;
            took
        };
        let ask = async { tokio::time::timeout(LATE, ask).await.expect("the server does not answer") };
        let took = if done.is_some() {
            ask.await
        } else {
            let mut ask = std::pin::pin!(ask);
            tokio::select! {
                took = &mut ask => took,
                result = &mut during => {
                    done = Some(result);
                    ask.await
                }
            }
        };
        best = best.min(took);
        asked += 1;
    }
    assert!(best <= PROMPT, "/health took {best:?} at best");
    done.unwrap()
}
