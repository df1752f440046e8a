//! Accounts as the store has them, and as the API answers about them.

use std::fmt;

use sea_query::{Cond, Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::FromRow;
use uuid::Uuid;

use crate::http::error::{ApiError, ApiResult};
use crate::http::filter::{Field, by_name_or_id};
use crate::http::json::object_or_empty;
use crate::http::list::Listed;
use crate::store::{Among, Id, Store, StoreError, Timestamp};

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

impl Listed for UserRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: &'static [Field] = &[
        Field::id(),
        Field::time("created"),
        Field::time("updated"),
        Field::text("name"),
        Field::text("full_name"),
        Field::text("email"),
        Field::flag("active"),
        Field::flag("email_opted_in"),
        Field::reference("external_user_id", "external_user_id"),
    ];
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

#[derive(Serialize)]
pub struct UserResponse {
    pub body: Option<UserResponseBody>,
    pub metadata: Option<UserResponseMetadata>,
    pub resources: Option<UserResponseResources>,
    pub id: Id,
    pub permission_denied: bool,
    pub name: String,
}

/// An answer may have an activation token.
impl fmt::Debug for UserResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, .. } = self;
        formatter.debug_struct("UserResponse").field("id", id).field("name", name).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
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

#[derive(Debug, Serialize)]
pub struct UserResponseMetadata {
    pub password_changed_at: Option<Timestamp>,
    pub email: Option<String>,
    pub external_user_id: Option<Id>,
    pub user_metadata: Box<RawValue>,
    pub oidc_claims: Box<RawValue>,
}

/// A user's answer never fills these.
#[derive(Debug, Serialize)]
pub struct UserResponseResources {}

impl UserRow {
    /// The answer about this account for others; `hydrate` fills its metadata.
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
                password_changed_at: None,
                email: None,
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

    /// The answer about this account for itself: with its email, and when its password changed.
    pub fn private_response(&self) -> UserResponse {
        let mut response = self.response(true);
        if let Some(metadata) = &mut response.metadata {
            metadata.password_changed_at = self.password_changed_at;
            // A service account has no email; ZenML answers with an empty one there.
            metadata.email = if self.is_service_account { Some(String::new()) } else { self.email.clone() };
        }
        response
    }
}

impl UserResponse {
    /// The same with an activation token, which nobody can read anywhere else.
    pub fn with_activation_token(mut self, token: String) -> Self {
        if let Some(body) = &mut self.body {
            body.activation_token = Some(token);
        }
        self
    }
}

/// All accounts.
pub fn select() -> SelectStatement {
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

/// The account with that name or id. A user goes before a service account of the same name.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_account_named(store: &Store, name_or_id: &str) -> Result<Option<UserRow>, StoreError> {
    let mut query = select();
    query.and_where(by_name_or_id(name_or_id)).order_by("is_service_account", Order::Asc).limit(1);
    store.fetch_optional(&query).await
}

/// The accounts with these ids, with one query.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_accounts(store: &Store, ids: &[Id]) -> Result<Vec<UserRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    store.fetch_all(select().and_where(Expr::col("id").among(ids.iter().copied()))).await
}

/// The user with that name or id, or the service account with that id.
///
/// # Errors
/// 404 when there is none; the store's own errors.
pub async fn find(store: &Store, name_or_id: &str) -> ApiResult<UserRow> {
    let query = select().cond_where(named(name_or_id)).to_owned();
    let rows: Vec<UserRow> = store.fetch_all(&query).await?;
    pick(rows, name_or_id, |row| (row.id, &row.name)).ok_or_else(|| unknown(name_or_id))
}

/// The password of the user with that name or id. Service accounts have none.
///
/// # Errors
/// When the database doesn't answer.
pub async fn find_password(store: &Store, name_or_id: &str) -> Result<Option<PasswordRow>, StoreError> {
    let query = Sql::select()
        .columns(["id", "name", "active", "password", "password_changed_at"])
        .from("user")
        .cond_where(named(name_or_id))
        .and_where(Expr::col("is_service_account").eq(false))
        .to_owned();
    let rows: Vec<PasswordRow> = store.fetch_all(&query).await?;
    Ok(pick(rows, name_or_id, |row| (row.id, &row.name)))
}

/// What an activation token is checked against.
#[derive(FromRow)]
pub struct ActivationRow {
    pub id: Id,
    pub name: String,
    /// Of an account that waits for its activation.
    pub activation_token: Option<String>,
    pub has_password: bool,
}

/// The user with that name or id who can be activated.
pub async fn find_activation(store: &Store, name_or_id: &str) -> ApiResult<Option<ActivationRow>> {
    let query = Sql::select()
        .columns(["id", "name", "activation_token"])
        .expr_as(Expr::col("password").is_not_null(), "has_password")
        .from("user")
        .cond_where(named(name_or_id))
        .and_where(Expr::col("is_service_account").eq(false))
        .and_where(Expr::col("active").eq(false))
        .to_owned();
    let rows: Vec<ActivationRow> = store.fetch_all(&query).await?;
    Ok(pick(rows, name_or_id, |row| (row.id, &row.name)))
}

/// Users of that name, and accounts with that id.
fn named(name_or_id: &str) -> Cond {
    let is_user = Expr::col("is_service_account").eq(false);
    let condition = Cond::any().add(Expr::col("name").eq(name_or_id).and(is_user));
    match Uuid::try_parse(name_or_id) {
        Ok(id) => condition.add(Expr::col("id").eq(Id(id))),
        Err(_) => condition,
    }
}

/// The account that is meant: nobody gets another one's place by taking its id for a name. MySQL compares
/// names without case; here they are exact, on either engine.
fn pick<T>(rows: Vec<T>, name_or_id: &str, identify: fn(&T) -> (Id, &String)) -> Option<T> {
    let id = Uuid::try_parse(name_or_id).ok().map(Id);
    let rank = |row: &T| {
        let (row_id, name) = identify(row);
        if Some(row_id) == id { 0 } else { 1 + u8::from(name != name_or_id) }
    };
    rows.into_iter().filter(|row| rank(row) < 2).min_by_key(rank)
}

/// 404 for an account that isn't there.
pub fn unknown(name_or_id: impl fmt::Display) -> ApiError {
    ApiError::key(format!("\"There is no user with the name or ID '{name_or_id}'.\""))
}
