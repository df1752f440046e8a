//! A name for each request, to find it in the log by: the caller's, or eight hexadecimal characters.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::app::Edge;
use crate::env::Environment;
use crate::http::REQUEST_ID;

/// A longer name from a caller would only fill the log.
const MAX_LENGTH: usize = 128;

/// Names the request, opens its span, logs its end and repeats the name in the answer.
pub(crate) async fn name_request(
    State(env): State<Environment>,
    State(edge): State<Arc<Edge>>,
    mut request: Request,
    next: Next,
) -> Response {
    edge.proxies.notice(request.headers(), request.extensions());
    let sent = request.headers().get(REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        !bytes.is_empty() && bytes.len() <= MAX_LENGTH && bytes.iter().all(u8::is_ascii_graphic)
    });
    let id = match sent {
        Some(id) => id.clone(),
        None => {
            let id = generated(env.random.bytes());
            // As if the caller had sent it, for whoever needs it on the way.
            request.headers_mut().insert(REQUEST_ID, id.clone());
            id
        }
    };
    // A span is only worth its price where somebody reads it.
    let mut response = if tracing::enabled!(tracing::Level::DEBUG) {
        let span = tracing::debug_span!(
            "request",
            id = id.to_str().unwrap_or_default(),
            method = %request.method(),
            path = request.uri().path(),
        );
        async {
            let response = next.run(request).await;
            tracing::debug!(status = response.status().as_u16(), "answered");
            response
        }
        .instrument(span)
        .await
    } else {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = next.run(request).await;
        if response.status().is_server_error() {
            let (id, status) = (id.to_str().unwrap_or_default(), response.status().as_u16());
            tracing::warn!(id, %method, path, status, "a request failed");
        }
        response
    };
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

fn generated(bytes: [u8; 4]) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 8];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("00000000"))
}
