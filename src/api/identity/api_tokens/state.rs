//! Which tokens of the register are good, as the store tells it.

use sea_query::{Expr, ExprTrait, JoinType, Query as Sql, SimpleExpr};

use crate::accounts::api_keys::{self, TABLE};
use crate::auth::{register, revocation};
use crate::store::{Engine, Timestamp};

/// A row of the register, by what the statement calls it.
#[derive(Clone, Copy)]
struct Token(&'static str);

/// The row that the statement is about.
const ITSELF: Token = Token(register::TABLE);
/// The token that its API key was made with.
const MAKER: Token = Token("maker");

impl Token {
    fn column(self, name: &'static str) -> SimpleExpr {
        Expr::col((self.0, name))
    }

    /// As [`is_revoked`].
    fn is_revoked(self) -> SimpleExpr {
        let with = |own: &'static str, ended: SimpleExpr| {
            let revoked = Sql::select()
                .expr(Expr::val(1))
                .from(revocation::TOKENS)
                .and_where(Expr::col((revocation::TOKENS, "jti")).eq(self.column(own)))
                .and_where(ended)
                .to_owned();
            Expr::exists(revoked)
        };
        let itself = with("id", Expr::val(1).eq(1));
        let parent = with("parent_id", Expr::col((revocation::TOKENS, "alone")).eq(false));
        let with_all = Sql::select()
            .expr(Expr::val(1))
            .from(revocation::ACCOUNTS)
            .and_where(Expr::col((revocation::ACCOUNTS, "user_id")).eq(self.column("user_id")))
            .and_where(self.is_before_all())
            .to_owned();
        let taken_along = self.column("revoked_with").is_not_null();
        itself.or(parent).or(taken_along).or(Expr::exists(with_all))
    }

    /// As [`crate::auth::standing::RevokedBefore`] has it.
    fn is_before_all(self) -> SimpleExpr {
        let of_account = |name: &'static str| Expr::col((revocation::ACCOUNTS, name));
        let remembers = self.column("generation").is_not_null().and(of_account("position").gt(0));
        Expr::case(remembers, of_account("position").gt(self.column("generation")))
            .finally(of_account("revoked_before").gte(self.column("proven")))
            .into()
    }

    /// Whether its account is gone or not active, or has another password since, or whether its device, key or run has
    /// ended. That its key was rotated needs the time: [`has_rotated_key`].
    fn is_orphaned(self) -> SimpleExpr {
        let lives = |own: &'static str, table: &'static str, live: SimpleExpr| {
            let living = Sql::select()
                .expr(Expr::val(1))
                .from(table)
                .and_where(Expr::col((table, "id")).eq(self.column(own)))
                .and_where(live)
                .to_owned();
            Expr::exists(living)
        };
        let changed = Expr::col(("user", "password_changed_at"));
        let same_password =
            Expr::case(self.column("generation").is_null(), changed.clone().lte(self.column("proven")))
                .finally(changed.clone().eq(self.column("password_changed")));
        let same_password = changed.is_null().or(same_password);
        let is_machine = Expr::col(("user", "is_service_account")).eq(true);
        let account = Expr::col(("user", "active")).eq(true).and(is_machine.or(same_password));
        let has_ended = |own: &'static str, table: &'static str, flag: &'static str| {
            let live = Expr::col((table, flag)).eq(true);
            self.column(own).is_not_null().and(lives(own, table, live).not())
        };
        let is_active = Expr::col(("auth_devices", "status")).eq("active");
        let device =
            self.column("device_id").is_not_null().and(lives("device_id", "auth_devices", is_active).not());
        let any = lives("deployment_id", "deployment", Expr::val(1).eq(1));
        let deployment = self.column("deployment_id").is_not_null().and(any.not());
        lives("user_id", "user", account)
            .not()
            .or(device)
            .or(has_ended("api_key_id", TABLE, "active"))
            .or(has_ended("pipeline_run_id", "pipeline_run", "in_progress"))
            .or(has_ended("root_run_id", "pipeline_run", "in_progress"))
            .or(has_ended("schedule_id", "schedule", "active"))
            .or(deployment)
    }
}

/// Whether it was taken back, or what it was made from, or all of its account. What goes further back than its parent is
/// noted with it ([`register::revoke_descendants`]).
pub(super) fn is_revoked() -> SimpleExpr {
    ITSELF.is_revoked()
}

/// Whether what it belongs to has ended, or what the API key was made with that it comes from.
pub(super) fn is_orphaned() -> SimpleExpr {
    ITSELF.is_orphaned().or(has_ended_maker())
}

fn has_ended_maker() -> SimpleExpr {
    let key = |name: &'static str| Expr::col((TABLE, name));
    let digest = |name: &'static str| Expr::col(("zendo_api_key_digest", name));
    let is_current = key("key_generation").eq(ITSELF.column("key_gen"));
    let secret = Expr::case(is_current, key("key")).finally(key("previous_key"));
    let ended = Sql::select()
        .expr(Expr::val(1))
        .from(TABLE)
        .inner_join("zendo_api_key_digest", digest("key_hash").eq(secret))
        .join_as(JoinType::InnerJoin, register::TABLE, MAKER.0, MAKER.column("id").eq(digest("made_with_id")))
        .and_where(key("id").eq(ITSELF.column("api_key_id")))
        .and_where(MAKER.is_revoked().or(MAKER.is_orphaned()))
        .to_owned();
    ITSELF.column("api_key_id").is_not_null().and(Expr::exists(ended))
}

/// Whether it was made with a secret of its key that is good no longer.
fn has_rotated_key(engine: Engine, now: Timestamp) -> SimpleExpr {
    let good = Sql::select()
        .expr(Expr::val(1))
        .from(TABLE)
        .and_where(Expr::col((TABLE, "id")).eq(ITSELF.column("api_key_id")))
        .and_where(api_keys::is_good(engine, ITSELF.column("key_gen"), now))
        .to_owned();
    ITSELF.column("key_gen").is_not_null().and(Expr::exists(good).not())
}

/// A token that is still good.
pub(super) fn is_active(engine: Engine, now: Timestamp) -> SimpleExpr {
    let has_time = Expr::col("expires").is_null().or(Expr::col("expires").gt(now));
    let has_ended = is_orphaned().or(has_rotated_key(engine, now));
    has_time.and(is_revoked().not()).and(has_ended.not())
}
