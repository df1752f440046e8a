//! Accounts as the store has them, and as the API answers about them.

use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use bytes::Bytes;
use sea_query::{Cond, Expr, ExprTrait, Order, Query as Sql, SelectStatement};
use secrecy::SecretString;
use serde::Serialize;
use sqlx_macros::FromRow;
use uuid::Uuid;

use crate::http::envelope::{NoResources, Response, ShownSecret};
use crate::http::error::{ApiError, ApiResult};
use crate::http::fields::{Field, Fields, Listed, STAMPED};
use crate::http::filter::by_name_or_id;
use crate::http::written::as_object;
use crate::store::{Id, InIds, SecretText, Store, StoreError, Stored, Timestamp, row, select_computed};

row! {
    /// An account as the store has it, without its password.
    pub struct UserRow in "user" {
        pub id: Id,
        pub name: String,
        email: Option<String>,
        pub password_changed_at: Option<Timestamp>,
    }
    body UserColumns: stamped {
        pub active: bool,
        pub full_name: String,
        email_opted_in: Option<bool>,
        pub is_service_account: bool,
        pub is_admin: bool,
        default_project_id: Option<Id>,
        avatar_url: Option<String>,
    }
    metadata UserDetails {
        pub external_user_id: Option<Id>,
        #[serde(serialize_with = "as_object")]
        user_metadata: Option<String>,
        #[serde(serialize_with = "as_object")]
        oidc_claims: Option<String>,
    }
}

impl Listed for UserRow {
    const HOLDS_SECRETS: bool = false;
    const FIELDS: Fields = &[
        STAMPED,
        &[
            Field::text("name"),
            Field::text("full_name"),
            Field::text("email"),
            Field::flag("active"),
            Field::flag("email_opted_in"),
            Field::reference("external_user_id", "external_user_id"),
        ],
    ];
}

row! {
    /// What a password is checked against.
    pub struct PasswordRow in "user" {
        pub id: Id,
        pub name: String,
        pub active: bool,
        password: Option<SecretText>,
        pub password_changed_at: Option<Timestamp>,
    }
}

impl PasswordRow {
    /// The bcrypt hash, taken out so that it isn't carried further than to its check.
    pub(crate) fn take_hash(&mut self) -> Option<SecretString> {
        self.password.take().map(|hash| hash.0)
    }
}

/// An account that is remembered for a moment, with what it is answered about itself.
#[derive(Debug)]
pub struct Account {
    row: UserRow,
    answer: OnceLock<Bytes>,
}

impl Account {
    pub fn new(row: UserRow) -> Self {
        Self { row, answer: OnceLock::new() }
    }

    /// The answer about this account for itself, as JSON, made once.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn private_answer(&self) -> Result<Bytes, serde_json::Error> {
        if let Some(answer) = self.answer.get() {
            return Ok(answer.clone());
        }
        let answer = Bytes::from(serde_json::to_vec(&self.row.clone().private_response())?);
        Ok(self.answer.get_or_init(|| answer).clone())
    }
}

impl Deref for Account {
    type Target = UserRow;

    fn deref(&self) -> &UserRow {
        &self.row
    }
}

/// The answer about an account.
pub(crate) type UserResponse = Response<UserBody, UserMetadata, NoResources>;

#[derive(Debug, Serialize)]
pub struct UserBody {
    #[serde(flatten)]
    columns: UserColumns,
    activation_token: Option<ShownSecret>,
}

#[derive(Debug, Serialize)]
pub struct UserMetadata {
    #[serde(flatten)]
    details: UserDetails,
    /// For the account itself.
    password_changed_at: Option<Timestamp>,
    email: Option<String>,
}

impl UserRow {
    /// The answer about this account for others; `hydrate` fills its metadata.
    pub fn response(self, hydrate: bool) -> UserResponse {
        let body = UserBody { columns: self.body, activation_token: None };
        let metadata = hydrate.then_some(UserMetadata {
            details: self.metadata,
            password_changed_at: None,
            email: None,
        });
        Response::named(self.id, self.name, body, metadata, None)
    }

    /// The answer about this account for itself: with its email, and when its password changed.
    pub fn private_response(self) -> UserResponse {
        // A service account has no email; ZenML answers with an empty one there.
        let email = if self.body.is_service_account { Some(String::new()) } else { self.email.clone() };
        let changed = self.password_changed_at;
        let mut response = self.response(true);
        if let Some(metadata) = &mut response.metadata {
            metadata.password_changed_at = changed;
            metadata.email = email;
        }
        response
    }
}

impl UserResponse {
    /// The same with an activation token, which nobody can read anywhere else.
    pub fn with_activation_token(mut self, token: SecretString) -> Self {
        if let Some(body) = &mut self.body {
            body.activation_token = Some(ShownSecret(token));
        }
        self
    }
}

/// All accounts.
pub(crate) fn select() -> SelectStatement {
    // MySQL's JSON type is no text to sqlx; the cast is text on each engine.
    select_computed::<UserRow>(&[("oidc_claims", Expr::col("oidc_claims").cast_as("CHAR"))])
}

/// The account with that id, user or service account.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_account(store: &Store, id: Id) -> Result<Option<UserRow>, StoreError> {
    store.fetch_optional(select().and_where(Expr::col("id").eq(id))).await
}

/// The account with that name or id. A user goes before a service account of the same name.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_account_named(
    store: &Store,
    name_or_id: &str,
) -> Result<Option<UserRow>, StoreError> {
    let mut query = select();
    query.and_where(by_name_or_id(name_or_id)).order_by("is_service_account", Order::Asc).limit(1);
    store.fetch_optional(&query).await
}

/// The accounts with these ids, with one query.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_accounts(store: &Store, ids: &[Id]) -> Result<Vec<UserRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    store.fetch_all(select().and_where(Expr::col("id").in_ids(ids.iter().copied()))).await
}

/// The user with that name or id, or the service account with that id.
///
/// # Errors
/// 404 when there is none; the store's own errors.
pub(crate) async fn find(store: &Store, name_or_id: &str) -> ApiResult<UserRow> {
    let query = select().cond_where(named(name_or_id)).to_owned();
    let rows: Vec<UserRow> = store.fetch_all(&query).await?;
    pick(rows, name_or_id, |row| (row.id, &row.name)).ok_or_else(|| unknown(name_or_id))
}

/// The password of the user with that name or id. Service accounts have none.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn find_password(
    store: &Store,
    name_or_id: &str,
) -> Result<Option<PasswordRow>, StoreError> {
    let query = PasswordRow::all()
        .cond_where(named(name_or_id))
        .and_where(Expr::col("is_service_account").eq(false))
        .to_owned();
    let rows: Vec<PasswordRow> = store.fetch_all(&query).await?;
    Ok(pick(rows, name_or_id, |row| (row.id, &row.name)))
}

/// What an activation token is checked against.
#[derive(FromRow)]
pub(crate) struct ActivationRow {
    pub id: Id,
    pub name: String,
    /// Of an account that waits for its activation.
    pub activation_token: Option<String>,
    pub has_password: bool,
}

/// The user with that name or id who can be activated.
pub(crate) async fn find_activation(store: &Store, name_or_id: &str) -> ApiResult<Option<ActivationRow>> {
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
pub(crate) fn unknown(name_or_id: impl fmt::Display) -> ApiError {
    ApiError::key(format!("\"There is no user with the name or ID '{name_or_id}'.\""))
}
