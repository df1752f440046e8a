//! The register of API tokens: who made which, when and from where, what it may do, and when it was last used. A row
//! may trail its token by half a second; what is revoked is kept elsewhere ([`super::revocation`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_query::{Expr, ExprTrait, Query, SimpleExpr};
use serde::Serialize;

use super::claims::TokenKind;
use super::{Scope, Standing};
use crate::accounts::users::Account;
use crate::audit::{Action, Record, Shipper, shortened};
use crate::store::{
    BatchRow, Beside, Cells, Id, JsonText, Store, StoreError, Timestamp, Transaction, Words, WriteBehind,
    number_of_rows,
};
use crate::tasks;

pub(crate) const TABLE: &str = "zendo_api_token";
/// Rows that may wait; a request that finds no room waits for some.
const CAPACITY: usize = 4096;
/// Rows that are swept at once.
const BATCH: u64 = 500;
/// Ids of one query.
const CHUNK: usize = 500;
/// Descendants that are counted at most.
const COUNTED: u64 = 10_000;

/// A token as it is noted when it is made.
#[derive(Debug)]
pub struct Registration {
    pub id: Id,
    /// The token that it was made from.
    pub parent_id: Id,
    pub name: String,
    pub kind: TokenKind,
    pub account: Arc<Account>,
    pub created: DateTime<Utc>,
    /// When the proof was given that it goes back to.
    pub proven: DateTime<Utc>,
    pub standing: Standing,
    pub expires: Option<DateTime<Utc>>,
    /// None for a token that may do all that its user may: most are, and thousands may wait here.
    pub scope: Option<Box<Scope>>,
    pub address: IpAddr,
    /// Texts of their own, since a header holds all of its request's.
    pub user_agent: Option<Box<str>>,
    pub request_id: Option<Box<str>>,
    /// Of the audit's record that it was issued, which is made of this: of thousands that wait, each is there once.
    pub record_id: Id,
    /// The token that was used to ask for it.
    pub asked_with: Option<Id>,
}

/// What the audit's record of a token says besides.
#[derive(Serialize)]
struct Details {
    expires: Option<i64>,
    token_type: &'static str,
}

impl Registration {
    /// The audit's record that it was issued.
    fn record(&self) -> Record<Cow<'_, str>> {
        let expires = self.expires.map(|expires| expires.timestamp());
        let details = Details { expires, token_type: self.kind.as_str() };
        let scope = self.scope.as_deref();
        Record {
            id: self.record_id,
            created: Timestamp::new(self.created),
            action: Action::TokenIssued.as_str().into(),
            result: "success".into(),
            reason: None,
            times: 1,
            user_id: Some(self.account.id),
            user_name: Some(shortened(&self.account.name)),
            credential: "token".into(),
            token_id: self.asked_with,
            api_key_id: scope.and_then(|scope| scope.api_key_id).map(Id),
            device_id: scope.and_then(|scope| scope.device_id).map(Id),
            subject_kind: Some("api_token".into()),
            subject_id: Some(self.id),
            subject_name: (!self.name.is_empty()).then(|| shortened(&self.name)),
            address: Some(self.address.to_string().into()),
            user_agent: self.user_agent.as_deref().map(Cow::Borrowed),
            request_id: self.request_id.as_deref().map(Cow::Borrowed),
            details: serde_json::value::to_raw_value(&details).ok().map(JsonText),
        }
    }
}

