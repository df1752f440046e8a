//! A set of token ids for millions of them: twenty bytes an id.

use uuid::Uuid;

/// Ids are spread over so many sorted runs, by bits that are random in every version of UUID.
const RUNS: usize = 4096;
/// The sixteen bytes of an id, then the minute of its end.
const ID: usize = 16;
const ENTRY: usize = 20;
/// The minute of what has no end.
const NEVER: u32 = u32::MAX;

type Entry = [u8; ENTRY];

/// Ids, each with the moment after which nobody asks for it any more.
#[derive(Debug)]
pub struct RevokedIds(Vec<Vec<Entry>>);

impl Default for RevokedIds {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl RevokedIds {
    /// With room for so many ids: runs that grow leave gaps behind.
    pub fn with_capacity(ids: usize) -> Self {
        // The runs differ in length by a few times the root of it.
        let mean = ids / RUNS;
        let capacity = mean + 3 * mean.isqrt();
        Self((0..RUNS).map(|_| Vec::with_capacity(capacity)).collect())
    }

    pub fn contains(&self, id: Uuid) -> bool {
        position(&self.0[run_of(id)], id).is_ok()
    }

    /// Adds an id that is asked for until `expires`, in seconds since 1970; none is for ever.
    pub fn insert(&mut self, id: Uuid, expires: Option<i64>) {
        let run = &mut self.0[run_of(id)];
        let Err(position) = position(run, id) else { return };
        if run.len() == run.capacity() {
            // Doubling would leave a quarter of all memory empty.
            run.reserve_exact(run.len() / 8 + 1);
        }
        let minute = expires.map_or(NEVER, |seconds| u32::try_from(seconds / 60 + 1).unwrap_or(NEVER));
        let mut entry = [0; ENTRY];
        entry[..ID].copy_from_slice(id.as_bytes());
        entry[ID..].copy_from_slice(&minute.to_le_bytes());
        run.insert(position, entry);
    }

    /// Drops what has ended before `moment`, in seconds since 1970.
    pub fn sweep(&mut self, moment: i64) {
        let is_live = |entry: &Entry| {
            let minute = entry[ID..].try_into().map_or(NEVER, u32::from_le_bytes);
            minute == NEVER || i64::from(minute) * 60 >= moment
        };
        for run in &mut self.0 {
            run.retain(is_live);
            if run.len() < run.capacity() / 2 {
                run.shrink_to_fit();
            }
        }
    }
}

fn position(run: &[Entry], id: Uuid) -> Result<usize, usize> {
    run.binary_search_by(|entry| entry[..ID].cmp(id.as_bytes()))
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

    fn number(ids: &RevokedIds) -> usize {
        ids.0.iter().map(Vec::len).sum()
    }

    proptest! {
        #[test]
        fn it_has_what_was_added_and_not_yet_swept(
            added in proptest::collection::vec((0u128..64, proptest::option::of(0i64..10_000)), 0..200),
            moment in 0i64..10_000,
        ) {
            let (mut ids, mut model) = (RevokedIds::default(), HashMap::new());
            for (id, expires) in added {
                ids.insert(Uuid::from_u128(id), expires);
                model.entry(id).or_insert(expires);
            }
            prop_assert_eq!(number(&ids), model.len());
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
    fn a_million_take_little_more_than_their_bytes() {
        let mut ids = RevokedIds::default();
        let id =
            |number: u128| Uuid::from_u128(number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
        (0..1_000_000).for_each(|number| ids.insert(id(number), Some(1_800_000_000)));
        let bytes: usize = ids.0.iter().map(|run| run.capacity() * ENTRY).sum();
        assert_eq!(number(&ids), 1_000_000);
        assert!(bytes < 24_000_000, "{bytes}");
        assert!(ids.contains(id(999_999)) && !ids.contains(id(1_000_000)));
    }
}
