//! Service accounts: what machines sign in as. They share their table with users.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement, SimpleExpr};
use serde::Deserialize;

use super::users;
use crate::accounts::{api_keys, key_bounds};
use crate::app::Auth;
use crate::audit::{Action, Audit, Origin};
use crate::auth::kind::Kind;
use crate::auth::{Principal, Revocation, register};
use crate::env::Environment;
use crate::framework::{Context, NoResources, Response, Routes};
use crate::http::error::{ApiError, ApiResult, if_duplicate, if_taken};
use crate::http::fields::{Field, Fields, Listed, STAMPED};
use crate::http::filter::by_name_or_id;
use crate::http::json::JsonBody;
use crate::http::list::{ListRequest, Page};
use crate::http::path::PathName;
use crate::http::query::{Hydrate, QueryParams};
use crate::http::unused::unused_since;
use crate::http::values::{LongText, Name, ShortText};
use crate::http::written::or_empty_text;
use crate::store::{
    Id, Insert, Store, StoreError, Stored, Timestamp, Transaction, Update, fields, ids_where, row,
    sent_fields,
};

row! {
    pub struct ServiceAccountRow in "user" {
        pub id: Id,
        pub name: String,
    }
    body ServiceAccountBody: stamped {
        full_name: String,
        active: bool,
        avatar_url: Option<String>,
    }
    metadata ServiceAccountMetadata {
        #[serde(serialize_with = "or_empty_text")]
        description: Option<String>,
        external_user_id: Option<Id>,
    }
}

impl Listed for ServiceAccountRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[
            Field::text("name"),
            Field::text("description"),
            Field::flag("active"),
            Field::reference("external_user_id", "external_user_id"),
        ],
    ];
}

/// The answer about a service account.
pub(crate) type ServiceAccountResponse = Response<ServiceAccountBody, ServiceAccountMetadata, NoResources>;

impl ServiceAccountRow {
    pub(crate) fn response(self, hydrate: bool) -> ServiceAccountResponse {
        Response::named(self.id, self.name, self.body, hydrate.then_some(self.metadata), None)
    }

    /// Somebody else's system keeps the accounts that it made.
    pub(crate) fn refuse_external(&self) -> ApiResult<()> {
        match self.metadata.external_user_id {
            None => Ok(()),
            Some(_) => {
                let message = "This service account belongs to an external system and is changed there.";
                Err(ApiError::illegal(message))
            }
        }
    }
}

/// What a new service account is to be.
#[derive(Deserialize)]
pub(crate) struct ServiceAccountRequest {
    name: Name,
    #[serde(default)]
    full_name: ShortText,
    description: Option<LongText>,
    active: bool,
    avatar_url: Option<String>,
}

/// What is to change; the rest stays.
#[derive(Deserialize)]
pub(crate) struct ServiceAccountUpdate {
    name: Option<Name>,
    full_name: Option<ShortText>,
    description: Option<LongText>,
    active: Option<bool>,
    avatar_url: Option<String>,
}

fn select() -> SelectStatement {
    ServiceAccountRow::all().and_where(Expr::col("is_service_account").eq(true)).to_owned()
}

/// Whether it was made before a moment, and none of its keys and tokens was used since.
fn is_unused_since(since: Timestamp) -> SimpleExpr {
    let used = |table: &'static str, owner: &'static str, last_use: &'static str| {
        let used = Sql::select()
            .expr(Expr::val(1))
            .from(table)
            .and_where(Expr::col((table, owner)).equals(("user", "id")))
            .and_where(Expr::col((table, last_use)).gte(since))
            .to_owned();
        Expr::exists(used)
    };
    let by_key = used(api_keys::TABLE, "service_account_id", "last_login");
    let by_token = used(register::TABLE, "user_id", "last_used");
    Expr::col(("user", "created")).lt(since).and(by_key.not()).and(by_token.not())
}

/// The service account with that name or id.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn find(store: &Store, name_or_id: &str) -> ApiResult<ServiceAccountRow> {
    let found = store.fetch_optional(select().and_where(by_name_or_id(name_or_id))).await?;
    found.ok_or_else(|| {
        let message = format!("\"There is no service account with the name or ID '{name_or_id}'\"");
        ApiError::key(message)
    })
}

/// # Errors
/// 403 for everyone who is not an admin.
pub(crate) fn require_admin(principal: &Principal) -> ApiResult<()> {
    users::admins_only(principal, "change service accounts and their API keys")
}

fn taken(name: &str) -> ApiError {
    let message = format!("There is a service account with the name '{name}' already.");
    ApiError::exists(message)
}

pub(crate) const KIND: Kind = Kind::new("service_accounts").credential();
const SERVICE_ACCOUNTS: &str = "/api/v1/service_accounts";
const SERVICE_ACCOUNT: &str = "/api/v1/service_accounts/{service_account_name_or_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(SERVICE_ACCOUNTS, create_service_account)
        .get(SERVICE_ACCOUNTS, list_service_accounts)
        .get(SERVICE_ACCOUNT, get_service_account)
        .put(SERVICE_ACCOUNT, update_service_account)
        .delete(SERVICE_ACCOUNT, delete_service_account)
}

