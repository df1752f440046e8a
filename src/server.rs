//! The one place where layers and routes are put together, in the order a request meets them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Uri;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::ServiceBuilder;
use tower::util::MapResponseLayer;

use crate::api::oauth;
use crate::api::server::{docs, fallback, health};
use crate::app::AppState;
use crate::connections;
use crate::console;
use crate::framework::RouteTable;
use crate::jobs;
use crate::middleware::admit_or_replay::AdmitOrReplayLayer;
use crate::middleware::authenticate::{Guard, authenticate};
use crate::middleware::bodies;
use crate::middleware::cors::CrossOriginLayer;
use crate::middleware::headers::SecureHeaders;
use crate::middleware::limits::LimitsLayer;
use crate::middleware::panics::PanicLayer;
use crate::middleware::request_id::RequestIdLayer;
use crate::middleware::work::WorkLayer;
use crate::routes;

/// From the order to stop to the end, after the requests' own time limit: a second with what the process itself takes.
const LAST_SECOND: Duration = Duration::from_millis(900);
/// What is left of it at least for the last rows to be written, and then for connections to the database to close.
const LAST_ROWS: Duration = Duration::from_millis(600);
const LAST_CLOSING: Duration = Duration::from_millis(200);

/// The whole application as one router.
pub(crate) fn router(app: AppState) -> Router {
    let (api, for_programs) = (routes::api(), oauth::routes());
    let guard = |routes: &RouteTable| Guard { app: app.clone(), policies: Arc::new(routes.policies()) };
    let (api_guard, programs_guard) = (guard(&api), guard(&for_programs));
    let (long, api) = api.partition(|policy| policy.takes_long_bodies);
    let (open, closed) = api.routers();
    let closed = closed.route_layer(AdmitOrReplayLayer::new(api_guard));
    let (_, for_programs) = for_programs.routers();
    let for_programs = for_programs.route_layer(from_fn_with_state(app.clone(), bodies::keep_small));
    let for_programs = for_programs.route_layer(from_fn_with_state(programs_guard, authenticate));
    let for_programs = oauth::below(for_programs.route_layer(from_fn(oauth::key_as_password)));
    let settings = &app.config;
    let headers = SecureHeaders::new(settings, app.server.id);
    let time_limit = Duration::from_secs(settings.request_timeout.0.into());
    let secure_headers = MapResponseLayer::new(move |response| headers.add_to(response));
    let cross_origin = CrossOriginLayer::new(&app.config);
    // Layers are in the order that a request meets them. Together they are one, which costs less than seven.
    // A page is for this server's own origin, takes no body, and asks the API without its layers.
    let page_layers = ServiceBuilder::new()
        .layer(RequestIdLayer::new(&app))
        .layer(secure_headers.clone())
        .layer(PanicLayer)
        .layer(LimitsLayer::new(time_limit))
        .layer(WorkLayer::new(&app.edge.detached));
    let oauth_layers = ServiceBuilder::new()
        .layer(RequestIdLayer::new(&app))
        .layer(from_fn(oauth::refusals::in_oauth_form))
        .layer(secure_headers.clone())
        .layer(PanicLayer)
        .layer(cross_origin)
        .layer(LimitsLayer::new(time_limit))
        .layer(WorkLayer::new(&app.edge.detached))
        .layer(DefaultBodyLimit::disable());
    let layers = ServiceBuilder::new()
        .layer(RequestIdLayer::new(&app))
        .layer(secure_headers)
        .layer(PanicLayer)
        .layer(cross_origin)
        .layer(LimitsLayer::new(time_limit).without_files())
        .layer(WorkLayer::new(&app.edge.detached))
        .layer(DefaultBodyLimit::disable());
    // The other bodies are bounded when their callers are known.
    let open = open.layer(from_fn_with_state(app.clone(), bodies::keep_small));
    let (long, _) = long.routers();
    let long = long.layer(from_fn_with_state(app.clone(), bodies::keep_within));
    let api = open
        .merge(long)
        .merge(closed)
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed);
    let console = console::router(&app, api.clone().with_state(app.clone())).layer(page_layers);
    let api = api.layer(layers.clone());
    let docs = docs::router(routes::operations(), &settings.root_url_path.0).layer(layers.clone());
    let outside = oauth::forward_auth::router(&app).layer(PanicLayer);
    let outside = outside.merge(for_programs.layer(oauth_layers));
    let outside = outside.merge(health::routes().routers().0).merge(docs).merge(console);
    let (all, root) = (outside.merge(api), settings.root_url_path.0.as_str());
    if root.is_empty() {
        return all.with_state(app);
    }
    let at_host = oauth::metadata::at_host(root).layer(layers);
    let root = root.to_owned();
    let all = all.merge(at_host).with_state(app);
    // A proxy in front may have taken the root path away, or left it.
    let below_root = ServiceBuilder::new().map_request(move |request| without_root(request, &root));
    Router::new().fallback_service(below_root.service(all))
}

/// The request as it were without the root path.
fn without_root(mut request: Request, root: &str) -> Request {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let path = match path.strip_prefix(root) {
        Some("") => "/".to_owned(),
        Some(below) if below.starts_with('/') => below.to_owned(),
        Some(query) if query.starts_with('?') => format!("/{query}"),
        _ => return request,
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = path.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

/// Serves until `stop` is done, then finishes the requests under way.
///
/// # Errors
/// Never: a listener that fails is tried again.
pub async fn serve(
    app: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = router(app.clone());
    let jobs = jobs::start(app.clone());
    let patience = Duration::from_secs(app.config.request_timeout.0.into()) + LAST_SECOND;
    let (stopping, stopped) = oneshot::channel();
    let stop = async move {
        stop.await;
        let _ = stopping.send(Instant::now() + patience);
    };
    let mut end = None;
    let serving = connections::serve(router, listener, app.edge.connection_limits.clone(), stop);
    let serving = async {
        serving.await;
        if !app.edge.detached.ended(patience).await {
            tracing::warn!("some requests whose callers had hung up were not ended");
        }
    };
    tokio::select! {
        () = serving => {}
        () = out_of_time(stopped, &mut end) => tracing::warn!("some callers did not finish their requests"),
    }
    let end = end.unwrap_or_else(|| Instant::now() + patience);
    jobs.stop(end - LAST_CLOSING).await;
    app.store.close_within(end.saturating_duration_since(Instant::now()).max(LAST_CLOSING)).await;
    Ok(())
}

/// A caller who never ends its request has no time limit, and must not keep the server from stopping. Notes when that
/// has to have ended.
async fn out_of_time(stopped: oneshot::Receiver<Instant>, end: &mut Option<Instant>) {
    match stopped.await {
        Ok(deadline) => {
            *end = Some(deadline);
            tokio::time::sleep_until(deadline - LAST_ROWS - LAST_CLOSING).await;
        }
        Err(_) => std::future::pending().await,
    }
}
