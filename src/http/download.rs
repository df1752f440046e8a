//! Answers that are made piece by piece while they are taken: a thread is held for one piece at a time, and no more than
//! a few are in memory.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::budgets::{Budget, Holder, Share};
use super::error::{ApiError, ApiResult};

/// Bytes that a piece should have.
pub(crate) const PIECE: usize = 64 << 10;

/// Makes an answer's bytes.
pub(crate) trait Pieces: Send + 'static {
    /// The next bytes, or none after the last. It may wait for a disk, and reads no more than a few [`PIECE`]s; a piece
    /// may be empty.
    ///
    /// # Errors
    /// What ends the connection, so that nobody takes a part for the whole.
    fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>>;
}

/// Pieces that are made at the same time, so that a slow disk leaves threads for others.
const MADE_AT_ONCE: usize = 8;

/// The downloads under way.
#[derive(Debug)]
pub struct Downloads {
    budget: Budget,
    makers: Arc<Semaphore>,
}

/// The right to one download.
#[derive(Debug)]
pub struct Right {
    _share: Share,
    makers: Arc<Semaphore>,
}

impl Downloads {
    pub fn new(budget: Budget) -> Self {
        Self { budget, makers: Arc::new(Semaphore::new(MADE_AT_ONCE)) }
    }

    /// The right to a download now.
    ///
    /// # Errors
    /// 429 when there are too many under way, of that holder or of all.
    pub fn begin(&self, holder: Holder) -> ApiResult<Right> {
        let share = self.budget.try_take(holder, 1).ok_or_else(ApiError::busy)?;
        Ok(Right { _share: share, makers: Arc::clone(&self.makers) })
    }
}

/// A gzip file with that name, for a browser to keep.
pub(crate) fn gzip(name: &str, pieces: impl Pieces, right: Right) -> Response {
    let headers = [(CONTENT_TYPE, "application/gzip".to_owned()), (CONTENT_DISPOSITION, attachment(name))];
    (headers, streamed(pieces, right)).into_response()
}

/// JSON that is too large to be in memory at once.
pub(crate) fn json(pieces: impl Pieces, right: Right) -> Response {
    ([(CONTENT_TYPE, "application/json")], streamed(pieces, right)).into_response()
}

fn streamed(pieces: impl Pieces, right: Right) -> Body {
    let state = Some((pieces, right));
    Body::from_stream(futures_util::stream::unfold(state, async |state| {
        let (mut pieces, right) = state?;
        let maker = Arc::clone(&right.makers).acquire_owned().await;
        let made = tokio::task::spawn_blocking(move || {
            let piece = pieces.next_piece();
            // Also when nobody waits for it any more.
            drop(maker);
            (piece, pieces)
        });
        match made.await {
            Ok((Ok(Some(piece)), pieces)) => Some((Ok(Bytes::from(piece)), Some((pieces, right)))),
            Ok((Ok(None), _)) => None,
            Ok((Err(error), _)) => Some((Err(error), None)),
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_break_out_of_its_header() {
        assert_eq!(attachment("a-1.tar.gz"), "attachment; filename=\"a-1.tar.gz\"");
        assert_eq!(attachment("Zoë\"\n"), "attachment; filename*=utf-8''Zo%C3%AB%22%0A");
    }
}
