//! Serving connections, each within bounds: how many there are, how long one may be idle, take for a request's head, or
//! leave an answer untaken. What a request itself may take is for the layers of the router.

mod answer;
mod limits;
mod stream;
mod table;
mod target;
mod unread;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) use limits::{ConnectionLimits, raise_open_files};
use stream::WatchedStream;
use table::{Order, Slot, Table};

/// Bytes of a request's head at most, and of an answer that are buffered for whoever is slow to take it.
const BUFFER: usize = 128 << 10;
/// Connections that may still be closing beside those that count.
const CLOSING: usize = 64;
/// Before the next try when the machine has no place for another connection.
const PAUSE: Duration = Duration::from_millis(20);
/// What a caller hears for whom there is no place.
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
                         Content-Length: 0\r\n\r\n";

/// Serves until `stop` is done, then finishes the requests under way. What is idle or still reads a head then is closed
/// at once. Dropping it ends all connections.
pub(crate) async fn serve(
    router: Router,
    listener: TcpListener,
    limits: ConnectionLimits,
    stop: impl Future<Output = ()>,
) {
    let table = Arc::new(Table::new(limits));
    let mut http = http1::Builder::new();
    http.max_buf_size(BUFFER);
    let mut connections = JoinSet::new();
    connections.spawn(keep_time(Arc::clone(&table)));
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            // Those that were closed to make room have to be gone before others come.
            accepted = listener.accept(), if connections.len() < table.most() + CLOSING => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match table.admit(peer.ip()) {
                Some(slot) => {
                    connections.spawn(converse(http.clone(), router.clone(), stream, peer, slot));
                }
                None => refuse(&stream),
            },
            Err(error) if is_callers(&error) => {}
            Err(error) => {
                if table.is_time_to_warn() {
                    tracing::warn!(%error, "a connection could not be accepted");
                }
                table.make_room();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    table.retire_all();
    while !table.is_empty() && connections.join_next().await.is_some() {}
}

/// Whether it concerns that one connection only, which went before it was accepted.
fn is_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn refuse(stream: &TcpStream) {
    // There is no time to wait for a caller, and no harm in a refusal that is not read.
    let _ = stream.try_write(REFUSAL);
}

/// One connection, to its end.
async fn converse(http: http1::Builder, router: Router, stream: TcpStream, peer: SocketAddr, slot: Slot) {
    // Without it, small answers wait for the acknowledgement of the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let connection = slot.connection();
    let service = service_fn(|request| answer::answer(router.clone(), peer, Arc::clone(connection), request));
    let stream = TokioIo::new(WatchedStream::new(stream, Arc::clone(connection)));
    let mut conversation = pin!(http.serve_connection(stream, service));
    loop {
        tokio::select! {
            biased;
            ended = &mut conversation => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection has failed");
                }
                return;
            }
            order = connection.ordered() => match order {
                Order::End => return,
                Order::Retire if connection.is_waiting() => return,
                Order::Retire => conversation.as_mut().graceful_shutdown(),
            },
        }
    }
}

/// Ends the connections that are over one of their times.
async fn keep_time(table: Arc<Table>) {
    let mut ticks = tokio::time::interval(table::TICK);
    loop {
        ticks.tick().await;
        table.tick();
    }
}
