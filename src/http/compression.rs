//! Large pages of lists are compressed for whoever takes them so.
//!
//! Only what is marked is: an answer whose length can tell of a secret in it is not compressed (BREACH), and what is small
//! or tagged has nothing to gain. The layer stands around the one answer, since the path of all others is to cost nothing
//! for it.

use std::convert::Infallible;
use std::future::ready;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, ETAG};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponseParts, Response, ResponseParts};
use futures_util::{StreamExt, stream};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Bytes of a page from which it is large.
const LARGE: u64 = 8 << 10;

/// A part of an answer, which pages and logs have: whether it may be compressed, since it holds no secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compressible(pub bool);

/// What marks it.
#[derive(Debug, Clone, Copy)]
struct Marked;

impl IntoResponseParts for Compressible {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if self.0 {
            parts.extensions_mut().insert(Marked);
        }
        Ok(parts)
    }
}

/// The encodings that a request's sender takes.
pub(crate) fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ACCEPT_ENCODING).cloned()
}

/// The answer in one of the accepted encodings, if it may be compressed and is worth it.
pub(crate) async fn compress(mut answer: Response, accepted: Option<HeaderValue>) -> Response {
    match answer.extensions_mut().remove::<Marked>() {
        Some(Marked) => Box::pin(compressed(answer, accepted)).await,
        None => answer,
    }
}

async fn compressed(answer: Response, accepted: Option<HeaderValue>) -> Response {
    let answer = measured(answer).await;
    let status = answer.status();
    let mut asked = Request::new(Body::empty());
    if let Some(accepted) = accepted {
        asked.headers_mut().insert(ACCEPT_ENCODING, accepted);
    }
    let mut answer = Some(answer);
    let service = service_fn(move |_: Request| ready(Ok::<_, Infallible>(answer.take().unwrap_or_default())));
    let layer = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(LARGE).and(is_untagged));
    let Ok(answer) = layer.layer(service).oneshot(asked).await;
    let mut answer = answer.map(Body::new);
    // Whoever takes no encoding at all gets the page all the same.
    *answer.status_mut() = status;
    answer
}

/// Of an answer that is made while it is taken, waits for so much that it is known to be large, or for all of it.
async fn measured(answer: Response) -> Response {
    if answer.body().size_hint().exact().is_some() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let mut pieces = body.into_data_stream();
    let (mut first, mut size) = (Vec::new(), 0);
    while size < LARGE {
        match pieces.next().await {
            Some(Ok(piece)) => {
                size += piece.len() as u64;
                first.push(piece);
            }
            Some(Err(error)) => {
                let cut_off = stream::iter(first.into_iter().map(Ok).chain([Err(error)]));
                return Response::from_parts(parts, Body::from_stream(cut_off));
            }
            None => return Response::from_parts(parts, first.concat().into()),
        }
    }
    // Encoders ask on behind the end.
    let all = stream::iter(first.into_iter().map(Ok)).chain(pieces).fuse();
    Response::from_parts(parts, Body::from_stream(all))
}

fn is_untagged(status: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    status == StatusCode::OK && !headers.contains_key(ETAG)
}
