//! API keys of service accounts. What a key says is shown once, when it is made; the store keeps what proves it.

mod asked;
mod proof;

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use utoipa::ToSchema;

use super::service_accounts::{self, ServiceAccountResponse, ServiceAccountRow, require_admin};
use crate::accounts::api_keys::{self, ApiKeyColumns, ApiKeyMetadata, ApiKeyRow, TABLE};
use crate::accounts::key_bounds;
use crate::app::{App, AppState};
use crate::audit::{Action, Event, Origin};
use crate::auth::api_key::ApiKey;
use crate::auth::kind::Kind;
use crate::auth::{Addresses, Principal};
use crate::env::Environment;
use crate::framework::{NoResources, Response, ShownSecret};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, STAMPED, Sort};
use crate::http::filter::by_name_or_id;
use crate::http::json::JsonBody;
use crate::http::list::{ListRequest, Listed, Page};
use crate::http::path::{PathId, PathIdAndName};
use crate::http::query::QueryParams;
use crate::http::unused::{is_unused, unused_since};
use crate::http::values::{LongText, Name};
use crate::store::{Id, Insert, Store, StoreError, Timestamp, Update, is_duplicate};

use self::asked::AskedBounds;
use self::proof::{MadeWith, NewSecret, delete_old_digests};
use crate::framework::routes::Routes;

pub(crate) const KIND: Kind = Kind::new("api_keys").credential();

impl Listed for ApiKeyRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[
            Field { sort: Sort::Not, ..Field::reference("service_account", "service_account_id") },
            Field::text("name"),
            Field::text("description"),
            Field::flag("active"),
            Field::time("last_login"),
            Field::time("last_rotated"),
            Field::time("expires"),
        ],
    ];
}

/// The answer about an API key.
pub(crate) type ApiKeyResponse = Response<ApiKeyBody, ApiKeyMetadata, NoResources>;

