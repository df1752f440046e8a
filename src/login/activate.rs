//! The first admin of a server that was told to wait for one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sea_query::Query;
use secrecy::SecretString;
use serde::Deserialize;

use crate::accounts::server::activation;
use crate::accounts::users::{self, UserResponse};
use crate::app::{Auth, Server};
use crate::audit::{Action, Audit, Event, Origin};
use crate::auth::password;
use crate::env::Environment;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::seed::{FirstAdmin, insert_admin};
use crate::store::{Id, Store, StoreError, Timestamp, Transaction};

/// Who the first admin is, and how the server presents itself (contract schema ServerActivationRequest).
#[derive(Deserialize)]
pub(crate) struct ServerActivationRequest {
    server_name: Option<String>,
    logo_url: Option<String>,
    enable_analytics: Option<bool>,
    display_announcements: Option<bool>,
    display_updates: Option<bool>,
    admin_username: Option<String>,
    admin_password: Option<SecretString>,
}

/// Activates the server, once, and makes its first admin.
pub(crate) async fn activate_server(
    State(store): State<Store>,
    State(server): State<Arc<Server>>,
    State(auth): State<Arc<Auth>>,
    State(audit): State<Arc<Audit>>,
    State(env): State<Environment>,
    origin: Origin,
    JsonBody(request): JsonBody<ServerActivationRequest>,
) -> ApiResult<Json<Option<UserResponse>>> {
    let is_active = Query::select().column("active").from("server_settings").to_owned();
    if store.fetch_optional(&is_active).await?.is_none_or(|(active,): (bool,)| active) {
        return Err(already_active());
    }
    let (name, password) = admin_of(&request)?;
    let admin = FirstAdmin { name, password_hash: auth.passwords.hash(password).await? };
    let (now, engine) = (Timestamp::new(env.clock.now()), store.engine());
    let (request, admin, random) = (&request, &admin, &*env.random);
    let event = &audit.event(&origin, Action::ServerActivated).on("server", server.id, "");
    let made = &audit.event(&origin, Action::UserCreated).with("is_admin", true);
    let activated = store.write(|mut tx| async move {
        if !set_active(&mut tx, request, now).await? {
            return Err(already_active());
        }
        let id = insert_admin(&mut tx, admin, engine, now, random).await?;
        let made = made.clone().on("user", id, &admin.name);
        Ok(Event::commit_all(&[event, &made], tx, id).await?)
    });
    let id: Id = activated.await?;
    server.forget_settings().await;
    let user = users::find_account(&store, id).await?;
    Ok(Json(user.map(|user| user.response(true))))
}

fn already_active() -> ApiError {
    ApiError::illegal("The server is already active.")
}

/// An active server without an account would be closed for good, so both are needed.
fn admin_of(request: &ServerActivationRequest) -> ApiResult<(String, SecretString)> {
    let name = request.admin_username.clone().unwrap_or_default();
    let name_length = name.chars().count();
    if name.trim().is_empty() || name_length > 255 || name.contains(char::is_control) {
        return Err(ApiError::unprocessable("admin_username: give a name of 1 to 255 characters"));
    }
    let password = request.admin_password.clone().unwrap_or_default();
    password::check_new(&password)
        .map_err(|problem| ApiError::unprocessable(format!("admin_password: {problem}")))?;
    Ok((name, password))
}

/// False when the server was active already: of two activations at once, one wins.
async fn set_active(
    tx: &mut Transaction,
    request: &ServerActivationRequest,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut update = activation(now);
    if let Some(name) = &request.server_name {
        update.value("server_name", name.as_str());
    }
    if let Some(url) = &request.logo_url {
        update.value("logo_url", url.as_str());
    }
    let flags = [
        ("enable_analytics", request.enable_analytics),
        ("display_announcements", request.display_announcements),
        ("display_updates", request.display_updates),
    ];
    for (column, flag) in flags {
        if let Some(flag) = flag {
            update.value(column, flag);
        }
    }
    Ok(tx.execute(&update).await? == 1)
}
