//! Changes of devices: locked and unlocked, approved and denied.

use axum::Json;
use sea_query::{CaseStatement, Expr, ExprTrait, Query as Sql};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{DeviceResponse, find_own, not_found};
use crate::accounts::devices::{DeviceRow, DeviceStatus, find_for_authentication};
use crate::accounts::server;
use crate::app::App;
use crate::audit::{Action, Origin};
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::path::PathId;
use crate::login::grants::device::{forget, note_wrong_code};
use crate::login::oidc::sign_in_rows;
use crate::store::{Id, StoreError, Timestamp, Words};

/// What a device's owner may change.
#[derive(Deserialize)]
pub(crate) struct DeviceUpdate {
    locked: Option<bool>,
}

/// A person's approval or denial.
// ZenML's document has what is ignored here.
#[derive(Deserialize, ToSchema)]
#[schema(as = OAuthDeviceVerificationRequest)]
pub(crate) struct DeviceVerificationRequest {
    #[schema(ignore)]
    user_code: SecretString,
    #[serde(default)]
    #[schema(ignore)]
    pub trusted_device: bool,
    /// Whether the device is to get nothing: it learns so as access_denied.
    #[serde(default)]
    #[schema(default = false)]
    denied: bool,
}

/// What became of a user code.
pub(super) enum Proof {
    Right(Box<DeviceRow>),
    Wrong {
        /// It was one too many.
        is_locked: bool,
    },
    NotWaiting,
}

impl Proof {
    pub(super) fn is_right(&self) -> bool {
        matches!(self, Self::Right(_))
    }
}

/// Checks the user code of a device that waits for somebody. A wrong one counts, wherever it is tried.
pub(super) async fn prove(app: &App, origin: &Origin, id: Id, user_code: SecretString) -> ApiResult<Proof> {
    let permit = app.auth.passwords.permit().await?;
    // Others may have tried wrong codes during the wait, up to one too many.
    let device = find_for_authentication(&app.auth_store, id).await?.ok_or_else(|| not_found(id))?;
    if device.body.status != DeviceStatus::Pending {
        return Ok(Proof::NotWaiting);
    }
    if permit.verify(user_code, Some(device.user_code.expose())).await? {
        return Ok(Proof::Right(Box::new(device)));
    }
    let event = app.audit.event(origin, Action::DeviceVerified).on("device", id, "");
    app.audit.refused(event.refused("wrong user code"), None).await;
    Ok(Proof::Wrong { is_locked: note_wrong_code(app, origin, &device).await? })
}

/// Locks or unlocks a device.
pub(crate) async fn update_device(
    cx: Context,
    origin: Origin,
    PathId(id): PathId,
    JsonBody(request): JsonBody<DeviceUpdate>,
) -> ApiResult<Json<DeviceResponse>> {
    let user = &*cx.principal.user;
    let mut update = Sql::update();
    update.table("auth_devices").value("updated", cx.now());
    match request.locked {
        Some(true) => {
            update.value("status", DeviceStatus::Locked.as_str());
        }
        // What is not locked stays as it is: unlocking is no approval.
        Some(false) => {
            let unlocked = CaseStatement::new()
                .case(Expr::col("status").eq(DeviceStatus::Locked.as_str()), DeviceStatus::Active.as_str())
                .finally(Expr::col("status"));
            update.value("status", unlocked);
        }
        None => {}
    }
    update.and_where(Expr::col("id").eq(id)).and_where(Expr::col("user_id").eq(user.id));
    let action = if request.locked == Some(false) { Action::DeviceUnlocked } else { Action::DeviceLocked };
    let event = cx.audit.event(&origin, action).on("device", id, "");
    match request.locked {
        Some(_) => event.change(&cx.auth_store, &update).await?,
        None => cx.auth_store.execute(&update).await?,
    };
    forget(&cx, id).await;
    let device = find_own(&cx.store, id, user).await?;
    Ok(Json(device.response(user, true)))
}

/// Approves a device that waits: from now on it speaks for whoever asks this. Or denies it: it learns so when it asks
/// again for its token (RFC 8628, section 3.5), and speaks for nobody.
pub(crate) async fn verify_device(
    cx: Context,
    origin: Origin,
    PathId(id): PathId,
    JsonBody(request): JsonBody<DeviceVerificationRequest>,
) -> ApiResult<Json<DeviceResponse>> {
    let refuse = |reason: &str| Err(ApiError::value(reason));
    const NOT_WAITING: &str = "This device does not wait for an approval.";
    cx.principal.require_own_sign_in()?;
    let user = &*cx.principal.user;
    let now = cx.env.clock.now();
    let device = find_for_authentication(&cx.auth_store, id).await?.ok_or_else(|| not_found(id))?;
    if device.body.status != DeviceStatus::Pending {
        return refuse(NOT_WAITING);
    }
    if device.is_expired(now) {
        return refuse("This device has waited too long for its approval; it has to ask again.");
    }
    let device = match prove(&cx, &origin, id, request.user_code).await? {
        Proof::Right(device) => device,
        Proof::Wrong { is_locked: true } => {
            return refuse("Wrong user code, once too often: the device is locked.");
        }
        Proof::Wrong { is_locked: false } => return refuse("Wrong user code."),
        Proof::NotWaiting => return refuse(NOT_WAITING),
    };
    // How long it may wait stays as it is: the device has to come for its token in that time.
    let mut decision = Sql::update();
    decision
        .table("auth_devices")
        .value("failed_auth_attempts", 0)
        .value("updated", Timestamp::new(now))
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("status").eq(DeviceStatus::Pending.as_str()))
        .and_where(Expr::col("user_code").eq(device.user_code.expose()));
    let event = match request.denied {
        true => {
            decision.value("status", DeviceStatus::Locked.as_str());
            cx.audit.event(&origin, Action::DeviceDenied).on("device", id, "")
        }
        false => {
            decision
                .value("status", DeviceStatus::Verified.as_str())
                .value("user_id", user.id)
                .value("trusted_device", request.trusted_device);
            let event = cx.audit.event(&origin, Action::DeviceVerified).on("device", id, "");
            event.with("trusted_device", request.trusted_device)
        }
    };
    let sign_in = sign_in_rows::of_principal(&cx, &cx.principal).await?;
    let (state, person, sign_in) = (&cx, &cx.principal, sign_in.as_ref());
    let (decision, event, client_id) = (&decision, &event, device.body.client_id);
    let decided = cx.auth_store.write(|mut tx| async move {
        if tx.execute(decision).await? == 0 {
            return tx.commit(false).await;
        }
        if !request.denied {
            sign_in_rows::bind_device(state, &mut tx, person, client_id, sign_in).await?;
        }
        event.commit(tx, true).await
    });
    let decided: Result<bool, StoreError> = decided.await;
    // Of two people who decide at once, one is first.
    if !decided? {
        return refuse(NOT_WAITING);
    }
    forget(&cx, id).await;
    if request.denied {
        let denied = find_for_authentication(&cx.auth_store, id).await?.ok_or_else(|| not_found(id))?;
        return Ok(Json(denied.response(user, true)));
    }
    server::note_step(&cx.auth_store, "device_verified", Timestamp::new(now)).await?;
    let device = find_own(&cx.store, id, user).await?;
    Ok(Json(device.response(user, true)))
}
