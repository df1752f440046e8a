//! The layer by which a request that has begun something goes on when its caller hangs up.

use std::task::{Context, Poll};

use axum::extract::Request;
use tower::{Layer, Service};

use crate::store::together;
use crate::tasks::{Detached, Work};

/// Lets requests end what they have begun.
#[derive(Debug, Clone)]
pub(crate) struct WorkLayer(Detached);

impl WorkLayer {
    pub(crate) fn new(detached: &Detached) -> Self {
        Self(detached.clone())
    }
}

impl<S> Layer<S> for WorkLayer {
    type Service = WorkService<S>;

    fn layer(&self, inner: S) -> WorkService<S> {
        WorkService { inner, detached: self.0.clone() }
    }
}

/// The service of [`WorkLayer`].
#[derive(Debug, Clone)]
pub(crate) struct WorkService<S> {
    inner: S,
    detached: Detached,
}

impl<S> Service<Request> for WorkService<S>
where
    S: Service<Request, Future: Send + 'static>,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Work<Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Work::new(together(self.inner.call(request)), &self.detached)
    }
}
