//! Callers who hold connections: many, half a request each, or slow.

use std::net::UdpSocket;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;

use super::line::Line;
use crate::support::{ADMIN, PASSWORD, Program, ServerProcess, stays_well, wait_until};

const HALF_A_HEAD: &str = "GET /api/v1/info HTTP/1.1\r\nHost: zendo\r\nX-Pa";
const LIMIT: Duration = Duration::from_secs(60);

fn server() -> Program {
    Program::server().with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD)
}

async fn half_heads(server: &ServerProcess, count: usize) -> Vec<Line> {
    let lines = (0..count).map(|_| async {
        let mut line = Line::to(server.address()).await;
        let _ = line.send(HALF_A_HEAD).await;
        line
    });
    join_all(lines).await
}

fn open(lines: &[Line]) -> usize {
    lines.iter().filter(|line| !line.is_over()).count()
}

#[tokio::test]
async fn half_sent_heads_make_room_for_others() {
    let few = server().with("ZENDO_MAX_CONNECTIONS", "20").serve().await;
    // Without a setting, what the open files allow.
    let files = server().with_open_files(96).serve().await;
    for (server, most) in [(few, 20), (files, 48)] {
        let other = server.signed_in(ADMIN, PASSWORD).await;
        // A connection that was of use stays before those that never were.
        other.get("/health").await.expect(200, "ok");
        let lines = stays_well(&other, half_heads(&server, 150)).await;
        wait_until("there are no more than may be", LIMIT, async || open(&lines) <= most).await;
        stays_well(&other, async {}).await;
        assert!(server.stderr().matches("as many connections").count() == 1, "{}", server.stderr());
        server.stop().await;
    }
}

#[tokio::test]
async fn a_lack_of_descriptors_ends_neither_the_server_nor_its_patience() {
    let server = server().with("ZENDO_MAX_CONNECTIONS", "1000").with_open_files(64).serve().await;
    let other = server.signed_in(ADMIN, PASSWORD).await;
    other.get("/health").await.expect(200, "ok");
    let lines = stays_well(&other, half_heads(&server, 150)).await;
    stays_well(&other, async {}).await;
    assert!(open(&lines) < 64);
    let warnings = server.stderr().matches("could not be accepted").count();
    assert!(warnings == 1, "{}", server.stderr());
    drop(lines);
    server.stop().await;
}

#[tokio::test]
async fn every_way_of_waiting_has_its_time() {
    let program = server().with("ZENML_SERVER_REQUEST_TIMEOUT", "5").with("ZENDO_KEEP_ALIVE_TIMEOUT", "1");
    let server = program.serve().await;
    let address = server.address();
    let silent = async { Line::to(address).await.expect_end().await };
    let idle = async {
        let mut line = Line::to(address).await;
        line.send("GET /health HTTP/1.1\r\nHost: zendo\r\n\r\n").await.unwrap();
        assert_eq!(line.reply().await.unwrap().status, 200);
        line.expect_end().await;
    };
    // A byte now and then, of a head and of a body.
    let trickle = async |start: &str| {
        let mut line = Line::to(address).await;
        line.send(start).await.unwrap();
        wait_until("the connection ends", LIMIT, async || line.send("x").await.is_err()).await;
    };
    let form = "POST /api/v1/login HTTP/1.1\r\nHost: zendo\r\nContent-Length: 60000\r\n\r\n";
    let chunked = "POST /api/v1/tags HTTP/1.1\r\nHost: zendo\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n";
    let trickles = join_all([HALF_A_HEAD, form, chunked].map(trickle));
    let other = server.signed_in(ADMIN, PASSWORD).await;
    stays_well(&other, async { tokio::join!(silent, idle, trickles) }).await;
}

#[tokio::test]
async fn a_stop_waits_for_nobody_who_has_asked_nothing() {
    let server = server().with("ZENML_SERVER_REQUEST_TIMEOUT", "600").serve().await;
    let _silent = TcpStream::connect(server.address()).await.unwrap();
    let _half = half_heads(&server, 3).await;
    let mut idle = Line::to(server.address()).await;
    idle.send("GET /health HTTP/1.1\r\nHost: zendo\r\n\r\n").await.unwrap();
    idle.reply().await.unwrap();
    // An answer before its body was read, whose rest never comes.
    let mut refused = Line::to(server.address()).await;
    refused
        .send("POST /api/v1/tags HTTP/1.1\r\nHost: zendo\r\nContent-Length: 60000000\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(refused.reply().await.unwrap().status, 401);
    let stopped = tokio::time::timeout(LIMIT, server.stop()).await;
    stopped.expect("the server waits for callers who have asked nothing");
}

#[tokio::test]
async fn a_head_is_no_longer_than_its_bound() {
    let server = server().serve().await;
    let with_header = |length: usize| {
        format!("GET /health HTTP/1.1\r\nHost: zendo\r\nX-Padding: {}\r\n\r\n", "x".repeat(length))
    };
    for (length, status) in [(60_000, 200), (500_000, 431)] {
        let mut line = Line::to(server.address()).await;
        let _ = line.send(with_header(length)).await;
        assert_eq!(line.reply().await.unwrap().status, status, "{length}");
    }
}

#[tokio::test]
async fn one_address_has_a_part_of_the_connections() {
    // An address of this machine that is not its loopback's; asking for a route sends nothing.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let found = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let Some(address) = found.ok().map(|found| found.ip()).filter(|address| !address.is_loopback()) else {
        return crate::support::missing("an address besides the loopback's", "give the machine a network");
    };
    let program = Program::new(&["serve", "--listen", "0.0.0.0:0"]);
    let program = program.with("ZENDO_MAX_CONNECTIONS_PER_ADDRESS", "5");
    let server = program.with("ZENML_DEFAULT_USER_PASSWORD", PASSWORD).serve().await;
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let mut lines = Vec::new();
    for _ in 0..20 {
        let mut line = Line::to(&format!("{address}:{port}")).await;
        let _ = line.send(HALF_A_HEAD).await;
        lines.push(line);
    }
    wait_until("there are no more than may be", LIMIT, async || open(&lines) <= 5).await;
    assert!(!lines[19].is_over(), "the newest stay");
}
