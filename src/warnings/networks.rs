//! From which networks API tokens are used, and that one is used from another than before.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sea_query::{Expr, ExprTrait, Query};
use serde_json::json;
use sqlx_macros::FromRow;

use super::Warnings;
use super::record::{Told, WarningKind};
use crate::auth::last_used::TokenUse;
use crate::auth::register;
use crate::env::clock::is_within;
use crate::store::{Id, Insert, Store, StoreError, Timestamp, is_duplicate};

pub(crate) const TABLE: &str = "zendo_token_network";
/// A use from a known network is noted again after so long.
const REFRESHED: TimeDelta = TimeDelta::minutes(10);
/// Networks of one token that are kept and told: one that moves all the time is told of no more.
const OF_A_TOKEN: usize = 8;
const AT_ONCE: usize = 200;
const SWEPT_AT_ONCE: u64 = 500;

#[derive(FromRow)]
struct Token {
    id: Id,
    name: String,
    user_id: Id,
}

impl Warnings {
    /// Notes where tokens were used, and tells of those that were used elsewhere than before.
    ///
    /// # Errors
    /// When the database doesn't answer: what was not noted is lost until the next use.
    pub async fn note_uses(&self, uses: Vec<TokenUse>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let is_new = |used: &TokenUse| {
            let noted = self.known_uses.get(&(used.token_id.0, used.network));
            noted.is_none_or(|noted| !is_within(noted, REFRESHED, now))
        };
        let uses: Vec<TokenUse> = uses.into_iter().filter(is_new).collect();
        for uses in uses.chunks(AT_ONCE) {
            self.note_some(uses).await?;
            for used in uses {
                self.known_uses.insert((used.token_id.0, used.network), now);
            }
        }
        Ok(())
    }

    async fn note_some(&self, uses: &[TokenUse]) -> Result<(), StoreError> {
        let ids: BTreeSet<Id> = uses.iter().map(|used| used.token_id).collect();
        let mut known = networks_of(&self.store, &ids).await?;
        let mut elsewhere = Vec::new();
        for used in uses {
            let before = known.entry(used.token_id).or_default();
            let network = used.network.to_string();
            match before.contains(&network) {
                true => self.store.execute(&again(used, &network)).await.map(drop)?,
                false if before.len() >= OF_A_TOKEN => {}
                false => {
                    insert(&self.store, used, &network).await?;
                    if !before.is_empty() {
                        elsewhere.push((*used, before.iter().cloned().collect::<Vec<String>>()));
                    }
                    before.insert(network);
                }
            }
        }
        self.tell_elsewhere(elsewhere).await
    }

    async fn tell_elsewhere(&self, elsewhere: Vec<(TokenUse, Vec<String>)>) -> Result<(), StoreError> {
        if elsewhere.is_empty() {
            return Ok(());
        }
        let query = Query::select()
            .columns(["id", "name", "user_id"])
            .from(register::TABLE)
            .and_where(Expr::col("id").is_in(elsewhere.iter().map(|(used, _)| used.token_id)))
            .to_owned();
        let tokens: Vec<Token> = self.store.fetch_all(&query).await?;
        let tokens: HashMap<Id, Token> = tokens.into_iter().map(|token| (token.id, token)).collect();
        for (used, before) in elsewhere {
            if let Some(token) = tokens.get(&used.token_id) {
                self.tell(token.told(used.network, &before)).await?;
            }
        }
        Ok(())
    }
}

impl Token {
    fn told(&self, network: IpNet, before: &[String]) -> Told {
        let name = if self.name.is_empty() { self.id.to_string() } else { self.name.clone() };
        let seen = before.join(", ");
        Told {
            once: format!("elsewhere:{}:{network}", self.id),
            kind: WarningKind::TokenUsedElsewhere,
            text: format!("API token '{name}' was used from {network}, and before from {seen}."),
            user_id: Some(self.user_id),
            subject: ("api_token", self.id, self.name.clone()),
            details: json!({"network": network.to_string(), "before": before}),
        }
    }
}

/// The networks from which these tokens were used.
async fn networks_of(store: &Store, ids: &BTreeSet<Id>) -> Result<HashMap<Id, BTreeSet<String>>, StoreError> {
    let query = Query::select()
        .columns(["token_id", "network"])
        .from(TABLE)
        .and_where(Expr::col("token_id").is_in(ids.iter().copied()))
        .to_owned();
    let rows: Vec<(Id, String)> = store.fetch_all(&query).await?;
    let mut known = HashMap::<Id, BTreeSet<String>>::new();
    for (id, network) in rows {
        known.entry(id).or_default().insert(network);
    }
    Ok(known)
}

fn again(used: &TokenUse, network: &str) -> sea_query::UpdateStatement {
    Query::update()
        .table(TABLE)
        .value("last_used", Timestamp::new(used.moment))
        .and_where(Expr::col("token_id").eq(used.token_id))
        .and_where(Expr::col("network").eq(network))
        .to_owned()
}

async fn insert(store: &Store, used: &TokenUse, network: &str) -> Result<(), StoreError> {
    let moment = Timestamp::new(used.moment);
    let row = Insert::into(TABLE)
        .set("token_id", used.token_id)
        .set("network", network)
        .set("first_used", moment)
        .set("last_used", moment)
        .statement();
    match store.execute(&row).await {
        // Another replica was faster.
        Err(error) if is_duplicate(&error) => Ok(()),
        done => done.map(drop),
    }
}

/// Forgets where tokens were used that were made before `moment`, and that the register has forgotten.
pub(super) async fn sweep(store: &Store, moment: DateTime<Utc>) -> Result<(), StoreError> {
    let token = Query::select()
        .expr(Expr::val(1))
        .from(register::TABLE)
        .and_where(Expr::col((register::TABLE, "id")).equals((TABLE, "token_id")))
        .to_owned();
    // Ids grow with time, so that the rest of the table isn't looked at.
    let is_over = Expr::col("token_id").lt(Id::first_of(moment)).and(Expr::exists(token).not());
    store.sweep_all(TABLE, "token_id", &is_over, SWEPT_AT_ONCE).await
}