impl BatchRow for Registration {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "created",
        "parent_id",
        "name",
        "kind",
        "user_id",
        "proven",
        "generation",
        "password_changed",
        "expires",
        "scope",
        "projects",
        "addresses",
        "device_id",
        "api_key_id",
        "key_gen",
        "schedule_id",
        "pipeline_run_id",
        "root_run_id",
        "deployment_id",
        "address",
        "user_agent",
    ];

    const BESIDE: &'static [Beside<Self>] = &[Beside {
        table: Record::TABLE,
        columns: &Record::COLUMNS,
        put: |token, cells| token.record().put(cells),
    }];

    fn put(&self, cells: &mut Cells) {
        let whole = Scope::default();
        let scope = self.scope.as_deref().unwrap_or(&whole);
        let permissions = scope.permissions.as_ref().map(ToString::to_string);
        // A set of ids is always JSON.
        let projects = scope.projects.as_ref().and_then(|ids| serde_json::to_string(ids).ok());
        cells.id(self.id);
        cells.timestamp(Timestamp::new(self.created));
        cells.id(self.parent_id);
        cells.text(&self.name);
        cells.text(self.kind.as_str());
        cells.id(self.account.id);
        cells.timestamp(Timestamp::new(self.proven));
        cells.integer(self.standing.generation);
        cells.maybe_timestamp(self.standing.password_changed_at);
        cells.maybe_timestamp(self.expires.map(Timestamp::new));
        cells.maybe_text(permissions.as_deref());
        cells.maybe_text(projects.as_deref());
        cells.maybe_text(scope.addresses.as_ref().map(ToString::to_string).as_deref());
        cells.maybe_id(scope.device_id.map(Id));
        cells.maybe_id(scope.api_key_id.map(Id));
        cells.maybe_integer(scope.key_gen);
        cells.maybe_id(scope.schedule_id.map(Id));
        cells.maybe_id(scope.pipeline_run_id.map(Id));
        cells.maybe_id(scope.root_run_id.map(Id));
        cells.maybe_id(scope.deployment_id.map(Id));
        cells.text(&self.address.to_string());
        cells.maybe_text(self.user_agent.as_deref());
    }
}

/// Tokens that were made and are not in the store yet.
#[derive(Debug)]
pub struct Register {
    store: Store,
    queue: WriteBehind<Registration>,
    /// Who follows the audit elsewhere.
    shipper: Option<Arc<Shipper>>,
}

impl Register {
    pub(crate) fn new(store: Store, shipper: Option<Arc<Shipper>>) -> Self {
        Self { store, queue: WriteBehind::new(CAPACITY), shipper }
    }

    /// Notes a token that is being issued now, and the audit's record of that, though its caller hangs up. When tokens are made faster than the store takes them, this waits for it.
    ///
    /// # Errors
    /// When the store can't be written: the token would be in no list, leave no record, and end with nothing.
    pub async fn note(&self, registration: Registration) -> Result<(), StoreError> {
        tasks::must_finish();
        self.store.ensure_writable().await?;
        self.queue.push_or_wait(registration, &self.store, |written| self.ship(written)).await
    }

    /// Writes what was noted up to now.
    ///
    /// # Errors
    /// When the database doesn't answer; what is not written stays for the next call.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.queue.flush_and(&self.store, |written| self.ship(written)).await
    }

    fn ship(&self, written: &[Registration]) {
        if let Some(shipper) = &self.shipper {
            shipper.ship(written.iter().map(Registration::record));
        }
    }

    /// How many live tokens were made from each of these, and from those that were, at most [`COUNTED`] in all. What was
    /// noted in the last half second on another replica may be missing.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn descendants(&self, of: &[Id], now: Timestamp) -> Result<HashMap<Id, u64>, StoreError> {
        let mut counts = HashMap::new();
        let mut generation: Vec<(Id, Id)> = of.iter().map(|id| (*id, *id)).collect();
        while !generation.is_empty() {
            let mut next = Vec::new();
            for parents in generation.chunks(CHUNK) {
                let ancestor_of: HashMap<Id, Id> = parents.iter().copied().collect();
                let children = Query::select()
                    .columns(["id", "parent_id"])
                    .from(TABLE)
                    .and_where(Expr::col("parent_id").is_in(ancestor_of.keys().copied()))
                    .and_where(is_live(now))
                    .limit(COUNTED)
                    .to_owned();
                let children: Vec<(Id, Id)> = self.store.fetch_all(&children).await?;
                next.extend(
                    children.into_iter().filter_map(|(id, parent)| Some((id, *ancestor_of.get(&parent)?))),
                );
            }
            next.iter().for_each(|(_, ancestor)| *counts.entry(*ancestor).or_default() += 1);
            if counts.values().sum::<u64>() >= COUNTED {
                break;
            }
            generation = next;
        }
        Ok(counts)
    }

    /// Waits until many tokens wait to be written.
    pub async fn filling(&self) {
        self.queue.filling().await;
    }

    /// Forgets tokens that ended before `moment`, some at a time.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, moment: DateTime<Utc>) -> Result<(), StoreError> {
        self.store.sweep_all(TABLE, "id", &has_ended_before(moment), BATCH).await
    }
}

