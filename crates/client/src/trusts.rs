//! Trust rules of a server, as an admin sees and changes them.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::api::read;
use super::{ClientError, Session};
use crate::address::Address;

/// Rules that are asked for at once.
const PAGE_SIZE: &str = "100";

/// A rule. There is nothing secret in it.
#[derive(Debug, Clone, Deserialize)]
pub struct Trust {
    pub id: Uuid,
    pub name: String,
    pub body: TrustBody,
    #[serde(default)]
    resources: Option<TrustResources>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct TrustBody {
    pub issuer: String,
    pub audience: String,
    pub conditions: Map<String, Value>,
    pub service_account_id: Uuid,
    pub scope: Option<String>,
    pub addresses: Option<Vec<String>>,
    pub expires_in: Option<i64>,
    pub active: bool,
    pub last_used: Option<String>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct TrustResources {
    service_account: Option<Named>,
}

#[derive(Debug, Clone, Deserialize)]
struct Named {
    name: String,
}

impl Trust {
    /// The name of its service account; its id when that is gone.
    pub fn account(&self) -> String {
        let account = self.resources.as_ref().and_then(|resources| resources.service_account.as_ref());
        account.map_or_else(|| self.body.service_account_id.to_string(), |account| account.name.clone())
    }
}

/// What the rules say of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrustTest {
    pub trust_id: Option<Uuid>,
    pub used: bool,
    pub claims: Map<String, Value>,
    pub results: Vec<TrustResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrustResult {
    pub id: Uuid,
    pub name: String,
    pub matches: bool,
    pub reasons: Vec<String>,
}

/// All rules, the oldest first, as the server tells them.
pub fn list(session: &mut Session) -> Result<Vec<Value>, ClientError> {
    #[derive(Deserialize)]
    struct Page {
        total_pages: u64,
        items: Vec<Value>,
    }
    let (mut found, mut number) = (Vec::new(), 1_u64);
    loop {
        let page = number.to_string();
        let query = [("hydrate", "true"), ("sort_by", "asc:created"), ("size", PAGE_SIZE), ("page", &page)];
        let body = session.get("/trusts", &query)?;
        let page: Page = read(session.http(), body)?;
        found.extend(page.items);
        if number >= page.total_pages {
            return Ok(found);
        }
        number += 1;
    }
}

/// A rule as the server has told it.
pub fn of(session: &Session, value: Value) -> Result<Trust, ClientError> {
    read(session.http(), value)
}

/// Makes a rule.
pub fn add(session: &mut Session, rule: &Value) -> Result<Trust, ClientError> {
    let made = session.send(|http, bearer| http.post("/trusts", rule, Some(bearer)))?;
    read(session.http(), made)
}

/// Changes the rule with that name or id; what isn't said stays.
pub fn update(session: &mut Session, name_or_id: &str, changes: &Value) -> Result<Trust, ClientError> {
    let route = Address::of("/trusts/{}", &[&name_or_id]);
    let changed = session.send(|http, bearer| http.put(route.as_str(), changes, bearer))?;
    read(session.http(), changed)
}

/// Deletes the rule with that name or id; the tokens that it has given end.
pub fn remove(session: &mut Session, name_or_id: &str) -> Result<(), ClientError> {
    let route = Address::of("/trusts/{}", &[&name_or_id]);
    session.send(|http, bearer| http.delete(route.as_str(), bearer)).map(drop)
}

/// Asks which rule takes a token, which is not exchanged.
pub fn test(session: &mut Session, token: &SecretString) -> Result<TrustTest, ClientError> {
    let body = json!({"token": token.expose_secret()});
    let answer = session.send(|http, bearer| http.post("/trusts/test", &body, Some(bearer)))?;
    read(session.http(), answer)
}
