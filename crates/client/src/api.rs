//! The parts of the REST API the terminal commands use.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::credentials::Grant;
use super::http::HttpClient;
use super::token::Token;
use super::{ClientError, Session};
use crate::address::Address;

/// What a server says about itself.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerInfo {
    /// The server's id, the same for its whole life.
    pub id: Uuid,
    /// Its name.
    pub name: Option<String>,
    /// The ZenML release whose API it speaks.
    pub version: String,
    /// How it is deployed, in the server's word.
    pub deployment_type: Option<String>,
}

/// A user, a project or a stack: its id and name.
#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub name: String,
}

/// Who is signed in.
#[derive(Debug, Clone, Deserialize)]
pub struct CurrentUser {
    /// The account's name.
    pub name: String,
    body: CurrentUserBody,
}

#[derive(Debug, Clone, Deserialize)]
struct CurrentUserBody {
    #[serde(default)]
    is_service_account: bool,
    default_project_id: Option<Uuid>,
}

impl CurrentUser {
    /// Whether it is a service account rather than a person.
    pub fn is_service_account(&self) -> bool {
        self.body.is_service_account
    }

    /// The project the account prefers.
    pub fn default_project_id(&self) -> Option<Uuid> {
        self.body.default_project_id
    }
}

#[derive(Deserialize)]
struct Page {
    total: u64,
    items: Vec<Named>,
}

/// Does not derive `Debug`: it holds a token.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: SecretString,
    expires_in: Option<i64>,
}

/// Asks a server who it is, which needs no credentials and tells a ZenML server from anything else.
pub fn server_info(http: &HttpClient) -> Result<ServerInfo, ClientError> {
    let body = match http.get("/info", &[], None) {
        Err(ClientError::Server { status: 404, .. }) => {
            return Err(http.not_zenml("it has no /api/v1/info"));
        }
        other => other?,
    };
    read(http, body)
}

/// Signs in and returns the token.
pub fn sign_in(http: &HttpClient, grant: &Grant, now: DateTime<Utc>) -> Result<Token, ClientError> {
    let body = match grant {
        Grant::ApiKey(key) => http.post_form(
            "/login",
            &[("grant_type", "zenml-api-key"), ("username", ""), ("password", key.expose_secret())],
        ),
        Grant::Password { username, password } => http.post_form(
            "/login",
            &[("grant_type", "password"), ("username", username), ("password", password.expose_secret())],
        ),
    }?;
    let response: TokenResponse = read(http, body)?;
    Ok(Token::issued(response.access_token, response.expires_in, now))
}

/// Asks who is signed in.
pub fn current_user(session: &mut Session) -> Result<CurrentUser, ClientError> {
    let body = session.get("/current-user", &[])?;
    read(session.http(), body)
}

/// Finds a project by its name or id; `None` when there is none, or none this account may see.
pub fn find_project(session: &mut Session, name_or_id: &str) -> Result<Option<Named>, ClientError> {
    find(session, &Address::of("/projects/{}", &[&name_or_id]))
}

/// The only project this account can see; `None` when there are more, or none.
pub fn sole_project(session: &mut Session) -> Result<Option<Named>, ClientError> {
    let query = [
        ("hydrate", "False"),
        ("sort_by", "created"),
        ("logical_operator", "and"),
        ("page", "1"),
        ("size", "20"),
    ];
    let body = session.get("/projects", &query)?;
    let page: Page = read(session.http(), body)?;
    Ok(page.items.into_iter().next().filter(|_| page.total == 1))
}

/// Finds a stack by its name or id; `None` when there is none, or none this account may see.
pub fn find_stack(session: &mut Session, name_or_id: &str) -> Result<Option<Named>, ClientError> {
    if let Ok(id) = Uuid::parse_str(name_or_id) {
        return find(session, &Address::of("/stacks/{}", &[&id]));
    }
    let query = [("hydrate", "False"), ("page", "1"), ("size", "1"), ("name", name_or_id)];
    let body = session.get("/stacks", &query)?;
    let page: Page = read(session.http(), body)?;
    Ok(page.items.into_iter().next())
}

fn find(session: &mut Session, route: &Address) -> Result<Option<Named>, ClientError> {
    match session.get(route.as_str(), &[("hydrate", "False")]) {
        Ok(body) => read(session.http(), body).map(Some),
        Err(ClientError::Server { status: 403 | 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads an answer; one of another form is not a ZenML server's. Its content stays out of the error, as it
/// may hold a token.
pub(super) fn read<T: DeserializeOwned>(http: &HttpClient, body: Value) -> Result<T, ClientError> {
    serde_json::from_value(body).map_err(|_| http.not_zenml("its answer has another form than expected"))
}
