//! Requests to servers that users name. Whoever may name one could otherwise reach what only this machine can: so
//! each address is checked after its name was looked up, and that one is called; redirects aren't followed, and time
//! and size have bounds.

mod networks;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tower_service::Service;
use url::{Host, Url};

pub use tls::{Identity, Tls};

/// One for each request: nothing of a connection is another request's.
type Client = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

const TIME_TO_CONNECT: Duration = Duration::from_secs(5);
/// For the whole: the answer's last byte has to be there.
const TIME: Duration = Duration::from_secs(15);
/// Bytes of an answer's body.
const LARGEST: usize = 1 << 20;

/// Makes such requests. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Networks that may be called besides public ones.
    allowed: Arc<[IpNet]>,
    /// Networks that may be called without TLS.
    in_the_clear: Arc<[IpNet]>,
}

/// A request.
#[derive(Debug)]
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub tls: Tls,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why nothing came back. The texts have nothing of the far side's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("the address has to begin with https:// and name a host, without a user")]
    Url,
    #[error("http:// would show secrets to whoever is on the way: the address has to begin with https://")]
    InTheClear,
    #[error("'{0}' is an address that this server may not call")]
    Inner(String),
    #[error("there is no host '{0}'")]
    NoHost(String),
    #[error("'{0}' can't be reached")]
    Unreachable(String),
    #[error("the certificate of '{0}' is not trusted")]
    Untrusted(String),
    #[error("'{0}' did not answer in time")]
    Slow(String),
    #[error("the answer of '{0}' is too large")]
    Large(String),
    #[error("{0}")]
    Tls(&'static str),
}

impl Outbound {
    /// To the public internet, and to these networks, which may do without TLS.
    pub fn new(allowed: impl IntoIterator<Item = IpNet>) -> Self {
        let allowed: Arc<[IpNet]> = allowed.into_iter().collect();
        Self { in_the_clear: Arc::clone(&allowed), allowed }
    }

    /// To whatever address, for what only an operator or admin names; without TLS to this machine alone.
    pub fn anywhere() -> Self {
        let v4 = |address, prefix| IpNet::V4(Ipv4Net::new_assert(address, prefix));
        let v6 = |address, prefix| IpNet::V6(Ipv6Net::new_assert(address, prefix));
        let all = [v4(Ipv4Addr::UNSPECIFIED, 0), v6(Ipv6Addr::UNSPECIFIED, 0)];
        let loopback = [v4(Ipv4Addr::new(127, 0, 0, 0), 8), v6(Ipv6Addr::LOCALHOST, 128)];
        Self { allowed: Arc::new(all), in_the_clear: Arc::new(loopback) }
    }

    /// Makes a request, and reads the answer whole.
    ///
    /// # Errors
    /// [`CallError`] when the address may not be called, or no whole answer came.
    pub async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let host = self.check(&call.url)?;
        let answered = tokio::time::timeout(TIME, self.exchange(call, &host)).await;
        answered.unwrap_or(Err(CallError::Slow(host)))
    }

    async fn exchange(&self, call: Call, host: &str) -> Result<Answer, CallError> {
        let client = self.client(&call)?;
        let Call { method, url, headers, body, .. } = call;
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(|_| CallError::Url)?;
        *request.headers_mut() = headers;
        let response = client.request(request).await.map_err(|error| failure(&error, host))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|error| {
            match error.is::<LengthLimitError>() {
                true => CallError::Large(host.to_owned()),
                false => CallError::Unreachable(host.to_owned()),
            }
        })?;
        Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() })
    }

    /// Looks at what can be told of an address without a question to anyone, and gives its host.
    ///
    /// # Errors
    /// When no request to it would be made.
    fn check(&self, url: &Url) -> Result<String, CallError> {
        let has_user = !url.username().is_empty() || url.password().is_some();
        let Some(host) = url.host().filter(|_| matches!(url.scheme(), "https" | "http") && !has_user) else {
            return Err(CallError::Url);
        };
        let name = host.to_string();
        match address_of(&host) {
            Some(address) if !networks::may_call(address, &self.allowed) => Err(CallError::Inner(name)),
            _ => Ok(name),
        }
    }

    fn client(&self, call: &Call) -> Result<Client, CallError> {
        // A name's addresses are asked the same.
        let is_clear = call.url.scheme() == "http";
        let resolver = Resolver { outbound: self.clone(), is_clear };
        let address = call.url.host().as_ref().and_then(address_of);
        if is_clear && address.is_some_and(|address| !resolver.may_call(address)) {
            return Err(CallError::InTheClear);
        }
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(TIME_TO_CONNECT));
        let tls = HttpsConnectorBuilder::new().with_tls_config(call.tls.config()?);
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(legacy::Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
    }
}

