//! Who may do what to whom, and what nobody may do.

use sea_query::{Cond, Expr, ExprTrait, Query as Sql};

use super::update::UserUpdate;
use crate::accounts::admins::WaysIn;
use crate::accounts::users::UserRow;
use crate::auth::Principal;
use crate::config::AuthScheme;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Id, StoreError, Transaction, ids_where};

/// Tables of things that an account owns; whatever else refers to it goes with it, or lets go of it.
const OWNED: [&str; 22] = [
    "stack",
    "stack_component",
    "flavor",
    "pipeline",
    "schedule",
    "pipeline_run",
    "run_template",
    "step_run",
    "pipeline_build",
    "artifact",
    "artifact_version",
    "run_metadata",
    "secret",
    "pipeline_snapshot",
    "code_repository",
    "service",
    "service_connector",
    "model",
    "model_version",
    "deployment",
    "tag",
    "trigger",
];

pub(super) fn forbidden(message: impl Into<String>) -> ApiError {
    ApiError::illegal(message)
}

/// # Errors
/// 403 where another service says who people are.
pub(super) fn kept_here(scheme: AuthScheme) -> ApiResult<()> {
    match scheme {
        AuthScheme::External => Err(forbidden("The users of this server are kept by its sign-in service.")),
        _ => Ok(()),
    }
}

/// # Errors
/// 403 where people don't sign in with passwords.
pub(super) fn with_passwords(ways_in: WaysIn) -> ApiResult<()> {
    match ways_in.password {
        true => Ok(()),
        false => Err(forbidden("Passwords are turned off on this server.")),
    }
}

/// # Errors
/// 403 for anybody but an admin.
pub(crate) fn admins_only(principal: &Principal, action: &str) -> ApiResult<()> {
    if principal.user.body.is_admin { Ok(()) } else { Err(forbidden(format!("Only an admin may {action}."))) }
}

/// # Errors
/// 403 for anybody but the account itself and an admin.
pub(super) fn oneself_or_admins_only(principal: &Principal, target: &UserRow, action: &str) -> ApiResult<()> {
    if is_self(principal, target) { Ok(()) } else { admins_only(principal, action) }
}

pub(super) fn is_self(principal: &Principal, target: &UserRow) -> bool {
    principal.user.id == target.id
}

/// What an update of a user may not change.
///
/// # Errors
/// 403 with the reason.
pub(super) fn check_update(principal: &Principal, target: &UserRow, update: &UserUpdate) -> ApiResult<()> {
    oneself_or_admins_only(principal, target, "change another user")?;
    if is_self(principal, target) {
        if changes(update.is_admin, target.body.is_admin) {
            return Err(forbidden("Nobody may change whether they are an admin themselves."));
        }
        if changes(update.active, target.body.active) {
            return Err(forbidden("Nobody may change whether they are active themselves."));
        }
        return Ok(());
    }
    if update.password.is_some() {
        return Err(forbidden(
            "Nobody may change another user's password. Deactivate the user instead, and hand them the \
             activation token: it lets them set a new one.",
        ));
    }
    if update.is_about_email() {
        return Err(forbidden("Nobody may change another user's email."));
    }
    Ok(())
}

/// Whether a value is given and another than now.
pub(super) fn changes(given: Option<bool>, now: bool) -> bool {
    given.is_some_and(|given| given != now)
}

/// Whether the account owns anything that would be left without an owner.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn owns_anything(tx: &mut Transaction, id: Id) -> Result<bool, StoreError> {
    let mut owned = Cond::any();
    for table in OWNED {
        let things = ids_where(table, [Expr::col("user_id").eq(id)]);
        owned = owned.add(Expr::exists(things));
    }
    let query = Sql::select()
        .column("id")
        .from("user")
        .and_where(Expr::col("id").eq(id))
        .cond_where(owned)
        .to_owned();
    Ok(tx.fetch_optional::<(Id,)>(&query).await?.is_some())
}
