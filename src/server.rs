//! The one place where layers and routes are put together, in the order a request meets them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Interval, MissedTickBehavior};
use tower::ServiceBuilder;
use tower::util::MapResponseLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::app::AppState;
use crate::auth::{Guard, admit, authenticate};
use crate::console;
use crate::http::error::ApiError;
use crate::http::headers::SecureHeaders;
use crate::http::limits::LimitsLayer;
use crate::http::routes::Routes;
use crate::http::{cors, request_id};
use crate::replay::replay;
use crate::routes;

/// A token that another replica has revoked is refused here after so long.
const REVOCATION_INTERVAL: Duration = Duration::from_millis(500);
/// Rounds between two writes of the last activity, when there was any.
const ACTIVITY_ROUNDS: u64 = 60;
/// Rounds between two writes of when keys and devices were last used.
const LAST_USED_ROUNDS: u64 = 4;
/// Rounds between two sweeps.
const SWEEP_ROUNDS: u64 = 7200;
/// Rounds between two sweeps of the audit, which are small.
const AUDIT_SWEEP_ROUNDS: u64 = 120;
/// Time for the last answers to be written, after the requests' own time limit.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The whole application as one router.
pub fn router(app: AppState) -> Router {
    let (open, closed) = (routes::open(), routes::closed());
    let there = routes::operations_of(&open, &closed);
    let guard = |routes: &Routes| Guard { app: Arc::clone(&app), policies: Arc::new(routes.policies()) };
    let closed_guard = guard(&closed);
    let closed = closed.router.merge(routes::unimplemented::router(&there));
    let closed = closed.route_layer(from_fn_with_state(closed_guard, admit_or_replay));
    let oauth = routes::oauth::closed();
    let oauth_guard = guard(&oauth);
    let oauth = oauth.router.route_layer(from_fn_with_state(oauth_guard, authenticate));
    let oauth = oauth.route_layer(from_fn(routes::oauth::key_as_password));
    let settings = &app.config;
    let headers = SecureHeaders::new(settings, app.server_id);
    let time_limit = Duration::from_secs(settings.request_timeout.0.into());
    let body_limit = usize::try_from(settings.max_request_body_size_in_bytes.0).unwrap_or(usize::MAX);
    let secure_headers = MapResponseLayer::new(move |response| headers.add_to(response));
    // Layers are in the order that a request meets them. Together they are one, which costs less than seven.
    // A page is for this server's own origin, takes no body, and asks the API without its layers.
    let page_layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(&app), request_id::name_request))
        .layer(secure_headers.clone())
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(LimitsLayer::new(time_limit));
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(&app), request_id::name_request))
        .layer(secure_headers)
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(cors::layer(&app))
        .layer(LimitsLayer::new(time_limit).without_files())
        .layer(RequestBodyLimitLayer::new(body_limit))
        .layer(DefaultBodyLimit::disable());
    let api = open
        .router
        .merge(closed)
        .merge(oauth)
        .fallback(routes::fallback::not_found)
        .method_not_allowed_fallback(routes::fallback::method_not_allowed);
    let console = console::router(&app, api.clone().with_state(Arc::clone(&app))).layer(page_layers);
    let api = api.layer(layers.clone());
    let docs = routes::docs::router(&app).layer(layers.clone());
    let outside = routes::oauth::forward_auth::router(&app).layer(CatchPanicLayer::custom(answer_panic));
    let outside = outside.merge(routes::health::router()).merge(docs).merge(console);
    let (all, root) = (outside.merge(api), settings.root_url_path.0.as_str());
    let all = match root {
        "" => all,
        root => {
            let at_host = routes::oauth::metadata::at_host(root);
            // The root itself with a slash, which is no path below the root.
            let slash = match settings.dashboard_files_path.is_some() {
                true => any(routes::fallback::not_found),
                false => console::entrance(),
            };
            let at_host = at_host.route(&format!("{root}/"), slash);
            Router::new().nest(root, all).merge(at_host.layer(layers))
        }
    };
    all.with_state(app)
}

