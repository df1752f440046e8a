//! Refused sign-ins: the first ones of each kind are recorded at once, and a flood of them is counted.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use super::Event;
use crate::auth::throttle;

/// Refusals of one round that are recorded at once.
const AT_ONCE: usize = 16;
/// Kinds of refusal that are told apart in one round.
const KINDS: usize = 64;

/// Refused alike: the same account, address and reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    /// As it was meant, or the account's name.
    account: Option<String>,
    address: Option<IpAddr>,
    reason: String,
}

/// A refusal, with the name that was typed. It may be anything, a password too, so it is kept nowhere.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub event: Event,
    pub typed: Option<SecretString>,
}

/// Refusals of one round that are counted and not recorded yet.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Round>);

#[derive(Debug, Default)]
struct Round {
    kinds: HashMap<Kind, (Refusal, i64)>,
    /// Of more kinds than are told apart: the first one, and how many there were.
    others: Option<(Event, i64)>,
}

impl Refusals {
    /// Takes a refusal, and gives it back if it is to be recorded at once.
    pub fn take(&self, refusal: Refusal) -> Option<Refusal> {
        let kind = refusal.kind();
        let mut round = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, times)) = round.kinds.get_mut(&kind) {
            *times += 1;
            return None;
        }
        let is_at_once = round.kinds.len() < AT_ONCE;
        if round.kinds.len() < KINDS {
            let times = if is_at_once { 0 } else { 1 };
            round.kinds.insert(kind, (refusal.clone(), times));
        } else {
            let Refusal { event, .. } = refusal;
            round.others.get_or_insert((event, 0)).1 += 1;
            return None;
        }
        is_at_once.then_some(refusal)
    }

    /// Ends the round: what was counted in it.
    pub fn end_round(&self) -> Vec<(Refusal, i64)> {
        let round = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let counted = round.kinds.into_values().filter(|(_, times)| *times > 0);
        let others = round.others.map(|(event, times)| {
            let event = event.by(super::event::Claim { credential: "several", ..Default::default() });
            (Refusal { event: event.refused("many accounts or addresses at once"), typed: None }, times)
        });
        counted.chain(others).collect()
    }
}

impl Refusal {
    fn kind(&self) -> Kind {
        let named = self.event.record().user_name;
        Kind {
            account: self
                .typed
                .as_ref()
                .map(|typed| throttle::canonical(typed.expose_secret()))
                .or(named.map(Cow::into_owned)),
            address: self.event.origin.address,
            reason: self.event.refusal.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::audit::{Action, Origin};
    use crate::store::{Id, Timestamp};

    fn refusal(typed: &str) -> Refusal {
        let (id, now) = (Id(Uuid::nil()), Timestamp::new(chrono::DateTime::UNIX_EPOCH));
        let event = Event::new(&Origin::operator(), Action::SignInRefused, id, now, None).refused("wrong");
        Refusal { event, typed: Some(typed.to_owned().into()) }
    }

    #[test]
    fn the_first_is_recorded_and_the_others_are_counted() {
        let refusals = Refusals::default();
        assert!(refusals.take(refusal("ada")).is_some());
        assert!((0..999).all(|_| refusals.take(refusal("ada")).is_none()));
        assert!(refusals.take(refusal("eve")).is_some());
        let counted: Vec<i64> = refusals.end_round().into_iter().map(|(_, times)| times).collect();
        assert_eq!(counted, [999]);
        assert!(refusals.end_round().is_empty());
        assert!(refusals.take(refusal("ada")).is_some());
    }

    #[test]
    fn a_flood_of_many_names_is_a_few_records_and_none_is_forgotten() {
        let refusals = Refusals::default();
        let at_once = (0..5000).filter(|n| refusals.take(refusal(&n.to_string())).is_some()).count();
        let counted = refusals.end_round();
        assert_eq!((at_once, counted.len()), (AT_ONCE, KINDS - AT_ONCE + 1));
        assert_eq!(counted.iter().map(|(_, times)| times).sum::<i64>(), 5000 - 16);
    }
}
