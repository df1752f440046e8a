//! Trust rules: whose tokens are taken in exchange for one of a service account, as admins see and change them.

pub(crate) mod create;
pub(crate) mod delete;
mod rules;
pub(crate) mod test;
pub(crate) mod update;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use sea_query::{Expr, ExprTrait, Query as Sql};
use serde::Serialize;
use serde_json::Value;
use sqlx_macros::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::users;
use crate::accounts::users::UserResponse;
use crate::app::App;
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::auth::permissions::Verb;
use crate::framework::{
    Answers, Context, Loader, PageAnswer, Resource, Response, ResponseOf, Routes, list_of,
};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, OWNED, Sort};
use crate::http::filter::by_name_or_id;
use crate::http::list::{ListRequest, Page};
use crate::http::openapi::lists::Paging;
use crate::http::path::PathName;
use crate::http::query::QueryParams;
use crate::store::{Id, Stored, Timestamp};
use crate::trusts::conditions::Conditions;
use crate::trusts::warnings::warnings;
use crate::trusts::{TrustColumns, TrustDetails, TrustRow};

pub(crate) const KIND: Kind = Kind::new("trusts").within_projects(&[]).credential();
const TRUSTS: &str = "/api/v1/trusts";
const TRUST: &str = "/api/v1/trusts/{trust_name_or_id}";
const TEST: &str = "/api/v1/trusts/test";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get(TRUSTS, list_trusts)
        .post(TRUSTS, create::create_trust)
        .get(TRUST, get_trust)
        .put(TRUST, update::update_trust)
        .delete(TRUST, delete::delete_trust)
        .post(TEST, test::test_token)
        .needs(KIND.to(Verb::Read))
}

