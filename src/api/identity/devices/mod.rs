//! Devices: where the official client is signed in, each approved by the person it speaks for (RFC 8628).
//!
//! A device's row belongs to the person who approved it. When its machine asks again, which anybody may do in its name
//! who knows its client ID, a row of its own waits for the new approval, and the one from before is as good as it was. It
//! ends when the machine comes for its new token: a person has one device at a machine.

pub(crate) mod routes;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::devices::{DeviceColumns, DeviceMetadata, DeviceRow, find_for_authentication};
use crate::accounts::users::{UserResponse, UserRow};
use crate::app::App;
use crate::framework::Response;
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, OWNED, STAMPED, Sort};
use crate::http::list::Listed;
use crate::store::Id;

/// The answer about a device.
pub(crate) type DeviceResponse = Response<DeviceBody, DeviceMetadata, DeviceResources>;

#[derive(Debug, Serialize)]
pub(crate) struct DeviceBody {
    #[serde(flatten)]
    columns: DeviceColumns,
    user_id: Option<Id>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DeviceResources {
    user: Option<UserResponse>,
}

impl DeviceRow {
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
            Field::word("status"),
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

/// The same words for what isn't there and for what is somebody else's.
fn not_found(id: Id) -> ApiError {
    ApiError::key(format!("'There is no device with the ID {id}.'"))
}

async fn find_own(app: &App, id: Id, user: &UserRow) -> ApiResult<DeviceRow> {
    let device = find_for_authentication(&app.store, id).await?;
    device.filter(|device| device.belongs_to(user)).ok_or_else(|| not_found(id))
}
