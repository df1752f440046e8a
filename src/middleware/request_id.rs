//! A name for each request, to find it in the log by: the caller's, or eight hexadecimal characters.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::http::{HeaderValue, Method, Uri};
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::Span;

use crate::app::AppState;
use crate::http::REQUEST_ID;

/// A longer name from a caller would only fill the log.
const MAX_LENGTH: usize = 128;

/// Names the request, opens its span, logs its end and repeats the name in the answer.
#[derive(Clone)]
pub(crate) struct RequestIdLayer(AppState);

impl RequestIdLayer {
    pub(crate) fn new(app: &AppState) -> Self {
        Self(app.clone())
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIds<S>;

    fn layer(&self, inner: S) -> RequestIds<S> {
        RequestIds { inner, app: self.0.clone() }
    }
}

/// The service of [`RequestIdLayer`].
#[derive(Clone)]
pub(crate) struct RequestIds<S> {
    inner: S,
    app: AppState,
}

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for RequestIds<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Named<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        self.app.edge.proxies.notice(request.headers(), request.extensions());
        let sent = request.headers().get(REQUEST_ID).filter(|id| {
            let bytes = id.as_bytes();
            !bytes.is_empty() && bytes.len() <= MAX_LENGTH && bytes.iter().all(u8::is_ascii_graphic)
        });
        let id = match sent {
            Some(id) => id.clone(),
            None => {
                let id = generated(self.app.env.random.bytes());
                // As if the caller had sent it, for whoever needs it on the way.
                request.headers_mut().insert(REQUEST_ID, id.clone());
                id
            }
        };
        // A span is only worth its price where somebody reads it.
        let span = tracing::enabled!(tracing::Level::DEBUG).then(|| {
            tracing::debug_span!(
                "request",
                id = id.to_str().unwrap_or_default(),
                method = %request.method(),
                path = request.uri().path(),
            )
        });
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let entered = span.as_ref().map(Span::enter);
        let answer = self.inner.call(request);
        drop(entered);
        Named { answer, id, method, uri, span }
    }
}

pin_project! {
    /// The answer to a request with a name.
    pub(crate) struct Named<F> {
        #[pin]
        answer: F,
        id: HeaderValue,
        method: Method,
        uri: Uri,
        span: Option<Span>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Named<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.as_ref().map(Span::enter);
        let Ok(mut response) = ready!(this.answer.poll(cx));
        let status = response.status();
        if this.span.is_some() {
            tracing::debug!(status = status.as_u16(), "answered");
        } else if status.is_server_error() {
            let (id, path, method) = (this.id.to_str().unwrap_or_default(), this.uri.path(), &*this.method);
            tracing::warn!(id, %method, path, status = status.as_u16(), "a request failed");
        }
        response.headers_mut().insert(REQUEST_ID, this.id.clone());
        Poll::Ready(Ok(response))
    }
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
