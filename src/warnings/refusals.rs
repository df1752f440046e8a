//! Many refusals for one account.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Warnings;
use super::record::{Told, WarningKind};
use crate::audit::RefusedAccount;
use crate::store::{Id, StoreError};

/// So many within an hour are many. A person who has forgotten a password gives up before.
const MANY: i64 = 20;
const HOUR: i64 = 3600;

/// What this server has refused to each account in the hour that is running.
#[derive(Debug, Default)]
pub(super) struct RefusedOfAccounts(Mutex<Hour>);

#[derive(Debug, Default)]
struct Hour {
    number: i64,
    counts: HashMap<Id, i64>,
}

impl RefusedOfAccounts {
    /// Counts them, and gives those accounts that have many now.
    fn count(&self, refused: Vec<RefusedAccount>, now: DateTime<Utc>) -> Vec<(RefusedAccount, i64)> {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.timestamp().div_euclid(HOUR);
        if hour.number != number {
            *hour = Hour { number, counts: HashMap::new() };
        }
        let counted = refused.into_iter().map(|account| {
            let count = hour.counts.entry(account.id).or_default();
            *count += account.times;
            let count = *count;
            (account, count)
        });
        counted.filter(|(_, count)| *count >= MANY).collect()
    }
}

impl Warnings {
    /// Tells of accounts that were refused often, once a day each.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn tell_refusals(&self, refused: Vec<RefusedAccount>) -> Result<(), StoreError> {
        let now = self.clock.now();
        for (account, count) in self.refused.count(refused, now) {
            let name = account.name;
            self.tell(Told {
                once: format!("refusals:{}:{}", account.id, now.format("%Y-%m-%d")),
                kind: WarningKind::ManyRefusals,
                text: format!(
                    "{count} attempts to sign in as '{name}', or to use its credentials, were refused \
                               within an hour: the audit log has where from."
                ),
                user_id: Some(account.id),
                subject: ("user", account.id, name),
                details: json!({"count": count}),
            })
            .await?;
        }
        Ok(())
    }
}
