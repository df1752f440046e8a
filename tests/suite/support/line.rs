//! A line between a server and MariaDB that a test can cut, freeze and mend.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::Database;

pub struct Line {
    address: SocketAddr,
    to: String,
    path: String,
    is_frozen: watch::Sender<bool>,
    /// Connections of an earlier generation than this are lost.
    lost: watch::Sender<usize>,
    /// Milliseconds that each packet takes.
    delay: Arc<AtomicU64>,
    /// Directions in which something waits since it was frozen.
    held: Arc<AtomicUsize>,
    carrying: Mutex<Option<JoinHandle<()>>>,
}

impl Line {
    /// To the database, which is one of MariaDB.
    pub async fn to(database: &Database) -> Self {
        let url = database.url();
        let (account, rest) = url.split_once('@').unwrap();
        let (to, name) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let path = format!("{account}@{address}/{name}");
        let line = Self {
            address,
            to: to.to_owned(),
            path,
            is_frozen: watch::Sender::new(false),
            lost: watch::Sender::new(0),
            delay: Arc::default(),
            held: Arc::default(),
            carrying: Mutex::default(),
        };
        line.carry(listener);
        line
    }

    /// The database's URL by this line.
    pub fn url(&self) -> &str {
        &self.path
    }

    /// Ends all connections; new ones are refused.
    pub async fn cut(&self) {
        let carrying = self.carrying().take().unwrap();
        carrying.abort();
        let _ = carrying.await;
    }

    /// Takes connections again.
    pub async fn mend(&self) {
        self.carry(TcpListener::bind(self.address).await.unwrap());
    }

    /// From now on connections are there, and nothing comes through.
    pub fn freeze(&self) {
        self.is_frozen.send_replace(true);
    }

    /// All comes through again, and what was held back first.
    pub fn thaw(&self) {
        self.is_frozen.send_replace(false);
    }

    /// Nothing comes through any more on the connections that are there.
    pub fn lose(&self) {
        self.lost.send_modify(|generation| *generation += 1);
    }

    /// From now on each packet takes so long.
    pub fn delay(&self, by: Duration) {
        self.delay.store(by.as_millis().try_into().unwrap(), Ordering::Relaxed);
    }

    /// Ends all connections; who asks for a new one hears nothing at all.
    pub async fn drop_packets(&self) {
        self.cut().await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        let listener = socket.listen(1).unwrap();
        // Nobody takes these, so there is no room for others.
        let mut waiting = Vec::new();
        let connect = || tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(self.address));
        while let Ok(stream) = connect().await {
            waiting.push(stream.unwrap());
        }
        *self.carrying() = Some(tokio::spawn(async move {
            let _kept = (listener, waiting);
            std::future::pending::<()>().await;
        }));
    }

    /// In how many directions something waits since it was frozen.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Everybody who connects hears this error of MySQL's.
    pub async fn refuse(&self, number: u16, message: &str) {
        let mut packet = vec![0xff];
        packet.extend(number.to_le_bytes());
        packet.extend(message.as_bytes());
        let length = u32::try_from(packet.len()).unwrap().to_le_bytes();
        let packet = [&length[..3], &[0], &packet[..]].concat();
        self.cut().await;
        let listener = TcpListener::bind(self.address).await.unwrap();
        *self.carrying() = Some(tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.write_all(&packet).await;
            }
        }));
    }

    fn carry(&self, listener: TcpListener) {
        let (to, held) = (self.to.clone(), Arc::clone(&self.held));
        let (is_frozen, lost, delay) =
            (self.is_frozen.subscribe(), self.lost.subscribe(), Arc::clone(&self.delay));
        *self.carrying() = Some(tokio::spawn(async move {
            let mut directions = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&to).await.unwrap();
                // Else each small packet would wait for the acknowledgement of the one before.
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                let way = Way {
                    is_frozen: is_frozen.clone(),
                    generation: *lost.borrow(),
                    lost: lost.clone(),
                    delay: Arc::clone(&delay),
                    held: Arc::clone(&held),
                };
                directions.spawn(copy(near_read, far_write, way.clone()));
                directions.spawn(copy(far_read, near_write, way));
            }
        }));
    }

    fn carrying(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.carrying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of the packets of one connection.
#[derive(Clone)]
struct Way {
    is_frozen: watch::Receiver<bool>,
    generation: usize,
    lost: watch::Receiver<usize>,
    delay: Arc<AtomicU64>,
    held: Arc<AtomicUsize>,
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: Way) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        way.held.fetch_add(usize::from(*way.is_frozen.borrow()), Ordering::Relaxed);
        if *way.lost.borrow() > way.generation {
            std::future::pending::<()>().await;
        }
        let delay = way.delay.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        if way.is_frozen.wait_for(|is_frozen| !is_frozen).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(carrying) = self.carrying().take() {
            carrying.abort();
        }
    }
}