/// What ZenML's document lacks of its body.
#[derive(ToSchema)]
#[schema(as = APIKeyResponseBody)]
#[expect(dead_code, reason = "it is described, not made: the row has the column")]
pub(crate) struct DescribedBody {
    /// When it ends, by its own time or with the API token that it was made with; not there for a key without an end.
    #[schema(value_type = String, format = DateTime, required = false)]
    expires: Option<Timestamp>,
    /// The networks it may be used from; not there for a key that is good everywhere.
    #[schema(value_type = Vec<String>, required = false)]
    addresses: Option<Addresses>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ApiKeyBody {
    #[serde(flatten)]
    columns: ApiKeyColumns,
    #[serde(skip_serializing_if = "Option::is_none")]
    addresses: Option<Addresses>,
    /// Only in the answer that tells of a new key.
    key: Option<ShownSecret>,
    service_account: ServiceAccountResponse,
}

impl ApiKeyRow {
    fn response(self, account: ServiceAccountRow, hydrate: bool, key: Option<&ApiKey>) -> ApiKeyResponse {
        let key = key.map(|key| ShownSecret(key.encode()));
        let addresses = self.addresses.as_deref().and_then(|networks| networks.parse().ok());
        let body =
            ApiKeyBody { columns: self.body, addresses, key, service_account: account.response(false) };
        Response::named(self.id, self.name, body, hydrate.then_some(self.metadata), None)
    }
}

// ZenML's document has what is ignored here, and in the next two.
#[derive(Deserialize, ToSchema)]
#[schema(as = APIKeyRequest)]
pub(crate) struct ApiKeyRequest {
    #[schema(ignore)]
    name: Name,
    #[schema(ignore)]
    description: Option<LongText>,
    /// Seconds after which it ends; without it, or with 0, never, or after ZENDO_API_KEY_MAX_LIFETIME.
    expires_in: Option<i64>,
    /// Addresses and networks it may be used from, such as `10.0.0.0/8`; all without.
    addresses: Option<Vec<String>>,
}

/// What is to change; the rest stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = APIKeyUpdate)]
pub(crate) struct ApiKeyUpdate {
    #[schema(ignore)]
    name: Option<Name>,
    #[schema(ignore)]
    description: Option<LongText>,
    #[schema(ignore)]
    active: Option<bool>,
    /// Seconds from now after which it ends; 0 for never.
    expires_in: Option<i64>,
    /// Addresses and networks it may be used from; none of them for all.
    addresses: Option<Vec<String>>,
}

impl Event {
    /// Says which service account the key is of.
    fn of_account(self, account: &ServiceAccountRow) -> Self {
        self.with("service_account", account.name.as_str()).with("service_account_id", account.id.to_string())
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = APIKeyRotateRequest)]
pub(crate) struct ApiKeyRotateRequest {
    /// Minutes in which the key from before is still good.
    #[serde(default)]
    #[schema(ignore)]
    retain_period_minutes: i32,
    /// Seconds from now after which the new secret ends, 0 for never; without it, it lives as long as the one before was to
    /// live.
    expires_in: Option<i64>,
}

fn select() -> SelectStatement {
    let expires = Sql::select()
        .column("expires")
        .from("zendo_api_key_digest")
        .and_where(Expr::col("key_hash").equals((TABLE, "key")))
        .to_owned();
    api_keys::select(expires.into())
}

/// The service account's key with that name or id.
async fn find(store: &Store, account: &ServiceAccountRow, name_or_id: &str) -> ApiResult<ApiKeyRow> {
    let query = select()
        .and_where(Expr::col("service_account_id").eq(account.id))
        .and_where(by_name_or_id(name_or_id))
        .to_owned();
    store.fetch_optional(&query).await?.ok_or_else(|| {
        let message = format!(
            "\"The service account '{}' has no API key with the name or ID '{name_or_id}'\"",
            account.name
        );
        ApiError::key(message)
    })
}

async fn find_account(store: &Store, id: Id) -> ApiResult<ServiceAccountRow> {
    service_accounts::find(store, &id.to_string()).await
}

fn taken(name: &str, account: &ServiceAccountRow) -> ApiError {
    let message =
        format!("The service account '{}' has an API key with the name '{name}' already.", account.name);
    ApiError::exists(message)
}

/// Lets a change to a key be felt at once.
async fn forget(app: &App, id: Id) {
    app.auth.identities.forget_api_key(id.0).await;
}

const KEYS: &str = "/api/v1/service_accounts/{service_account_id}/api_keys";
const KEY: &str = "/api/v1/service_accounts/{service_account_id}/api_keys/{api_key_name_or_id}";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .post(KEYS, create_api_key)
        .secret()
        .get(KEYS, list_api_keys)
        .get(KEY, get_api_key)
        .put(KEY, update_api_key)
        .delete(KEY, delete_api_key)
        .put(
            "/api/v1/service_accounts/{service_account_id}/api_keys/{api_key_name_or_id}/rotate",
            rotate_api_key,
        )
}

