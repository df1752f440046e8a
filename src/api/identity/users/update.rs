//! Changes of users: what is asked for, and what it means column by column.

use axum::Json;
use axum::http::HeaderMap;
use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr, UpdateStatement};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use super::{credentials, rules, updated_user};
use crate::accounts::admins::{WaysIn, keep_an_admin};
use crate::accounts::names::{check_name, lock_names};
use crate::accounts::users::{self, UserResponse, UserRow};
use crate::accounts::{deactivation, operator_password};
use crate::app::App;
use crate::audit::{Action, Audit, Event, Origin};
use crate::auth::known_places::Place;
use crate::auth::password;
use crate::framework::Context;
use crate::http::error::{ApiError, ApiResult, if_taken};
use crate::http::json::JsonBody;
use crate::http::path::PathName;
use crate::http::values::{JsonObject, Name, ShortSecret, ShortText, nullable};
use crate::store::{Engine, Id, Store, StoreError, Timestamp, is_dangling};

/// A password that may be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "SecretString")]
pub struct NewPassword(SecretString);

impl TryFrom<SecretString> for NewPassword {
    type Error = password::UnusablePassword;

    fn try_from(password: SecretString) -> Result<Self, Self::Error> {
        password::check_new(&password).map(|()| Self(password))
    }
}

impl NewPassword {
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

/// Changes of a user (contract schema UserUpdate). Each route takes some of them and passes over the others.
/// Null clears what may be empty, and is as good as absent elsewhere.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct UserUpdate {
    pub name: Option<Name>,
    pub full_name: Option<ShortText>,
    #[serde(default, deserialize_with = "nullable")]
    pub email: Option<Option<ShortText>>,
    #[serde(default, deserialize_with = "nullable")]
    pub email_opted_in: Option<Option<bool>>,
    pub password: Option<NewPassword>,
    pub old_password: Option<ShortSecret>,
    pub activation_token: Option<ShortSecret>,
    pub user_metadata: Option<JsonObject>,
    #[serde(default, deserialize_with = "nullable")]
    pub avatar_url: Option<Option<String>>,
    pub is_admin: Option<bool>,
    pub active: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    pub default_project_id: Option<Option<Uuid>>,
    /// Comes from an identity provider, never from a request.
    #[allow(dead_code, reason = "only its schema is used")]
    pub external_user_id: Option<Uuid>,
    /// Comes from an identity provider, never from a request.
    #[allow(dead_code, reason = "only its schema is used")]
    pub oidc_claims: Option<JsonObject>,
}

impl UserUpdate {
    /// The email that is given, if one is.
    fn given_email(&self) -> Option<&str> {
        self.email.as_ref()?.as_ref().map(ShortText::as_str)
    }

    /// Whether the email may be used: whoever gives one agrees, unless they say otherwise.
    fn given_opt_in(&self) -> Option<bool> {
        self.email_opted_in.flatten().or(self.given_email().map(|_| true))
    }

    /// # Errors
    /// 422 for an agreement to use an email that isn't given.
    pub(crate) fn check_email(&self) -> ApiResult<()> {
        if self.given_opt_in() == Some(true) && self.given_email().is_none() {
            let message = "1 validation error:\n  {'type': 'value_error', 'loc': ('body',), \
                           'msg': 'Opting in takes an email beside it.'}\n";
            return Err(ApiError::invalid_request(message));
        }
        Ok(())
    }

    /// What is left of it where another service keeps the users.
    pub(crate) fn of_default_project(self) -> Self {
        Self { default_project_id: self.default_project_id, ..Self::default() }
    }

    /// Whether it is about the email, which only its owner may change.
    pub(crate) fn is_about_email(&self) -> bool {
        self.email_opted_in.flatten().is_some() || self.given_email().is_some()
    }
}

/// The moment before which no token counts; later than the one that it takes the place of.
#[derive(Debug)]
pub(super) struct TokensEnd(SimpleExpr);

impl TokensEnd {
    pub(super) fn at(engine: Engine, now: Timestamp) -> Self {
        Self(engine.after("password_changed_at", now))
    }
}

