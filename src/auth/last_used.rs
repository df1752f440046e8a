//! When API keys, devices and API tokens were last used: kept in memory and written in batches, never by the request itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sea_query::{Cond, Expr, ExprTrait, Query};

use super::register;
use crate::store::{Id, Store, StoreError, Timestamp};

/// Rows that one statement changes at most.
const BATCH: usize = 200;
const PARTS: usize = 64;
/// Networks of one credential that are told apart between two writes, besides the first.
const NETWORKS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    ApiKey,
    Device,
    ApiToken,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Device => "auth_devices",
            Self::ApiToken => register::TABLE,
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::ApiKey | Self::Device => "last_login",
            Self::ApiToken => "last_used",
        }
    }
}

/// A use of an API token, and the network it came from.
#[derive(Debug, Clone, Copy)]
pub struct TokenUse {
    pub token_id: Id,
    pub network: IpNet,
    pub moment: DateTime<Utc>,
}

/// What was noted of a credential.
#[derive(Debug)]
struct Use {
    moment: DateTime<Utc>,
    /// Of most there is one.
    network: Option<IpNet>,
    others: Vec<IpNet>,
}

/// Uses that are not written yet, in parts by the credential, each with a lock of its own: all requests come here.
#[derive(Debug)]
pub struct LastUsed([Mutex<Uses>; PARTS]);

type Uses = HashMap<(Kind, Id), Use>;

impl Default for LastUsed {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

/// The network that an address counts for: a household's, or a rack's.
fn network_of(address: IpAddr) -> IpNet {
    let (address, prefix) = match address.to_canonical() {
        address @ IpAddr::V4(_) => (address, 24),
        address @ IpAddr::V6(_) => (address, 64),
    };
    IpNet::new(address, prefix).unwrap_or_else(|_| IpNet::from(address)).trunc()
}

impl LastUsed {
    pub fn api_key(&self, id: Id, now: DateTime<Utc>) {
        self.note(Kind::ApiKey, id, now, None);
    }

    pub fn device(&self, id: Id, now: DateTime<Utc>) {
        self.note(Kind::Device, id, now, None);
    }

    pub fn api_token(&self, id: Id, now: DateTime<Utc>, address: Option<IpAddr>) {
        self.note(Kind::ApiToken, id, now, address.map(network_of));
    }

    fn note(&self, kind: Kind, id: Id, now: DateTime<Utc>, network: Option<IpNet>) {
        // The last bits are random in each version of UUID.
        let part = &self.0[usize::from(id.0.as_bytes()[15]) % PARTS];
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let noted =
            part.entry((kind, id)).or_insert_with(|| Use { moment: now, network, others: Vec::new() });
        noted.moment = now;
        if noted.network != network
            && let Some(network) = network
            && noted.others.len() < NETWORKS
            && !noted.others.contains(&network)
        {
            noted.others.push(network);
        }
    }

    /// Writes what was noted since the last time, each second's uses with one statement, and gives the uses of tokens.
    ///
    /// # Errors
    /// When the database doesn't answer: what was not written is lost, which only dates a use too early.
    pub async fn write(&self, store: &Store) -> Result<Vec<TokenUse>, StoreError> {
        let take =
            |part: &Mutex<Uses>| std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner));
        let noted: Vec<((Kind, Id), Use)> = self.0.iter().flat_map(take).collect();
        let mut rows: Vec<(Kind, Id, DateTime<Utc>)> =
            noted.iter().map(|((kind, id), used)| (*kind, *id, used.moment)).collect();
        let second = |(kind, _, moment): &(Kind, Id, DateTime<Utc>)| (*kind, moment.timestamp());
        rows.sort_unstable_by_key(second);
        for rows in rows.chunk_by(|a, b| second(a) == second(b)).flat_map(|rows| rows.chunks(BATCH)) {
            let Some(&(kind, _, _)) = rows.first() else { continue };
            let Some(moment) = rows.iter().map(|(_, _, moment)| *moment).max() else { continue };
            let moment = Timestamp::new(moment);
            let is_earlier =
                Cond::any().add(Expr::col(kind.column()).is_null()).add(Expr::col(kind.column()).lt(moment));
            let update = Query::update()
                .table(kind.table())
                .value(kind.column(), moment)
                .and_where(Expr::col("id").is_in(rows.iter().map(|(_, id, _)| *id)))
                .cond_where(is_earlier)
                .to_owned();
            store.execute(&update).await?;
        }
        let of_token = |((_, id), used): ((Kind, Id), Use)| {
            let (token_id, moment) = (id, used.moment);
            let networks = used.network.into_iter().chain(used.others);
            networks.map(move |network| TokenUse { token_id, network, moment })
        };
        Ok(noted.into_iter().flat_map(of_token).collect())
    }
}
