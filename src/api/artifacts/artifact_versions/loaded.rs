//! A visualization with what is in its file (contract schema LoadedVisualization), as JSON that is made while it is
//! taken.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::http::download::{PIECE, Pieces};

/// Bytes that are read at a time: of three, base64 makes four without an end.
const READ_AT_ONCE: usize = PIECE / 3 * 3;

/// The type, and the file as a text; of an image base64.
#[derive(Debug)]
pub(super) struct LoadedVisualization<F> {
    file: F,
    is_image: bool,
    /// What comes before the file's own text.
    start: Option<Vec<u8>>,
    /// Bytes that are the beginning of a letter.
    unread: Vec<u8>,
    is_over: bool,
}

impl<F: Read> LoadedVisualization<F> {
    pub(super) fn new(kind: &str, file: F) -> Self {
        let start = format!("{{\"type\":{},\"value\":\"", serde_json::Value::from(kind)).into_bytes();
        let is_image = kind == "image";
        Self { file, is_image, start: Some(start), unread: Vec::new(), is_over: false }
    }

    /// What of the bytes is text; what isn't is replaced, as is the start of a letter at the end of the file.
    fn text(&mut self, bytes: &[u8], is_last: bool) -> String {
        self.unread.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.unread);
        let whole = match bytes.utf8_chunks().last() {
            Some(last) if !is_last && is_begun(last.invalid()) => bytes.len() - last.invalid().len(),
            _ => bytes.len(),
        };
        self.unread = bytes[whole..].to_vec();
        String::from_utf8_lossy(&bytes[..whole]).into_owned()
    }
}

/// Whether these bytes may be the beginning of a letter.
fn is_begun(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

impl<F: Read + Send + 'static> Pieces for LoadedVisualization<F> {
    fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_over {
            return Ok(None);
        }
        let mut piece = self.start.take().unwrap_or_default();
        let mut bytes = Vec::with_capacity(READ_AT_ONCE);
        let read = self.file.by_ref().take(READ_AT_ONCE as u64).read_to_end(&mut bytes)?;
        self.is_over = read < READ_AT_ONCE;
        if self.is_image {
            piece.extend_from_slice(STANDARD.encode(&bytes).as_bytes());
        } else {
            let quoted = serde_json::Value::from(self.text(&bytes, self.is_over)).to_string();
            piece.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
        }
        if self.is_over {
            piece.extend_from_slice(b"\"}");
        }
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(kind: &str, bytes: &[u8]) -> serde_json::Value {
        let mut pieces = LoadedVisualization::new(kind, io::Cursor::new(bytes.to_vec()));
        let all: Vec<u8> = std::iter::from_fn(|| pieces.next_piece().unwrap()).flatten().collect();
        serde_json::from_slice(&all).unwrap()
    }

    #[test]
    fn a_file_is_the_same_in_pieces_as_at_once() {
        let letters = "a\"é\n€\u{1}𝄞\\".repeat(40_000);
        let mut broken = letters.clone().into_bytes();
        broken.extend_from_slice(b"\xff\xe2\x82");
        let exact = vec![b'x'; 2 * READ_AT_ONCE];
        for bytes in [b"".as_slice(), b"x", letters.as_bytes(), &letters.as_bytes()[1..], &broken, &exact] {
            let text = loaded("html", bytes);
            assert!(text["value"] == *String::from_utf8_lossy(bytes) && text["type"] == "html");
            let image = loaded("image", bytes);
            assert!(image["value"] == STANDARD.encode(bytes) && image["type"] == "image");
        }
    }
}