/// Changes that a route accepted, column by column.
#[derive(Debug)]
pub(super) struct Changes {
    values: Vec<(&'static str, SimpleExpr)>,
    name: Option<Name>,
    /// Whether they may leave the server without an admin.
    may_end_an_admin: bool,
    /// What the account is to be, if that changes.
    active: Option<bool>,
    /// When the operator has set the password.
    by_operator: Option<Timestamp>,
}

impl Changes {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            values: vec![("updated", now.into())],
            name: None,
            may_end_an_admin: false,
            active: None,
            by_operator: None,
        }
    }

    fn set(mut self, column: &'static str, value: impl Into<SimpleExpr>) -> Self {
        self.values.push((column, value.into()));
        self
    }

    fn maybe(self, column: &'static str, value: Option<impl Into<SimpleExpr>>) -> Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }

    /// What anybody may change of themselves, and an admin of everybody.
    pub(super) fn profile(mut self, update: &UserUpdate) -> Self {
        if let Some(name) = &update.name {
            self = self.set("name", name.as_str());
            self.name = Some(name.clone());
        }
        self.maybe("full_name", update.full_name.clone())
            .maybe("user_metadata", update.user_metadata.clone())
            .maybe("avatar_url", update.avatar_url.clone())
            .maybe("default_project_id", update.default_project_id.map(|id| id.map(Id)))
    }

    /// The parts of the email's consent that are given.
    pub(super) fn email(mut self, update: &UserUpdate) -> Self {
        if update.email.is_some() {
            self = self.set("email", update.given_email());
        }
        match update.email_opted_in.is_some() || update.given_email().is_some() {
            true => self.set("email_opted_in", update.given_opt_in()),
            false => self,
        }
    }

    /// The email's consent as a whole: what isn't given is taken back.
    pub(super) fn whole_email(self, update: &UserUpdate) -> Self {
        self.set("email", update.given_email()).set("email_opted_in", update.given_opt_in())
    }

    pub(super) fn password(self, hash: &SecretString, changed_at: TokensEnd) -> Self {
        self.set("password", hash.expose_secret()).set("password_changed_at", changed_at.0)
    }

    /// The operator sets the password, which is good for a time wherever passwords are turned off.
    pub(super) fn by_operator(self, now: Timestamp) -> Self {
        Self { by_operator: Some(now), ..self }
    }

    pub(super) fn admin(mut self, is_admin: bool) -> Self {
        self.may_end_an_admin |= !is_admin;
        self.set("is_admin", is_admin)
    }

    /// An activation token is good for one wait: whoever ends or begins the wait says which one counts now.
    pub(super) fn activated(mut self) -> Self {
        self.active = Some(true);
        self.set("active", true).set("activation_token", None::<String>)
    }

    /// Tokens from before `tokens_end` are over for good: no later activation brings them back.
    pub(super) fn deactivated(
        mut self,
        activation_token: Option<&SecretString>,
        tokens_end: TokensEnd,
    ) -> Self {
        self.may_end_an_admin = true;
        self.active = Some(false);
        let token = activation_token.map(|hash| hash.expose_secret().to_owned());
        self.set("active", false).set("activation_token", token).set("password_changed_at", tokens_end.0)
    }

    /// The statement that makes them, of no service account.
    pub(super) fn statement(&self, id: Id) -> UpdateStatement {
        Sql::update()
            .table("user")
            .values(self.values.iter().cloned())
            .and_where(Expr::col("id").eq(id))
            .and_where(Expr::col("is_service_account").eq(false))
            .to_owned()
    }

    /// What the audit calls them, with the fields that they change.
    pub(super) fn event(&self, audit: &Audit, origin: &Origin, id: Id, name: &str) -> Event {
        let changed: Vec<&str> = self.values.iter().map(|(column, _)| *column).collect();
        let action = match self.active {
            Some(true) => Action::UserActivated,
            Some(false) => Action::UserDeactivated,
            None if changed.contains(&"password") => Action::PasswordChanged,
            None => Action::UserUpdated,
        };
        let own = ["updated", "activation_token", "password_changed_at"];
        let changed: Vec<&str> = changed.into_iter().filter(|column| !own.contains(column)).collect();
        audit.event(origin, action).on("user", id, name).with("changed", changed)
    }

    /// Makes them, and leaves their record.
    ///
    /// # Errors
    /// 403 when they would end the last admin; 404 for a user who isn't there; what the store refuses.
    pub(super) async fn make(&self, store: &Store, ways_in: WaysIn, id: Id, event: &Event) -> ApiResult<()> {
        let touched = self.make_with(store, ways_in, (id, &self.statement(id)), event).await?;
        if touched == 0 { Err(users::unknown(id)) } else { Ok(()) }
    }

    /// As [`Changes::make`], with a statement that asks for more, and says how many rows it touched.
    ///
    /// # Errors
    /// As [`Changes::make`].
    pub(super) async fn make_with(
        &self,
        store: &Store,
        ways_in: WaysIn,
        (id, statement): (Id, &UpdateStatement),
        event: &Event,
    ) -> ApiResult<u64> {
        let made = store.write(|mut tx| async move {
            // All turns before anything is read.
            if self.name.is_some() {
                lock_names(&mut tx).await?;
            }
            if self.may_end_an_admin {
                keep_an_admin(&mut tx, id, ways_in).await?;
            }
            if let Some(name) = &self.name {
                check_name(&mut tx, store.engine(), id, name.as_str()).await?;
            }
            let touched = tx.execute(statement).await.map_err(|error| self.refused(error))?;
            if touched > 0
                && let Some(moment) = self.by_operator
            {
                operator_password::note(&mut tx, id, moment.to_utc()).await?;
            }
            if self.active == Some(false) {
                deactivation::note(&mut tx, id).await?;
            }
            Ok(match touched {
                0 => tx.commit(touched).await?,
                _ => event.commit(tx, touched).await?,
            })
        });
        made.await
    }

    /// What it means that the store refused them.
    pub(super) fn refused(&self, error: StoreError) -> ApiError {
        if is_dangling(&error) {
            return ApiError::key("\"There is no project with this default_project_id.\"");
        }
        if_taken(self.name.as_ref(), name_taken)(error)
    }
}

