//! Who a request speaks for, and the tokens that say so.

pub mod api_key;
pub mod csrf;
pub mod error;
pub mod identity;
pub mod jwt;
pub mod layer;
pub mod password;

use std::sync::Arc;

use crate::resources::users::UserRow;

pub use error::AuthenticationError;
pub use identity::Identities;
pub use jwt::{Claims, Scope, Tokens, VerifiedToken};
pub use layer::authenticate;
pub use password::Passwords;

/// Who a request speaks for: an account as the store has it, and the token that proves it.
#[derive(Debug, Clone)]
pub struct Principal {
    pub user: Arc<UserRow>,
    pub token: Arc<VerifiedToken>,
}
