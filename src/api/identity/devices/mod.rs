//! Devices: where the official client is signed in, each approved by the person it speaks for (RFC 8628).
//!
//! A device's row belongs to the person who approved it. When its machine asks again, which anybody may do in its name
//! who knows its client ID, a row of its own waits for the new approval, and the one from before is as good as it was. It
//! ends when the machine comes for its new token: a person has one device at a machine.

pub mod routes;

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::accounts::users::{UserResponse, UserRow};
use crate::app::App;
use crate::audit::{Action, Origin};
use crate::framework::Response;
use crate::http::error::{ApiError, ApiResult};
use crate::http::filter::{Field, Fields, OWNED, STAMPED, Sort};
use crate::http::list::Listed;
use crate::store::{Id, SecretText, Store, StoreError, Stored, Timestamp, Word, Words, row};

pub use crate::login::device_request::{ClientDetails, DeviceRequest, keep_request, sweep};
pub use crate::login::grants::device::{DeviceGrantError, exchange};

/// Bytes of randomness in the code that a person confirms, as in ZenML.
const USER_CODE_BYTES: usize = 16;
/// Bytes of randomness in the code that the device keeps, as in ZenML.
const DEVICE_CODE_BYTES: usize = 32;

/// How far a device has come (contract schema OAuthDeviceStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum DeviceStatus {
    /// It has asked.
    Pending,
    /// A person has approved it, and it hasn't come for its token yet.
    Verified,
    /// It has its token.
    Active,
    /// Its owner has locked it, whoever was asked has denied it, or too many codes were wrong.
    Locked,
}

row! {
    pub struct DeviceRow in "auth_devices" {
        pub id: Id,
        /// bcrypt of the user code.
        user_code: SecretText,
        /// bcrypt of the device code.
        pub device_code: SecretText,
        /// Who approved it last: the only one whose tokens it carries.
        pub user_id: Option<Id>,
    }
    body DeviceColumns {
        created: Timestamp,
        pub updated: Timestamp,
        pub client_id: Id,
        pub expires: Option<Timestamp>,
        pub trusted_device: bool,
        pub status: Word<DeviceStatus>,
        os: Option<String>,
        ip_address: Option<String>,
        hostname: Option<String>,
    }
    metadata DeviceMetadata {
        python_version: Option<String>,
        zenml_version: Option<String>,
        city: Option<String>,
        region: Option<String>,
        country: Option<String>,
        pub failed_auth_attempts: i64,
        pub last_login: Option<Timestamp>,
    }
}

/// The answer about a device.
pub type DeviceResponse = Response<DeviceBody, DeviceMetadata, DeviceResources>;

#[derive(Debug, Serialize)]
pub struct DeviceBody {
    #[serde(flatten)]
    columns: DeviceColumns,
    user_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub struct DeviceResources {
    user: Option<UserResponse>,
}

impl DeviceRow {
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.body.expires.is_some_and(|expires| expires.to_utc() <= now)
    }

    fn belongs_to(&self, user: &UserRow) -> bool {
        self.user_id == Some(user.id)
    }

    /// The answer about this device to that person. Who had it before is not theirs to know.
    fn response(self, user: &UserRow, hydrate: bool) -> DeviceResponse {
        let is_own = self.belongs_to(user);
        let body = DeviceBody { columns: self.body, user_id: is_own.then_some(user.id) };
        let resources = DeviceResources { user: is_own.then(|| user.clone().response(false)) };
        Response::nameless(self.id, body, hydrate.then_some(self.metadata), Some(resources))
    }
}

impl Listed for DeviceRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        OWNED,
        &[
            Field::time("expires"),
            Field::reference("client_id", "client_id"),
            Field::word("status", DeviceStatus::VARIANTS),
            Field::flag("trusted_device"),
            Field::number("failed_auth_attempts"),
            Field::time("last_login"),
            // For the console: ZenML sorts by no such name.
            Field { sort: Sort::Not, ..Field::text("hostname") },
        ],
    ];
}

/// What a device's owner may change.
#[derive(Deserialize)]
pub struct DeviceUpdate {
    locked: Option<bool>,
}

/// A person's approval or denial.
// ZenML's document has what is ignored here.
#[derive(Deserialize, ToSchema)]
#[schema(as = OAuthDeviceVerificationRequest)]
pub struct DeviceVerificationRequest {
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
        let user_code = SecretString::from(app.env.random.hex::<USER_CODE_BYTES>());
        let device_code = SecretString::from(app.env.random.hex::<DEVICE_CODE_BYTES>());
        let user_code_hash = app.auth.passwords.hash_random(user_code.clone()).await?;
        let device_code_hash = app.auth.passwords.hash_random(device_code.clone()).await?;
        Ok(Self { user_code, device_code, user_code_hash, device_code_hash })
    }
}

fn select() -> SelectStatement {
    DeviceRow::all()
}

/// The device with that id. A token for it is good while the device is active, hasn't expired, and its `user_id`
/// is the token's person.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_for_authentication(store: &Store, id: Id) -> Result<Option<DeviceRow>, StoreError> {
    store.fetch_optional(select().and_where(Expr::col("id").eq(id))).await
}

/// Devices of a client that are looked at, at most: one for each of its people, and one that waits.
const OF_A_CLIENT: u64 = 20;

/// The devices of a client, the newest request first.
pub async fn find_by_client(store: &Store, client_id: Id) -> Result<Vec<DeviceRow>, StoreError> {
    let query = select()
        .and_where(Expr::col("client_id").eq(client_id))
        .order_by("created", Order::Desc)
        .order_by("id", Order::Asc)
        .limit(OF_A_CLIENT)
        .to_owned();
    store.fetch_all(&query).await
}

/// The same words for what isn't there and for what is somebody else's.
fn not_found(id: Id) -> ApiError {
    ApiError::key(format!("'There is no device with the ID {id}.'"))
}

async fn find_own(app: &App, id: Id, user: &UserRow) -> ApiResult<DeviceRow> {
    let device = find_for_authentication(&app.store, id).await?;
    device.filter(|device| device.belongs_to(user)).ok_or_else(|| not_found(id))
}

/// Lets a change to a device be felt at once.
pub async fn forget(app: &App, id: Id) {
    app.auth.identities.forget_device(id.0).await;
}

/// Notes a wrong code; true when it was one too many, which locks the device. A wrong code counts against the
/// request it was tried on, not against one that came meanwhile.
pub async fn note_wrong_code(app: &App, origin: &Origin, device: &DeviceRow) -> Result<bool, StoreError> {
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