impl Listed for TrustRow {
    const FIELDS: Fields = &[
        &[
            Field::id(),
            // The id grows with time, and is the table's order.
            Field { sort: Sort::By(|| Expr::col("id")), ..Field::time("created") },
            Field::time("updated"),
            Field::text("name"),
            Field::text("issuer"),
            Field::text("audience"),
            Field::flag("active"),
            Field::time("last_used"),
            Field::reference("service_account_id", "service_account_id"),
        ],
        OWNED,
    ];
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustBody {
    #[serde(flatten)]
    #[schema(inline)]
    columns: TrustColumns,
    /// What a token has to say: for each claim, by its path, the texts that it may be; `*` stands for any text.
    #[schema(value_type = Object)]
    conditions: Conditions,
    /// The ids of the projects that its tokens are for; null is all.
    projects: Option<BTreeSet<Uuid>>,
    /// The networks that a token is taken from, and may be used from; null is all.
    addresses: Option<Vec<String>>,
    /// Whether its issuer's keys were given; else they are looked up there.
    has_jwks: bool,
    /// What is wrong with it, if anything is.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustMetadata {
    #[serde(flatten)]
    #[schema(inline)]
    details: TrustDetails,
    /// The issuer's keys, as they were given.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// How many live tokens end with it.
    tokens: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrustResources {
    /// Null when it is gone: the rule gives nothing then.
    #[schema(inline)]
    service_account: Option<NamedAccount>,
    /// As `UserResponse`: who made it.
    #[schema(value_type = Option<Object>)]
    user: Option<Arc<UserResponse>>,
}

/// The service account that tokens are given for.
#[derive(Debug, Clone, Serialize, FromRow, ToSchema)]
pub(crate) struct NamedAccount {
    #[schema(value_type = Uuid)]
    id: Id,
    name: String,
    active: bool,
}

type TrustResponse = ResponseOf<TrustRow>;
type TrustPage = Page<TrustResponse>;

impl Resource for TrustRow {
    const NAME: &'static str = "trust rule";
    type Body = TrustBody;
    type Metadata = TrustMetadata;
    type Resources = TrustResources;

    async fn responses(loader: &Loader<'_>, rows: Vec<Self>) -> Answers<Self> {
        let users = loader.users(rows.iter().map(|row| row.body.user_id)).await?;
        let accounts = accounts(loader, rows.iter().map(|row| row.body.service_account_id)).await?;
        let counts = match loader.metadata {
            true => {
                let ids: Vec<Id> = rows.iter().map(|row| row.metadata.credential_id).collect();
                let now = Timestamp::new(loader.env.clock.now());
                loader.auth.register.descendants(&ids, now).await?
            }
            false => HashMap::new(),
        };
        let response = |row: Self| {
            let (conditions, projects) = (row.conditions().unwrap_or_default(), row.projects());
            let resources = loader.resources(|| TrustResources {
                service_account: accounts.get(&row.body.service_account_id).cloned(),
                user: row.body.user_id.and_then(|id| users.get(&id).cloned()),
            });
            let jwks = row.jwks.as_deref();
            let metadata = loader.metadata(|| TrustMetadata {
                jwks: jwks.and_then(|jwks| serde_json::from_str(jwks).ok()),
                tokens: counts.get(&row.metadata.credential_id).copied().unwrap_or_default(),
                details: row.metadata,
            });
            let body = TrustBody {
                warnings: warnings(&row.body.issuer, &conditions),
                addresses: row.addresses.map(|text| text.split(',').map(str::to_owned).collect()),
                has_jwks: jwks.is_some(),
                columns: row.body,
                conditions,
                projects,
            };
            Response::named(row.id, row.name, body, metadata, resources)
        };
        Ok(rows.into_iter().map(response).collect())
    }
}

async fn accounts(
    loader: &Loader<'_>,
    ids: impl Iterator<Item = Id>,
) -> ApiResult<HashMap<Id, NamedAccount>> {
    let ids: BTreeSet<Id> = ids.collect();
    if !loader.resources || ids.is_empty() {
        return Ok(HashMap::new());
    }
    let query = Sql::select()
        .columns(["id", "name", "active"])
        .from("user")
        .and_where(Expr::col("id").is_in(ids))
        .and_where(Expr::col("is_service_account").eq(true))
        .to_owned();
    let found: Vec<NamedAccount> = loader.store.fetch_all(&query).await?;
    Ok(found.into_iter().map(|account| (account.id, account)).collect())
}

/// # Errors
/// 403 for everyone who is not an admin.
fn require_admin(principal: &Principal) -> ApiResult<()> {
    users::admins_only(principal, "see and change trust rules")
}

/// The rule with that name or id.
async fn find(app: &App, name_or_id: &str) -> ApiResult<TrustRow> {
    let query = TrustRow::all().and_where(by_name_or_id(name_or_id)).to_owned();
    app.store.fetch_optional(&query).await?.ok_or_else(|| {
        let message = format!("\"There is no trust rule with the name or ID '{name_or_id}'\"");
        ApiError::key(message)
    })
}

#[utoipa::path(
    get,
    path = TRUSTS,
    tag = "trusts",
    summary = "List Trust Rules",
    description = "Whose tokens are taken in exchange for one of a service account. For admins. Filters and paging as \
                   in every other list.",
    params(
        Paging,
        ("id" = Option<String>, Query, description = "Filter."),
        ("name" = Option<String>, Query, description = "Filter."),
        ("issuer" = Option<String>, Query, description = "Filter."),
        ("audience" = Option<String>, Query, description = "Filter."),
        ("active" = Option<bool>, Query, description = "Filter."),
        ("created" = Option<String>, Query, description = "Filter."),
        ("updated" = Option<String>, Query, description = "Filter."),
        ("last_used" = Option<String>, Query, description = "Filter."),
        ("service_account_id" = Option<String>, Query, description = "Id of the service account."),
        ("scope_user" = Option<String>, Query, description = "Id of who made it."),
        ("user" = Option<String>, Query, description = "Name or id of who made it."),
        ("hydrate" = Option<bool>, Query, description = "Whether metadata is filled.")
    ),
    responses((status = 200, description = "A page of them.", body = TrustPage)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn list_trusts(cx: Context, list: ListRequest<TrustRow>) -> ApiResult<PageAnswer<TrustRow>> {
    require_admin(&cx.principal)?;
    cx.auth.register.flush().await?;
    list_of(&cx, &list, TrustRow::select()).await
}

#[utoipa::path(
    get,
    path = TRUST,
    tag = "trusts",
    summary = "Get Trust Rule",
    description = "By its name or id. For admins.",
    params(("trust_name_or_id" = String, Path, description = "The rule's name or id.")),
    responses((status = 200, description = "The rule.", body = TrustResponse)),
    security(("CookieOAuth2TokenBearer" = []))
)]
pub(crate) async fn get_trust(
    cx: Context,
    PathName(name_or_id): PathName,
    mut query: QueryParams,
) -> ApiResult<Json<TrustResponse>> {
    require_admin(&cx.principal)?;
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    cx.auth.register.flush().await?;
    let id = find(&cx, &name_or_id).await?.id;
    cx.answer_with::<TrustRow>(id, hydrate).await
}
