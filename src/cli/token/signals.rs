//! Signals that this process takes note of instead of ending.

use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Some kinds of signal, caught from the moment this is made.
pub(super) struct Signals(Vec<(SignalKind, Signal)>);

impl Signals {
    pub(super) fn catch(kinds: impl IntoIterator<Item = SignalKind>) -> io::Result<Self> {
        kinds.into_iter().map(|kind| Ok((kind, signal(kind)?))).collect::<io::Result<_>>().map(Self)
    }

    /// The next one. May be dropped and asked again without missing any.
    pub(super) async fn next(&mut self) -> SignalKind {
        std::future::poll_fn(|context| {
            let came = |(_, signal): &mut (SignalKind, Signal)| signal.poll_recv(context).is_ready();
            match self.0.iter_mut().position(came) {
                Some(index) => Poll::Ready(self.0[index].0),
                None => Poll::Pending,
            }
        })
        .await
    }
}
