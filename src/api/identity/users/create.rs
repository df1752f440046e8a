//! New users.

use axum::Json;
use secrecy::ExposeSecret;
use serde::Deserialize;
use uuid::Uuid;

use super::update::{NewPassword, name_taken};
use super::{credentials, rules, updated_user};
use crate::accounts::names::take_name;
use crate::accounts::users::UserResponse;
use crate::audit::{Action, Audit, Event, Origin};
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult, if_duplicate};
use crate::http::json::JsonBody;
use crate::http::values::{JsonObject, Name, ShortText};
use crate::store::{Id, Insert, StoreError, Timestamp};

/// A new user; without a password it waits for its activation (contract schema UserRequest).
#[derive(Debug, Deserialize)]
pub(crate) struct UserRequest {
    pub name: Name,
    pub is_admin: bool,
    #[serde(default)]
    pub full_name: ShortText,
    pub email: Option<ShortText>,
    pub email_opted_in: Option<bool>,
    pub password: Option<NewPassword>,
    pub external_user_id: Option<Uuid>,
    pub user_metadata: Option<JsonObject>,
    pub oidc_claims: Option<JsonObject>,
    pub avatar_url: Option<String>,
    /// Follows from the password, whatever is sent.
    #[serde(default)]
    #[allow(dead_code, reason = "only its schema is used")]
    pub active: bool,
    /// Made by the server, whatever is sent.
    #[allow(dead_code, reason = "only its schema is used")]
    pub activation_token: Option<ShortText>,
}

impl UserRequest {
    /// A user of whom no more is known.
    pub(crate) fn new(name: Name, is_admin: bool) -> Self {
        Self {
            name,
            is_admin,
            full_name: ShortText::default(),
            email: None,
            email_opted_in: None,
            password: None,
            external_user_id: None,
            user_metadata: None,
            oidc_claims: None,
            avatar_url: None,
            active: false,
            activation_token: None,
        }
    }

    /// The row, without the password or activation token, and whether it is active.
    pub(crate) fn insert(&self, id: Id, now: Timestamp) -> Insert {
        Insert::into("user")
            .stamped(id, now)
            .set("name", self.name.as_str())
            .set("is_service_account", false)
            .set("full_name", self.full_name.as_str())
            .set("email", self.email.clone())
            .set("email_opted_in", self.email_opted_in)
            .set("avatar_url", self.avatar_url.as_deref())
            .set("external_user_id", self.external_user_id.map(Id))
            .set("is_admin", self.is_admin)
            .set("user_metadata", self.user_metadata.clone())
            .set("oidc_claims", self.oidc_claims.as_ref().map_or("null", |claims| claims.as_str()))
    }

    /// What the audit says of making it.
    pub(crate) fn event(&self, audit: &Audit, origin: &Origin, id: Id) -> Event {
        audit
            .event(origin, Action::UserCreated)
            .on("user", id, self.name.as_str())
            .with("is_admin", self.is_admin)
    }

    /// What it means that the store refused the row.
    pub(crate) fn refused(&self, error: StoreError) -> ApiError {
        if_duplicate(|| self.taken())(error)
    }

    pub(crate) fn taken(&self) -> ApiError {
        name_taken(&self.name)
    }
}

/// Makes a user: active with a password, else waiting for its activation with the token in the answer.
pub(crate) async fn create_user(
    cx: Context,
    origin: Origin,
    JsonBody(mut request): JsonBody<UserRequest>,
) -> ApiResult<Json<UserResponse>> {
    rules::kept_here(cx.config.auth_scheme)?;
    rules::admins_only(&cx.principal, "create users")?;
    if request.password.is_some() {
        rules::with_passwords(cx.sign_in.ways_in)?;
    }
    let (id, now, engine) = (cx.new_id(), cx.now(), cx.store.engine());
    let insert = request.insert(id, now);
    let (insert, token) = match request.password.take() {
        Some(password) => {
            let insert =
                credentials::insert_password(&cx.auth.passwords, engine, insert, password, now).await?;
            (insert, None)
        }
        None => {
            let (token, hash) = credentials::new_activation_token(&cx).await?;
            let insert = insert.set("active", false).set("activation_token", hash.expose_secret());
            (insert, Some(token))
        }
    };
    let event = request.event(&cx.audit, &origin, id);
    let (insert, request, event) = (&insert.statement(), &request, &event);
    let made = cx.create(|mut tx| async move {
        take_name(&mut tx, engine, id, request.name.as_str()).await?;
        tx.execute(insert).await.map_err(|error| request.refused(error))?;
        event.put_in(&mut tx).await?;
        Ok((tx, id))
    });
    let made = made.await?;
    if made == id {
        event.ship();
    }
    let response = updated_user(&cx.store, made).await?.response(true);
    // The token of a user whom an earlier request has made is not known any more.
    Ok(Json(match token.filter(|_| made == id) {
        Some(token) => response.with_activation_token(token),
        None => response,
    }))
}
