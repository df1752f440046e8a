//! The web console: what a person needs of zendo, in pages that are made here and ask the REST API for everything.
//!
//! A page asks the API in this process, as its visitor ([`api`]), so that every rule of who may see what, every filter
//! and every page of a list is asked in the one place where it is. Changes are made by the page's script, with the
//! session's CSRF token, at the same API. What a page says goes through the template engine, which escapes it.

mod api;
mod asked;
mod assets;
mod error;
mod listing;
mod next;
mod pages;
mod shell;
mod timestamp;
mod views;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::{Redirect, Response};
use axum::routing::get;
use tower::util::MapResponseLayer;

use crate::address::Address;
use crate::app::AppState;
use crate::config::ServerSettings;
use crate::middleware::headers::own_page;

use asked::Asked;
use assets::Assets;
use error::PageError;
use visitor::Visitor;

/// Stricter than ZenML's policy for its own pages, and a part of it: nothing but what this server serves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the pages share.
#[derive(Clone)]
pub struct Console {
    app: AppState,
    /// The REST API, as it is behind the layers.
    api: Router,
    assets: Arc<Assets>,
}

impl FromRef<Console> for Arc<ServerSettings> {
    fn from_ref(console: &Console) -> Self {
        Self::clone(&console.app.config)
    }
}

impl Console {
    /// Where all paths start.
    fn root(&self) -> &str {
        &self.app.config.root_url_path.0
    }

    /// Whether ZenML's dashboard is here, too.
    fn has_dashboard(&self) -> bool {
        self.app.config.dashboard_files_path.is_some()
    }
}

/// `/console/...`, which asks `api` for what it shows; a server without a dashboard leads its visitors there.
pub(crate) fn router(app: &AppState, api: Router) -> Router<AppState> {
    let console = Console { app: app.clone(), api, assets: Arc::new(Assets::new()) };
    let pages = pages::router()
        .route("/console", get(go_home))
        .route("/console/", get(go_home))
        .route("/console/{*path}", get(not_found))
        .layer(MapResponseLayer::new(own_headers))
        // The assets say themselves how long they are good.
        .route("/console/assets/{version}/{name}", get(assets::serve))
        .with_state(console);
    match app.config.dashboard_files_path {
        Some(_) => pages,
        None => {
            let to_device_page = get(to_device_page).layer(MapResponseLayer::new(own_headers));
            let entrance = get(to_console).layer(MapResponseLayer::new(own_headers));
            pages.route("/", entrance).route("/devices/verify", to_device_page)
        }
    }
}

async fn to_console(State(config): State<Arc<ServerSettings>>) -> Redirect {
    to(Address::of("/console/", &[]), &config)
}

/// The address that the official client opens, with what it says of the device.
async fn to_device_page(State(config): State<Arc<ServerSettings>>, parts: Parts) -> Redirect {
    let asked = Asked::of(&parts);
    let page = Address::of(pages::verify::PATH, &[]);
    to(page.maybe("device_id", asked.id("device_id")).maybe("user_code", asked.code("user_code")), &config)
}

async fn go_home(State(config): State<Arc<ServerSettings>>) -> Redirect {
    to(Address::of(shell::HOME, &[]), &config)
}

fn to(address: Address, config: &ServerSettings) -> Redirect {
    Redirect::to(address.below(&config.root_url_path.0).as_str())
}

async fn not_found(visitor: Visitor) -> PageError {
    PageError::not_found(visitor.shell, "There is no such page.")
}

/// The headers in which the console's pages are stricter than the server's other answers.
fn own_headers(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    own_page(response, POLICY)
}
