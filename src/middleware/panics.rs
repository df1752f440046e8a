//! A handler that panics answers with 500, and its panic stands in the log.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{CatchUnwind, Either, Map};
use tower::{Layer, Service};

use crate::http::error::ApiError;

type Outcome = Result<Response, Infallible>;
type Panic = Box<dyn Any + Send>;
type Caught<F> = Map<CatchUnwind<AssertUnwindSafe<F>>, fn(Result<Outcome, Panic>) -> Outcome>;

/// Answers for what panics. (tower-http's would put the body of each answer into a box, and that into axum's.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct PanicLayer;

impl<S> Layer<S> for PanicLayer {
    type Service = Panics<S>;

    fn layer(&self, inner: S) -> Panics<S> {
        Panics(inner)
    }
}

/// The service of [`PanicLayer`].
#[derive(Debug, Clone)]
pub(crate) struct Panics<S>(S);

impl<S: Service<Request, Response = Response, Error = Infallible>> Service<Request> for Panics<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Outcome>, Caught<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match catch_unwind(AssertUnwindSafe(|| self.0.call(request))) {
            Ok(answer) => Either::Right(AssertUnwindSafe(answer).catch_unwind().map(|caught| match caught {
                Ok(answered) => answered,
                Err(panic) => Ok(answer_to(&*panic)),
            })),
            Err(panic) => Either::Left(ready(Ok(answer_to(&*panic)))),
        }
    }
}

fn answer_to(panic: &(dyn Any + Send)) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    tracing::error!(message, "a handler panicked");
    ApiError::internal().into_response()
}
