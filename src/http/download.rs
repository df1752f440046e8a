//! Files that a browser keeps: written piece by piece, so that no more than a few pieces are in memory.

use std::io::{self, Write};

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::mpsc;

/// What is written goes to whoever downloads, in pieces.
pub type Pieces = io::BufWriter<PieceWriter>;

/// A gzip file with that name. `write` runs on a thread that may wait for a disk.
pub fn gzip(name: &str, write: impl FnOnce(Pieces) -> io::Result<()> + Send + 'static) -> Response {
    let headers = [(CONTENT_TYPE, "application/gzip".to_owned()), (CONTENT_DISPOSITION, attachment(name))];
    (headers, streamed(write)).into_response()
}

/// RFC 6266, with RFC 8187 for a name that isn't plain.
fn attachment(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    match name.chars().all(is_plain) {
        true => format!("attachment; filename=\"{name}\""),
        false => {
            let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
            format!("attachment; filename*=utf-8''{encoded}")
        }
    }
}

fn streamed(write: impl FnOnce(Pieces) -> io::Result<()> + Send + 'static) -> Body {
    const PIECES: usize = 4;
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let pieces = io::BufWriter::with_capacity(64 << 10, PieceWriter(sender.clone()));
        if let Err(error) = write(pieces) {
            // Ends the connection, so that nobody takes a part for the whole.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Body::from_stream(futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}

/// Takes what is written to whoever downloads.
#[derive(Debug)]
pub struct PieceWriter(mpsc::Sender<io::Result<Bytes>>);

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_break_out_of_its_header() {
        assert_eq!(attachment("a-1.tar.gz"), "attachment; filename=\"a-1.tar.gz\"");
        assert_eq!(attachment("Zoë\"\n"), "attachment; filename*=utf-8''Zo%C3%AB%22%0A");
    }
}
