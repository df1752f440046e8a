//! A device's request to be approved.

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Order, Query as Sql, SelectStatement, SimpleExpr};
use secrecy::ExposeSecret;

use super::device_codes::Codes;
use super::grants::device::forget;
use crate::accounts::devices::DeviceStatus;
use crate::app::App;
use crate::audit::{Action, Claim, Origin};
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Transaction, Words, number_of_rows};

/// The request of a device to be approved, as it is kept.
pub(crate) struct DeviceRequest<'a> {
    pub client_id: Id,
    pub codes: &'a Codes,
    pub expires: Timestamp,
    pub ip_address: String,
    pub details: ClientDetails,
}

/// What the client says of itself.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ClientDetails {
    pub hostname: Option<String>,
    pub zenml_version: Option<String>,
    pub python_version: Option<String>,
    pub os: Option<String>,
}

/// Addresses that give way to one request at most.
const CROWDED_AT_ONCE: usize = 32;
/// For so long after its end a request that nobody approved is kept, so that its device learns of the end.
const KEPT_AFTER_END: TimeDelta = TimeDelta::hours(1);

/// Requests that nobody has approved, of one address and in all. Anybody can leave them: the oldest ones give way, so that
/// whoever really signs in has the time for it, and of all addresses the one that has left most goes first.
const WAITING_OF_ADDRESS: u64 = 100;
const WAITING: i64 = 2000;
/// Requests that one statement deletes at most.
const SWEPT_AT_ONCE: u64 = 500;

/// Deletes devices that speak for nobody: nobody has approved them in time, or whoever did is gone.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn sweep(store: &Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    store.sweep_all("auth_devices", "id", &speaks_for_nobody(now), SWEPT_AT_ONCE).await
}

fn speaks_for_nobody(now: DateTime<Utc>) -> SimpleExpr {
    let expires = Expr::col("expires");
    let is_late = expires.clone().lt(Timestamp::new(now - KEPT_AFTER_END)).or(expires.is_null());
    Expr::col("user_id").is_null().and(is_late)
}

fn waiting() -> SelectStatement {
    Sql::select().from("auth_devices").and_where(Expr::col("user_id").is_null()).to_owned()
}

fn of_address(address: &str) -> SelectStatement {
    let mut select = waiting();
    select.column("id").and_where(Expr::col("ip_address").eq(address)).to_owned()
}

/// Deletes requests until there is room for one more of this address. Moments may be whole seconds; ids grow with time.
async fn make_room(tx: &mut Transaction, ip_address: &str) -> Result<(), StoreError> {
    let mut surplus = of_address(ip_address);
    surplus
        .order_by("expires", Order::Desc)
        .order_by("id", Order::Desc)
        .offset(WAITING_OF_ADDRESS - 1)
        .limit(SWEPT_AT_ONCE);
    delete_all(tx, &surplus).await?;
    let count = waiting().expr(number_of_rows()).to_owned();
    for _ in 0..CROWDED_AT_ONCE {
        let count = tx.fetch_optional::<(i64,)>(&count).await?.map_or(0, |(count,)| count);
        if count < WAITING {
            break;
        }
        clear_most_crowded(tx, count - WAITING + 1).await?;
    }
    Ok(())
}

/// Deletes so many requests, the oldest, of the address that has left most.
async fn clear_most_crowded(tx: &mut Transaction, surplus: i64) -> Result<(), StoreError> {
    let crowded = waiting()
        .column("ip_address")
        .group_by_col("ip_address")
        .order_by_expr(number_of_rows(), Order::Desc)
        .limit(1)
        .to_owned();
    let crowded = tx.fetch_optional::<(Option<String>,)>(&crowded).await?;
    if let Some((Some(address),)) = crowded {
        let mut oldest = of_address(&address);
        oldest.order_by("expires", Order::Asc).order_by("id", Order::Asc).limit(surplus.unsigned_abs());
        delete_all(tx, &oldest).await?;
    }
    Ok(())
}

async fn delete_all(tx: &mut Transaction, select: &SelectStatement) -> Result<(), StoreError> {
    let ids: Vec<(Id,)> = tx.fetch_all(select).await?;
    if ids.is_empty() {
        return Ok(());
    }
    tx.delete_where("auth_devices", [Expr::col("id").is_in(ids.into_iter().map(|(id,)| id))]).await.map(drop)
}

/// Keeps the request: the client's device waits anew under its id, or a new one is made.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn keep_request(
    app: &App,
    origin: &Origin,
    request: DeviceRequest<'_>,
) -> Result<Id, StoreError> {
    let now = app.env.clock.now();
    let new_id = app.env.random.id_in_time(now);
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
        ("ip_address", ip_address.as_str().into()),
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
    // There are few of them at any time.
    let clean = Sql::delete().from_table("auth_devices").and_where(speaks_for_nobody(now)).to_owned();
    // One that somebody has approved isn't taken from them: whoever asks has proved nothing. One that is locked is good for
    // nothing, and what asks may be the same machine, which keeps its id.
    let is_nobodys = Expr::col("user_id").is_null();
    let is_over = Expr::col("expires").lte(stamp).or(Expr::col("status").eq(DeviceStatus::Locked.as_str()));
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
    let (clean, of_client, values, insert, ip_address) =
        (&clean, &of_client, &values, &insert.statement(), &ip_address);
    let kept = app.auth_store.write(|mut tx| async move {
        // Of two first requests of one client the second finds the row of the first.
        tx.lock("device_request").await?;
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
                make_room(&mut tx, ip_address).await?;
                tx.execute(insert).await?;
                new_id
            }
        };
        tx.commit(id).await
    });
    let id = kept.await?;
    app.audit.counted(event.on("device", id, "")).await;
    forget(app, id).await;
    app.sign_in.device_polls.forget(client_id);
    Ok(id)
}
