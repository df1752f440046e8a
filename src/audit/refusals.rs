//! What strangers leave in the audit: refused sign-ins, and devices that ask. The first of each kind in a minute is
//! recorded at once, the others are counted in its record, and so many kinds are told apart and no more: nobody fills the
//! store without a credential.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::event::Claim;
use super::{Action, Actor, Event};
use crate::accounts::names::canonical;
use crate::store::{Id, Words};

/// What is alike within so long is one record.
const WINDOW: Duration = Duration::from_mins(1);
/// Kinds of one window that are recorded at once; others are within half a second.
const AT_ONCE: usize = 16;
/// Kinds that are told apart in one window, and of one address.
const KINDS: usize = 64;
const OF_ADDRESS: usize = 16;

/// Alike: the same account or device, address and reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    action: &'static str,
    /// As it was meant, or the account's name; or the device.
    account: Option<String>,
    address: Option<IpAddr>,
    /// None where there were too many.
    reason: Option<String>,
}

/// What a stranger did, with the name that was typed. It may be anything, a password too, so it is kept nowhere.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub event: Event,
    pub typed: Option<SecretString>,
}

/// What was counted of a kind, and is not in the store yet.
#[derive(Debug)]
pub(super) struct Counted {
    pub kind: Kind,
    pub refusal: Refusal,
    pub times: i64,
    /// Whether there is a record of it already, which is to have the new number.
    pub is_recorded: bool,
    /// Whether its window is over, and the number its last.
    pub is_last: bool,
}

/// How often an account was refused since the last time.
#[derive(Debug, Clone)]
pub struct RefusedAccount {
    pub id: Id,
    pub name: String,
    pub times: i64,
}

#[derive(Debug)]
struct Count {
    refusal: Refusal,
    times: i64,
    /// Whose sign-in it was, as soon as that is known.
    account: Option<(Id, String)>,
    /// How many were told of the account.
    told: i64,
    /// How many are in the store.
    recorded: i64,
}

/// What was done lately, kind by kind.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    kinds: HashMap<Kind, Count>,
    of_address: HashMap<Option<IpAddr>, usize>,
}

impl Refusals {
    /// Takes a refusal, and gives it back if it is to be recorded at once.
    pub(super) fn take(&self, refusal: Refusal, now: Instant) -> Option<Refusal> {
        let mut window = self.window();
        window.began.get_or_insert(now);
        let (kind, refusal) = window.told_apart(refusal);
        if let Some(count) = window.kinds.get_mut(&kind) {
            count.times += 1;
            return None;
        }
        let is_at_once = window.kinds.len() < AT_ONCE;
        *window.of_address.entry(kind.address).or_default() += 1;
        let recorded = i64::from(is_at_once);
        window
            .kinds
            .insert(kind, Count { refusal: refusal.clone(), times: 1, account: None, told: 0, recorded });
        is_at_once.then_some(refusal)
    }

    /// What was counted since the last time; [`Refusals::recorded`] says what of it came to the store.
    pub(super) fn counted(&self, now: Instant, is_end: bool) -> Vec<Counted> {
        let mut window = self.window();
        let is_last =
            is_end || window.began.is_some_and(|began| now.saturating_duration_since(began) >= WINDOW);
        let counted = window
            .kinds
            .iter()
            .filter(|(_, count)| count.times > count.recorded || (is_last && count.times > 1));
        let counted: Vec<Counted> = counted
            .map(|(kind, count)| Counted {
                kind: kind.clone(),
                refusal: count.refusal.clone(),
                times: count.times,
                is_recorded: count.recorded > 0,
                is_last,
            })
            .collect();
        if is_last {
            window.kinds.retain(|_, count| count.times > count.recorded);
            window.of_address.clear();
            window.began = (!window.kinds.is_empty()).then_some(now);
        }
        counted
    }

    /// Notes whose sign-in the refusal with this event was.
    pub(super) fn identify(&self, event: &Event) {
        let Actor::Claimed(claim) = &event.origin.actor else { return };
        let Some(account) = &claim.account else { return };
        let mut window = self.window();
        if let Some(count) = window.kinds.values_mut().find(|count| count.refusal.event.id == event.id) {
            count.account = Some(account.clone());
        }
    }

    /// How often accounts were refused since the last time.
    pub(super) fn of_accounts(&self) -> Vec<RefusedAccount> {
        let mut window = self.window();
        let refused = window.kinds.values_mut().filter_map(|count| {
            let is_refused = count.refusal.event.action == Action::SignInRefused && count.times > count.told;
            let (id, name) = count.account.clone().filter(|_| is_refused)?;
            let times = count.times - std::mem::replace(&mut count.told, count.times);
            Some(RefusedAccount { id, name, times })
        });
        refused.collect()
    }