/// The address that a host is, if it is no name.
fn address_of<S>(host: &Host<S>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        Host::Domain(_) => None,
    }
}

/// Looks names up, and gives only addresses that may be called: the one that was checked is the one that is called.
#[derive(Debug, Clone)]
struct Resolver {
    outbound: Outbound,
    is_clear: bool,
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Unresolved {
    #[error("no address")]
    Unknown,
    #[error("an inner address")]
    Inner,
    #[error("a public address, without TLS")]
    InTheClear,
}

impl Resolver {
    fn may_call(&self, address: IpAddr) -> bool {
        match self.is_clear {
            true => {
                self.outbound.in_the_clear.iter().any(|network| network.contains(&address.to_canonical()))
            }
            false => networks::may_call(address, &self.outbound.allowed),
        }
    }

    async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, Unresolved> {
        let found = tokio::net::lookup_host((name, 0)).await.map_err(|_| Unresolved::Unknown)?;
        let (may, not): (Vec<_>, Vec<_>) = found.partition(|address| self.may_call(address.ip()));
        let is_inner = |address: &SocketAddr| !networks::may_call(address.ip(), &self.outbound.allowed);
        match (may.as_slice(), not.as_slice()) {
            ([], []) => Err(Unresolved::Unknown),
            ([], not) if not.iter().any(is_inner) => Err(Unresolved::Inner),
            ([], _) => Err(Unresolved::InTheClear),
            _ => Ok(may),
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { resolver.addresses(name.as_str()).await.map(Vec::into_iter) })
    }
}

/// What a failure means to whoever named the address.
fn failure(error: &legacy::Error, host: &str) -> CallError {
    let host = host.to_owned();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(unresolved) = error.downcast_ref::<Unresolved>() {
            return match unresolved {
                Unresolved::Unknown => CallError::NoHost(host),
                Unresolved::Inner => CallError::Inner(host),
                Unresolved::InTheClear => CallError::InTheClear,
            };
        }
        if is_of_tls(error) {
            return CallError::Untrusted(host);
        }
        cause = error.source();
    }
    CallError::Unreachable(host)
}

/// TLS tells of a certificate within errors of the connection, one in the other.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut innermost = error;
    while let Some(inner) = innermost.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        innermost = inner;
    }
    matches!(innermost.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(outbound: &Outbound, url: &str) -> Result<Answer, CallError> {
        let url = Url::parse(url).unwrap();
        let (method, headers, body) = (Method::GET, HeaderMap::new(), Vec::new());
        outbound.call(Call { method, url, headers, body, tls: Tls::default() }).await
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_nothing_is_given_up() {
        // The machine takes connections for it, and nobody reads them. The paused clock goes on when all wait.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let outbound = Outbound::new(["127.0.0.0/8".parse().unwrap()]);
        assert_eq!(get(&outbound, &url).await.unwrap_err(), CallError::Slow("127.0.0.1".into()));
    }

    #[tokio::test]
    async fn what_an_operator_names_may_be_inner_with_tls_alone() {
        let outbound = Outbound::anywhere();
        for (url, error) in [
            ("http://10.255.255.1:1/", CallError::InTheClear),
            ("http://127.0.0.1:1/", CallError::Unreachable("127.0.0.1".into())),
            ("https://[::1]:1/", CallError::Unreachable("[::1]".into())),
            ("https://127.0.0.1:1/", CallError::Unreachable("127.0.0.1".into())),
        ] {
            assert_eq!(get(&outbound, url).await.unwrap_err(), error, "{url}");
        }
    }
}
