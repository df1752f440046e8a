//! The endpoints of users.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use sea_query::{Expr, ExprTrait, Query as Sql};
use secrecy::ExposeSecret;

use super::changes::{Changes, TokensEnd, UserRequest, UserUpdate};
use super::{credentials, rules};
use crate::accounts::admins::keep_an_admin;
use crate::accounts::identities;
use crate::accounts::names::take_name;
use crate::accounts::users::{self, UserResponse, UserRow};
use crate::app::{App, AppState};
use crate::audit::{Action, Claim, Origin};
use crate::auth::Principal;
use crate::auth::kind::Kind;
use crate::auth::known_places::Place;
use crate::framework::Context;
use crate::framework::routes::Routes;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{JsonBody, written_json};
use crate::http::list::{ListRequest, Page};
use crate::http::path::PathName;
use crate::http::query::QueryParams;
use crate::store::{Id, Store, Timestamp};

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
    let page = list.fetch(&store, &select).await?;
    let responses = |rows: Vec<UserRow>| rows.into_iter().map(|row| row.response(list.hydrate)).collect();
    Ok(page.with_items(responses))
}

/// Makes a user: active with a password, else waiting for its activation with the token in the answer.
pub(crate) async fn create_user(
    cx: Context,
    origin: Origin,
    JsonBody(mut request): JsonBody<UserRequest>,
) -> ApiResult<Json<UserResponse>> {
    let app: &App = &cx;
    rules::kept_here(app.config.auth_scheme)?;
    rules::admins_only(&cx.principal, "create users")?;
    if request.password.is_some() {
        rules::with_passwords(app)?;
    }
    let (id, now, engine) = (cx.new_id(), cx.now(), app.store.engine());
    let insert = request.insert(id, now);
    let (insert, token) = match request.password.take() {
        Some(password) => {
            let insert =
                credentials::insert_password(&app.auth.passwords, engine, insert, password, now).await?;
            (insert, None)
        }
        None => {
            let (token, hash) = credentials::new_activation_token(app).await?;
            let insert = insert.set("active", false).set("activation_token", hash.expose_secret());
            (insert, Some(token))
        }
    };
    let event = request.event(&app.audit, &origin, id);
    let (insert, request, event) = (&insert.statement(), &request, &event);
    let made = cx.create(|mut tx| async move {
        take_name(&mut tx, engine, id, request.name.as_str()).await?;
        tx.execute(insert).await.map_err(|error| request.refused(error))?;
        event.put_in(&mut tx).await?;
        Ok((tx, id))
    });
    let made = made.await?;
    if made == id {
        event.ship();
    }
    let response = updated_user(app, made).await?.response(true);
    // The token of a user whom an earlier request has made is not known any more.
    Ok(Json(match token.filter(|_| made == id) {
        Some(token) => response.with_activation_token(token),
        None => response,
    }))
}

/// One user, by name or id. A service account is found by its id too.
pub(crate) async fn get_user(
    State(store): State<Store>,
    principal: Principal,
    PathName(name_or_id): PathName,
    mut query: QueryParams,
) -> ApiResult<Json<UserResponse>> {
    let hydrate = query.flag("hydrate").unwrap_or(true);
    query.finish()?;
    let user = users::find(&store, &name_or_id).await?;
    rules::oneself_or_admins_only(&principal, &user, "see another user")?;
    Ok(Json(user.response(hydrate)))
}

