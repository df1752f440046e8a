//! The body of a request that may be answered before it was read: refused, or answered from memory. What the caller
//! goes on sending must not pass for its next request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::table::Connection;

/// Bytes of the rest of a body that are read and dropped, and the time for that: more is not worth a connection.
const DROPPED: u64 = 512 << 10;
const DROP_TIME: Duration = Duration::from_millis(500);

/// A request's body, which its handler may leave.
#[derive(Debug)]
pub(super) struct SharedBody(Arc<Mutex<State>>);

/// The same body, for after its handler.
#[derive(Debug)]
pub(super) struct Rest(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    body: Incoming,
    /// The caller sends only when it is asked to, which reading does.
    waits: bool,
}

/// The request with a body whose rest can be read after it was answered.
pub(super) fn share(request: Request<Incoming>) -> (Request<SharedBody>, Rest) {
    let waits = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let state = Arc::new(Mutex::new(State { body, waits }));
    (Request::from_parts(parts, SharedBody(Arc::clone(&state))), Rest(state))
}

impl Rest {
    /// Reads and drops the rest of the body; where that would take too long, the answer says that the connection ends.
    pub(super) async fn settle(self, answer: &mut Response, connection: &Connection) {
        let is_read = match self.is_short() {
            Some(is_read) => is_read,
            None if connection.is_retiring() => false,
            None => tokio::time::timeout(DROP_TIME, self.drop_rest()).await.unwrap_or(false),
        };
        if !is_read {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            connection.leave_body_unread();
        }
    }

    /// Whether the body has been read, where that is known already.
    fn is_short(&self) -> Option<bool> {
        let state = lock(&self.0);
        if state.body.is_end_stream() {
            return Some(true);
        }
        (state.waits || state.body.size_hint().lower() > DROPPED).then_some(false)
    }

    async fn drop_rest(&self) -> bool {
        let mut dropped = 0;
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut lock(&self.0).body).poll_frame(cx)).await;
            // After an error there is no next request.
            let Some(Ok(frame)) = frame else { return true };
            dropped += frame.data_ref().map_or(0, Bytes::len) as u64;
            if dropped > DROPPED {
                return false;
            }
        }
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut state = lock(&self.0);
        state.waits = false;
        Pin::new(&mut state.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.size_hint()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
