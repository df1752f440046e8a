//! A connection on which one sends what no client would.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(20);

pub struct Line {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
}

impl Line {
    pub async fn to(address: &str) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// The next answer, or why there is none.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        self.reply_with_body().await.map(|(reply, _)| reply)
    }

    /// The next answer with its body, or why there is none.
    pub async fn reply_with_body(&mut self) -> io::Result<(Reply, String)> {
        let head = loop {
            if let Some(end) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
            }
            self.read().await?;
        };
        let length = head.to_ascii_lowercase();
        let length = length.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        while self.unread.len() < length {
            self.read().await?;
        }
        // A document is packed.
        let body = String::from_utf8_lossy(&self.unread[..length]).into_owned();
        self.unread.drain(..length);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok((Reply { status, head }, body))
    }

    /// Fails unless the server ends the connection.
    pub async fn expect_end(&mut self) {
        let end = async { while self.read().await.is_ok() {} };
        tokio::time::timeout(LIMIT, end).await.expect("the connection is still there");
    }

    /// Whether the server has ended the connection by now.
    pub fn is_over(&self) -> bool {
        let mut bytes = [0; 1024];
        match self.stream.try_read(&mut bytes) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        let read = tokio::time::timeout(LIMIT, self.stream.read_buf(&mut self.unread));
        match read.await.expect("no answer") {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Reply {
    pub fn says_close(&self) -> bool {
        self.head.to_ascii_lowercase().contains("\r\nconnection: close\r\n")
    }
}
