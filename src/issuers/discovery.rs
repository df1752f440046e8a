//! Where the keys of an issuer are, by what it says of itself (OpenID Connect Discovery 1.0, section 4).

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use url::Url;

use super::keys::KeySet;
use super::{IssuerError, Published, issuer_url};
use crate::outbound::{Call, Outbound, Tls};

/// What of a discovery document matters here.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

/// Asks an issuer for its document and its keys.
pub(super) async fn ask(outbound: &Outbound, url: &Url, issuer: &str) -> Result<Published, IssuerError> {
    let document = get(outbound, document_url(url)).await?;
    let said: Document = serde_json::from_slice(&document).map_err(|_| IssuerError::Document)?;
    // Whoever can put a document anywhere on the host is no other issuer by that (section 4.3).
    if said.issuer != issuer {
        return Err(IssuerError::OtherIssuer(said.issuer));
    }
    // The keys may be with somebody else, whom the document vouches for, and who is reached no worse.
    let keys_url = safe_url(&said.jwks_uri).ok_or(IssuerError::Document)?;
    let keys = get(outbound, keys_url).await?;
    let keys = KeySet::read(&keys).map_err(IssuerError::Keys)?;
    Ok(Published { document, keys })
}

fn safe_url(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let mut bare = url.clone();
    bare.set_query(None);
    issuer_url(bare.as_str()).ok().map(|_| url)
}

fn document_url(issuer: &Url) -> Url {
    let mut url = issuer.clone();
    url.set_path(&format!("{}/.well-known/openid-configuration", issuer.path().trim_end_matches('/')));
    url
}

async fn get(outbound: &Outbound, url: Url) -> Result<Vec<u8>, IssuerError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let call = Call { method: Method::GET, url, headers, body: Vec::new(), tls: Tls::default() };
    let answer = outbound.call(call).await?;
    match answer.status.is_success() {
        true => Ok(answer.body),
        false => Err(IssuerError::Status(host, answer.status.as_u16())),
    }
}
