//! Devices: where the official client is signed in, each approved by the person it speaks for (RFC 8628).
//!
//! A device's row belongs to the person who approved it last. When its machine asks again, the row waits for a new
//! approval under the same id, and whoever has the user code may give it: the row is then theirs. A token names
//! both its person and its device, so tokens of the person before are good for nothing from then on.

mod grant;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use sea_query::{CaseStatement, Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::ToSchema;

use super::server_settings;
use super::users::{UserResponse, UserRow};
use crate::app::{App, AppState};
use crate::auth::Principal;
use crate::http::error::{ApiError, ApiResult, ErrorKind};
use crate::http::filter::Field;
use crate::http::json::JsonBody;
use crate::http::list::{ListRequest, Listed, Page};
use crate::http::openapi::{ErrorModel, HydrateParameter, ListParameters};
use crate::http::path::PathId;
use crate::http::query::Query;
use crate::store::{Id, Store, StoreError, Timestamp};

pub use grant::{DeviceGrantError, DevicePolls, exchange};

/// Bytes of randomness in the code that a person confirms, as in ZenML.
const USER_CODE_BYTES: usize = 16;
/// Bytes of randomness in the code that the device keeps, as in ZenML.
const DEVICE_CODE_BYTES: usize = 32;

/// How far a device has come (contract schema OAuthDeviceStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = OAuthDeviceStatus, rename_all = "lowercase")]
pub enum DeviceStatus {
    /// It has asked.
    Pending,
    /// A person has approved it, and it hasn't come for its token yet.
    Verified,
    /// It has its token.
    Active,
    /// Its owner has locked it, or too many codes were wrong.
    Locked,
}

impl DeviceStatus {
    const WORDS: &'static [&'static str] = &["pending", "verified", "active", "locked"];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Active => "active",
            Self::Locked => "locked",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no status of a device")]
pub struct UnknownStatus(String);

impl TryFrom<String> for DeviceStatus {
    type Error = UnknownStatus;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let all = [Self::Pending, Self::Verified, Self::Active, Self::Locked];
        all.into_iter().find(|status| status.as_str() == text).ok_or(UnknownStatus(text))
    }
}

#[derive(Clone, FromRow)]
pub struct DeviceRow {
    pub id: Id,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub client_id: Id,
    /// bcrypt of the user code.
    user_code: String,
    /// bcrypt of the device code.
    device_code: String,
    #[sqlx(try_from = "String")]
    pub status: DeviceStatus,
    pub failed_auth_attempts: i64,
    pub expires: Option<Timestamp>,
    pub last_login: Option<Timestamp>,
    pub trusted_device: bool,
    pub os: Option<String>,
    pub ip_address: Option<String>,
    pub hostname: Option<String>,
    pub python_version: Option<String>,
    pub zenml_version: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub country: Option<String>,
    /// Who approved it last: the only one whose tokens it carries.
    pub user_id: Option<Id>,
}

impl DeviceRow {
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires.to_utc() <= now)
    }

    fn belongs_to(&self, user: &UserRow) -> bool {
        self.user_id == Some(user.id)
    }

    /// The answer about this device to that person. Who had it before is not theirs to know.
    fn response(self, user: &UserRow, hydrate: bool) -> DeviceResponse {
        let is_own = self.belongs_to(user);
        DeviceResponse {
            body: Some(DeviceResponseBody {
                created: self.created,
                updated: self.updated,
                user_id: is_own.then_some(user.id),
                client_id: self.client_id,
                expires: self.expires,
                trusted_device: self.trusted_device,
                status: self.status,
                os: self.os,
                ip_address: self.ip_address,
                hostname: self.hostname,
            }),
            metadata: hydrate.then_some(DeviceResponseMetadata {
                python_version: self.python_version,
                zenml_version: self.zenml_version,
                city: self.city,
                region: self.region,
                country: self.country,
                failed_auth_attempts: self.failed_auth_attempts,
                last_login: self.last_login,
            }),
            resources: Some(DeviceResponseResources { user: is_own.then(|| user.response(false)) }),
            id: self.id,
            permission_denied: false,
        }
    }
}

impl Listed for DeviceRow {
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::scope_user(),
        Field::user(),
        Field::time("expires"),
        Field::reference("client_id", "client_id"),
        Field::word("status", DeviceStatus::WORDS),
        Field::flag("trusted_device"),
        Field::number("failed_auth_attempts"),
        Field::time("last_login"),
    ];
}

#[derive(Serialize, ToSchema)]
#[schema(as = OAuthDeviceResponse)]
pub struct DeviceResponse {
    body: Option<DeviceResponseBody>,
    metadata: Option<DeviceResponseMetadata>,
    resources: Option<DeviceResponseResources>,
    id: Id,
    permission_denied: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OAuthDeviceResponseBody)]