/// Notes which tokens a revocation takes along, and says how many: those that were made from that token, and from those
/// that were. Whether they are good is not asked here, since each names its ancestors itself.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn revoke_descendants(
    tx: &mut Transaction,
    of: Id,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut count = 0;
    let take_along = |parents: SimpleExpr| {
        let mut update = Query::update();
        update.table(TABLE).value("revoked_with", of).and_where(parents).and_where(is_live(now)).to_owned()
    };
    let mut last = tx.execute(&take_along(Expr::col("parent_id").eq(of))).await?;
    while last > 0 {
        count += last;
        let taken =
            Query::select().column("id").from(TABLE).and_where(Expr::col("revoked_with").eq(of)).to_owned();
        // MySQL reads no table that it changes, but for one that it has read before.
        let taken = Query::select().column("id").from_subquery(taken, "taken").to_owned();
        last = tx.execute(&take_along(Expr::col("parent_id").in_subquery(taken))).await?;
    }
    Ok(count)
}

/// How many tokens of an account are live that were made up to a moment.
///
/// # Errors
/// When the database doesn't answer.
pub(crate) async fn count_live(tx: &mut Transaction, user_id: Id, now: Timestamp) -> Result<u64, StoreError> {
    let count = Query::select()
        .expr(number_of_rows())
        .from(TABLE)
        .and_where(Expr::col("user_id").eq(user_id))
        .and_where(is_live(now))
        .to_owned();
    let count = tx.fetch_optional::<(i64,)>(&count).await?;
    Ok(count.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Neither at its end nor taken along with another.
fn is_live(now: Timestamp) -> SimpleExpr {
    let has_time = Expr::col("expires").is_null().or(Expr::col("expires").gt(now));
    has_time.and(Expr::col("revoked_with").is_null())
}

/// Whether a token has ended before a moment. One without an end of its own has ended when it was made
/// before that, and what it is bound to is over.
fn has_ended_before(moment: DateTime<Utc>) -> SimpleExpr {
    let over = |column: &'static str, table: &'static str, live: SimpleExpr| {
        let is_it = Expr::col((table, "id")).equals(("zendo_api_token", column));
        let living =
            Query::select().column((table, "id")).from(table).and_where(is_it).and_where(live).to_owned();
        Expr::exists(living).not()
    };
    let bound_to_nothing = over("pipeline_run_id", "pipeline_run", Expr::col("in_progress").eq(true))
        .and(over("schedule_id", "schedule", Expr::col("active").eq(true)))
        .and(over("deployment_id", "deployment", Expr::val(1).eq(1)));
    // Ids grow with time, so that the rest of the table isn't looked at.
    let first_after = Id::first_of(moment + TimeDelta::seconds(1));
    let has_ended = Expr::col("expires").lt(Timestamp::new(moment));
    let never_ends = Expr::col("expires").is_null().and(Expr::col("created").lt(Timestamp::new(moment)));
    Expr::col("id").lt(first_after).and(has_ended.or(never_ends.and(bound_to_nothing)))
}
