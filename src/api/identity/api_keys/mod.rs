//! API keys of service accounts. What a key says is shown once, when it is made; the store keeps what proves it.

mod bounds;
pub(crate) mod create;
mod delete;
mod proof;
pub(crate) mod update;

use axum::Json;
use axum::extract::State;
use sea_query::{Expr, ExprTrait, Query as Sql, SelectStatement};
use serde::Serialize;
use utoipa::ToSchema;

use self::create::create_api_key;
use self::delete::delete_api_key;
use self::update::{rotate_api_key, update_api_key};
use super::service_accounts::{self, ServiceAccountResponse, ServiceAccountRow};
use crate::accounts::api_keys::{self, ApiKeyColumns, ApiKeyMetadata, ApiKeyRow, TABLE};
use crate::app::Auth;
use crate::audit::Event;
use crate::auth::api_key::ApiKey;
use crate::auth::kind::Kind;
use crate::auth::{Addresses, Principal};
use crate::env::Environment;
use crate::framework::{NoResources, Response, Routes, ShownSecret};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, STAMPED, Sort};
use crate::http::filter::by_name_or_id;
use crate::http::list::{ListRequest, Page};
use crate::http::path::{PathId, PathIdAndName};
use crate::http::query::{Hydrate, QueryParams};
use crate::http::unused::{is_unused, unused_since};
use crate::store::{Id, Store, Timestamp};

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

impl Event {
    /// Says which service account the key is of.
    fn of_account(self, account: &ServiceAccountRow) -> Self {
        self.with("service_account", account.name.as_str()).with("service_account_id", account.id.to_string())
    }
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
async fn forget(auth: &Auth, id: Id) {
    auth.identities.forget_api_key(id.0).await;
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
    Ok(list.fetch(&store, &of_account).await?.map(|row| row.response(account.clone(), list.hydrate, None)))
}

/// One API key, by its name or id.
pub(crate) async fn get_api_key(
    State(store): State<Store>,
    _: Principal,
    PathIdAndName(account_id, name_or_id): PathIdAndName,
    Hydrate(hydrate): Hydrate,
) -> ApiResult<Json<ApiKeyResponse>> {
    let account = find_account(&store, account_id).await?;
    let row = find(&store, &account, &name_or_id).await?;
    Ok(Json(row.response(account, hydrate, None)))
}
