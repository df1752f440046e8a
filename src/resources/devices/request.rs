//! A device's request to be approved.

use chrono::TimeDelta;
use sea_query::{Expr, ExprTrait, Order, Query as Sql, SimpleExpr};
use secrecy::ExposeSecret;

use super::{Codes, DeviceStatus, forget};
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::store::{Id, Insert, StoreError, Timestamp};

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
const KEPT_AFTER_END: TimeDelta = TimeDelta::hours(1);

/// Keeps the request: the client's device waits anew under its id, or a new one is made.
///
/// # Errors
/// When the database doesn't answer.
pub async fn keep_request(app: &App, origin: &Origin, request: DeviceRequest<'_>) -> Result<Id, StoreError> {
    let now = app.clock.now();
    let new_id = app.random.id();
    let DeviceRequest { client_id, codes, expires, ip_address, details } = request;
    let stamp = Timestamp::new(now);
    let mut values: Vec<(&'static str, SimpleExpr)> = vec![
        ("updated", stamp.into()),
        ("user_id", None::<Id>.into()),
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
    // One that somebody has approved isn't taken from them, nor its lock: whoever asks has proved nothing.
    let is_nobodys = Expr::col("user_id").is_null();
    let is_over = Expr::col("expires").lte(stamp);
    let of_client = Sql::select()
        .column("id")
        .from("auth_devices")
        .and_where(Expr::col("client_id").eq(client_id))
        .and_where(is_nobodys.or(is_over))
        .order_by("created", Order::Desc)
        .order_by("id", Order::Asc)
        .limit(1)
        .to_owned();
    let mut insert = Insert::into("auth_devices").set("id", new_id).set("created", stamp);
    insert = insert.set("client_id", client_id);
    for (column, value) in values.clone() {
        insert = insert.set(column, value);
    }
    let event = app.audit.event(origin, Action::DeviceAuthorized).by(Claim::of("none"));
    let event = event.with("client_id", client_id.to_string());
    let (clean, of_client, values, insert) = (&clean, &of_client, &values, &insert.statement());
    let event = &event;
    let kept = app.store.write(|mut tx| async move {
        // Of two first requests of one client the second finds the row of the first.
        tx.take_turn("device_request").await?;
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
        event.clone().on("device", id, "").commit(tx, id).await
    });
    let id = kept.await?;
    forget(app, id).await;
    app.device_polls.forget(client_id);
    Ok(id)
}