/// 409 for a name that another user has.
pub(super) fn name_taken(name: &Name) -> ApiError {
    let message = format!("There is a user with the name '{}' already.", name.as_str());
    ApiError::exists(message)
}

/// Changes a user.
pub(crate) async fn update_user(
    cx: Context,
    origin: Origin,
    headers: HeaderMap,
    PathName(name_or_id): PathName,
    JsonBody(mut update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    if rules::kept_here(cx.config.auth_scheme).is_err() {
        update = update.of_default_project();
    }
    let user = users::find(&cx.store, &name_or_id).await?;
    rules::check_update(&cx.principal, &user, &update)?;
    let now = cx.now();
    let changes = Changes::new(now);
    let place = Place::of(&cx, &headers, origin.client());
    let from = (&origin, &place);
    let mut changes = credentials::change_password(&cx, &user, &mut update, changes, from).await?;
    changes = changes.profile(&update);
    if rules::changes(update.is_admin, user.body.is_admin) {
        changes = changes.admin(!user.body.is_admin);
    }
    if rules::changes(update.active, user.body.active) {
        changes = match user.body.active {
            true => changes.deactivated(None, TokensEnd::at(cx.store.engine(), now)),
            false => changes.activated(),
        };
    }
    let user = make(&cx, &origin, &user, &changes).await?;
    Ok(Json(user.response(true)))
}

/// Says whether the user's email may be used. Only they themselves may say so, by their id.
pub(crate) async fn answer_email_prompt(
    cx: Context,
    origin: Origin,
    PathName(name_or_id): PathName,
    JsonBody(update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    rules::kept_here(cx.config.auth_scheme)?;
    users::find(&cx.store, &name_or_id).await?;
    let id = cx.principal.user.id;
    if Uuid::try_parse(&name_or_id) != Ok(id.0) {
        let message = "Only a user may say whether their own email may be used, and by their id.";
        return Err(ApiError::authorization(message));
    }
    let now = cx.now();
    let user = make(&cx, &origin, &cx.principal.user, &Changes::new(now).whole_email(&update)).await?;
    Ok(Json(user.response(true)))
}

/// Changes the user that the request speaks for.
pub(crate) async fn update_current_user(
    cx: Context,
    origin: Origin,
    headers: HeaderMap,
    JsonBody(mut update): JsonBody<UserUpdate>,
) -> ApiResult<Json<UserResponse>> {
    update.check_email()?;
    rules::kept_here(cx.config.auth_scheme)?;
    let now = cx.now();
    let changes = Changes::new(now);
    let place = Place::of(&cx, &headers, origin.client());
    let from = (&origin, &place);
    let changes = credentials::change_password(&cx, &cx.principal.user, &mut update, changes, from).await?;
    let user = make(&cx, &origin, &cx.principal.user, &changes.profile(&update).email(&update)).await?;
    Ok(Json(user.response(true)))
}

/// Makes changes of a user, and returns what they left.
pub(super) async fn make(
    app: &App,
    origin: &Origin,
    user: &UserRow,
    changes: &Changes,
) -> ApiResult<UserRow> {
    let id = user.id;
    let event = changes.event(&app.audit, origin, id, &user.name);
    let made = changes.make(&app.store, app.sign_in.ways_in, id, &event).await;
    app.auth.identities.forget(id.0).await;
    made?;
    updated_user(&app.store, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(json: &str) -> UserUpdate {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn whoever_gives_an_email_agrees_unless_they_say_otherwise() {
        for (json, opt_in, is_right) in [
            (r#"{"email": "a@b.example"}"#, Some(true), true),
            (r#"{"email": "a@b.example", "email_opted_in": null}"#, Some(true), true),
            (r#"{"email": "a@b.example", "email_opted_in": false}"#, Some(false), true),
            (r#"{"email_opted_in": false}"#, Some(false), true),
            (r#"{"email_opted_in": true}"#, Some(true), false),
            (r#"{"email": null, "email_opted_in": true}"#, Some(true), false),
            ("{}", None, true),
        ] {
            let update = update(json);
            assert_eq!(update.given_opt_in(), opt_in, "{json}");
            assert_eq!(update.check_email().is_ok(), is_right, "{json}");
        }
    }

    #[test]
    fn null_clears_what_may_be_empty_and_nothing_else() {
        let columns = |json: &str| {
            let changes = Changes::new(Timestamp::new(chrono::DateTime::UNIX_EPOCH)).profile(&update(json));
            let columns: Vec<&str> = changes.values.iter().map(|(column, _)| *column).collect();
            columns.join(" ")
        };
        assert_eq!(columns("{}"), "updated");
        let nulls = r#"{"name": null, "full_name": null, "user_metadata": null, "avatar_url": null,
                        "default_project_id": null, "password": null, "active": null, "is_admin": null}"#;
        assert_eq!(columns(nulls), "updated avatar_url default_project_id");
    }
}