pub struct DeviceResponseBody {
    created: Timestamp,
    updated: Timestamp,
    user_id: Option<Id>,
    client_id: Id,
    expires: Option<Timestamp>,
    trusted_device: bool,
    status: DeviceStatus,
    os: Option<String>,
    ip_address: Option<String>,
    hostname: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OAuthDeviceResponseMetadata)]
pub struct DeviceResponseMetadata {
    python_version: Option<String>,
    zenml_version: Option<String>,
    city: Option<String>,
    region: Option<String>,
    country: Option<String>,
    failed_auth_attempts: i64,
    last_login: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OAuthDeviceResponseResources)]
pub struct DeviceResponseResources {
    user: Option<UserResponse>,
}

/// What a device's owner may change.
#[derive(Deserialize, ToSchema)]
#[schema(as = OAuthDeviceUpdate)]
pub struct DeviceUpdate {
    locked: Option<bool>,
}

/// A person's approval.
#[derive(Deserialize, ToSchema)]
#[schema(as = OAuthDeviceVerificationRequest)]
pub struct DeviceVerificationRequest {
    #[schema(value_type = String)]
    user_code: SecretString,
    #[serde(default)]
    trusted_device: bool,
}

/// The two codes of one request for approval, in clear and as they are stored.
pub struct Codes {
    pub user_code: SecretString,
    pub device_code: SecretString,
    pub user_code_hash: SecretString,
    pub device_code_hash: SecretString,
}

impl Codes {
    /// bcrypt, so that ZenML's server can check them too, at its least cost: they are random enough.
    ///
    /// # Errors
    /// When they can't be hashed.
    pub async fn make(app: &App) -> ApiResult<Self> {
        let user_code = SecretString::from(app.random.hex::<USER_CODE_BYTES>());
        let device_code = SecretString::from(app.random.hex::<DEVICE_CODE_BYTES>());
        let user_code_hash = app.passwords.hash_random(user_code.clone()).await?;
        let device_code_hash = app.passwords.hash_random(device_code.clone()).await?;
        Ok(Self { user_code, device_code, user_code_hash, device_code_hash })
    }
}

fn select() -> SelectStatement {
    Sql::select()
        .columns([
            "id",
            "created",
            "updated",
            "client_id",
            "user_code",
            "device_code",
            "status",
            "failed_auth_attempts",
            "expires",
            "last_login",
            "trusted_device",
            "os",
            "ip_address",
            "hostname",
            "python_version",
            "zenml_version",
            "city",
            "region",
            "country",
            "user_id",
        ])
        .from("auth_devices")
        .to_owned()
}

/// The device with that id. A token for it is good while the device is active, hasn't expired, and its `user_id`
/// is the token's person.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_for_authentication(store: &Store, id: Id) -> Result<Option<DeviceRow>, StoreError> {
    store.fetch_optional(select().and_where(Expr::col("id").eq(id))).await
}

/// The device of a client. Should there be several, it is the newest.
async fn find_by_client(store: &Store, client_id: Id) -> Result<Option<DeviceRow>, StoreError> {
    let query = select()
        .and_where(Expr::col("client_id").eq(client_id))
        .order_by("created", Order::Desc)
        .order_by("id", Order::Asc)
        .limit(1)
        .to_owned();
    store.fetch_optional(&query).await
}

/// The same words for what isn't there and for what is somebody else's.
fn not_found(id: Id) -> ApiError {
    ApiError::new(ErrorKind::KeyError, format!("'There is no device with the ID {id}.'"))
}

async fn find_own(app: &App, id: Id, user: &UserRow) -> ApiResult<DeviceRow> {
    let device = find_for_authentication(&app.store, id).await?;
    device.filter(|device| device.belongs_to(user)).ok_or_else(|| not_found(id))
}

/// Lets a change to a device be felt at once.
pub async fn forget(app: &App, id: Id) {
    app.identities.forget_device(id.0).await;
}

/// Notes a wrong code; true when it was one too many, which locks the device. A wrong code counts against the
/// request it was tried on, not against one that came meanwhile.
async fn note_wrong_code(app: &App, device: &DeviceRow) -> Result<bool, StoreError> {
    let now = Timestamp::new(app.clock.now());
    let of_this_request = Expr::col("id")
        .eq(device.id)
        .and(Expr::col("status").eq(device.status.as_str()))
        .and(Expr::col("device_code").eq(device.device_code.as_str()));
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
    let (count, lock) = (&count, &lock);
    let locked = app.store.write(|mut tx| async move {
        tx.execute(count).await?;
        let locked = tx.execute(lock).await?;
        tx.commit(locked > 0).await
    });
    locked.await
}