/// Makes an API key; this answer alone has it. One that is made with an API token ends with that.
pub(crate) async fn create_api_key(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathId(account_id): PathId,
    JsonBody(request): JsonBody<ApiKeyRequest>,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&app.store, account_id).await?;
    account.refuse_external()?;
    require_admin(&principal)?;
    let maker = MadeWith::of(&principal)?;
    let bounds = AskedBounds::read(&app, request.expires_in, request.addresses)?.of_new_key(maker.as_ref());
    let secret = NewSecret::make(&app, app.env.random.id()).await?;
    let row = Insert::into("api_key")
        .stamped(secret.key.id, Timestamp::new(app.env.clock.now()))
        .set("name", request.name.as_str())
        .set("description", request.description.unwrap_or_default().as_str())
        .set("key", secret.hash.expose_secret())
        .set("key_generation", 1)
        .set("retain_period", 0)
        .set("active", true)
        .set("service_account_id", account.id)
        .statement();
    let event = app.audit.event(&origin, Action::ApiKeyCreated);
    let end = bounds.as_ref().and_then(|bounds| bounds.expires).map(|end| end.to_utc().timestamp());
    let event = event.on("api_key", secret.key.id, request.name.as_str()).of_account(&account);
    let event = event.maybe("expires", end);
    let event = event.maybe("addresses", bounds.as_ref().and_then(|bounds| bounds.addresses.as_deref()));
    let (row, secret, maker, event, bounds) = (&row, &secret, maker.as_ref(), &event, bounds.as_ref());
    let made = app.store.write(|mut tx| async move {
        tx.execute(row).await?;
        secret.keep_digest(&mut tx, maker).await?;
        if let Some(bounds) = bounds {
            bounds.keep(&mut tx, secret.key.id).await?;
        }
        event.commit(tx, ()).await
    });
    made.await.map_err(|error: StoreError| match is_duplicate(&error) {
        true => taken(request.name.as_str(), &account),
        false => error.into(),
    })?;
    let row = find(&app.store, &account, &secret.key.id.to_string()).await?;
    Ok(Json(row.response(account, true, Some(&secret.key))))
}

/// All API keys of a service account.
#[utoipa::path(
    get,
    path = KEYS,
    params(
        ("expires" = Option<String>, Query, description = "Filter, over those with an end."),
        ("unused_days" = Option<u32>, Query, description = "Only those that weren't used for so many days.")
    )
)]
pub(crate) async fn list_api_keys(
    State(store): State<Store>,
    State(env): State<Environment>,
    _: Principal,
    mut query: QueryParams,
    PathId(account_id): PathId,
    list: ListRequest<ApiKeyRow>,
) -> ApiResult<Page<ApiKeyResponse>> {
    let account = find_account(&store, account_id).await?;
    let unused = unused_since(&mut query, env.clock.now());
    query.finish()?;
    let mut of_account = select();
    of_account.and_where(Expr::col("service_account_id").eq(account.id));
    if let Some(since) = unused {
        of_account.and_where(is_unused(TABLE, "last_login", since));
    }
    let page = list.fetch(&store, &of_account).await?;
    let responses = |rows: Vec<ApiKeyRow>| {
        rows.into_iter().map(|row| row.response(account.clone(), list.hydrate, None)).collect()
    };
    Ok(page.with_items(responses))
}

/// One API key, by its name or id.
pub(crate) async fn get_api_key(
    State(store): State<Store>,
    _: Principal,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
    mut query: QueryParams,
) -> ApiResult<Json<ApiKeyResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let account = find_account(&store, account_id).await?;
    let row = find(&store, &account, &name_or_id).await?;
    Ok(Json(row.response(account, hydrate, None)))
}

/// Renames, describes, activates or deactivates an API key.
pub(crate) async fn update_api_key(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
    JsonBody(request): JsonBody<ApiKeyUpdate>,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&app.store, account_id).await?;
    let is_switch = request.active.is_some()
        && request.name.is_none()
        && request.description.is_none()
        && request.expires_in.is_none()
        && request.addresses.is_none();
    if !is_switch {
        account.refuse_external()?;
    }
    require_admin(&principal)?;
    let bounds = AskedBounds::read(&app, request.expires_in, request.addresses)?;
    if bounds.is_some() {
        principal.require_signed_in()?;
    }
    let row = find(&app.store, &account, &name_or_id).await?;
    let update = Update::of(TABLE, row.id, Timestamp::new(app.env.clock.now()))
        .maybe("name", request.name.clone())
        .maybe("description", request.description)
        .maybe("active", request.active);
    let event = app.audit.event(&origin, Action::ApiKeyUpdated).on("api_key", row.id, &row.name);
    let changed: Vec<&str> = update.changed().into_iter().chain(bounds.changed()).collect();
    let event = event.of_account(&account).with("changed", changed).maybe("active", request.active);
    let (update, bounds, event, id) = (&update.statement(), &bounds, &event, row.id);
    let changed = app.store.write(|mut tx| async move {
        if tx.execute(update).await? == 0 {
            return tx.commit(()).await;
        }
        if bounds.is_some() {
            bounds.change(&mut tx, id).await?;
        }
        event.commit(tx, ()).await
    });
    let () = changed.await.map_err(|error: StoreError| match (is_duplicate(&error), &request.name) {
        (true, Some(name)) => taken(name.as_str(), &account),
        _ => error.into(),
    })?;
    forget(&app, row.id).await;
    let row = find(&app.store, &account, &row.id.to_string()).await?;
    Ok(Json(row.response(account, true, None)))
}

