//! The device's side: it asks now and then whether a person has approved it, and gets its token once
//! (RFC 8628, sections 3.4 and 3.5).

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Order, Query as Sql};
use secrecy::SecretString;

use crate::accounts::devices::{DeviceRow, DeviceStatus, find_by_client, find_for_authentication};
use crate::accounts::users::{self, UserRow};
use crate::app::App;
use crate::audit::{Action, Origin};
use crate::auth::password::PasswordError;
use crate::http::error::ApiError;
use crate::store::{Id, StoreError, Timestamp, Words};

/// Why a device gets no token.
#[derive(Debug, thiserror::Error)]
pub enum DeviceGrantError {
    #[error("no device has asked with this client ID")]
    InvalidClient,
    #[error("nobody has approved the device yet")]
    AuthorizationPending,
    #[error("nobody has approved the device yet, and it asks more often than it was told to")]
    SlowDown,
    #[error("the device is locked, or was denied")]
    Locked,
    #[error("the device code is wrong")]
    WrongCode,
    #[error("the account that approved the device is not there or not active")]
    NoAccount,
    #[error("the approval has come too late or was used already; the device has to ask again")]
    ExpiredToken,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Password(#[from] PasswordError),
}

impl From<DeviceGrantError> for ApiError {
    fn from(error: DeviceGrantError) -> Self {
        let code = match error {
            DeviceGrantError::InvalidClient => "invalid_client",
            DeviceGrantError::AuthorizationPending => "authorization_pending",
            DeviceGrantError::SlowDown => "slow_down",
            DeviceGrantError::Locked | DeviceGrantError::WrongCode | DeviceGrantError::NoAccount => {
                "access_denied"
            }
            DeviceGrantError::ExpiredToken => "expired_token",
            DeviceGrantError::Store(error) => return error.into(),
            DeviceGrantError::Password(error) => return error.into(),
        };
        Self::oauth(code, error.to_string())
    }
}

/// Trades a device code for the device and its person, once: the device is active from now on.
///
/// The code's check costs a millisecond, and none happens before somebody has approved. A client may have several
/// devices: those of its people, and one that waits.
///
/// # Errors
/// [`DeviceGrantError`], which becomes an [`ApiError`] in the shape of OAuth.
pub async fn exchange(
    app: &App,
    origin: &Origin,
    client_id: Id,
    device_code: SecretString,
) -> Result<(UserRow, DeviceRow), DeviceGrantError> {
    let now = app.env.clock.now();
    let devices = find_by_client(&app.auth_store, client_id).await?;
    let is_waiting =
        |device: &&DeviceRow| device.body.status == DeviceStatus::Pending && !device.is_expired(now);
    let is_approved =
        |device: &&DeviceRow| device.body.status == DeviceStatus::Verified && !device.is_expired(now);
    let waiting = devices.iter().find(is_waiting);
    for device in devices.iter().filter(is_approved) {
        if let Some(device) = prove(app, device.id, &device_code).await? {
            return activate(app, device, now).await;
        }
        // Whoever asks may be the one that waits.
        if waiting.is_none() {
            note_wrong_code(app, origin, device).await?;
            return Err(DeviceGrantError::WrongCode);
        }
    }
    if waiting.is_some() {
        return Err(match app.sign_in.device_polls.is_too_soon(client_id, now) {
            true => DeviceGrantError::SlowDown,
            false => DeviceGrantError::AuthorizationPending,
        });
    }
    let last =
        devices.iter().max_by_key(|device| device.body.updated).ok_or(DeviceGrantError::InvalidClient)?;
    Err(match last.body.status == DeviceStatus::Locked {
        true => DeviceGrantError::Locked,
        false => DeviceGrantError::ExpiredToken,
    })
}

/// The device, if somebody has approved it and the code is its own.
async fn prove(app: &App, id: Id, device_code: &SecretString) -> Result<Option<DeviceRow>, DeviceGrantError> {
    let permit = app.auth.passwords.permit().await?;
    // Read again: others may have tried wrong codes during the wait, up to one too many.
    let device =
        find_for_authentication(&app.auth_store, id).await?.ok_or(DeviceGrantError::InvalidClient)?;
    match device.body.status.known() {
        Some(DeviceStatus::Verified) => {}
        Some(DeviceStatus::Locked) => return Err(DeviceGrantError::Locked),
        Some(DeviceStatus::Pending | DeviceStatus::Active) | None => {
            return Err(DeviceGrantError::ExpiredToken);
        }
    }
    let is_right = permit.verify(device_code.clone(), Some(device.device_code.expose())).await?;
    Ok(Some(device).filter(|_| is_right))
}

/// Makes the device active, in the place and by the id of the one that its person had there before.
async fn activate(
    app: &App,
    device: DeviceRow,
    now: DateTime<Utc>,
) -> Result<(UserRow, DeviceRow), DeviceGrantError> {
    let user = match device.user_id {
        Some(id) => users::find_account(&app.auth_store, id).await?,
        None => None,
    };
    let user = user.filter(|user| user.body.active).ok_or(DeviceGrantError::NoAccount)?;
    // Whoever comes second with the same code, or after a new request, finds nothing to trade.
    let activation = Sql::update()
        .table("auth_devices")
        .value("status", DeviceStatus::Active.as_str())
        .value("expires", end_of_device(app, &device, now))
        .value("last_login", Timestamp::new(now))
        .value("updated", Timestamp::new(now))
        .and_where(Expr::col("id").eq(device.id))
        .and_where(Expr::col("status").eq(DeviceStatus::Verified.as_str()))
        .and_where(Expr::col("device_code").eq(device.device_code.expose()))
        .and_where(Expr::col("user_id").eq(user.id))
        .to_owned();
    let before = Sql::select()
        .columns(["id", "created"])
        .from("auth_devices")
        .and_where(Expr::col("client_id").eq(device.body.client_id))
        .and_where(Expr::col("user_id").eq(user.id))
        .and_where(Expr::col("id").ne(device.id))
        .order_by("created", Order::Asc)
        .to_owned();
    let (activation, before) = (&activation, &before);
    let activated = app.auth_store.write(|mut tx| async move {
        if tx.execute(activation).await? == 0 {
            return tx.commit(None).await;
        }
        let before: Vec<(Id, Timestamp)> = tx.fetch_all(before).await?;
        if let Some((first, created)) = before.first() {
            tx.delete_where("auth_devices", [Expr::col("id").is_in(before.iter().map(|(id, _)| *id))])
                .await?;
            let takes_its_place = Sql::update()
                .table("auth_devices")
                .value("id", *first)
                .value("created", *created)
                .and_where(Expr::col("id").eq(device.id))
                .to_owned();
            tx.execute(&takes_its_place).await?;
        }
        tx.commit(Some(before)).await
    });
    let activated: Result<_, StoreError> = activated.await;
    let before = activated?.ok_or(DeviceGrantError::ExpiredToken)?;
    // To its person it is the same device, and keeps the id.
    let id = before.first().map_or(device.id, |(id, _)| *id);
    for id in before.into_iter().map(|(id, _)| id).chain([device.id]) {
        forget(app, id).await;
    }
    let device = find_for_authentication(&app.auth_store, id).await?;
    Ok((user, device.ok_or(DeviceGrantError::InvalidClient)?))
}

/// As in ZenML, a device's sign-in ends only where sign-ins end at all.
fn end_of_device(app: &App, device: &DeviceRow, now: DateTime<Utc>) -> Option<Timestamp> {
    app.config.jwt_token_expire_minutes?;
    let minutes = match device.body.trusted_device {
        true => app.config.trusted_device_expiration_minutes,
        false => app.config.device_expiration_minutes,
    }?;
    Some(Timestamp::new(now + TimeDelta::minutes(minutes.0.into())))
}

/// Lets a change to a device be felt at once.
pub(crate) async fn forget(app: &App, id: Id) {
    app.auth.identities.forget_device(id.0).await;
}

/// Notes a wrong code; true when it was one too many, which locks the device. A wrong code counts against the
/// request it was tried on, not against one that came meanwhile.
pub(crate) async fn note_wrong_code(
    app: &App,
    origin: &Origin,
    device: &DeviceRow,
) -> Result<bool, StoreError> {
    let now = Timestamp::new(app.env.clock.now());
    let of_this_request = Expr::col("id")
        .eq(device.id)
        .and(Expr::col("status").eq(device.body.status.as_str()))
        .and(Expr::col("device_code").eq(device.device_code.expose()));
    let count = Sql::update()
        .table("auth_devices")
        .value("failed_auth_attempts", Expr::col("failed_auth_attempts").add(1))
        .value("updated", now)
        .and_where(of_this_request.clone())
        .to_owned();
    let lock = Sql::update()
        .table("auth_devices")
        .value("status", DeviceStatus::Locked.as_str())
        .and_where(of_this_request)
        .and_where(Expr::col("failed_auth_attempts").gte(app.config.max_failed_device_auth_attempts.0))
        .to_owned();
    let event = app.audit.event(origin, Action::DeviceLocked).on("device", device.id, "");
    let event = event.with("wrong_codes", app.config.max_failed_device_auth_attempts.0);
    let (count, lock, event) = (&count, &lock, &event);
    let locked = app.store.write(|mut tx| async move {
        tx.execute(count).await?;
        match tx.execute(lock).await? {
            0 => tx.commit(false).await,
            _ => event.commit(tx, true).await,
        }
    });
    locked.await
}
