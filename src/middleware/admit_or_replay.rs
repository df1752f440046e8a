//! What stands before each closed route: authenticates the request, bounds what it keeps in memory, and gives a repeated one
//! its first answer. The three are one layer, and no function of axum's, since those are copied for each request with all
//! that is behind them.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use axum::routing::Route;
use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use super::authenticate::{Admitted, Guard, admit};
use super::bodies;
use super::idempotency::replay;
use crate::http::compression;

#[derive(Clone)]
pub(crate) struct AdmitOrReplayLayer(Arc<Guard>);

impl AdmitOrReplayLayer {
    pub(crate) fn new(guard: Guard) -> Self {
        Self(Arc::new(guard))
    }
}

impl Layer<Route> for AdmitOrReplayLayer {
    type Service = AdmitOrReplay;

    fn layer(&self, route: Route) -> AdmitOrReplay {
        AdmitOrReplay { route, guard: Arc::clone(&self.0) }
    }
}

/// The service of [`AdmitOrReplayLayer`].
#[derive(Clone)]
pub(crate) struct AdmitOrReplay {
    route: Route,
    guard: Arc<Guard>,
}

impl Service<Request> for AdmitOrReplay {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { route, guard } = self.clone();
        Box::pin(async move { Ok(admit_or_replay(&guard, request, route).await) })
    }
}

async fn admit_or_replay(guard: &Guard, request: Request, route: Route) -> Response {
    let accepted = compression::accepted(request.headers());
    match admit(guard, request).await {
        Ok(Admitted { request, caller, room: _room, hidden }) => {
            // A repetition's answer was the first one's: what this token may see of it is asked anew.
            let answer = hidden.leave_out_of(replay(guard, request, route).await).await;
            let answer = bodies::count_answer(&guard.app.edge.budgets.answers, caller, answer);
            compression::compress(answer, accepted).await
        }
        Err(refusal) => refusal,
    }
}
