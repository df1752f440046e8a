//! API tokens: to ask for one, to see which there are, and to take them back.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::read;
use super::claims::Unverified;
use super::http::HttpClient;
use super::token::parse_moment;
use super::{ClientError, Session};
use crate::address::Address;

/// Tokens that are asked for at once.
const PAGE_SIZE: &str = "100";

/// What a token is to be. What is left out is the server's default; without a limit it may do all that the one who
/// asks may.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// What it is called in the list of tokens.
    pub name: Option<String>,
    /// Seconds.
    pub expires_in: Option<u64>,
    /// Whether it only reads.
    pub read_only: bool,
    /// Names or ids of the projects it is for.
    pub projects: Vec<String>,
    /// What it may do, such as `runs:read`.
    pub scopes: Vec<String>,
    /// Addresses and networks it may be used from.
    pub addresses: Vec<String>,
    /// Whether that, or reading alone, is less than everything.
    pub is_downscoped: bool,
}

impl TokenRequest {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        query.extend(self.name.iter().map(|name| ("name", name.clone())));
        query.extend(self.expires_in.map(|seconds| ("expires_in", seconds.to_string())));
        query.extend(self.read_only.then(|| ("read_only", "true".to_owned())));
        query.extend(self.projects.iter().map(|project| ("project", project.clone())));
        query.extend(self.scopes.iter().map(|scope| ("scope", scope.clone())));
        query.extend(self.addresses.iter().map(|address| ("addresses", address.clone())));
        query
    }

    /// Whether the limits that were asked for are among the token's claims. A server that does not know them leaves
    /// them out without a word, and gives a token without limits.
    fn is_met_by(&self, token: &SecretString) -> bool {
        let wants_scope = self.is_downscoped;
        let wants_projects = !self.projects.is_empty();
        let wants_addresses = !self.addresses.is_empty();
        if !wants_scope && !wants_projects && !wants_addresses {
            return true;
        }
        let Some(token) = Unverified::read(token.expose_secret()) else { return false };
        let has = |claim| token.claims.get(claim).is_some_and(|value| !value.is_null());
        (!wants_scope || has("scope"))
            && (!wants_projects || has("projects"))
            && (!wants_addresses || has("addresses"))
    }
}

/// Gets an API token.
///
/// # Errors
///
/// [`ClientError::NotDownscoped`] when the server does not know the limits that were asked for.
pub fn issue(session: &mut Session, request: &TokenRequest) -> Result<SecretString, ClientError> {
    let query = request.query();
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = session.get("/api_token", &query)?;
    let token = read(session.http(), body)?;
    match request.is_met_by(&token) {
        true => Ok(token),
        false => Err(ClientError::NotDownscoped { server: session.http().server().clone() }),
    }
}

