//! How large a body may be, and how much of large ones is in memory at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use crate::app::{App, Edge};
use crate::config::ServerSettings;
use crate::http::budgets::{Budget, Holder, Share};
use crate::http::client_address::ClientAddress;
use crate::http::error::ApiError;

/// Bytes of a body at most where nobody has been authenticated, and up to which a body isn't counted.
const SMALL: u64 = 64 << 10;
/// Bytes of a body at most on the open routes that take longer ones.
const LONG: u64 = 1 << 20;
/// Bytes of an answer from which it is counted.
const LARGE_ANSWER: u64 = 256 << 10;

/// A body's bytes, and what is still to come.
struct Read {
    bytes: BytesMut,
    rest: Body,
    is_over: bool,
}

/// Refuses bodies that are longer than an open route has use for.
pub(crate) async fn keep_small(
    State(config): State<Arc<ServerSettings>>,
    request: Request,
    next: Next,
) -> Response {
    let most = SMALL.min(config.max_request_body_size_in_bytes.0.into());
    if let Some(refusal) = declared(&request).and_then(|length| too_long(length, most)) {
        return refusal;
    }
    if declared(&request).is_some() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match Read::new(body).up_to(most).await {
        Ok(read) if read.is_over => {
            next.run(Request::from_parts(parts, Body::from(read.bytes.freeze()))).await
        }
        Ok(_) => refuse(most),
        Err(refusal) => refusal,
    }
}

/// Refuses bodies that are longer than an open route has use for that takes long ones. Where there is no room for one,
/// whoever brings it may come again.
pub(crate) async fn keep_within(
    State(config): State<Arc<ServerSettings>>,
    State(edge): State<Arc<Edge>>,
    request: Request,
    next: Next,
) -> Response {
    let most = LONG.min(config.max_request_body_size_in_bytes.0.into());
    if let Some(refusal) = declared(&request).and_then(|length| too_long(length, most)) {
        return refusal;
    }
    if is_small(&config, &request) {
        return next.run(request).await;
    }
    let ClientAddress(address) = ClientAddress::of(&edge.proxies, request.headers(), request.extensions());
    let length = declared(&request).unwrap_or(most);
    let Some(_share) = edge.budgets.strangers.try_take(Holder::Address(address), length) else {
        return ApiError::busy().into_response();
    };
    if declared(&request).is_some() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match Read::new(body).up_to(most).await {
        Ok(read) if read.is_over => {
            next.run(Request::from_parts(parts, Body::from(read.bytes.freeze()))).await
        }
        Ok(_) => refuse(most),
        Err(refusal) => refusal,
    }
}

/// Whether a request has no body, or one that is not counted.
pub(crate) fn is_small(config: &ServerSettings, request: &Request) -> bool {
    let most = SMALL.min(config.max_request_body_size_in_bytes.0.into());
    declared(request).is_some_and(|length| length <= most)
}

/// The request of somebody who was authenticated, once there is room for its body; the room is held by the share. A
/// body of a known length is not read here.
///
/// # Errors
/// 413 for one that is too long, 400 for one that is cut off.
pub(crate) async fn make_room(
    app: &App,
    holder: Holder,
    request: Request,
) -> Result<(Request, Option<Share>), Response> {
    let most = u64::from(app.config.max_request_body_size_in_bytes.0);
    match declared(&request) {
        Some(length) => match too_long(length, most) {
            Some(refusal) => Err(refusal),
            None => Ok((request, Some(app.edge.budgets.bodies.take(holder, length).await))),
        },
        None => read_unmeasured(&app.edge.budgets.bodies, holder, request, most).await,
    }
}

/// Nobody knows how long the body is: it is read as far as it is small, and on when there is room for the largest.
async fn read_unmeasured(
    budget: &Budget,
    holder: Holder,
    request: Request,
    most: u64,
) -> Result<(Request, Option<Share>), Response> {
    let (parts, body) = request.into_parts();
    let mut read = Read::new(body).up_to(SMALL.min(most)).await?;
    let mut share = None;
    if !read.is_over && most > SMALL {
        share = Some(budget.take(holder, most).await);
        read = read.up_to(most).await?;
    }
    match read.is_over {
        true => Ok((Request::from_parts(parts, Body::from(read.bytes.freeze())), share)),
        false => Err(refuse(most)),
    }
}

impl Read {
    fn new(rest: Body) -> Self {
        Self { bytes: BytesMut::new(), rest, is_over: false }
    }

    /// Reads on to the end, or until there are more bytes than that.
    async fn up_to(mut self, most: u64) -> Result<Self, Response> {
        while self.bytes.len() as u64 <= most {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self.rest).poll_frame(cx)).await;
            let Some(frame) = frame else {
                return Ok(Self { is_over: true, ..self });
            };
            let cut_off =
                |_| ApiError::plain(StatusCode::BAD_REQUEST, "The body was cut off.").into_response();
            if let Ok(data) = frame.map_err(cut_off)?.into_data() {
                self.bytes.extend_from_slice(&data);
            }
        }
        Ok(self)
    }
}

/// The body's length, where the request has said it.
fn declared(request: &Request) -> Option<u64> {
    request.body().size_hint().exact()
}

fn too_long(length: u64, most: u64) -> Option<Response> {
    (length > most).then(|| refuse(most))
}

fn refuse(most: u64) -> Response {
    let message = format!("The body is longer than {most} bytes.");
    ApiError::plain(StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
}

/// The answer, counted until it is taken if it is large; 429 when the caller leaves too many large ones untaken.
pub(crate) fn count_answer(budget: &Budget, holder: Holder, answer: Response) -> Response {
    let length = answer.body().size_hint().exact().filter(|length| *length > LARGE_ANSWER);
    let Some(length) = length else { return answer };
    match budget.try_take(holder, length) {
        Some(share) => answer.map(|body| Body::new(CountedBody { piece: Bytes::new(), body, _share: share })),
        None => ApiError::busy().into_response(),
    }
}

/// A body that holds a share as long as any of it is in memory. It goes out in pieces, since a connection takes a whole
/// one at once, and would seem to be done with it.
struct CountedBody {
    piece: Bytes,
    body: Body,
    _share: Share,
}

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.piece.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)?) {
                Some(frame) => match frame.into_data() {
                    Ok(data) => self.piece = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None => return Poll::Ready(None),
            }
        }
        let length = self.piece.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.piece.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.body.size_hint();
        rest.exact().map_or(rest, |rest| SizeHint::with_exact(rest + self.piece.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[tokio::test]
    async fn large_answers_are_counted_until_they_are_taken() {
        const LENGTH: usize = 300_000;
        let budget = Budget::new(u64::MAX, 400_000);
        let holder = Holder::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let answer = |length: usize| {
            count_answer(&budget, holder, Body::from("x".repeat(length)).into_response()).into_parts()
        };
        let (_, mut first) = answer(LENGTH);
        assert_eq!(first.size_hint().exact(), Some(LENGTH as u64));
        assert_eq!(answer(LENGTH).0.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer(1000).0.status, StatusCode::OK, "a small one");
        let mut taken = 0;
        while !first.is_end_stream() {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut first).poll_frame(cx)).await;
            let piece = frame.unwrap().unwrap().into_data().unwrap();
            assert!(piece.len() <= PIECE);
            taken += piece.len();
            assert_eq!(first.size_hint().exact(), Some((LENGTH - taken) as u64));
            assert_eq!(answer(LENGTH).0.status, StatusCode::TOO_MANY_REQUESTS, "{taken} were taken");
        }
        drop(first);
        assert_eq!(answer(LENGTH).0.status, StatusCode::OK);
    }
}
