//! The style sheet and scripts of the pages. Their address has the hash of them all, so a browser may keep them for
//! good, and scripts find each other beside themselves.

use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::Console;
use crate::middleware::headers::KEPT_FOR_GOOD;
use crate::packed::{Packed, packed};

const SCRIPT: &str = "text/javascript; charset=utf-8";
/// Bytes of the hash that are in the address.
const VERSION_BYTES: usize = 8;

/// A file's name, its type, and what is in it.
type Asset = (&'static str, &'static str, Packed);

const ALL: [Asset; 12] = [
    ("console.css", "text/css; charset=utf-8", packed!("console.css")),
    ("icon.svg", "image/svg+xml", packed!("icon.svg")),
    ("console.js", SCRIPT, packed!("console.js")),
    ("addresses.js", SCRIPT, packed!("addresses.js")),
    ("api.js", SCRIPT, packed!("api.js")),
    ("connectors.js", SCRIPT, packed!("connectors.js")),
    ("dialogs.js", SCRIPT, packed!("dialogs.js")),
    ("forms.js", SCRIPT, packed!("forms.js")),
    ("sessions.js", SCRIPT, packed!("sessions.js")),
    ("secrets.js", SCRIPT, packed!("secrets.js")),
    ("scopes.js", SCRIPT, packed!("scopes.js")),
    ("trusts.js", SCRIPT, packed!("trusts.js")),
];

/// The files, with the name of this version of them.
pub(super) struct Assets {
    pub version: String,
}

impl Assets {
    pub(super) fn new() -> Self {
        let mut hash = Sha256::new();
        for (name, _, packed) in ALL {
            hash.update(name);
            hash.update(packed.0);
        }
        let hash = hash.finalize();
        let version = hex::encode(&hash[..VERSION_BYTES]);
        Self { version }
    }
}

/// A file of this version.
pub(super) async fn serve(
    State(console): State<Console>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let found = ALL.iter().find(|(known, _, _)| *known == name);
    let Some((_, kind, packed)) = found.filter(|_| version == console.assets.version) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = packed.response(kind, &headers);
    response.headers_mut().insert(CACHE_CONTROL, KEPT_FOR_GOOD);
    response
}