/// A token in the server's register. There is nothing secret in it.
#[derive(Debug, Clone, Deserialize)]
pub struct RegisteredToken {
    pub id: Uuid,
    pub name: String,
    pub body: RegisteredBody,
    #[serde(default)]
    pub metadata: Option<RegisteredMetadata>,
    #[serde(default)]
    resources: Option<RegisteredResources>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct RegisteredBody {
    #[serde(deserialize_with = "moment")]
    pub created: Option<DateTime<Utc>>,
    pub user_id: Uuid,
    pub token_type: String,
    /// `active`, `expired`, `revoked` or `ended`.
    pub status: String,
    /// The token it was made from; not told by older servers.
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    #[serde(deserialize_with = "moment")]
    pub expires: Option<DateTime<Utc>>,
    pub scope: Option<String>,
    pub projects: Option<Vec<Uuid>>,
    /// The networks it may be used from; not told by older servers.
    #[serde(default)]
    pub addresses: Option<Vec<String>>,
    #[serde(deserialize_with = "moment")]
    pub last_used: Option<DateTime<Utc>>,
    pub address: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct RegisteredMetadata {
    /// Live tokens that were made from it.
    #[serde(default)]
    pub descendants: u64,
    pub user_agent: Option<String>,
    pub device_id: Option<Uuid>,
    pub api_key_id: Option<Uuid>,
    pub schedule_id: Option<Uuid>,
    pub pipeline_run_id: Option<Uuid>,
    pub deployment_id: Option<Uuid>,
}

#[derive(Debug, Clone, Deserialize)]
struct RegisteredResources {
    user: Option<RegisteredName>,
    #[serde(default)]
    parent: Option<RegisteredName>,
}

#[derive(Debug, Clone, Deserialize)]
struct RegisteredName {
    name: String,
}

impl RegisteredToken {
    /// The name of its account, if that is still there.
    pub fn user(&self) -> Option<&str> {
        Some(self.resources.as_ref()?.user.as_ref()?.name.as_str())
    }
}

impl RegisteredToken {
    /// What it was made from, in words: the API token by its name or id, or a session. None where the server doesn't tell.
    pub fn parent(&self) -> Option<String> {
        let id = self.body.parent_id?;
        let parent = self.resources.as_ref().and_then(|resources| resources.parent.as_ref());
        Some(match parent {
            Some(parent) if parent.name.is_empty() => id.to_string(),
            Some(parent) => parent.name.clone(),
            None => "a sign-in".to_owned(),
        })
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(parse_moment))
}

#[derive(Deserialize)]
struct Page {
    total_pages: u64,
    items: Vec<RegisteredToken>,
}

/// The tokens that this account may see, the newest first; without `all` only those that are good, with `unused` only those
/// that weren't used for so many days.
pub fn list(
    session: &mut Session,
    all: bool,
    unused: Option<u32>,
) -> Result<Vec<RegisteredToken>, ClientError> {
    let unused = unused.map(|days| days.to_string());
    let mut found = Vec::new();
    let mut number = 1_u64;
    loop {
        let page = number.to_string();
        // The oldest first, so that one that is made meanwhile moves none to another page.
        let mut query = vec![("hydrate", "true"), ("sort_by", "asc:created"), ("size", PAGE_SIZE)];
        query.push(("page", &page));
        query.extend((!all).then_some(("active", "true")));
        query.extend(unused.as_deref().map(|days| ("unused_days", days)));
        let body = session.get("/api_tokens", &query).map_err(explain_missing_route)?;
        let page: Page = read(session.http(), body)?;
        found.extend(page.items);
        if number >= page.total_pages {
            break;
        }
        number += 1;
    }
    found.reverse();
    Ok(found)
}

/// Takes back the token with that id, and what was made from it.
pub fn revoke(session: &mut Session, id: Uuid) -> Result<Revoked, ClientError> {
    let route = Address::of("/api_tokens/{}", &[&id]);
    let answer = session.send(|http, bearer| http.delete(route.as_str(), bearer))?;
    // A server before this answer says nothing.
    let answer = Option::<Revoked>::deserialize(answer).ok().flatten();
    Ok(answer.unwrap_or(Revoked { revoked: true, descendants: 0 }))
}

/// Takes back all tokens of an account: of whoever asks, or of the `user` with that name or id.
pub fn revoke_all(session: &mut Session, user: Option<&str>) -> Result<Revoked, ClientError> {
    let body = match user {
        Some(user) => json!({"user": user}),
        None => json!({"all": true}),
    };
    let outcome = session.send(|http, bearer| http.post("/api_tokens/revoke", &body, Some(bearer)));
    read(session.http(), outcome.map_err(explain_missing_route)?)
}

/// What was taken back.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Revoked {
    /// False when there was nothing.
    pub revoked: bool,
    /// API tokens that ended with it.
    #[serde(default)]
    pub descendants: u64,
}

/// Takes back a token by its text, with what was made from it, which needs no sign-in. Nothing is revoked when it is no
/// live token of the server.
pub fn revoke_text(http: &HttpClient, token: &SecretString) -> Result<Revoked, ClientError> {
    let body = json!({"token": token.expose_secret()});
    let answer: Value = http.post("/api_tokens/revoke", &body, None).map_err(explain_missing_route)?;
    read(http, answer)
}

/// ZenML's own server keeps no register.
fn explain_missing_route(error: ClientError) -> ClientError {
    match error {
        ClientError::Server { status: status @ (404 | 405), message } if is_general(&message) => {
            let message = "the server keeps no register of its API tokens: it is no zendo, or an older one";
            ClientError::Server { status, message: message.to_owned() }
        }
        other => other,
    }
}

/// What is said where there is no such route, in difference to no such thing.
fn is_general(message: &str) -> bool {
    matches!(message, "Not Found" | "Method Not Allowed")
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn token(claims: &Value) -> SecretString {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        SecretString::from(format!("{}.{}.s", part(&json!({"alg": "HS256"})), part(claims)))
    }

    #[test]
    fn a_token_without_the_limits_that_were_asked_for_is_noticed() {
        let (wide, narrow) = (token(&json!({})), token(&json!({"scope": "runs:read"})));
        let of_project = token(&json!({"projects": ["p"]}));
        let read_only = TokenRequest { read_only: true, is_downscoped: true, ..TokenRequest::default() };
        assert!(!read_only.is_met_by(&wide) && read_only.is_met_by(&narrow));
        let scope = |list: &str, is_downscoped| TokenRequest {
            scopes: vec![list.to_owned()],
            is_downscoped,
            ..TokenRequest::default()
        };
        assert!(!scope("runs:read", true).is_met_by(&wide) && scope("runs:read", true).is_met_by(&narrow));
        assert!(scope("*:write", false).is_met_by(&wide), "all is no limit");
        let project = TokenRequest { projects: vec!["p".to_owned()], ..TokenRequest::default() };
        assert!(!project.is_met_by(&narrow) && project.is_met_by(&of_project));
        let there = TokenRequest { addresses: vec!["10.0.0.0/8".to_owned()], ..TokenRequest::default() };
        assert!(!there.is_met_by(&narrow) && there.is_met_by(&token(&json!({"addresses": ["10.0.0.0/8"]}))));
        assert!(TokenRequest::default().is_met_by(&SecretString::from("opaque")));
    }
}
