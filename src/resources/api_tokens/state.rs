//! Which tokens of the register are good, as the store tells it.

use sea_query::{Expr, ExprTrait, Query as Sql, SimpleExpr};

use crate::auth::{register, revocation};
use crate::resources::api_keys;
use crate::store::{Engine, Timestamp};

fn column(name: &'static str) -> SimpleExpr {
    Expr::col((register::TABLE, name))
}

/// Whether it was taken back, or what it was made from, or all of its account. What goes further back than its parent is
/// noted with it ([`register::revoke_descendants`]).
pub fn is_revoked() -> SimpleExpr {
    let with = |own: &'static str, ended: SimpleExpr| {
        let revoked = Sql::select()
            .expr(Expr::val(1))
            .from(revocation::TOKENS)
            .and_where(Expr::col((revocation::TOKENS, "jti")).eq(column(own)))
            .and_where(ended)
            .to_owned();
        Expr::exists(revoked)
    };
    let itself = with("id", Expr::val(1).eq(1));
    let parent = with("parent_id", Expr::col((revocation::TOKENS, "alone")).eq(false));
    let with_all = Sql::select()
        .expr(Expr::val(1))
        .from(revocation::ACCOUNTS)
        .and_where(Expr::col((revocation::ACCOUNTS, "user_id")).eq(column("user_id")))
        .and_where(is_before_all())
        .to_owned();
    let taken_along = column("revoked_with").is_not_null();
    itself.or(parent).or(taken_along).or(Expr::exists(with_all))
}

/// As [`crate::auth::standing::RevokedBefore`] has it.
fn is_before_all() -> SimpleExpr {
    let of_account = |name: &'static str| Expr::col((revocation::ACCOUNTS, name));
    let remembers = column("generation").is_not_null().and(of_account("position").gt(0));
    Expr::case(remembers, of_account("position").gt(column("generation")))
        .finally(of_account("revoked_before").gte(column("proven")))
        .into()
}

/// Whether its account is gone or not active, or has another password since, or whether its device, key or run has
/// ended. That its key was rotated needs the time: [`has_rotated_key`].
pub fn is_orphaned() -> SimpleExpr {
    let lives = |own: &'static str, table: &'static str, live: SimpleExpr| {
        let living = Sql::select()
            .expr(Expr::val(1))
            .from(table)
            .and_where(Expr::col((table, "id")).eq(column(own)))
            .and_where(live)
            .to_owned();
        Expr::exists(living)
    };
    let changed = Expr::col(("user", "password_changed_at"));
    let same_password = Expr::case(column("generation").is_null(), changed.clone().lte(column("proven")))
        .finally(changed.clone().eq(column("password_changed")));
    let same_password = changed.is_null().or(same_password);
    let is_machine = Expr::col(("user", "is_service_account")).eq(true);
    let account = Expr::col(("user", "active")).eq(true).and(is_machine.or(same_password));
    let has_ended =
        |own: &'static str, table, live| column(own).is_not_null().and(lives(own, table, live).not());
    lives("user_id", "user", account)
        .not()
        .or(has_ended("device_id", "auth_devices", Expr::col(("auth_devices", "status")).eq("active")))
        .or(has_ended("api_key_id", "api_key", Expr::col(("api_key", "active")).eq(true)))
        .or(has_ended("pipeline_run_id", "pipeline_run", Expr::col(("pipeline_run", "in_progress")).eq(true)))
        .or(has_ended("root_run_id", "pipeline_run", Expr::col(("pipeline_run", "in_progress")).eq(true)))
        .or(has_ended("schedule_id", "schedule", Expr::col(("schedule", "active")).eq(true)))
        .or(has_ended("deployment_id", "deployment", Expr::val(1).eq(1)))
}

/// Whether it was made with a secret of its key that is good no longer.
fn has_rotated_key(engine: Engine, now: Timestamp) -> SimpleExpr {
    let good = Sql::select()
        .expr(Expr::val(1))
        .from(api_keys::TABLE)
        .and_where(Expr::col((api_keys::TABLE, "id")).eq(column("api_key_id")))
        .and_where(api_keys::is_good(engine, column("key_gen"), now))
        .to_owned();
    column("key_gen").is_not_null().and(Expr::exists(good).not())
}

/// A token that is still good.
pub fn is_active(engine: Engine, now: Timestamp) -> SimpleExpr {
    let has_time = Expr::col("expires").is_null().or(Expr::col("expires").gt(now));
    let has_ended = is_orphaned().or(has_rotated_key(engine, now));
    has_time.and(is_revoked().not()).and(has_ended.not())
}
