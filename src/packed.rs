//! Files that are part of the program and seldom asked for, packed by build.rs.

use std::io::{self, Read};

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use crate::http::error::ApiError;

/// A file in gzip's format.
#[derive(Debug, Clone, Copy)]
pub struct Packed(pub &'static [u8]);

impl Packed {
    /// What is in the file.
    ///
    /// # Errors
    /// When the program was built wrongly.
    pub fn bytes(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        GzDecoder::new(self.0).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The file as an answer of that type, packed for whoever takes it so.
    pub fn response(self, kind: &'static str, asked: &HeaderMap) -> Response {
        let headers = [(CONTENT_TYPE, kind), (VARY, "accept-encoding")];
        if takes_gzip(asked) {
            return (headers, [(CONTENT_ENCODING, "gzip")], self.0).into_response();
        }
        match self.bytes() {
            Ok(bytes) => (headers, bytes).into_response(),
            Err(error) => {
                tracing::error!(%error, "a file of the program can't be unpacked");
                ApiError::internal().into_response()
            }
        }
    }
}

/// Whether the caller takes what is packed.
pub fn takes_gzip(asked: &HeaderMap) -> bool {
    let encodings = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    encodings.flat_map(|value| value.split(',')).any(|encoding| encoding.trim() == "gzip")
}

/// The packed file with that name.
macro_rules! packed {
    ($name:literal) => {
        $crate::packed::Packed(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")))
    };
}

pub(crate) use packed;