/// The devices of whoever asks.
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    operation_id = "list_authorized_devices_api_v1_devices_get",
    tag = "authorized_devices",
    security(("CookieOAuth2TokenBearer" = [])),
    params(ListParameters<DeviceRow>),
    responses(
        (status = 200, body = Page<DeviceResponse>),
        (status = 401, body = ErrorModel),
        (status = 404, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn list_devices(
    State(app): State<AppState>,
    principal: Principal,
    list: ListRequest<DeviceRow>,
) -> ApiResult<Json<Page<DeviceResponse>>> {
    let user = &*principal.user;
    let page = list.fetch(&app.store, select().and_where(Expr::col("user_id").eq(user.id))).await?;
    let responses =
        |rows: Vec<DeviceRow>| rows.into_iter().map(|row| row.response(user, list.hydrate)).collect();
    Ok(Json(page.with_items(responses)))
}

/// A device of whoever asks, or one that waits for an approval, for whoever has its user code.
#[utoipa::path(
    get,
    path = "/api/v1/devices/{device_id}",
    operation_id = "get_authorization_device_api_v1_devices__device_id__get",
    tag = "authorized_devices",
    security(("CookieOAuth2TokenBearer" = [])),
    params(("device_id" = uuid::Uuid, Path), ("user_code" = Option<String>, Query), HydrateParameter),
    responses(
        (status = 200, body = DeviceResponse),
        (status = 401, body = ErrorModel),
        (status = 404, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn get_device(
    State(app): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    mut query: Query,
) -> ApiResult<Json<DeviceResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let user = &*principal.user;
    let device = find_for_authentication(&app.store, id).await?.ok_or_else(|| not_found(id))?;
    let is_open = device.status == DeviceStatus::Pending || device.user_id.is_none();
    let is_shown = match query.text("user_code") {
        _ if device.belongs_to(user) => true,
        Some(code) if is_open => {
            app.passwords.verify(code.to_owned().into(), Some(&device.user_code)).await?
        }
        _ => false,
    };
    if !is_shown {
        return Err(not_found(id));
    }
    Ok(Json(device.response(user, hydrate)))
}

/// Locks or unlocks a device.
#[utoipa::path(
    put,
    path = "/api/v1/devices/{device_id}",
    operation_id = "update_authorized_device_api_v1_devices__device_id__put",
    tag = "authorized_devices",
    security(("CookieOAuth2TokenBearer" = [])),
    params(("device_id" = uuid::Uuid, Path)),
    request_body = DeviceUpdate,
    responses(
        (status = 200, body = DeviceResponse),
        (status = 401, body = ErrorModel),
        (status = 404, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn update_device(
    State(app): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    JsonBody(request): JsonBody<DeviceUpdate>,
) -> ApiResult<Json<DeviceResponse>> {
    let user = &*principal.user;
    let mut update = Sql::update();
    update.table("auth_devices").value("updated", Timestamp::new(app.clock.now()));
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
    app.store.execute(&update).await?;
    forget(&app, id).await;
    let device = find_own(&app, id, user).await?;
    Ok(Json(device.response(user, true)))
}

/// Approves a device that waits: from now on it speaks for whoever asks this.
#[utoipa::path(
    put,
    path = "/api/v1/devices/{device_id}/verify",
    operation_id = "verify_authorized_device_api_v1_devices__device_id__verify_put",
    tag = "authorized_devices",
    security(("CookieOAuth2TokenBearer" = [])),
    params(("device_id" = uuid::Uuid, Path)),
    request_body = DeviceVerificationRequest,
    responses(
        (status = 200, body = DeviceResponse),
        (status = 400, body = ErrorModel),
        (status = 401, body = ErrorModel),
        (status = 404, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn verify_device(
    State(app): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
    JsonBody(request): JsonBody<DeviceVerificationRequest>,
) -> ApiResult<Json<DeviceResponse>> {
    let refuse = |reason: &str| Err(ApiError::new(ErrorKind::ValueError, reason));
    const NOT_WAITING: &str = "This device does not wait for an approval.";
    let user = &*principal.user;
    let now = app.clock.now();
    let device = find_for_authentication(&app.store, id).await?.ok_or_else(|| not_found(id))?;
    if device.status != DeviceStatus::Pending {
        return refuse(NOT_WAITING);
    }
    if device.is_expired(now) {
        return refuse("This device has waited too long for its approval; it has to ask again.");
    }
    if !app.passwords.verify(request.user_code, Some(&device.user_code)).await? {
        return match note_wrong_code(&app, &device).await? {
            true => refuse("Wrong user code, once too often: the device is locked."),
            false => refuse("Wrong user code."),
        };
    }
    // How long it may wait stays as it is: the device has to come for its token in that time.
    let approval = Sql::update()
        .table("auth_devices")
        .value("status", DeviceStatus::Verified.as_str())
        .value("user_id", user.id)
        .value("trusted_device", request.trusted_device)
        .value("failed_auth_attempts", 0)
        .value("updated", Timestamp::new(now))
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("status").eq(DeviceStatus::Pending.as_str()))
        .and_where(Expr::col("user_code").eq(device.user_code.as_str()))
        .to_owned();
    // Of two people who approve at once, one is first.
    if app.store.execute(&approval).await? == 0 {
        return refuse(NOT_WAITING);
    }
    forget(&app, id).await;
    server_settings::note_step(&app.store, "device_verified", Timestamp::new(now)).await?;
    let device = find_own(&app, id, user).await?;
    Ok(Json(device.response(user, true)))
}

/// Deletes a device; its tokens end.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{device_id}",
    operation_id = "delete_authorized_device_api_v1_devices__device_id__delete",
    tag = "authorized_devices",
    security(("CookieOAuth2TokenBearer" = [])),
    params(("device_id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = serde_json::Value),
        (status = 401, body = ErrorModel),
        (status = 404, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn delete_device(
    State(app): State<AppState>,
    principal: Principal,
    PathId(id): PathId,
) -> ApiResult<Json<()>> {
    let delete = Sql::delete()
        .from_table("auth_devices")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("user_id").eq(principal.user.id))
        .to_owned();
    if app.store.execute(&delete).await? == 0 {
        return Err(not_found(id));
    }
    forget(&app, id).await;
    Ok(Json(()))
}

/// The request of a device to be approved, as it is kept.
pub struct DeviceRequest<'a> {
    pub client_id: Id,
    pub codes: &'a Codes,
    pub expires: Timestamp,
    pub ip_address: String,
    pub details: ClientDetails,
}

/// What the client says of itself.
#[derive(Debug, Default, PartialEq)]
pub struct ClientDetails {
    pub hostname: Option<String>,
    pub zenml_version: Option<String>,
    pub python_version: Option<String>,
    pub os: Option<String>,
}

/// For so long after its end a request that nobody approved is kept, so that its device learns of the end.
const KEPT_AFTER_END: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// Keeps the request: the client's device waits anew under its id, or a new one is made.
///
/// # Errors
/// When the database doesn't answer.
pub async fn keep_request(app: &App, request: DeviceRequest<'_>) -> Result<Id, StoreError> {
    let now = app.clock.now();
    let new_id = app.random.id();
    let DeviceRequest { client_id, codes, expires, ip_address, details } = request;
    let stamp = Timestamp::new(now);
    let mut values: Vec<(&'static str, sea_query::SimpleExpr)> = vec![
        ("updated", stamp.into()),
        ("user_code", codes.user_code_hash.expose_secret().into()),
        ("device_code", codes.device_code_hash.expose_secret().into()),
        ("status", DeviceStatus::Pending.as_str().into()),
        ("failed_auth_attempts", 0.into()),
        ("expires", expires.into()),
        ("trusted_device", false.into()),
        ("ip_address", ip_address.into()),
        // ZenML asks a service of somebody else's for these; zendo tells nobody.
        ("city", "".into()),
        ("region", "".into()),
        ("country", "".into()),
    ];
    let said = [
        ("hostname", details.hostname),
        ("zenml_version", details.zenml_version),
        ("python_version", details.python_version),
        ("os", details.os),
    ];
    values.extend(said.into_iter().filter_map(|(column, text)| Some((column, text?.into()))));
    let clean = Sql::delete()
        .from_table("auth_devices")
        .and_where(Expr::col("user_id").is_null())
        .and_where(Expr::col("expires").lt(Timestamp::new(now - KEPT_AFTER_END)))
        .to_owned();
    let of_client = Sql::select()
        .column("id")
        .from("auth_devices")
        .and_where(Expr::col("client_id").eq(client_id))
        .order_by("created", Order::Desc)
        .order_by("id", Order::Asc)
        .limit(1)
        .to_owned();
    let mut insert = crate::store::Insert::into("auth_devices").set("id", new_id).set("created", stamp);
    insert = insert.set("client_id", client_id);
    for (column, value) in values.clone() {
        insert = insert.set(column, value);
    }
    let (clean, of_client, values, insert) = (&clean, &of_client, &values, &insert.statement());
    let kept = app.store.write(|mut tx| async move {
        // It also locks, on MySQL, where a row without an owner would stand: of two first requests of one client
        // the second waits, and finds the row of the first.
        tx.execute(clean).await?;
        let id = match tx.fetch_optional::<(Id,)>(of_client).await? {
            Some((id,)) => {
                let update = Sql::update()
                    .table("auth_devices")
                    .values(values.iter().cloned())
                    .and_where(Expr::col("id").eq(id))
                    .to_owned();
                tx.execute(&update).await?;
                id
            }
            None => {
                tx.execute(insert).await?;
                new_id
            }
        };
        tx.commit(id).await
    });
    let id = kept.await?;
    forget(app, id).await;
    app.device_polls.forget(client_id);
    Ok(id)
}
