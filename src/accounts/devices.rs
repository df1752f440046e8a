//! Devices as the store has them: where the official client is signed in (RFC 8628).

use chrono::{DateTime, Utc};
use sea_query::{Expr, ExprTrait, Order, SelectStatement};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::store::{Id, SecretText, Store, StoreError, Stored, Timestamp, Word, row};

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
        pub user_code: SecretText,
        /// bcrypt of the device code.
        pub device_code: SecretText,
        /// Who approved it last: the only one whose tokens it carries.
        pub user_id: Option<Id>,
    }
    body DeviceColumns: stamped {
        pub client_id: Id,
        pub expires: Option<Timestamp>,
        pub trusted_device: bool,
        pub status: Word<DeviceStatus>,
        pub os: Option<String>,
        pub ip_address: Option<String>,
        pub hostname: Option<String>,
    }
    metadata DeviceMetadata {
        pub python_version: Option<String>,
        pub zenml_version: Option<String>,
        pub city: Option<String>,
        pub region: Option<String>,
        pub country: Option<String>,
        pub failed_auth_attempts: i64,
        pub last_login: Option<Timestamp>,
    }
}

impl DeviceRow {
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.body.expires.is_some_and(|expires| expires.to_utc() <= now)
    }
}

/// All devices.
pub(crate) fn select() -> SelectStatement {
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
pub(crate) async fn find_by_client(store: &Store, client_id: Id) -> Result<Vec<DeviceRow>, StoreError> {
    let query = select()
        .and_where(Expr::col("client_id").eq(client_id))
        .order_by("created", Order::Desc)
        .order_by("id", Order::Asc)
        .limit(OF_A_CLIENT)
        .to_owned();
    store.fetch_all(&query).await
}
