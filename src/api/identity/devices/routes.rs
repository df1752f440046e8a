//! The operations on devices.

use axum::Json;
use axum::extract::State;
use sea_query::{CaseStatement, Expr, ExprTrait, Query as Sql};
use secrecy::SecretString;

use super::{DeviceResponse, DeviceUpdate, DeviceVerificationRequest, find_own, not_found};
use crate::accounts::devices::{DeviceRow, DeviceStatus, find_for_authentication, select};
use crate::accounts::server;
use crate::app::{App, AppState};
use crate::audit::{Action, Origin};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::env::Environment;
use crate::framework::routes::Routes;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::JsonBody;
use crate::http::list::{ListRequest, Page};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::unused::{is_unused, unused_since};
use crate::login::grants::device::{forget, note_wrong_code};
use crate::login::oidc::sign_in_rows;
use crate::store::{Id, Store, StoreError, Stored, Timestamp, Words};

pub(crate) const KIND: Kind = Kind::new("devices").credential();
const DEVICES: &str = "/api/v1/devices";
const DEVICE: &str = "/api/v1/devices/{device_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get(DEVICES, list_devices)
        .get(DEVICE, get_device)
        .put(DEVICE, update_device)
        .delete(DEVICE, delete_device)
        .put("/api/v1/devices/{device_id}/verify", verify_device)
}

/// The devices of whoever asks.
#[utoipa::path(
    get,
    path = DEVICES,
    params(
        ("hostname" = Option<String>, Query, description = "Filter."),
        ("unused_days" = Option<u32>, Query, description = "Only those that weren't used for so many days.")
    )
)]
pub(crate) async fn list_devices(
    State(store): State<Store>,
    State(env): State<Environment>,
    principal: Principal,
    mut query: QueryParams,
    list: ListRequest<DeviceRow>,
) -> ApiResult<Page<DeviceResponse>> {
    let user = &*principal.user;
    let unused = unused_since(&mut query, env.clock.now());
    query.finish()?;
    let mut select = select();
    select.and_where(Expr::col("user_id").eq(user.id));
    if let Some(since) = unused {
        select.and_where(is_unused(DeviceRow::TABLE, "last_login", since));
    }
    let page = list.fetch(&store, &select).await?;
    let responses =
        |rows: Vec<DeviceRow>| rows.into_iter().map(|row| row.response(user, list.hydrate)).collect();
    Ok(page.with_items(responses))
}

/// A device of whoever asks, or one that waits for an approval, for whoever has its user code.
pub(crate) async fn get_device(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<DeviceResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let user = &*principal.user;
    let device = find_for_authentication(&app.auth_store, id).await?.ok_or_else(|| not_found(id))?;
    let is_open = device.body.status == DeviceStatus::Pending;
    // Whoever has just denied it sees that it was; one that wrong codes have locked is shown to nobody.
    let is_locked = device.body.status == DeviceStatus::Locked;
    let is_denied = is_locked && device.user_id.is_none() && device.metadata.failed_auth_attempts == 0;
    let is_shown = match query.text("user_code") {
        _ if device.belongs_to(user) => true,
        Some(code) if is_open => prove(&app, &origin, id, code.to_owned().into()).await?.is_right(),
        Some(code) if is_denied => {
            app.auth.passwords.verify(code.to_owned().into(), Some(device.user_code.expose())).await?
        }
        _ => false,
    };
    if !is_shown {
        return Err(not_found(id));
    }
    Ok(Json(device.response(user, hydrate)))
}

/// What became of a user code.
enum Proof {
    Right(Box<DeviceRow>),
    Wrong {
        /// It was one too many.
        is_locked: bool,
    },
    NotWaiting,
}

impl Proof {
    fn is_right(&self) -> bool {
        matches!(self, Self::Right(_))
    }
}

/// Checks the user code of a device that waits for somebody. A wrong one counts, wherever it is tried.
async fn prove(app: &App, origin: &Origin, id: Id, user_code: SecretString) -> ApiResult<Proof> {
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
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathId(id): PathId,
    JsonBody(request): JsonBody<DeviceUpdate>,
) -> ApiResult<Json<DeviceResponse>> {
    let user = &*principal.user;
    let mut update = Sql::update();
    update.table("auth_devices").value("updated", Timestamp::new(app.env.clock.now()));
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
    let event = app.audit.event(&origin, action).on("device", id, "");
    match request.locked {
        Some(_) => event.change(&app.auth_store, &update).await?,
        None => app.auth_store.execute(&update).await?,
    };
    forget(&app, id).await;
    let device = find_own(&app, id, user).await?;
    Ok(Json(device.response(user, true)))
}

/// Approves a device that waits: from now on it speaks for whoever asks this. Or denies it: it learns so when it asks
/// again for its token (RFC 8628, section 3.5), and speaks for nobody.
pub(crate) async fn verify_device(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathId(id): PathId,
    JsonBody(request): JsonBody<DeviceVerificationRequest>,
) -> ApiResult<Json<DeviceResponse>> {
    let refuse = |reason: &str| Err(ApiError::value(reason));
    const NOT_WAITING: &str = "This device does not wait for an approval.";
    principal.require_own_sign_in()?;
    let user = &*principal.user;
    let now = app.env.clock.now();
    let device = find_for_authentication(&app.auth_store, id).await?.ok_or_else(|| not_found(id))?;
    if device.body.status != DeviceStatus::Pending {
        return refuse(NOT_WAITING);
    }
    if device.is_expired(now) {
        return refuse("This device has waited too long for its approval; it has to ask again.");
    }
    let device = match prove(&app, &origin, id, request.user_code).await? {
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
            app.audit.event(&origin, Action::DeviceDenied).on("device", id, "")
        }
        false => {
            decision
                .value("status", DeviceStatus::Verified.as_str())
                .value("user_id", user.id)
                .value("trusted_device", request.trusted_device);
            let event = app.audit.event(&origin, Action::DeviceVerified).on("device", id, "");
            event.with("trusted_device", request.trusted_device)
        }
    };
    let sign_in = sign_in_rows::of_principal(&app, &principal).await?;
    let (state, person, sign_in) = (&app, &principal, sign_in.as_ref());
    let (decision, event, client_id) = (&decision, &event, device.body.client_id);
    let decided = app.auth_store.write(|mut tx| async move {
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
    forget(&app, id).await;
    if request.denied {
        let denied = find_for_authentication(&app.auth_store, id).await?.ok_or_else(|| not_found(id))?;
        return Ok(Json(denied.response(user, true)));
    }
    server::note_step(&app.auth_store, "device_verified", Timestamp::new(now)).await?;
    let device = find_own(&app, id, user).await?;
    Ok(Json(device.response(user, true)))
}

/// Deletes a device; its tokens end.
pub(crate) async fn delete_device(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathId(id): PathId,
) -> ApiResult<Json<()>> {
    let delete = Sql::delete()
        .from_table("auth_devices")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("user_id").eq(principal.user.id))
        .to_owned();
    let event = app.audit.event(&origin, Action::DeviceDeleted).on("device", id, "");
    if event.change(&app.auth_store, &delete).await? == 0 {
        return Err(not_found(id));
    }
    forget(&app, id).await;
    Ok(Json(()))
}