/// Makes a service account.
pub(crate) async fn create_service_account(
    cx: Context,
    origin: Origin,
    JsonBody(request): JsonBody<ServiceAccountRequest>,
) -> ApiResult<Json<ServiceAccountResponse>> {
    require_admin(&cx.principal)?;
    let id = cx.new_id();
    let account = Insert::into("user")
        .stamped(id, cx.now())
        .set("name", request.name.as_str())
        .set("is_service_account", true)
        .set("full_name", request.full_name.as_str())
        .set("description", request.description.unwrap_or_default().as_str())
        .set_all(fields!(request; active, avatar_url))
        .set("email_opted_in", false)
        .set("is_admin", false)
        .set("oidc_claims", "null")
        .statement();
    let name = request.name.as_str();
    let event = cx.audit.event(&origin, Action::ServiceAccountCreated).on("service_account", id, name);
    let (account, event, engine) = (&account, &event, cx.store.engine());
    let made = cx.create(|mut tx| async move {
        users::take_name(&mut tx, engine, id, name).await?;
        tx.execute(account).await.map_err(if_duplicate(|| taken(name)))?;
        event.put_in(&mut tx).await?;
        Ok((tx, id))
    });
    let made = made.await?;
    if made == id {
        event.ship();
    }
    let account = find(&cx.store, &made.to_string()).await?;
    Ok(Json(account.response(true)))
}

/// All service accounts.
#[utoipa::path(
    get,
    path = SERVICE_ACCOUNTS,
    params((
        "unused_days" = Option<u32>,
        Query,
        description = "Only those none of whose keys and tokens was used for so many days."
    ))
)]
pub(crate) async fn list_service_accounts(
    State(store): State<Store>,
    State(env): State<Environment>,
    _: Principal,
    mut query: QueryParams,
    list: ListRequest<ServiceAccountRow>,
) -> ApiResult<Page<ServiceAccountResponse>> {
    let unused = unused_since(&mut query, env.clock.now());
    query.finish()?;
    let mut select = select();
    if let Some(since) = unused {
        select.and_where(is_unused_since(since));
    }
    Ok(list.fetch(&store, &select).await?.map(|row| row.response(list.hydrate)))
}

/// One service account, by its name or id.
pub(crate) async fn get_service_account(
    State(store): State<Store>,
    _: Principal,
    PathName(name_or_id): PathName,
    Hydrate(hydrate): Hydrate,
) -> ApiResult<Json<ServiceAccountResponse>> {
    let account = find(&store, &name_or_id).await?;
    Ok(Json(account.response(hydrate)))
}

/// Changes a service account.
pub(crate) async fn update_service_account(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(request): JsonBody<ServiceAccountUpdate>,
) -> ApiResult<Json<ServiceAccountResponse>> {
    let account = find(&cx.store, &name_or_id).await?;
    account.refuse_external()?;
    require_admin(&cx.principal)?;
    let update = Update::of("user", account.id, cx.now())
        .maybe_all(sent_fields!(request; name, full_name, description, avatar_url, active));
    let event = cx.audit.event(&origin, Action::ServiceAccountUpdated);
    let event = event.on("service_account", account.id, &account.name).with("changed", update.changed());
    let event = event.maybe("active", request.active);
    // As with a user's: no later activation brings the tokens back.
    let now = cx.env.clock.now();
    let end =
        (request.active == Some(false)).then_some(Revocation::AllOf { user_id: account.id.0, until: now });
    let (update, event, engine, id) = (&update.statement(), &event, cx.store.engine(), account.id);
    let new_name = request.name.as_ref().map(Name::as_str);
    let changed = cx.store.write(|mut tx| async move {
        // All turns before anything is read.
        users::lock_names(&mut tx).await?;
        let ended = match end {
            Some(end) => Some(end.write(&mut tx, now).await?),
            None => None,
        };
        if let Some(name) = new_name {
            users::check_name(&mut tx, engine, id, name).await?;
        }
        let touched = tx.execute(update).await.map_err(if_taken(new_name, taken))?;
        Ok::<_, ApiError>(match touched {
            0 => tx.commit(ended).await?,
            _ => event.commit(tx, ended).await?,
        })
    });
    let ended: ApiResult<_> = changed.await;
    ended?.into_iter().for_each(|ended| cx.auth.revocations.note(ended));
    cx.auth.identities.forget(account.id.0).await;
    let account = find(&cx.store, &account.id.to_string()).await?;
    Ok(Json(account.response(true)))
}

/// Deletes a service account with its API keys and devices.
pub(crate) async fn delete_service_account(
    State(store): State<Store>,
    State(auth): State<Arc<Auth>>,
    State(audit): State<Arc<Audit>>,
    principal: Principal,
    origin: Origin,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<()>> {
    let account = find(&store, &name_or_id).await?;
    account.refuse_external()?;
    require_admin(&principal)?;
    let id = account.id;
    let event = audit.event(&origin, Action::ServiceAccountDeleted);
    let event = &event.on("service_account", id, &account.name);
    let deleted = store.write(|mut tx| async move {
        if users::owns_anything(&mut tx, id).await? {
            let message = "This service account owns things that it has made, so it can't be deleted. Delete \
                           them first, or deactivate the account.";
            return Err(ApiError::illegal(message));
        }
        delete(&mut tx, id).await?;
        Ok(event.commit(tx, ()).await?)
    });
    deleted.await?;
    auth.identities.forget(id.0).await;
    Ok(Json(()))
}

async fn delete(tx: &mut Transaction, id: Id) -> Result<(), StoreError> {
    let keys = ids_where("api_key", [Expr::col("service_account_id").eq(id)]);
    tx.delete_where("zendo_api_key_digest", [Expr::col("api_key_id").in_subquery(keys.clone())]).await?;
    key_bounds::forget(tx, Expr::col("api_key_id").in_subquery(keys)).await?;
    tx.delete_where("auth_devices", [Expr::col("user_id").eq(id)]).await?;
    tx.delete_where(crate::trusts::TABLE, [Expr::col("service_account_id").eq(id)]).await?;
    // The table's own rule takes the keys along.
    tx.delete_where("user", [Expr::col("id").eq(id)]).await?;
    Ok(())
}