/// Authenticates the request, and gives a repeated one its first answer. Each layer that is a function is copied for
/// each request with all that is behind it, so the two are one.
async fn admit_or_replay(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match admit(&guard, request).await {
        // A repetition's answer was the first one's: what this token may see of it is asked anew.
        Ok((request, hidden)) => hidden.leave_out_of(replay(&guard.app, request, next).await).await,
        Err(refusal) => refusal,
    }
}

/// Serves until `stop` is done, then finishes the requests under way.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    app: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router(Arc::clone(&app));
    let house = tokio::spawn(keep_house(Arc::clone(&app)));
    // Without it, small answers wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    // A router that is served as it is gets copied for each connection.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, stopped) = oneshot::channel();
    let stop = async {
        stop.await;
        let _ = stopping.send(());
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop).into_future();
    let patience = Duration::from_secs(app.config.request_timeout.0.into()) + LAST_ANSWERS;
    let served = tokio::select! {
        served = serving => served,
        () = patience_after(stopped, patience) => {
            tracing::warn!("some callers did not finish their requests");
            Ok(())
        }
    };
    house.abort();
    note("the last activity could not be written", app.activity.write(&app.store).await);
    note("API tokens could not be written", app.register.flush().await);
    note("last uses could not be written", app.last_used.write(&app.store).await);
    note("answers could not be written", app.replays.write(app.clock.now()).await);
    note("audit records could not be written", app.audit.close().await);
    app.store.close().await;
    served
}

/// A caller who never ends its request has no time limit, and must not keep the server from stopping.
async fn patience_after(stopped: oneshot::Receiver<()>, patience: Duration) {
    match stopped.await {
        Ok(()) => tokio::time::sleep(patience).await,
        Err(_) => std::future::pending().await,
    }
}

/// Work that no request does: each round is safe on every replica at once.
async fn keep_house(app: AppState) {
    let mut rounds = tokio::time::interval(REVOCATION_INTERVAL);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let replay_rounds = rounds_in(app.config.api_transaction_cleanup_interval.0);
    for round in 0u64.. {
        next_round(&app, &mut rounds).await;
        note("API tokens could not be written", app.register.flush().await);
        note("audit records could not be written", app.audit.write().await);
        note("revocations could not be read", app.revocations.refresh(app.clock.now()).await);
        note("signing keys could not be read", app.signing_keys.refresh(app.clock.now()).await);
        note("answers could not be written", app.replays.write(app.clock.now()).await);
        if round % replay_rounds == replay_rounds - 1 {
            note("answers could not be swept", app.replays.sweep(app.clock.now()).await);
        }
        if round % LAST_USED_ROUNDS == 0 {
            note("last uses could not be written", app.last_used.write(&app.store).await);
        }
        if round % ACTIVITY_ROUNDS == 0 {
            note("the last activity could not be written", app.activity.write(&app.store).await);
        }
        if round % SWEEP_ROUNDS == SWEEP_ROUNDS - 1 {
            let now = app.clock.now();
            note("sign-in failures could not be swept", app.throttle.sweep(now).await);
            note("revocations could not be swept", app.revocations.sweep(now).await);
            note("API tokens could not be swept", app.register.sweep(now - app.token_history).await);
        }
        if round % AUDIT_SWEEP_ROUNDS == 0 {
            note("audit records could not be swept", app.audit.sweep(app.clock.now()).await);
        }
    }
}

/// Waits for the time of the next round; what comes faster than a round can write is written meanwhile.
async fn next_round(app: &AppState, rounds: &mut Interval) {
    loop {
        tokio::select! {
            _ = rounds.tick() => return,
            () = app.register.filling() => note("API tokens could not be written", app.register.flush().await),
            () = app.audit.filling() => note("audit records could not be written", app.audit.write().await),
        }
    }
}

fn rounds_in(seconds: u32) -> u64 {
    (u64::from(seconds) * 1000 / REVOCATION_INTERVAL.as_millis() as u64).max(1)
}

fn note(what: &str, outcome: Result<(), impl std::fmt::Display>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "{what}");
    }
}

fn answer_panic(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    tracing::error!(message, "a handler panicked");
    ApiError::internal().into_response()
}