/// Replaces what an API key says; this answer alone has the new one.
pub(crate) async fn rotate_api_key(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
    JsonBody(request): JsonBody<ApiKeyRotateRequest>,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&app.store, account_id).await?;
    account.refuse_external()?;
    require_admin(&principal)?;
    principal.require_signed_in()?;
    let bounds = AskedBounds::read(&app, request.expires_in, None)?;
    let row = find(&app.store, &account, &name_or_id).await?;
    let secret = NewSecret::make(&app, row.id).await?;
    let now = Timestamp::new(app.env.clock.now());
    let rotation = Sql::update()
        .table("api_key")
        // The order matters to MySQL, which reads a column after its new value was set.
        .value("previous_key", Expr::col("key"))
        .value("key", secret.hash.expose_secret())
        .value("key_generation", Expr::col("key_generation").add(1))
        .value("retain_period", request.retain_period_minutes)
        .value("last_rotated", now)
        .value("updated", now)
        .and_where(Expr::col("id").eq(row.id))
        .to_owned();
    let event = app.audit.event(&origin, Action::ApiKeyRotated).on("api_key", row.id, &row.name);
    let event = event.of_account(&account).with("retain_period_minutes", request.retain_period_minutes);
    let (rotation, secret, event, bounds) = (&rotation, &secret, &event, &bounds);
    let rotated = app.store.write(|mut tx| async move {
        // A key that was deleted meanwhile gets no digest.
        if tx.execute(rotation).await? == 0 {
            return tx.commit(()).await;
        }
        bounds.rotate(&mut tx, secret.key.id).await?;
        secret.keep_digest(&mut tx, None).await?;
        delete_old_digests(&mut tx, secret.key.id).await?;
        event.commit(tx, ()).await
    });
    let () = rotated.await.map_err(|error: StoreError| ApiError::from(error))?;
    forget(&app, row.id).await;
    let row = find(&app.store, &account, &row.id.to_string()).await?;
    Ok(Json(row.response(account, false, Some(&secret.key))))
}

/// Deletes an API key.
pub(crate) async fn delete_api_key(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
) -> ApiResult<Json<()>> {
    let account = find_account(&app.store, account_id).await?;
    require_admin(&principal)?;
    let row = find(&app.store, &account, &name_or_id).await?;
    let id = row.id;
    let event = app.audit.event(&origin, Action::ApiKeyDeleted).on("api_key", id, &row.name);
    let event = &event.of_account(&account);
    let deleted = app.store.write(|mut tx| async move {
        let digests = Sql::delete()
            .from_table("zendo_api_key_digest")
            .and_where(Expr::col("api_key_id").eq(id))
            .to_owned();
        tx.execute(&digests).await?;
        key_bounds::forget(&mut tx, Expr::col("api_key_id").eq(id)).await?;
        let key = Sql::delete().from_table("api_key").and_where(Expr::col("id").eq(id)).to_owned();
        match tx.execute(&key).await? {
            0 => tx.commit(()).await,
            _ => event.commit(tx, ()).await,
        }
    });
    let () = deleted.await.map_err(|error: StoreError| ApiError::from(error))?;
    forget(&app, id).await;
    Ok(Json(()))
}
