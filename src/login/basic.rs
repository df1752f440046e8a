//! A name and password with each request (RFC 7617), for the HTTP_BASIC scheme.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum_extra::headers::authorization::Basic;
use axum_extra::headers::{Authorization, HeaderMapExt};
use secrecy::SecretString;

use super::grants;
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::auth::basic::Proven;
use crate::auth::known_places::Place;
use crate::auth::{AuthenticationError, refusal};
use crate::store::Id;

/// The account of the request's credential.
///
/// # Errors
/// 401 without one or with a wrong one, 429 for one that comes too early.
pub(crate) async fn verify(
    app: &App,
    headers: &HeaderMap,
    origin: &Origin,
) -> Result<Id, AuthenticationError> {
    let (username, password) = read(headers).ok_or(AuthenticationError::NoBasicCredential)?;
    if let Some(proven) = app.sign_in.basic_credentials.find(&username, &password) {
        let account = app.auth.identities.account(proven.user_id.0).await?;
        if account.is_some_and(|account| account.password_changed_at == proven.password_changed_at) {
            return Ok(proven.user_id);
        }
    }
    let grantee =
        match grants::password::verify(app, &username, password.clone(), &Place::at(origin.client())).await {
            Ok(grantee) => grantee,
            Err(error) => {
                if let Some(reason) = refusal(&error) {
                    let event = app.audit.event(origin, Action::SignInRefused).by(Claim::of("basic"));
                    app.audit.refused(event.refused(reason), Some(&username)).await;
                }
                return Err(AuthenticationError::BasicRefused(error));
            }
        };
    let account = app.auth.identities.account(grantee.user_id.0).await?;
    let account = account.map(|account| (account.id, account.name.clone()));
    let event = app.audit.event(origin, Action::SignIn).by(Claim { account, ..Claim::of("basic") });
    app.audit.record(event).await.map_err(Arc::new)?;
    let proven = Proven { user_id: grantee.user_id, password_changed_at: grantee.password_changed_at };
    app.sign_in.basic_credentials.note(&username, &password, proven);
    Ok(proven.user_id)
}

fn read(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let Authorization(basic) = headers.typed_get::<Authorization<Basic>>()?;
    Some((basic.username().to_owned(), basic.password().to_owned().into()))
}
