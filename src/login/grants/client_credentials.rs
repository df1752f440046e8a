//! Client credentials (RFC 6749, section 4.4): a service account's name and API key, for programs that speak only OAuth.

use std::net::IpAddr;

use axum::http::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use super::api_key;
use crate::accounts::names::canonical;
use crate::app::AppState;
use crate::audit::{Action, Claim, Origin};
use crate::auth::api_key::ApiKey;
use crate::auth::jwt::IssuedToken;
use crate::auth::scope::Downscope;
use crate::auth::throttle::Subject;
use crate::auth::{AuthenticationError, Scope, refusal};
use crate::http::error::{ApiError, ApiResult};
use crate::login::attempt::may_try;
use crate::login::issue::{self, Granted};
use crate::login::origin::Sender;
use crate::login::token_endpoint::{Wanted, narrowed};
use crate::login::used_from::UsedFrom;
use crate::store::Id;

/// What a client says of itself.
pub(crate) struct Client {
    pub id: String,
    pub secret: SecretString,
}

/// Trades an API key.
///
/// # Errors
/// 401 for a wrong one, or one that isn't the client's; 429 for one that comes too early.
pub(crate) async fn grant(
    app: &AppState,
    origin: &Origin,
    sender: Sender,
    client: &Client,
    wanted: &Wanted,
) -> ApiResult<(IssuedToken, Scope, i64)> {
    let now = app.env.clock.now();
    let subjects = [Subject::guessed("client", &client.id), Subject::address(sender.address)];
    let has_failed = may_try(app, &subjects).await?;
    let key = client.secret.expose_secret();
    let claim = api_key::claim(app, key).await;
    let proven = match prove(app, client, sender.address).await {
        Ok(proven) => proven,
        Err(error) => {
            if let Some(reason) = refusal(&error) {
                let event = app.audit.event(origin, Action::SignInRefused).by(claim).refused(reason);
                app.audit.refused(event, None).await;
            }
            if error.status() == StatusCode::UNAUTHORIZED {
                app.sign_in.throttle.failed(&subjects, now).await?;
            }
            return Err(error);
        }
    };
    if has_failed {
        app.sign_in.throttle.succeeded(&subjects[0]).await?;
    }
    let account = app.auth.identities.account(proven.user_id.0).await.map_err(AuthenticationError::from)?;
    let account = account.ok_or_else(|| refused("The client's account is gone."))?;
    let scope = narrowed(app, &proven.scope, &Downscope::default(), wanted).await?;
    let lifetime = wanted.lifetime(app, proven.expires_at.map(|end| (end - now.timestamp()).max(0)));
    let key_id = proven.scope.api_key_id.map(Id);
    let claim = Claim { account: Some((account.id, account.name.clone())), api_key_id: key_id, ..claim };
    let parent_id = proven.parents.first().map(|id| Id(*id)).or(key_id).unwrap_or(account.id);
    let granted = Granted {
        name: wanted.name.clone().unwrap_or_default(),
        account,
        parent_id,
        parents: proven.parents,
        scope: scope.clone(),
        expires_at: now.timestamp() + lifetime,
    };
    let signed = issue::sign(app, granted, sender, now).await?;
    let claim = Claim { token_id: Some(signed.token.id), ..claim };
    app.audit.record(app.audit.event(origin, Action::SignIn).by(claim)).await?;
    Ok((signed.register(app).await?, scope, lifetime))
}

async fn prove(app: &AppState, client: &Client, address: IpAddr) -> ApiResult<super::Grantee> {
    let key = client.secret.expose_secret();
    let proven = api_key::verify(app, key, UsedFrom::Address(address)).await?;
    let account = app.auth.identities.account(proven.user_id.0).await.map_err(AuthenticationError::from)?;
    let id = canonical(&client.id);
    let names = account.map(|account| [canonical(&account.name), canonical(&account.id.to_string())]);
    // A key's own id names it as well.
    let key_id = ApiKey::decode(key).map(|key| canonical(&key.id.to_string()));
    match names.into_iter().flatten().chain(key_id).any(|name| name == id) {
        true => Ok(proven),
        false => Err(refused("The API key is not that of this client.")),
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::credentials(message)
}
