//! API tokens as their owners see them: what is out there, what it may do, and how to take it back.

pub(crate) mod revoke;
mod state;
mod uses;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use sea_query::{Cond, Expr, ExprTrait, Query as Sql, SelectStatement, UnionType};
use serde::Serialize;
use sqlx_macros::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use self::revoke::RevokeResponse;
use self::state::{is_active, is_orphaned, is_revoked};
use self::uses::{UsedNetwork, networks_of};
use crate::accounts::api_keys::{self, KeyRotation};
use crate::accounts::users::UserResponse;
use crate::audit::{Action, Origin};
use crate::auth::claims::TokenKind;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::auth::{Addresses, Principal, Revocation, register};
use crate::framework::{
    Answer, Answers, Context, Loader, PageAnswer, Resource, Response, ResponseOf, Routes, get, list_of, pick,
};
use crate::http::error::ApiResult;
use crate::http::fields::{Field, Fields, Listed, OWNED, Sort};
use crate::http::list::{ListRequest, Page};
use crate::http::openapi::lists::Paging;
use crate::http::path::PathId;
use crate::http::query::{Hydrate, QueryParams};
use crate::http::unused::{is_unused, unused_since};
use crate::store::{Id, Timestamp, Word, row, select_computed};
use crate::tasks;
use crate::trusts;

pub(crate) const KIND: Kind = Kind::new("api_tokens").administration();
const API_TOKENS: &str = "/api/v1/api_tokens";
const API_TOKEN: &str = "/api/v1/api_tokens/{api_token_id}";
const REVOKE: &str = "/api/v1/api_tokens/revoke";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get(API_TOKENS, list_api_tokens)
        .get(API_TOKEN, get_api_token)
        .delete(API_TOKEN, revoke_api_token)
        // Whoever holds a token may revoke it, and needs no other.
        .post(REVOKE, revoke::revoke)
        .needs(KIND.to(Verb::Delete))
        .open()
}

row! {
    pub struct ApiTokenRow in "zendo_api_token" {
        pub id: Id,
        name: String,
        projects: Option<String>,
        addresses: Option<String>,
        key_gen: Option<i64>,
        /// Computed.
        revoked: bool,
        /// Computed: whether what the token was made from or for has ended before it.
        orphaned: bool,
    }
    body #[derive(ToSchema)] ApiTokenColumns {
        #[schema(value_type = String, format = DateTime)]
        created: Timestamp,
        #[schema(value_type = Uuid)]
        user_id: Id,
        #[serde(rename = "token_type")]
        #[schema(value_type = TokenWord, inline)]
        kind: Word<TokenKind>,
        /// The token it was made from: the id of an API token, or of a session. It ends with it when that is revoked.
        #[schema(value_type = Option<Uuid>)]
        parent_id: Option<Id>,
        #[schema(value_type = Option<String>, format = DateTime)]
        expires: Option<Timestamp>,
        /// What it may do; null is all that its user may.
        scope: Option<String>,
        #[schema(value_type = Option<String>, format = DateTime)]
        last_used: Option<Timestamp>,
        address: Option<String>,
    }
    metadata #[derive(ToSchema)] ApiTokenReferences {
        user_agent: Option<String>,
        #[schema(value_type = Option<Uuid>)]
        device_id: Option<Id>,
        #[schema(value_type = Option<Uuid>)]
        api_key_id: Option<Id>,
        #[schema(value_type = Option<Uuid>)]
        schedule_id: Option<Id>,
        #[schema(value_type = Option<Uuid>)]
        pipeline_run_id: Option<Id>,
        #[schema(value_type = Option<Uuid>)]
        deployment_id: Option<Id>,
    }
}

type ApiTokenResponse = ResponseOf<ApiTokenRow>;
type ApiTokenPage = Page<ApiTokenResponse>;

/// Whether a token is good, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ApiTokenStatus {
    Active,
    Expired,
    Revoked,
    /// Its account, password, device, API key or run has ended it.
    Ended,
}

impl ApiTokenRow {
    /// `keys` are the API keys that tokens of the page were made with.
    fn status(&self, keys: &HashMap<Id, KeyRotation>, now: Timestamp) -> ApiTokenStatus {
        match self {
            _ if self.revoked => ApiTokenStatus::Revoked,
            _ if self.body.expires.is_some_and(|expires| expires <= now) => ApiTokenStatus::Expired,
            _ if self.orphaned || self.has_rotated_key(keys, now) => ApiTokenStatus::Ended,
            _ => ApiTokenStatus::Active,
        }
    }

    fn has_rotated_key(&self, keys: &HashMap<Id, KeyRotation>, now: Timestamp) -> bool {
        let key = self.metadata.api_key_id.and_then(|id| keys.get(&id));
        key.zip(self.key_gen).is_some_and(|(key, generation)| !key.is_good(generation, now.to_utc()))
    }

