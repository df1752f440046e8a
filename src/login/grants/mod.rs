//! Grants: ways to trade a proof for an access token at `POST /api/v1/login` and `POST /oauth/token`. One file a grant.

pub(crate) mod api_key;
pub(crate) mod client_credentials;
pub(crate) mod device;
pub(crate) mod external;
pub(crate) mod password;
pub(crate) mod token_exchange;

use uuid::Uuid;

use crate::auth::Scope;
use crate::store::{Id, Timestamp};

/// Whom a grant has proven, and what the token will be bound to.
#[derive(Debug)]
pub(crate) struct Grantee {
    pub user_id: Id,
    pub password_changed_at: Option<Timestamp>,
    pub scope: Scope,
    /// Seconds since 1970 that the token ends with what it is bound to.
    pub expires_at: Option<i64>,
    /// The tokens that it ends with, as a claim has them.
    pub parents: Vec<Uuid>,
    /// Whether a browser may have asked, which gets a cookie too.
    pub is_browser: bool,
}
