//! Bounds on what one request may take: time, and the kinds of body.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, Either, Ready, ready};
use pin_project_lite::pin_project;
use tokio::task::unconstrained;
use tokio::time::sleep;
use tower::{Layer, Service};

use crate::http::error::ApiError;

type Outcome = Result<Response, Infallible>;

/// Answers with 429 when the time is up, and drops the request's own work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitsLayer {
    time: Duration,
    takes_files: bool,
}

impl LimitsLayer {
    pub(crate) fn new(time: Duration) -> Self {
        Self { time, takes_files: true }
    }

    /// Refuses file uploads as well.
    #[must_use]
    pub(crate) fn without_files(self) -> Self {
        Self { takes_files: false, ..self }
    }
}

impl<S> Layer<S> for LimitsLayer {
    type Service = Limits<S>;

    fn layer(&self, inner: S) -> Limits<S> {
        Limits { inner, limits: *self }
    }
}

/// The service of [`LimitsLayer`].
#[derive(Debug, Clone)]
pub(crate) struct Limits<S> {
    inner: S,
    limits: LimitsLayer,
}

impl<S: Service<Request, Response: IntoResponse, Error = Infallible>> Service<Request> for Limits<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Outcome>, InTime<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !self.limits.takes_files && is_file_upload(&request) {
            let message = "File uploads are not allowed on this endpoint.";
            let refusal = ApiError::plain(StatusCode::FORBIDDEN, message).into_response();
            return Either::Left(ready(Ok(refusal)));
        }
        Either::Right(InTime { answer: self.inner.call(request), limit: self.limits.time, end: None })
    }
}

pin_project! {
    /// An answer within its time. The time begins when the answer isn't there at once: most are, and need no timer.
    pub(crate) struct InTime<F> {
        #[pin]
        answer: F,
        limit: Duration,
        end: Option<BoxFuture<'static, ()>>,
    }
}

impl<R: IntoResponse, F: Future<Output = Result<R, Infallible>>> Future for InTime<F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(answer.map(IntoResponse::into_response));
        }
        // What works without a pause must not keep its timer from being looked at.
        let end = this.end.get_or_insert_with(|| Box::pin(unconstrained(sleep(*this.limit))));
        end.as_mut().poll(cx).map(|()| Ok(ApiError::busy().into_response()))
    }
}

fn is_file_upload(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    request.method() == Method::POST && content_type.is_some_and(|text| text.contains("multipart/form-data"))
}
