//! The OpenAPI document as it is answered: made once, when somebody first asks.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::http::Operation;
use crate::http::error::ApiError;
use crate::packed::takes_gzip;

/// Programs ask each time whether theirs is still the one.
const KEPT: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (VARY, HeaderValue::from_static("accept-encoding")),
];
/// Bytes of the hash that name it.
const TAG_BYTES: usize = 16;

/// The document, once it is made.
#[derive(Clone)]
pub(super) struct Document {
    made: Arc<OnceCell<Option<Made>>>,
    /// Where the operations' paths start.
    root: Arc<str>,
    operations: Arc<[Operation]>,
}

struct Made {
    plain: Bytes,
    packed: Bytes,
    tag: HeaderValue,
}

impl Document {
    /// The document about these operations of a server with that root path.
    pub(super) fn new(operations: Vec<Operation>, root: &str) -> Self {
        Self { made: Arc::default(), root: root.into(), operations: operations.into() }
    }

    /// The document, or that the caller has it.
    pub(super) async fn answer(&self, asked: &HeaderMap) -> Response {
        let (cell, root) = (Arc::clone(&self.made), Arc::clone(&self.root));
        let operations = Arc::clone(&self.operations);
        // However many ask, and whoever hangs up meanwhile, it is made once.
        let made =
            tokio::spawn(async move { cell.get_or_init(|| make(root, operations)).await.is_some() }).await;
        let (Ok(true), Some(Some(made))) = (made, self.made.get()) else {
            return ApiError::internal().into_response();
        };
        if is_known(asked, &made.tag) {
            return (StatusCode::NOT_MODIFIED, KEPT, [(ETAG, made.tag.clone())]).into_response();
        }
        let headers = (KEPT, [(ETAG, made.tag.clone())], [(CONTENT_TYPE, "application/json")]);
        match takes_gzip(asked) {
            true => (headers, [(CONTENT_ENCODING, "gzip")], made.packed.clone()).into_response(),
            false => (headers, made.plain.clone()).into_response(),
        }
    }
}

/// It takes a core for a while. None when it can't be made, which the log says.
async fn make(root: Arc<str>, operations: Arc<[Operation]>) -> Option<Made> {
    let made = tokio::task::spawn_blocking(move || {
        let mut document = super::document(&operations)?;
        if !root.is_empty() {
            document["servers"] = json!([{ "url": *root }]);
        }
        let plain = serde_json::to_vec(&document)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&plain)?;
        let hash = Sha256::digest(&plain);
        let hash = hex::encode(&hash[..TAG_BYTES]);
        // A weak one, since it is the same whether or not the document is packed.
        let tag = HeaderValue::try_from(format!("W/\"{hash}\"")).map_err(io::Error::other)?;
        Ok::<_, io::Error>(Made { plain: plain.into(), packed: packed.finish()?.into(), tag })
    });
    match made.await.map_err(io::Error::other).flatten() {
        Ok(made) => Some(made),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document can't be made");
            None
        }
    }
}

/// Whether one of the tags that the caller has is that one (RFC 9110, section 13.1.2).
fn is_known(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|known| known.to_str().ok());
    let opaque = tag.to_str().unwrap_or_default().trim_start_matches("W/");
    known.flat_map(|known| known.split(',')).any(|known| known.trim().trim_start_matches("W/") == opaque)
}
