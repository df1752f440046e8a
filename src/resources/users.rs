//! Accounts: users, and service accounts, which share their table.

use axum::Json;
use sea_query::{Cond, Expr, ExprTrait, Query as Sql, SelectStatement};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

use super::object_or_empty;
use crate::auth::Principal;
use crate::http::openapi::ErrorModel;
use crate::store::{Id, Store, StoreError, Timestamp};

/// An account as the store has it, without its password.
#[derive(Debug, Clone, FromRow)]
pub struct UserRow {
    pub id: Id,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub name: String,
    pub is_service_account: bool,
    pub full_name: String,
    pub email: Option<String>,
    pub avatar_url: Option<String>,
    pub active: bool,
    pub password_changed_at: Option<Timestamp>,
    pub email_opted_in: Option<bool>,
    pub external_user_id: Option<Id>,
    pub is_admin: bool,
    pub user_metadata: Option<String>,
    pub oidc_claims: Option<String>,
    pub default_project_id: Option<Id>,
}

/// What a password is checked against.
#[derive(FromRow)]
pub struct PasswordRow {
    pub id: Id,
    pub name: String,
    pub active: bool,
    password: Option<String>,
    pub password_changed_at: Option<Timestamp>,
}

impl PasswordRow {
    /// The bcrypt hash, taken out so that it isn't carried further than to its check.
    pub fn take_hash(&mut self) -> Option<SecretString> {
        self.password.take().map(SecretString::from)
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserResponse {
    pub body: Option<UserResponseBody>,
    pub metadata: Option<UserResponseMetadata>,
    pub resources: Option<UserResponseResources>,
    pub id: Id,
    pub permission_denied: bool,
    pub name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserResponseBody {
    pub created: Timestamp,
    pub updated: Timestamp,
    pub active: bool,
    pub activation_token: Option<String>,
    pub full_name: String,
    pub email_opted_in: Option<bool>,
    pub is_service_account: bool,
    pub is_admin: bool,
    pub default_project_id: Option<Id>,
    pub avatar_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct UserResponseMetadata {
    pub password_changed_at: Option<Timestamp>,
    pub email: Option<String>,
    pub external_user_id: Option<Id>,
    #[schema(value_type = Object)]
    pub user_metadata: Box<RawValue>,
    #[schema(value_type = Object)]
    pub oidc_claims: Box<RawValue>,
}

/// A user's answer never fills these.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserResponseResources {}

impl UserRow {
    /// The answer about this account; `hydrate` fills its metadata.
    pub fn response(&self, hydrate: bool) -> UserResponse {
        UserResponse {
            body: Some(UserResponseBody {
                created: self.created,
                updated: self.updated,
                active: self.active,
                activation_token: None,
                full_name: self.full_name.clone(),
                email_opted_in: self.email_opted_in,
                is_service_account: self.is_service_account,
                is_admin: self.is_admin,
                default_project_id: self.default_project_id,
                avatar_url: self.avatar_url.clone(),
            }),
            metadata: hydrate.then(|| UserResponseMetadata {
                password_changed_at: self.password_changed_at,
                // A service account has no email; ZenML answers with an empty one there.
                email: if self.is_service_account { Some(String::new()) } else { self.email.clone() },
                external_user_id: self.external_user_id,
                user_metadata: object_or_empty(self.user_metadata.as_deref()),
                oidc_claims: object_or_empty(self.oidc_claims.as_deref()),
            }),
            resources: None,
            id: self.id,
            permission_denied: false,
            name: self.name.clone(),
        }
    }
}

fn select() -> SelectStatement {
    Sql::select()
        .columns([
            "id",
            "created",
            "updated",
            "name",
            "is_service_account",
            "full_name",
            "email",
            "avatar_url",
            "active",
            "password_changed_at",
            "email_opted_in",
            "external_user_id",
            "is_admin",
            "user_metadata",
            "default_project_id",
        ])
        // MySQL's JSON type is no text to sqlx; the cast is text on each engine.
        .expr_as(Expr::col("oidc_claims").cast_as("CHAR"), "oidc_claims")
        .from("user")
        .to_owned()
}

/// The account with that id, user or service account.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_account(store: &Store, id: Id) -> Result<Option<UserRow>, StoreError> {
    store.fetch_optional(select().and_where(Expr::col("id").eq(id))).await
}

/// The accounts with these ids, with one query.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_accounts(store: &Store, ids: &[Id]) -> Result<Vec<UserRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    store.fetch_all(select().and_where(Expr::col("id").is_in(ids.iter().copied()))).await
}

/// The password of the user with that name or id. Service accounts have none.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_password(store: &Store, name_or_id: &str) -> Result<Option<PasswordRow>, StoreError> {
    let mut by_name_or_id = Cond::any().add(Expr::col("name").eq(name_or_id));
    if let Ok(id) = Uuid::try_parse(name_or_id) {
        by_name_or_id = by_name_or_id.add(Expr::col("id").eq(Id(id)));
    }
    let query = Sql::select()
        .columns(["id", "name", "active", "password", "password_changed_at"])
        .from("user")
        .cond_where(by_name_or_id)
        .and_where(Expr::col("is_service_account").eq(false))
        .to_owned();
    let rows: Vec<PasswordRow> = store.fetch_all(&query).await?;
    // MySQL compares names without case; signing in is exact, on either engine.
    let is_exact = |row: &PasswordRow| row.name == name_or_id || Uuid::try_parse(name_or_id) == Ok(row.id.0);
    Ok(rows.into_iter().find(is_exact))
}

/// The account that the request speaks for.
#[utoipa::path(
    get,
    path = "/api/v1/current-user",
    operation_id = "get_current_user_api_v1_current_user_get",
    tag = "users",
    security(("CookieOAuth2TokenBearer" = [])),
    responses(
        (status = 200, body = UserResponse),
        (status = 401, body = ErrorModel),
        (status = 404, body = ErrorModel),
        (status = 422, body = ErrorModel)
    )
)]
pub async fn get_current_user(principal: Principal) -> Json<UserResponse> {
    Json(principal.user.response(true))
}
