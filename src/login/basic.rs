//! A name and password with each request (RFC 7617), for the HTTP_BASIC scheme.

use std::fmt;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;
use secrecy::{ExposeSecret, SecretString};

use super::grants;
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::auth::known_places::Place;
use crate::auth::{AuthenticationError, csrf, refusal};
use crate::env::random::Randomness;
use crate::store::{Id, Timestamp};

/// For so long a credential that was right is not checked with bcrypt again, unless its password was changed.
const LIFE: Duration = Duration::from_mins(1);
const REMEMBERED: u64 = 10_000;

/// Checks credentials, and remembers a keyed digest of the ones that were right.
pub struct BasicCredentials {
    key: [u8; 32],
    right: moka::sync::Cache<[u8; 32], Proven>,
}

/// Whose credential it was, and since when its password stood.
#[derive(Debug, Clone, Copy)]
struct Proven {
    user_id: Id,
    password_changed_at: Option<Timestamp>,
}

/// The key is a secret, and the digests are as good as the passwords to whoever has it.
impl fmt::Debug for BasicCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BasicCredentials").finish_non_exhaustive()
    }
}

impl BasicCredentials {
    pub fn new(random: &dyn Randomness) -> Self {
        let right = moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(LIFE).build();
        Self { key: random.bytes(), right }
    }

    /// The account of the request's credential.
    ///
    /// # Errors
    /// 401 without one or with a wrong one, 429 for one that comes too early.
    pub async fn verify(
        &self,
        app: &App,
        headers: &HeaderMap,
        origin: &Origin,
    ) -> Result<Id, AuthenticationError> {
        let (username, password) = read(headers).ok_or(AuthenticationError::NoBasicCredential)?;
        let digest = self.digest(&username, &password);
        if let Some(proven) = self.right.get(&digest) {
            let account = app.identities.account(proven.user_id.0).await?;
            if account.is_some_and(|account| account.password_changed_at == proven.password_changed_at) {
                return Ok(proven.user_id);
            }
        }
        let grantee =
            match grants::password::verify(app, &username, password, &Place::at(origin.client())).await {
                Ok(grantee) => grantee,
                Err(error) => {
                    if let Some(reason) = refusal(&error) {
                        let event = app.audit.event(origin, Action::SignInRefused).by(Claim::of("basic"));
                        app.audit.refused(event.refused(reason), Some(&username)).await;
                    }
                    return Err(AuthenticationError::BasicRefused(error));
                }
            };
        let account = app.identities.account(grantee.user_id.0).await?;
        let account = account.map(|account| (account.id, account.name.clone()));
        let event = app.audit.event(origin, Action::SignIn).by(Claim { account, ..Claim::of("basic") });
        app.audit.record(event).await.map_err(std::sync::Arc::new)?;
        let proven = Proven { user_id: grantee.user_id, password_changed_at: grantee.password_changed_at };
        self.right.insert(digest, proven);
        Ok(proven.user_id)
    }

    fn digest(&self, username: &str, password: &SecretString) -> [u8; 32] {
        let mut mac = csrf::hmac(&self.key);
        mac.update(username.as_bytes());
        mac.update(&[0]);
        mac.update(password.expose_secret().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn read(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    let (username, password) = text.split_once(':')?;
    Some((username.to_owned(), password.to_owned().into()))
}