    fn addresses(&self) -> Option<Addresses> {
        self.addresses.as_deref()?.parse().ok()
    }

    fn projects(&self) -> Option<BTreeSet<Uuid>> {
        serde_json::from_str(self.projects.as_deref()?).ok()
    }
}

impl Listed for ApiTokenRow {
    const FIELDS: Fields = &[
        &[
            Field::id(),
            // The id grows with time, and is the table's order.
            Field { sort: Sort::By(|| Expr::col("id")), ..Field::time("created") },
            Field::text("name"),
            Field { column: "kind", ..Field::word("token_type") },
        ],
        OWNED,
        &[
            Field::time("expires"),
            Field::time("last_used"),
            Field::text("address"),
            Field::text("user_agent"),
            Field::reference("parent_id", "parent_id"),
            Field::reference("device_id", "device_id"),
            Field::reference("api_key_id", "api_key_id"),
            Field::reference("pipeline_run_id", "pipeline_run_id"),
        ],
    ];
}

/// Whether it is bound to a piece of work.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is described, not made: the row has the word")]
enum TokenWord {
    Generic,
    Workload,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiTokenBody {
    #[serde(flatten)]
    #[schema(inline)]
    columns: ApiTokenColumns,
    #[schema(inline)]
    status: ApiTokenStatus,
    /// The ids of the projects it is for; null is all.
    projects: Option<BTreeSet<Uuid>>,
    /// The networks it may be used from; null is all.
    #[schema(value_type = Option<Vec<String>>)]
    addresses: Option<Addresses>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiTokenMetadata {
    #[serde(flatten)]
    #[schema(inline)]
    references: ApiTokenReferences,
    /// How many live tokens were made from it, and from those: so many end with it.
    descendants: u64,
    /// The networks it was used from, the last used first.
    #[schema(inline)]
    networks: Vec<UsedNetwork>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiTokenResources {
    /// As `UserResponse`.
    #[schema(value_type = Option<Object>)]
    user: Option<Arc<UserResponse>>,
    /// The API token, or the trust rule, that it was made from; null for one that was made in a session.
    #[schema(inline)]
    parent: Option<ParentToken>,
}

/// What an API token, or a trust rule, is called that others were made from.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub(crate) struct ParentToken {
    #[schema(value_type = Uuid)]
    id: Id,
    name: String,
}

impl Resource for ApiTokenRow {
    const NAME: &'static str = "API token";
    type Body = ApiTokenBody;
    type Metadata = ApiTokenMetadata;
    type Resources = ApiTokenResources;

    fn select() -> SelectStatement {
        select_computed::<Self>(&[("revoked", is_revoked()), ("orphaned", is_orphaned())])
    }

    /// Everyone sees their own, admins all.
    fn narrow(select: &mut SelectStatement, principal: &Principal) {
        if !principal.user.body.is_admin {
            select.and_where(Expr::col("user_id").eq(principal.user.id));
        }
    }

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let users = loader.users(rows.iter().map(|row| Some(row.body.user_id))).await?;
        let now = Timestamp::new(loader.env.clock.now());
        let (descendants, mut networks) = match loader.metadata {
            true => {
                let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
                (loader.auth.register.descendants(&ids, now).await?, networks_of(&loader.store, &ids).await?)
            }
            false => (HashMap::new(), HashMap::new()),
        };
        let parents = parents_of(loader, &rows).await?;
        let keys = rows.iter().filter_map(|row| row.metadata.api_key_id).collect();
        let keys = api_keys::rotations(&loader.store, keys).await?;
        let mut response = |row: Self| {
            let (status, projects, addresses) = (row.status(&keys, now), row.projects(), row.addresses());
            let descendants = descendants.get(&row.id).copied().unwrap_or_default();
            let networks = networks.remove(&row.id).unwrap_or_default();
            let resources = loader.resources(|| ApiTokenResources {
                user: users.get(&row.body.user_id).cloned(),
                parent: pick(&parents, row.body.parent_id),
            });
            let body = ApiTokenBody { columns: row.body, status, projects, addresses };
            let metadata =
                loader.metadata(|| ApiTokenMetadata { references: row.metadata, descendants, networks });
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(&mut response).collect())
    }
}

/// The API tokens that these were made from, by their ids, and the trust rules by those of their credentials.
async fn parents_of(loader: &Loader<'_>, rows: &[ApiTokenRow]) -> ApiResult<HashMap<Id, ParentToken>> {
    let ids: BTreeSet<Id> = rows.iter().filter_map(|row| row.body.parent_id).collect();
    if !loader.resources || ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = Sql::select()
        .columns(["id", "name"])
        .from(register::TABLE)
        .and_where(Expr::col("id").is_in(ids.clone()))
        .union(
            UnionType::All,
            Sql::select()
                .columns(["credential_id", "name"])
                .from(trusts::TABLE)
                .and_where(Expr::col("credential_id").is_in(ids))
                .to_owned(),
        )
        .to_owned();
    let found: Vec<ParentToken> = loader.store.fetch_all(&query).await?;
    Ok(found.into_iter().map(|parent| (parent.id, parent)).collect())
}

/// A page of one's own tokens, or of everyone's for an admin; with `active` only those that are good, or aren't.
#[utoipa::path(
    get,
    path = API_TOKENS,
    tag = "api_tokens",
    summary = "List API Tokens",
    description = "One's own; everyone's for an admin. Filters and paging as in every other list.",
    params(
        ("active" = Option<bool>, Query, description = "Only those that are good, or only those that aren't."),
        ("unused_days" = Option<u32>, Query, description = "Only those that weren't used for so many days."),
        Paging,
        ("id" = Option<String>, Query, description = "Filter."),
        ("name" = Option<String>, Query, description = "Filter."),
        ("token_type" = Option<String>, Query, description = "generic, workload"),
        ("scope_user" = Option<String>, Query, description = "Id of the account."),
        ("user" = Option<String>, Query, description = "Name or id of the account."),
        ("created" = Option<String>, Query, description = "Filter."),
        ("expires" = Option<String>, Query, description = "Filter."),
        ("last_used" = Option<String>, Query, description = "Filter."),
        ("address" = Option<String>, Query, description = "Filter."),
        ("user_agent" = Option<String>, Query, description = "Filter."),
        ("parent_id" = Option<String>, Query, description = "Id of what it was made from."),
        ("device_id" = Option<String>, Query, description = "Id of the device that it is bound to."),
        ("api_key_id" = Option<String>, Query, description = "Id of the API key that it is bound to."),
        ("pipeline_run_id" = Option<String>, Query, description = "Id of the run that it is bound to."),
        ("hydrate" = Option<bool>, Query, description = "Whether metadata is filled.")
    ),
    responses((status = 200, description = "A page of them.", body = ApiTokenPage)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn list_api_tokens(
    cx: Context,
    mut query: QueryParams,
    list: ListRequest<ApiTokenRow>,
) -> ApiResult<PageAnswer<ApiTokenRow>> {
    let active = query.flag("active");
    let unused = unused_since(&mut query, cx.env.clock.now());
    query.finish()?;
    cx.auth.register.flush().await?;
    let mut select = ApiTokenRow::select();
    let is_active = is_active(cx.store.engine(), cx.now());
    select.cond_where(match active {
        Some(true) => Cond::all().add(is_active),
        Some(false) => Cond::all().add(is_active.not()),
        None => Cond::all(),
    });
    if let Some(since) = unused {
        select.and_where(is_unused(register::TABLE, "last_used", since));
    }
    list_of(&cx, &list, select).await
}

#[utoipa::path(
    get,
    path = API_TOKEN,
    tag = "api_tokens",
    summary = "Get API Token",
    params(("api_token_id" = Uuid, Path, description = "The token's jti.")),
    responses((status = 200, description = "The token, without its text.", body = ApiTokenResponse)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn get_api_token(cx: Context, id: PathId, hydrate: Hydrate) -> Answer<ApiTokenRow> {
    cx.auth.register.flush().await?;
    get::<ApiTokenRow>(cx, id, hydrate).await
}

/// Revokes a token and all that was made from it: they are refused from now on, here at once and on every replica within
/// a second.
#[utoipa::path(
    delete,
    path = API_TOKEN,
    tag = "api_tokens",
    summary = "Revoke API Token",
    description = "It is refused from now on: here at once, on every replica within a second.",
    params(("api_token_id" = Uuid, Path, description = "The token's jti.")),
    responses((status = 200, description = "It is revoked.", body = RevokeResponse)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn revoke_api_token(
    cx: Context,
    origin: Origin,
    PathId(id): PathId,
) -> ApiResult<Json<RevokeResponse>> {
    tasks::must_finish();
    cx.auth.register.flush().await?;
    let token = cx.find::<ApiTokenRow>(id).await?;
    let expires = token.body.expires.map(|expires| expires.to_utc().timestamp());
    let event = cx.audit.event(&origin, Action::TokenRevoked).on("api_token", id, &token.name);
    let revocation = Revocation::Token { id: id.0, expires, user_id: token.body.user_id.0 };
    let descendants = cx.auth.revocations.revoke(revocation, &event, cx.env.clock.now()).await?;
    Ok(Json(RevokeResponse { revoked: true, descendants }))
}
