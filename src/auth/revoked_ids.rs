//! A set of token ids for millions of them: eighteen bytes an id.

use uuid::Uuid;

/// Ids are spread over so many sorted runs, by bits that are random in every version of UUID.
const RUNS: usize = 512;
/// The bytes of an id but its last, which its run tells, then the minute of its end.
const ID: usize = 15;
const ENTRY: usize = 18;
/// The minute of what has no end.
const NEVER: u32 = 0x00FF_FFFF;
/// Minutes are counted from the beginning of 2020, in seconds since 1970: three bytes of them are 31 years.
const FIRST_MINUTE: i64 = 1_577_836_800;

type Entry = [u8; ENTRY];

/// Ids, each with the moment after which nobody asks for it any more.
#[derive(Debug)]
pub(crate) struct RevokedIds(Vec<Vec<Entry>>);

impl Default for RevokedIds {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl RevokedIds {
    /// With room for so many ids: runs that grow leave gaps behind.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        // The runs differ in length by a few times the root of it.
        let mean = ids / RUNS;
        let capacity = mean + 3 * mean.isqrt();
        Self((0..RUNS).map(|_| Vec::with_capacity(capacity)).collect())
    }

    pub(crate) fn contains(&self, id: Uuid) -> bool {
        position(&self.0[run_of(id)], id).is_ok()
    }

    pub(crate) fn number(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Adds an id that is asked for until `expires`, in seconds since 1970; none is for ever.
    pub(crate) fn insert(&mut self, id: Uuid, expires: Option<i64>) {
        let run = &mut self.0[run_of(id)];
        let Err(position) = position(run, id) else { return };
        make_room(run);
        run.insert(position, entry(id, expires));
    }

    /// Adds all ids of another set.
    pub(crate) fn append(&mut self, other: &Self) {
        for (run, others) in self.0.iter_mut().zip(&other.0) {
            for entry in others {
                if let Err(position) = run.binary_search_by(|mine| mine[..ID].cmp(&entry[..ID])) {
                    run.insert(position, *entry);
                }
            }
        }
    }

    /// Drops what has ended before `moment`, in seconds since 1970.
    pub(crate) fn sweep(&mut self, moment: i64) {
        let is_live = |entry: &Entry| {
            let minute = u32::from_be_bytes([0, entry[ID], entry[ID + 1], entry[ID + 2]]);
            minute == NEVER || FIRST_MINUTE + i64::from(minute) * 60 >= moment
        };
        for run in &mut self.0 {
            run.retain(is_live);
            if run.len() < run.capacity() / 2 {
                run.shrink_to_fit();
            }
        }
    }
}

/// Ids of a set that is still to be: they are put in their places when all are there, since each that comes between others
/// moves those.
#[derive(Debug)]
pub(crate) struct UnsortedIds(RevokedIds);

impl UnsortedIds {
    /// With room for so many ids.
    pub(crate) fn with_capacity(ids: usize) -> Self {
        Self(RevokedIds::with_capacity(ids))
    }

    /// As [`RevokedIds::insert`].
    pub(crate) fn push(&mut self, id: Uuid, expires: Option<i64>) {
        let run = &mut self.0.0[run_of(id)];
        make_room(run);
        run.push(entry(id, expires));
    }

    pub(crate) fn sorted(mut self) -> RevokedIds {
        for run in &mut self.0.0 {
            run.sort_by_key(id_in_order);
            run.dedup_by_key(|entry| id_in_order(entry));
        }
        self.0
    }
}

/// The part of an id that is kept, as a number in its order.
fn id_in_order(entry: &Entry) -> u128 {
    let mut id = [0; 16];
    id[..ID].copy_from_slice(&entry[..ID]);
    u128::from_be_bytes(id)
}

fn entry(id: Uuid, expires: Option<i64>) -> Entry {
    let mut entry = [0; ENTRY];
    entry[..ID].copy_from_slice(&id.as_bytes()[..ID]);
    entry[ID..].copy_from_slice(&minute_of(expires).to_be_bytes()[1..]);
    entry
}

/// Doubling would leave a quarter of all memory empty.
fn make_room(run: &mut Vec<Entry>) {
    if run.len() == run.capacity() {
        run.reserve_exact(run.len() / 8 + 1);
    }
}

/// The first minute after that moment; what ends later than can be told is kept for ever.
fn minute_of(expires: Option<i64>) -> u32 {
    let Some(expires) = expires else { return NEVER };
    let minute = expires.saturating_sub(FIRST_MINUTE).max(0) / 60 + 1;
    u32::try_from(minute).unwrap_or(NEVER).min(NEVER)
}

fn position(run: &[Entry], id: Uuid) -> Result<usize, usize> {
    run.binary_search_by(|entry| entry[..ID].cmp(&id.as_bytes()[..ID]))
}

/// The last bits are random in a version 4 and in a version 7.
fn run_of(id: Uuid) -> usize {
    let [.., high, low] = *id.as_bytes();
    usize::from(u16::from_be_bytes([high, low])) % RUNS
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_has_what_was_added_and_not_yet_swept(
            added in proptest::collection::vec((0u128..64, proptest::option::of(0i64..10_000)), 0..200),
            moment in 0i64..10_000,
        ) {
            let (mut ids, mut model) = (RevokedIds::default(), HashMap::new());
            let mut unsorted = UnsortedIds::with_capacity(0);
            let moment = FIRST_MINUTE + moment;
            for (id, expires) in added {
                let expires = expires.map(|expires| FIRST_MINUTE + expires);
                ids.insert(Uuid::from_u128(id), expires);
                unsorted.push(Uuid::from_u128(id), expires);
                model.entry(id).or_insert(expires);
            }
            prop_assert_eq!(ids.number(), model.len());
            prop_assert_eq!(&unsorted.sorted().0, &ids.0);
            ids.sweep(moment);
            for id in 0..64 {
                let must_be_there = model.get(&id).is_some_and(|end| end.is_none_or(|end| end >= moment));
                let may_be_there = model.get(&id).is_some_and(|end| end.is_none_or(|end| end + 120 > moment));
                let is_there = ids.contains(Uuid::from_u128(id));
                prop_assert!(is_there || !must_be_there);
                prop_assert!(!is_there || may_be_there);
            }
        }
    }

    #[test]
    fn what_ends_at_an_unusual_time_is_kept_long_enough() {
        let mut ids = RevokedIds::default();
        let ends = [Some(0), Some(i64::MIN), Some(i64::MAX), Some(4_102_444_800), None];
        ends.iter().enumerate().for_each(|(number, end)| ids.insert(Uuid::from_u128(number as u128), *end));
        ids.sweep(4_000_000_000);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|id| ids.contains(Uuid::from_u128(id))),
            [false, false, true, true, true]
        );
    }

    #[test]
    fn ids_that_differ_in_one_byte_are_different() {
        let mut ids = RevokedIds::default();
        ids.insert(Uuid::from_u128(0), None);
        for bit in 0..128 {
            assert!(!ids.contains(Uuid::from_u128(1 << bit)), "{bit}");
        }
    }

    #[test]
    fn a_million_take_little_more_than_their_bytes() {
        let mut ids = RevokedIds::default();
        let id =
            |number: u128| Uuid::from_u128(number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
        (0..1_000_000).for_each(|number| ids.insert(id(number), Some(1_800_000_000)));
        let bytes: usize = ids.0.iter().map(|run| run.capacity() * ENTRY).sum();
        assert_eq!(ids.number(), 1_000_000);
        assert!(bytes < 22_000_000, "{bytes}");
        assert!(ids.contains(id(999_999)) && !ids.contains(id(1_000_000)));
    }
}
