//! An API token for whoever has just proved who they are, without a session before it.

use std::sync::Arc;

use axum::http::HeaderValue;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::api_token::NAME_LENGTH;
use super::origin::Sender;
use crate::accounts::users::Account;
use crate::app::App;
use crate::audit::text_of;
use crate::auth::claims::TokenKind;
use crate::auth::jwt::{IssuedToken, NewToken};
use crate::auth::register::Registration;
use crate::auth::{Scope, Standing};
use crate::http::error::ApiResult;
use crate::store::Id;

/// What a grant gives.
pub(crate) struct Granted {
    pub account: Arc<Account>,
    /// What it is made from, as the register has it.
    pub parent_id: Id,
    /// What it ends with, as a claim has it.
    pub parents: Vec<Uuid>,
    pub scope: Scope,
    pub name: String,
    /// Seconds since 1970.
    pub expires_at: i64,
}

/// A token that is signed and belongs to nobody yet.
pub(crate) struct Signed {
    pub token: IssuedToken,
    registration: Registration,
}

/// Signs a token.
///
/// # Errors
/// When the database doesn't answer, or there is no key to sign with.
pub(crate) async fn sign(
    app: &App,
    granted: Granted,
    sender: Sender,
    now: DateTime<Utc>,
) -> ApiResult<Signed> {
    let Granted { account, parent_id, parents, scope, name, expires_at } = granted;
    let standing = Standing {
        generation: app.auth.revocations.stored_generation(account.id.0).await?,
        password_changed_at: account.password_changed_at,
    };
    let token = app.auth.tokens.issue(NewToken {
        user_id: account.id.0,
        kind: TokenKind::Generic,
        issued_at: now,
        proven_at: None,
        expires_at: Some(expires_at),
        parents,
        session_id: None,
        standing,
        scope: scope.clone(),
    })?;
    let text = |header: Option<HeaderValue>| text_of(header.as_ref()).map(|text| text.into());
    let registration = Registration {
        id: token.id,
        parent_id,
        name: name.chars().take(NAME_LENGTH).collect(),
        kind: TokenKind::Generic,
        account,
        created: token.issued_at,
        proven: now,
        standing,
        expires: DateTime::from_timestamp(expires_at, 0),
        scope: (scope != Scope::default()).then(|| Box::new(scope)),
        address: sender.address,
        user_agent: text(sender.user_agent),
        record_id: app.env.random.id_in_time(now),
        asked_with: None,
        request_id: text(sender.request_id),
    };
    Ok(Signed { token, registration })
}

impl Signed {
    /// Notes it in the register, with its record of the audit: then it may be told.
    ///
    /// # Errors
    /// When the store can't be written.
    pub(crate) async fn register(self, app: &App) -> ApiResult<IssuedToken> {
        app.auth.register.note(self.registration).await?;
        Ok(self.token)
    }
}
