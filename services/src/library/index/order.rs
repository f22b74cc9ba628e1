//! All slots in one order, four bytes each.
//!
//! Keys are not kept: they are made again from the cards for the few that a search for a place
//! compares. So an order of 100,000 songs takes 400 KB instead of 10 MB, and finding a place in it
//! costs some seventeen keys of a microsecond each.

use super::Slot;
use crate::SortKey;

/// The most slots of a run; a fuller one is split in two. A guess: moving 4 KB is cheap, and so is
/// a list of a thousand runs.
const RUN_MAX: usize = 1024;

/// Slots in the order of their keys, in runs so that an insertion moves little.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// None is empty.
    runs: Vec<Vec<Slot>>,
}

impl Order {
    /// The order of these.
    pub(super) fn of(mut keyed: Vec<(SortKey, Slot)>) -> Order {
        keyed.sort_unstable();
        let slots: Vec<Slot> = keyed.into_iter().map(|(_, slot)| slot).collect();
        Order {
            runs: slots.chunks(RUN_MAX / 2).map(<[Slot]>::to_vec).collect(),
        }
    }

    /// Puts a slot into its place.
    pub(super) fn insert(&mut self, slot: Slot, key: &SortKey, key_of: impl Fn(Slot) -> SortKey) {
        let (run, at) = self.place(key, &key_of, false);
        let Some(slots) = self.runs.get_mut(run) else {
            self.runs.push(vec![slot]);
            return;
        };
        slots.insert(at, slot);
        if slots.len() > RUN_MAX {
            let behind = slots.split_off(RUN_MAX / 2);
            self.runs.insert(run + 1, behind);
        }
    }

    /// Takes a slot out, which has this key.
    pub(super) fn remove(&mut self, slot: Slot, key: &SortKey, key_of: impl Fn(Slot) -> SortKey) {
        let (run, at) = self.place(key, &key_of, false);
        let Some(slots) = self.runs.get_mut(run) else {
            return;
        };
        debug_assert_eq!(slots.get(at), Some(&slot), "a slot is where its key says");
        if slots.get(at) == Some(&slot) {
            slots.remove(at);
        }
        if slots.is_empty() {
            self.runs.remove(run);
        }
    }

    /// The slots behind a key.
    pub(super) fn after(
        &self,
        key: Option<&SortKey>,
        key_of: impl Fn(Slot) -> SortKey,
    ) -> impl Iterator<Item = Slot> {
        let (run, at) = key.map_or((0, 0), |key| self.place(key, &key_of, true));
        let first = self.runs.get(run).map_or(&[][..], |slots| &slots[at..]);
        let rest = self.runs.get(run + 1..).unwrap_or_default();
        first.iter().chain(rest.iter().flatten()).copied()
    }

    /// The first place whose key is not before this one, or is behind it. The run is the last one
    /// rather than one that does not exist, unless there is none at all.
    fn place(
        &self,
        key: &SortKey,
        key_of: &impl Fn(Slot) -> SortKey,
        behind: bool,
    ) -> (usize, usize) {
        let before = |slot: &Slot| {
            let other = key_of(*slot);
            other < *key || behind && other == *key
        };
        let run = self
            .runs
            .partition_point(|slots| slots.last().is_some_and(before))
            .min(self.runs.len().saturating_sub(1));
        let at = self
            .runs
            .get(run)
            .map_or(0, |slots| slots.partition_point(before));
        (run, at)
    }
}
