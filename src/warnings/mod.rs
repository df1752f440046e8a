//! What somebody should look at before it hurts: told once, whatever the number of replicas, in a list and to the
//! receivers of webhooks.

mod key_ends;
mod networks;
mod record;
mod refusals;
mod webhooks;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sea_query::{Expr, ExprTrait, Order, Query};
use uuid::Uuid;

use self::refusals::RefusedOfAccounts;
use self::webhooks::Webhooks;
use crate::config::ZendoSettings;
use crate::env::Environment;
use crate::env::clock::SharedClock;
use crate::env::random::SharedRandomness;
use crate::recent::Recent;
use crate::store::{Id, Insert, Store, StoreError, Timestamp, is_duplicate};

pub(crate) use self::networks::TABLE as USED_NETWORKS;
use self::record::Told;
pub(crate) use self::record::Warning;

const DELIVERIES: &str = "zendo_warning_delivery";
/// For so long warnings are listed, and their deliveries tried.
const KEPT: TimeDelta = TimeDelta::days(90);
/// So many at most: a store that is full of warnings would help nobody.
const MOST_KEPT: u64 = 10_000;
const SWEPT_AT_ONCE: u64 = 500;
/// Uses of tokens that are remembered as known.
const REMEMBERED_USES: usize = 50_000;

/// Tells warnings, and remembers what was told.
#[derive(Debug)]
pub struct Warnings {
    store: Store,
    clock: SharedClock,
    random: SharedRandomness,
    webhooks: Webhooks,
    /// Tokens and networks that are in the store, and when they were brought up to date.
    known_uses: Recent<(Uuid, IpNet), DateTime<Utc>>,
    refused: RefusedOfAccounts,
}

impl Warnings {
    pub fn new(settings: &ZendoSettings, store: &Store, env: &Environment) -> Self {
        Self {
            store: store.clone(),
            clock: Arc::clone(&env.clock),
            random: Arc::clone(&env.random),
            webhooks: Webhooks::new(settings),
            known_uses: Recent::new(REMEMBERED_USES),
            refused: RefusedOfAccounts::default(),
        }
    }

    /// Keeps a warning with its deliveries, unless it was told before.
    async fn tell(&self, told: Told) -> Result<(), StoreError> {
        let now = self.clock.now();
        let id = self.random.id_in_time(now);
        let (subject_kind, subject_id, subject_name) = told.subject;
        let warning = Insert::into(Warning::TABLE)
            .set("id", id)
            .set("created", Timestamp::new(now))
            .set("once", told.once)
            .set("kind", told.kind.as_str())
            .set("text", told.text)
            .set("user_id", told.user_id)
            .set("subject_kind", subject_kind)
            .set("subject_id", subject_id)
            .set("subject_name", subject_name)
            .set("details", told.details.to_string())
            .statement();
        let delivery = |receiver: &str| {
            Insert::into(DELIVERIES)
                .set("id", self.random.id())
                .set("warning_id", id)
                .set("receiver", receiver)
                .set("attempts", 0)
                .set("due", now.timestamp())
                .statement()
        };
        let deliveries: Vec<_> = self.webhooks.marks().map(delivery).collect();
        let (warning, deliveries) = (&warning, &deliveries);
        let written = self.store.write(|mut tx| async move {
            tx.execute(warning).await?;
            for delivery in deliveries {
                tx.execute(delivery).await?;
            }
            tx.commit(()).await
        });
        match written.await {
            Err(error) if is_duplicate(&error) => Ok(()),
            written => written,
        }
    }

    /// Forgets warnings that are old, their deliveries, and where tokens were used that are listed no longer.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn sweep(&self, now: DateTime<Utc>, token_history: TimeDelta) -> Result<(), StoreError> {
        let old = Expr::col("id").lt(Id::first_of(now - KEPT));
        self.store.sweep_all(Warning::TABLE, "id", &old, SWEPT_AT_ONCE).await?;
        let newest = Query::select()
            .column("id")
            .from(Warning::TABLE)
            .order_by("id", Order::Desc)
            .limit(1)
            .offset(MOST_KEPT)
            .to_owned();
        if let Some((id,)) = self.store.fetch_optional::<(Id,)>(&newest).await? {
            let beyond = Expr::col("id").lte(id);
            self.store.sweep_all(Warning::TABLE, "id", &beyond, SWEPT_AT_ONCE).await?;
        }
        let warning = Query::select()
            .expr(Expr::val(1))
            .from(Warning::TABLE)
            .and_where(Expr::col((Warning::TABLE, "id")).equals((DELIVERIES, "warning_id")))
            .to_owned();
        // What waits for a receiver that left the settings waits as long: it may be back.
        let is_over = Expr::exists(warning).not();
        self.store.sweep_all(DELIVERIES, "id", &is_over, SWEPT_AT_ONCE).await?;
        networks::sweep(&self.store, now - token_history).await
    }
}

/// A moment as a warning says it.
fn dated(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}
