//! A proxy that guards another web service with zendo's tokens, with the configuration that is shipped for it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::any;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::{Caller, apart, missing, wait_until};

/// A program that can stand in front of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Proxy {
    Nginx,
    Caddy,
    Envoy,
}

/// Names another Envoy than the system's.
const ENVOY: &str = "ZENDO_TEST_ENVOY";

/// A proxy in front of a service that tells with which headers it was asked; killed with the test.
pub struct Guard {
    _proxy: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl Guard {
    /// None, said out loud, when the program isn't installed.
    pub async fn start(proxy: Proxy, zendo: &str) -> Option<Self> {
        let zendo = zendo.trim_start_matches("http://");
        let (program, version) = match proxy {
            Proxy::Nginx => ("nginx".to_owned(), "-v"),
            Proxy::Caddy => ("caddy".to_owned(), "version"),
            Proxy::Envoy => (std::env::var(ENVOY).unwrap_or_else(|_| "envoy".to_owned()), "--version"),
        };
        let mut there = std::process::Command::new(&program);
        if there.arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            missing(&program, "run tests/run, which installs it");
            return None;
        }
        let service = service().await;
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut command = apart(&program, folder.path());
        match proxy {
            Proxy::Nginx => nginx(&mut command, folder.path(), port, zendo, &service),
            Proxy::Caddy => caddy(&mut command, folder.path(), port, zendo, &service),
            Proxy::Envoy => envoy(&mut command, folder.path(), port, zendo, &service),
        }
        let mut child = command.spawn().unwrap();
        wait_until(&program, Duration::from_secs(30), async || {
            assert!(child.try_wait().unwrap().is_none(), "{}", super::said_in(folder.path()));
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Some(Self { _proxy: child, _folder: folder, url: format!("http://127.0.0.1:{port}") })
    }

    /// Someone without a credential.
    pub fn anonymous(&self) -> Caller {
        Caller::new(self.url.clone())
    }
}

fn nginx(command: &mut Command, folder: &Path, port: u16, zendo: &str, service: &str) {
    let example = changed(
        include_str!("../../../config/nginx-forward-auth.conf"),
        &[
            ("listen 443 ssl;", &format!("listen 127.0.0.1:{port};")),
            ("server 127.0.0.1:8080;", &format!("server {zendo};")),
            ("server 127.0.0.1:3000;", &format!("server {service};")),
            ("ssl_certificate /etc/ssl/service/fullchain.pem;", ""),
            ("ssl_certificate_key /etc/ssl/service/privkey.pem;", ""),
        ],
    );
    std::fs::write(folder.join("guard.conf"), example).unwrap();
    std::fs::write(folder.join("nginx.conf"), around(folder)).unwrap();
    command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "stderr"]);
}

/// What a system's own nginx.conf is around it, with nothing outside of the folder.
fn around(folder: &Path) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"));
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log stderr error; events {{}}\n\
         http {{ access_log off; {} include {folder}/guard.conf; }}",
        temporary.join(" ")
    )
}

fn caddy(command: &mut Command, folder: &Path, port: u16, zendo: &str, service: &str) {
    let example = changed(
        include_str!("../../../config/Caddyfile-forward-auth"),
        &[
            ("service.example.com {", &format!("http://127.0.0.1:{port} {{")),
            ("forward_auth 127.0.0.1:8080 {", &format!("forward_auth {zendo} {{")),
            ("reverse_proxy 127.0.0.1:3000", &format!("reverse_proxy {service}")),
        ],
    );
    std::fs::write(folder.join("Caddyfile"), format!("{{\n\tadmin off\n\tauto_https off\n}}\n{example}"))
        .unwrap();
    command.args(["run", "--config", "Caddyfile", "--adapter", "caddyfile"]);
}

fn envoy(command: &mut Command, folder: &Path, port: u16, zendo: &str, service: &str) {
    let port_of = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let example = changed(
        include_str!("../../../config/envoy-forward-auth.yaml"),
        &[
            ("address: 0.0.0.0, port_value: 10000", &format!("address: 127.0.0.1, port_value: {port}")),
            ("port_value: 8080", &format!("port_value: {}", port_of(zendo))),
            ("port_value: 3000", &format!("port_value: {}", port_of(service))),
            // Machines are busy.
            ("timeout: 1s", "timeout: 30s"),
        ],
    );
    std::fs::write(folder.join("envoy.yaml"), example).unwrap();
    command.args(["-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1", "-l", "error"]);
}

/// The example with this test's addresses, and without TLS.
fn changed(example: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(example.to_owned(), |text, (shipped, here)| {
        assert_eq!(text.matches(shipped).count(), 1, "{shipped}");
        text.replace(shipped, here)
    })
}

/// A service that tells what headers it was asked with. Returns its address.
async fn service() -> String {
    let told = async |headers: HeaderMap| {
        let all = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
        axum::Json(Value::Object(all.collect()))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(any(told))).await });
    address
}
