//! The files of a dashboard in front of the API, such as ZenML's own.

use std::io;
use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use crate::address::Address;
use crate::app::AppState;
use crate::http::error::ApiError;
use crate::login::principal::principal;
use crate::middleware::headers::KEPT_FOR_GOOD;

const INDEX: &str = "index.html";
const ASSETS: &str = "/assets/";

/// Fails unless a dashboard is in that folder.
///
/// # Errors
/// When its index can't be opened.
pub(crate) fn check(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder.join(INDEX)).map(drop)
}

/// Where a browser goes that opens a page of the dashboard, and whose owner isn't signed in: where people sign in by a
/// provider, the console has the button for that, and one sign-in is good for both.
pub(crate) async fn sign_in_first(
    app: &AppState,
    uri: &Uri,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Option<Redirect> {
    app.sign_in.oidc.as_ref()?;
    let accepted = headers.get(ACCEPT)?.to_str().ok()?;
    let path = uri.path();
    let is_page = accepted.contains("text/html") && !path.starts_with(ASSETS);
    let now = app.env.clock.now();
    if !is_page || principal(app, headers, extensions, now).await.is_ok() {
        return None;
    }
    // Its own form for a password is no page to come back to.
    let asked = uri.path_and_query().map_or("/", |asked| asked.as_str());
    let next = if path == "/login" { "/" } else { asked };
    Some(Redirect::to(Address::of("/console/sign-in", &[]).with("next", next).as_str()))
}

/// A file of the folder. A path without a file is a page of the dashboard's own, which its index shows; but a missing
/// asset is one of another version, and a page in its place would be kept and run.
pub(crate) async fn answer(folder: &Path, request: Request) -> Response {
    let files = ServeDir::new(folder).append_index_html_on_directories(false);
    let is_asset = request.uri().path().starts_with(ASSETS);
    let Ok(mut response) = match is_asset {
        true => files.oneshot(request).await,
        false => files.fallback(ServeFile::new(folder.join(INDEX))).oneshot(request).await,
    };
    if is_asset && matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
        response.headers_mut().insert(CACHE_CONTROL, KEPT_FOR_GOOD);
    }
    if let Some(kind) = response.headers().get(CONTENT_TYPE).and_then(in_utf8) {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    match response.status() {
        StatusCode::NOT_FOUND => ApiError::plain(StatusCode::NOT_FOUND, "Not Found").into_response(),
        _ => response.map(Body::new),
    }
}

/// The type of a text with its encoding, where it doesn't say one: a browser would guess it.
fn in_utf8(kind: &HeaderValue) -> Option<HeaderValue> {
    let kind = kind.to_str().ok().filter(|kind| kind.starts_with("text/") && !kind.contains("charset"))?;
    HeaderValue::try_from(format!("{kind}; charset=utf-8")).ok()
}
