//! Accounts: users, and service accounts, which share their table.

mod activate;
mod create;
mod credentials;
mod delete;
pub(crate) mod identities;
pub(crate) mod operator;
mod rules;
mod update;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use sea_query::{Expr, ExprTrait};

use self::activate::{activate_user, deactivate_user};
use self::create::create_user;
use self::delete::delete_user;
use self::update::{answer_email_prompt, update_current_user, update_user};
use crate::accounts::users::{self, UserResponse, UserRow};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::framework::Routes;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::written_json;
use crate::http::list::{ListRequest, Page};
use crate::http::path::PathName;
use crate::http::query::Hydrate;
use crate::store::{Id, Store};

pub(crate) use self::create::UserRequest;
pub(crate) use self::rules::{admins_only, owns_anything};
pub use self::update::NewPassword;
pub(crate) use crate::accounts::names::{check_name, lock_names, take_name};

pub(crate) const KIND: Kind = Kind::new("users").credential();
const USERS: &str = "/api/v1/users";
const USER: &str = "/api/v1/users/{user_name_or_id}";
const CURRENT_USER: &str = "/api/v1/current-user";

pub(crate) fn routes() -> Routes {
    Routes::of(KIND)
        .get(USERS, list_users)
        .post(USERS, create_user)
        .secret()
        .get(USER, get_user)
        .put(USER, update_user)
        .delete(USER, delete_user)
        // With the account's own token.
        .put("/api/v1/users/{user_name_or_id}/activate", activate_user)
        .open()
        .put("/api/v1/users/{user_name_or_id}/deactivate", deactivate_user)
        .put("/api/v1/users/{user_name_or_id}/email-opt-in", answer_email_prompt)
        .get(CURRENT_USER, get_current_user)
        .for_any_token()
        .put(CURRENT_USER, update_current_user)
}

/// Users; who is no admin sees themselves alone.
pub(crate) async fn list_users(
    State(store): State<Store>,
    principal: Principal,
    list: ListRequest<UserRow>,
) -> ApiResult<Page<UserResponse>> {
    let mut select = users::select();
    select.and_where(Expr::col("is_service_account").eq(false));
    if !principal.user.body.is_admin {
        select.and_where(Expr::col("id").eq(principal.user.id));
    }
    Ok(list.fetch(&store, &select).await?.map(|row| row.response(list.hydrate)))
}

/// One user, by name or id. A service account is found by its id too.
pub(crate) async fn get_user(
    State(store): State<Store>,
    principal: Principal,
    PathName(name_or_id): PathName,
    Hydrate(hydrate): Hydrate,
) -> ApiResult<Json<UserResponse>> {
    let user = users::find(&store, &name_or_id).await?;
    rules::oneself_or_admins_only(&principal, &user, "see another user")?;
    Ok(Json(user.response(hydrate)))
}

/// The account that the request speaks for.
pub(crate) async fn get_current_user(principal: Principal) -> ApiResult<Response> {
    let answer = principal.user.private_answer().map_err(|error| {
        tracing::error!(%error, "an account could not be told");
        ApiError::internal()
    })?;
    Ok(written_json(answer))
}

async fn updated_user(store: &Store, id: Id) -> ApiResult<UserRow> {
    users::find_account(store, id).await?.ok_or_else(|| users::unknown(id))
}