    /// Notes that so many of a kind are in the store.
    pub(super) fn recorded(&self, counted: &Counted) {
        let mut window = self.window();
        if let Some(count) = window.kinds.get_mut(&counted.kind) {
            count.recorded = count.recorded.max(counted.times);
            if counted.is_last && count.times == count.recorded {
                window.kinds.remove(&counted.kind);
            }
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    /// The kind that a refusal counts for: its own, where there is room to tell it apart.
    fn told_apart(&self, refusal: Refusal) -> (Kind, Refusal) {
        let kind = refusal.kind();
        let is_full = |most: usize, number: usize| number >= most;
        if self.kinds.contains_key(&kind) {
            return (kind, refusal);
        }
        let several = |kind: Kind, refusal: Refusal, what: &str| {
            let kind = Kind { account: None, reason: None, ..kind };
            let event =
                refusal.event.by(Claim { credential: "several", ..Claim::default() }).without_subject();
            let event = if event.refusal.is_some() { event.refused(what) } else { event };
            (kind, Refusal { event, typed: None })
        };
        let of_address = self.of_address.get(&kind.address).copied().unwrap_or_default();
        let is_several = Kind { account: None, reason: None, ..kind.clone() };
        if self.kinds.contains_key(&is_several) {
            return several(kind, refusal, "");
        }
        if is_full(KINDS, self.kinds.len()) {
            return several(Kind { address: None, ..kind }, refusal, "many accounts or addresses at once");
        }
        match is_full(OF_ADDRESS, of_address) {
            true => several(kind, refusal, "many accounts or reasons of one address"),
            false => (kind, refusal),
        }
    }
}

impl Refusal {
    fn kind(&self) -> Kind {
        let record = self.event.record();
        let typed = self.typed.as_ref().map(|typed| canonical(typed.expose_secret()));
        let device = record.subject_id.filter(|_| self.event.action == Action::DeviceAuthorized);
        let account = typed.or_else(|| record.user_name.as_deref().map(str::to_owned));
        Kind {
            action: self.event.action.as_str(),
            account: account.or_else(|| device.map(|id| id.to_string())),
            address: self.event.origin.address.map(network),
            reason: Some(without_ids(self.event.refusal.as_deref().unwrap_or_default())),
        }
    }
}

/// One household has a /64 of IPv6 addresses, so they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

/// A made-up key has a new id each time, and is refused for the same reason; so is whoever has many addresses.
fn without_ids(reason: &str) -> String {
    let is_id = |word: &&str| {
        let word = word.trim_matches(['\'', '.', ',', ':']);
        Uuid::try_parse(word).is_ok() || word.parse::<IpAddr>().is_ok()
    };
    let words = reason.split(' ').filter(|word| !is_id(word));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Origin;
    use crate::store::Timestamp;

    fn refusal(typed: &str, address: u8) -> Refusal {
        let (id, now) = (Id(Uuid::nil()), Timestamp::new(chrono::DateTime::UNIX_EPOCH));
        let origin = Origin { address: Some([10, 0, 0, address].into()), ..Origin::operator() };
        let event = Event::new(&origin, Action::SignInRefused, id, now, None).refused("wrong");
        Refusal { event, typed: Some(typed.to_owned().into()) }
    }

    /// Records all that was counted.
    fn record(refusals: &Refusals, now: Instant) -> Vec<(i64, bool)> {
        let counted = refusals.counted(now, false);
        counted.iter().for_each(|counted| refusals.recorded(counted));
        counted.iter().map(|counted| (counted.times, counted.is_recorded)).collect()
    }

    #[test]
    fn the_first_is_recorded_and_the_others_of_its_minute_are_counted_in_its_record() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert!(refusals.take(refusal("ada", 1), now).is_some());
        assert!((0..999).all(|_| refusals.take(refusal("ada", 1), now).is_none()));
        assert!(refusals.take(refusal("eve", 1), now).is_some());
        assert_eq!(record(&refusals, now), [(1000, true)]);
        assert!(record(&refusals, now).is_empty());
        assert!(refusals.take(refusal("ada", 1), now).is_none());
        let later = now + WINDOW;
        assert_eq!(record(&refusals, later), [(1001, true)]);
        assert!(refusals.take(refusal("ada", 1), later).is_some());
    }

    #[test]
    fn a_flood_of_many_names_is_a_few_records_and_none_is_forgotten() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..5000 {
            refusals.take(refusal(&number.to_string(), (number % 250) as u8), now);
        }
        let counted = record(&refusals, now);
        let times = counted.iter().map(|(times, _)| times).sum::<i64>();
        // Those at once are not among them, unless there were more of them.
        let alone = refusals.window().kinds.values().filter(|count| count.times == 1).count();
        assert!(times + i64::try_from(alone.min(AT_ONCE)).unwrap() >= 5000, "{times}");
        assert!(counted.len() <= KINDS + 1, "{}", counted.len());
        let total: i64 = refusals.window().kinds.values().map(|count| count.times).sum();
        assert_eq!(total, 5000);
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for number in 0..1000 {
            refusals.take(refusal(&number.to_string(), 1), now);
        }
        assert_eq!(refusals.window().kinds.len(), OF_ADDRESS + 1);
        refusals.take(refusal("ada", 2), now);
        assert_eq!(refusals.window().kinds.len(), OF_ADDRESS + 2);
    }

    #[test]
    fn made_up_keys_are_refused_alike() {
        let reason = |number| without_ids(&format!("API key {} does not exist", Uuid::from_u128(number)));
        assert_eq!(reason(1), reason(2));
        assert_eq!(reason(1), "API key does not exist");
        assert_eq!(
            network("2001:db8:1:2::1".parse().unwrap()),
            network("2001:db8:1:2:ff::9".parse().unwrap())
        );
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
