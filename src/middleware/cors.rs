//! Who may call from a page of another origin (Fetch standard, CORS protocol).

use std::convert::Infallible;
use std::future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ORIGIN, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::cors::{self, AllowCredentials, AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use super::headers::of_the_program;
use crate::config::ServerSettings;
use crate::http::page;

/// Seconds that a browser may remember a preflight's answer.
const MAX_AGE: Duration = Duration::from_mins(10);

/// Asks where a request comes from only if it says so.
#[derive(Clone, Copy)]
pub(crate) struct CrossOriginLayer(&'static CrossOrigin);

/// Made once for as long as the program runs.
struct CrossOrigin {
    rules: CorsLayer,
    /// What is on each answer to a request of no other origin.
    on_others: HeaderMap,
}

impl CrossOriginLayer {
    pub(crate) fn new(config: &Arc<ServerSettings>) -> Self {
        let rules = rules(config);
        let nothing =
            service_fn(|_: Request| future::ready(Ok::<_, Infallible>(Response::<Body>::default())));
        let asked = rules.clone().layer(nothing).oneshot(Request::default()).now_or_never();
        let on_others = asked.map(|Ok(mut answer)| std::mem::take(answer.headers_mut())).unwrap_or_default();
        let on_others =
            on_others.into_iter().filter_map(|(name, value)| Some((name?, of_the_program(value))));
        let on_others = on_others.collect();
        Self(Box::leak(Box::new(CrossOrigin { rules, on_others })))
    }
}

impl<S> Layer<S> for CrossOriginLayer {
    type Service = CrossOrigins<S>;

    fn layer(&self, inner: S) -> CrossOrigins<S> {
        CrossOrigins { inner, cross_origin: self.0 }
    }
}

/// The service of [`CrossOriginLayer`].
#[derive(Clone)]
pub(crate) struct CrossOrigins<S> {
    inner: S,
    cross_origin: &'static CrossOrigin,
}

impl<S> Service<Request> for CrossOrigins<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<OfNoOther<S::Future>, cors::ResponseFuture<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.headers().contains_key(ORIGIN) || request.method() == Method::OPTIONS {
            let other = self.inner.clone();
            let inner = std::mem::replace(&mut self.inner, other);
            return Either::Right(self.cross_origin.rules.layer(inner).call(request));
        }
        let answer = self.inner.call(request);
        Either::Left(OfNoOther { answer, headers: &self.cross_origin.on_others })
    }
}

pin_project! {
    /// The answer to a request of no other origin.
    pub(crate) struct OfNoOther<F> {
        #[pin]
        answer: F,
        headers: &'static HeaderMap,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for OfNoOther<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.answer.poll(cx));
        for (name, value) in *this.headers {
            // An answer may vary with other headers, too.
            match name == VARY {
                true => drop(response.headers_mut().append(VARY, value.clone())),
                false => drop(response.headers_mut().insert(name.clone(), value.clone())),
            }
        }
        Poll::Ready(Ok(response))
    }
}

/// Pages of this server's own origin and of those that the operator has listed may call with credentials; any other
/// one only where the operator says so, and without.
fn rules(config: &Arc<ServerSettings>) -> CorsLayer {
    let (config, settings) = (Arc::clone(config), config);
    let may_read = move |origin: &HeaderValue, asked: &Parts| page::may_read(&config, &asked.headers, origin);
    let has_list = !settings.cors_allow_origins.listed.is_empty() || settings.dashboard_url.is_some();
    let (origins, credentials) = match settings.cors_allow_origins.any {
        false => (AllowOrigin::predicate(may_read.clone()), AllowCredentials::predicate(may_read)),
        true if has_list => (AllowOrigin::mirror_request(), AllowCredentials::predicate(may_read)),
        true => (AllowOrigin::any(), AllowCredentials::default()),
    };
    let methods = [
        Method::DELETE,
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::POST,
        Method::PUT,
    ];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(credentials)
        .allow_methods(AllowMethods::list(methods))
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(MAX_AGE)
}
