//! A socket that notes when its caller sends, and when it takes what it is sent.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::table::Connection;
use super::target::{RequestLine, explained};

/// Bytes that are dropped at a time.
const DROPPED: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct WatchedStream {
    stream: TcpStream,
    connection: Arc<Connection>,
    line: RequestLine,
    /// What was read and is yet to be handed on.
    unhanded: Vec<u8>,
    /// What is said in the place of a refusal that says nothing, and how much of it was taken.
    refusal: Option<(Vec<u8>, usize)>,
    /// Once all is written: whether the caller may still be sending.
    lingers: Option<bool>,
}

impl WatchedStream {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self {
            stream,
            connection,
            line: RequestLine::default(),
            unhanded: Vec::new(),
            refusal: None,
            lingers: None,
        }
    }

    /// Hands on what was read, as much as there is room for.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let handed: Vec<u8> = self.unhanded.drain(..self.unhanded.len().min(buffer.remaining())).collect();
        buffer.put_slice(&handed);
    }

    /// Writes what is said in the place of these bytes, if they are a refusal that says nothing.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.refusal.is_none() && self.connection.is_reading_head() {
            self.refusal = explained(bytes).map(|refusal| (refusal, 0));
        }
        let (refusal, taken) = self.refusal.as_mut()?;
        while *taken < refusal.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &refusal[*taken..]) {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(written)) => *taken += written,
                failed_or_pending => return Some(failed_or_pending),
            }
        }
        self.refusal = None;
        Some(Poll::Ready(Ok(bytes.len())))
    }

    fn note_write(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.connection.note_taken(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.connection.note_blocked(),
        }
        written
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unhanded.is_empty() {
            self.hand_on(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() == before {
            return Poll::Ready(Ok(()));
        }
        if self.connection.is_idle() {
            self.line = RequestLine::default();
        }
        self.connection.note_read();
        if let Some(encoded) = self.line.encoded(&buffer.filled()[before..]) {
            buffer.set_filled(before);
            self.unhanded = encoded;
            self.hand_on(buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(refused) = self.poll_refuse(cx, bytes) {
            return self.note_write(refused);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A refusal is one piece.
        if let [piece] = pieces
            && let Some(refused) = self.poll_refuse(cx, piece)
        {
            return self.note_write(refused);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.note_flushed();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// A line that is cut while its caller still sends takes the answer with it, which the caller has not read yet.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let lingers = match self.lingers {
            Some(lingers) => lingers,
            None => {
                ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
                let lingers = self.connection.begin_to_linger();
                self.lingers = Some(lingers);
                lingers
            }
        };
        if !lingers {
            return Poll::Ready(Ok(()));
        }
        loop {
            let mut dropped = [std::mem::MaybeUninit::uninit(); DROPPED];
            let mut dropped = ReadBuf::uninit(&mut dropped);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut dropped))?;
            if dropped.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