/// Changes a user.
pub(crate) async fn update_user(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    headers: HeaderMap,
    PathName(name_or_id): PathName,
    JsonBody(mut update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    if rules::kept_here(app.config.auth_scheme).is_err() {
        update = update.of_default_project();
    }
    let user = users::find(&app.store, &name_or_id).await?;
    rules::check_update(&principal, &user, &update)?;
    let now = Timestamp::new(app.env.clock.now());
    let changes = Changes::new(now);
    let place = Place::of(&app, &headers, origin.client());
    let from = (&origin, &place);
    let mut changes = credentials::change_password(&app, &user, &mut update, changes, from).await?;
    changes = changes.profile(&update);
    if rules::changes(update.is_admin, user.body.is_admin) {
        changes = changes.admin(!user.body.is_admin);
    }
    if rules::changes(update.active, user.body.active) {
        changes = match user.body.active {
            true => changes.deactivated(None, TokensEnd::at(app.store.engine(), now)),
            false => changes.activated(),
        };
    }
    let user = make(&app, &origin, &user, &changes).await?;
    Ok(Json(user.response(true)))
}

/// Deletes a user who owns nothing.
#[allow(clippy::too_many_arguments, reason = "each is a part of the application, or of the request")]
pub(crate) async fn delete_user(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<()>> {
    rules::kept_here(app.config.auth_scheme)?;
    let user = users::find(&app.store, &name_or_id).await?;
    if rules::is_self(&principal, &user) {
        return Err(rules::forbidden("Nobody may delete themselves; ask another admin."));
    }
    rules::admins_only(&principal, "delete users")?;
    if user.body.is_service_account {
        return Err(users::unknown(name_or_id));
    }
    let (id, ways_in) = (user.id, app.sign_in.ways_in);
    let event = &app.audit.event(&origin, Action::UserDeleted).on("user", id, &user.name);
    let deleted = app.store.write(|mut tx| async move {
        keep_an_admin(&mut tx, id, ways_in).await?;
        if rules::owns_anything(&mut tx, id).await? {
            return Err(rules::forbidden(
                "This user owns things, such as stacks or pipelines. Delete those first, or deactivate the user.",
            ));
        }
        let devices = Sql::delete().from_table("auth_devices").and_where(Expr::col("user_id").eq(id)).to_owned();
        tx.execute(&devices).await?;
        identities::delete_all(&mut tx, id).await?;
        let user = Sql::delete().from_table("user").and_where(Expr::col("id").eq(id)).to_owned();
        let touched = tx.execute(&user).await?;
        Ok(match touched {
            0 => tx.commit(touched).await?,
            _ => event.commit(tx, touched).await?,
        })
    });
    let deleted: ApiResult<u64> = deleted.await;
    let touched = deleted?;
    app.auth.identities.forget(id.0).await;
    if touched == 0 { Err(users::unknown(name_or_id)) } else { Ok(Json(())) }
}

/// Deactivates a user. The token in the answer lets them come back, with a new password.
pub(crate) async fn deactivate_user(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathName(name_or_id): PathName,
) -> ApiResult<Json<UserResponse>> {
    rules::kept_here(app.config.auth_scheme)?;
    let user = users::find(&app.store, &name_or_id).await?;
    if rules::is_self(&principal, &user) {
        return Err(rules::forbidden("Nobody may deactivate themselves; ask another admin."));
    }
    rules::admins_only(&principal, "deactivate users")?;
    if user.body.is_service_account {
        return Err(users::unknown(name_or_id));
    }
    let (token, hash) = credentials::new_activation_token(&app).await?;
    let now = Timestamp::new(app.env.clock.now());
    let tokens_end = TokensEnd::at(app.store.engine(), now);
    let changes = Changes::new(now).deactivated(Some(&hash), tokens_end);
    let user = make(&app, &origin, &user, &changes).await?;
    Ok(Json(user.response(true).with_activation_token(token)))
}

/// Activates the user whom the activation token was made for, once.
pub(crate) async fn activate_user(
    State(app): State<AppState>,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(mut update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    rules::kept_here(app.config.auth_scheme)?;
    let (user, hash) = credentials::prove_activation(&app, &name_or_id, &mut update, &origin).await?;
    if update.password.is_none() && !user.has_password {
        return Err(ApiError::unprocessable("password: give one, since this user has none yet."));
    }
    let now = Timestamp::new(app.env.clock.now());
    let mut changes = Changes::new(now).activated().profile(&update).email(&update);
    if let Some(password) = update.password.take() {
        changes = credentials::set_password(
            &app.auth.passwords,
            app.store.engine(),
            &*app.env.clock,
            changes,
            password,
        )
        .await?;
    }
    let mut statement = changes.statement(user.id);
    // Of two activations at once, one wins.
    let is_waiting =
        Expr::col("activation_token").eq(hash.expose_secret()).and(Expr::col("active").eq(false));
    statement.and_where(is_waiting);
    let event = changes.event(&app.audit, &origin, user.id, &user.name);
    let claim = Claim { account: Some((user.id, user.name.clone())), ..Claim::of("activation_token") };
    let touched =
        changes.make_with(&app.store, app.sign_in.ways_in, (user.id, &statement), &event.by(claim)).await?;
    app.auth.identities.forget(user.id.0).await;
    match touched {
        0 => Err(credentials::refused("This activation token was used already.")),
        _ => Ok(Json(updated_user(&app, user.id).await?.response(true))),
    }
}

/// Says whether the user's email may be used. Only they themselves may say so, by their id.
pub(crate) async fn answer_email_prompt(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    rules::kept_here(app.config.auth_scheme)?;
    users::find(&app.store, &name_or_id).await?;
    let id = principal.user.id;
    if uuid::Uuid::try_parse(&name_or_id) != Ok(id.0) {
        let message = "Only a user may say whether their own email may be used, and by their id.";
        return Err(ApiError::authorization(message));
    }
    let now = Timestamp::new(app.env.clock.now());
    let user = make(&app, &origin, &principal.user, &Changes::new(now).whole_email(&update)).await?;
    Ok(Json(user.response(true)))
}

/// The account that the request speaks for.
pub(crate) async fn get_current_user(principal: Principal) -> ApiResult<Response> {
    let answer = principal.user.private_answer().map_err(|error| {
        tracing::error!(%error, "an account could not be told");
        ApiError::internal()
    })?;
    Ok(written_json(answer))
}

/// Changes the user that the request speaks for.
pub(crate) async fn update_current_user(
    State(app): State<AppState>,
    principal: Principal,
    origin: Origin,
    headers: HeaderMap,
    JsonBody(mut update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    rules::kept_here(app.config.auth_scheme)?;
    let now = Timestamp::new(app.env.clock.now());
    let changes = Changes::new(now);
    let place = Place::of(&app, &headers, origin.client());
    let from = (&origin, &place);
    let changes = credentials::change_password(&app, &principal.user, &mut update, changes, from).await?;
    let user = make(&app, &origin, &principal.user, &changes.profile(&update).email(&update)).await?;
    Ok(Json(user.response(true)))
}

/// Makes changes of a user, and returns what they left.
async fn make(app: &App, origin: &Origin, user: &UserRow, changes: &Changes) -> ApiResult<UserRow> {
    let id = user.id;
    let event = changes.event(&app.audit, origin, id, &user.name);
    let made = changes.make(&app.store, app.sign_in.ways_in, id, &event).await;
    app.auth.identities.forget(id.0).await;
    made?;
    updated_user(app, id).await
}

async fn updated_user(app: &App, id: Id) -> ApiResult<UserRow> {
    users::find_account(&app.store, id).await?.ok_or_else(|| users::unknown(id))
}
