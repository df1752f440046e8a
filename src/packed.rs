//! Files that are part of the program and seldom asked for, packed by build/main.rs.

use std::io::{self, Read};

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::bufread::GzDecoder;
use futures_util::Stream;

/// A file in gzip's format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed(pub &'static [u8]);

impl Packed {
    /// What is in the file.
    ///
    /// # Errors
    /// When the program was built wrongly.
    pub(crate) fn bytes(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        GzDecoder::new(self.0).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The file as an answer of that type, packed for whoever takes it so. For others it is unpacked while they take
    /// it.
    pub(crate) fn response(self, kind: &'static str, asked: &HeaderMap) -> Response {
        let headers = [(CONTENT_TYPE, kind), (VARY, "accept-encoding")];
        if takes_gzip(asked) {
            return (headers, [(CONTENT_ENCODING, "gzip")], self.0).into_response();
        }
        (headers, [(CONTENT_LENGTH, self.unpacked_length())], Body::from_stream(self.unpacked()))
            .into_response()
    }

    fn unpacked(self) -> impl Stream<Item = io::Result<Bytes>> {
        const PIECE: u64 = 64 << 10;
        let mut file = GzDecoder::new(self.0);
        let pieces = std::iter::from_fn(move || {
            let mut piece = Vec::new();
            let read = file.by_ref().take(PIECE).read_to_end(&mut piece);
            read.map(|read| (read > 0).then(|| Bytes::from(piece))).transpose()
        });
        futures_util::stream::iter(pieces)
    }

    /// The last four bytes of the format (RFC 1952, section 2.3.1).
    fn unpacked_length(self) -> u32 {
        self.0.last_chunk().copied().map_or(0, u32::from_le_bytes)
    }
}

/// Whether the caller takes what is packed.
pub(crate) fn takes_gzip(asked: &HeaderMap) -> bool {
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
