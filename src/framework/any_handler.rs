//! Handlers as one type.

use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use futures_util::future::BoxFuture;

use crate::app::AppState;

/// What answers, whatever its arguments: the router's code is made once for all handlers, which is minutes of compiling.
#[derive(Clone)]
pub(super) struct AnyHandler(Arc<dyn Fn(Request, AppState) -> BoxFuture<'static, Response> + Send + Sync>);

impl AnyHandler {
    pub(super) fn of<T: 'static>(handler: impl Answers<T>) -> Self {
        Self(Arc::new(move |request, state| handler.clone().call(request, state)))
    }
}

impl Handler<(), AppState> for AnyHandler {
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, state: AppState) -> Self::Future {
        (self.0)(request, state)
    }
}

/// A function that axum takes for a handler.
pub(crate) trait Answers<T>: Handler<T, AppState, Future = BoxFuture<'static, Response>> {}

impl<T, H: Handler<T, AppState, Future = BoxFuture<'static, Response>>> Answers<T> for H {}
