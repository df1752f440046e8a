//! Devices: where the official client is signed in, each approved by the person it speaks for (RFC 8628).
//!
//! A device's row belongs to the person who approved it. When its machine asks again, which anybody may do in its name
//! who knows its client ID, a row of its own waits for the new approval, and the one from before is as good as it was. It
//! ends when the machine comes for its new token: a person has one device at a machine.

pub(crate) mod update;

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Serialize;

use self::update::{prove, update_device, verify_device};
use crate::accounts::devices::{
    DeviceColumns, DeviceMetadata, DeviceRow, DeviceStatus, find_for_authentication, select,
};
use crate::accounts::users::{UserResponse, UserRow};
use crate::audit::{Action, Origin};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::env::Environment;
use crate::framework::{Context, Response, Routes};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, STAMPED, Sort};
use crate::http::list::{ListRequest, Page};
use crate::http::path::PathId;
use crate::http::query::QueryParams;
use crate::http::unused::{is_unused, unused_since};
use crate::login::grants::device::forget;
use crate::store::{Id, Store, Stored};

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

/// The same words for what isn't there and for what is somebody else's.
fn not_found(id: Id) -> ApiError {
    ApiError::key(format!("'There is no device with the ID {id}.'"))
}

async fn find_own(store: &Store, id: Id, user: &UserRow) -> ApiResult<DeviceRow> {
    let device = find_for_authentication(store, id).await?;
    device.filter(|device| device.belongs_to(user)).ok_or_else(|| not_found(id))
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
    Ok(list.fetch(&store, &select).await?.map(|row| row.response(user, list.hydrate)))
}

/// A device of whoever asks, or one that waits for an approval, for whoever has its user code.
pub(crate) async fn get_device(
    cx: Context,
    origin: Origin,
    PathId(id): PathId,
    mut query: QueryParams,
) -> ApiResult<Json<DeviceResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let user = &*cx.principal.user;
    let device = find_for_authentication(&cx.auth_store, id).await?.ok_or_else(|| not_found(id))?;
    let is_open = device.body.status == DeviceStatus::Pending;
    // Whoever has just denied it sees that it was; one that wrong codes have locked is shown to nobody.
    let is_locked = device.body.status == DeviceStatus::Locked;
    let is_denied = is_locked && device.user_id.is_none() && device.metadata.failed_auth_attempts == 0;
    let is_shown = match query.text("user_code") {
        _ if device.belongs_to(user) => true,
        Some(code) if is_open => prove(&cx, &origin, id, code.to_owned().into()).await?.is_right(),
        Some(code) if is_denied => {
            cx.auth.passwords.verify(code.to_owned().into(), Some(device.user_code.expose())).await?
        }
        _ => false,
    };
    if !is_shown {
        return Err(not_found(id));
    }
    Ok(Json(device.response(user, hydrate)))
}

/// Deletes a device; its tokens end.
pub(crate) async fn delete_device(cx: Context, origin: Origin, PathId(id): PathId) -> ApiResult<Json<()>> {
    let delete = Sql::delete()
        .from_table("auth_devices")
        .and_where(Expr::col("id").eq(id))
        .and_where(Expr::col("user_id").eq(cx.principal.user.id))
        .to_owned();
    let event = cx.audit.event(&origin, Action::DeviceDeleted).on("device", id, "");
    if event.change(&cx.auth_store, &delete).await? == 0 {
        return Err(not_found(id));
    }
    forget(&cx, id).await;
    Ok(Json(()))
}
