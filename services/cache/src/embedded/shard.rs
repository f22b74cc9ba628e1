//! One part of an embedded cache: its entries, and never more than its capacity.
//!
//! It knows no lock; the time comes in with each call, and the dice by a seed. So every run can be
//! repeated.

use std::collections::BTreeSet;

use bytes::Bytes;
use hashbrown::HashTable;
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    capacity::{Capacity, Time},
    evictor::Evictor,
    slab::{Entry, Slab, Slot},
};
use crate::{Policy, Refused};

/// The memory that an entry takes beside its key and its value, in bytes: its place in the tables and the
/// allocations of both. Measured on a million entries (bench `cache_speed`).
pub(super) const ENTRY_BYTES: usize = 192;

/// Entries within a capacity.
#[derive(Debug)]
pub(super) struct Shard {
    capacity: Capacity,
    bytes: usize,
    entries: Slab,
    table: HashTable<Slot>,
    /// Those that expire, the next one first.
    expiring: BTreeSet<(u64, Slot)>,
    evictor: Evictor,
    dice: SmallRng,
    counts: Counts,
}

/// The hits, misses and evictions of a shard so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) misses: u64,
    /// Entries that had to leave for others.
    pub(super) evictions: u64,
}

impl Shard {
    pub(super) fn new(capacity: Capacity, policy: Policy, clock: u64, seed: u64) -> Shard {
        let evictor = Evictor::new(policy, capacity, clock);
        Shard {
            capacity,
            bytes: 0,
            entries: Slab::new(matches!(evictor, Evictor::Sampled(_))),
            table: HashTable::new(),
            expiring: BTreeSet::new(),
            evictor,
            dice: SmallRng::seed_from_u64(seed),
            counts: Counts::default(),
        }
    }

    /// The value of a key, which is used by that.
    pub(super) fn get(&mut self, hash: u64, key: &[u8], now: &impl Time) -> Option<Bytes> {
        let found = self.find(hash, key);
        let Some(slot) = found.filter(|slot| !self.is_expired(*slot, now)) else {
            if let Some(expired) = found {
                self.take_out(expired);
            }
            self.counts.misses += 1;
            return None;
        };
        self.counts.hits += 1;
        self.evictor
            .used(&mut self.entries, slot, now, &mut self.dice);
        Some(self.entries[slot].value.clone())
    }

    /// When a key expires, if ever; `None` if it is not there. It is not used by that.
    pub(super) fn expires(&self, hash: u64, key: &[u8], now: u64) -> Option<Option<u64>> {
        let slot = self.find(hash, key)?;
        (!self.is_expired(slot, &now)).then(|| self.entries[slot].expires)
    }

    /// Remembers a value, in place of what the key had.
    pub(super) fn put(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Bytes,
        expires: Option<u64>,
        now: &impl Time,
    ) -> Result<(), Refused> {
        let weight = key.len() + value.len() + ENTRY_BYTES;
        if weight > self.capacity.bytes || self.capacity.entries == 0 {
            return Err(Refused::TooLarge);
        }
        self.expire(now);
        let mut before = self.find(hash, key);
        if expires.is_some_and(|expires| expires <= now.ms()) {
            if let Some(slot) = before {
                self.take_out(slot);
            }
            return Ok(());
        }
        let mut mark = None;
        while self.is_over(weight, before) {
            let entries = &mut self.entries;
            let Some(victim) = self.evictor.victim(entries, now, &mut self.dice) else {
                return Err(Refused::Full);
            };
            let entry = self.take_out(victim);
            if before == Some(victim) {
                (before, mark) = (None, Some(entry.mark));
            } else {
                self.counts.evictions += 1;
            }
        }
        if let Some(slot) = before {
            mark = Some(self.take_out(slot).mark);
        }
        let slot = self
            .entries
            .insert(Entry::new(hash, key, value, weight, expires));
        self.bytes += weight;
        let entries = &self.entries;
        self.table
            .insert_unique(hash, slot, |slot| entries[*slot].hash);
        if let Some(expires) = expires {
            self.expiring.insert((expires, slot));
        }
        self.evictor.added(&mut self.entries, slot, mark, now);
        Ok(())
    }

    /// Forgets a key; says whether it was there.
    pub(super) fn remove(&mut self, hash: u64, key: &[u8], now: &impl Time) -> bool {
        let Some(slot) = self.find(hash, key) else {
            return false;
        };
        let was_there = !self.is_expired(slot, now);
        self.take_out(slot);
        was_there
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        for slot in self.entries.slots() {
            self.take_out(slot);
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its hits, misses and evictions so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<Slot> {
        self.table
            .find(hash, |slot| *self.entries[*slot].key == *key)
            .copied()
    }

    /// Whether so much more would be too much, even without the entry whose place it takes.
    fn is_over(&self, weight: usize, before: Option<Slot>) -> bool {
        let had = before.map_or(0, |slot| self.entries[slot].weight);
        self.bytes - had + weight > self.capacity.bytes
            || self.entries.len() - before.map_or(0, |_| 1) >= self.capacity.entries
    }

    fn is_expired(&self, slot: Slot, now: &impl Time) -> bool {
        self.entries[slot]
            .expires
            .is_some_and(|expires| expires <= now.ms())
    }

    /// Lets go of all whose time has come.
    fn expire(&mut self, now: &impl Time) {
        if self.expiring.is_empty() {
            return;
        }
        let now = now.ms();
        while let Some((_, slot)) = self.expiring.first().filter(|(expires, _)| *expires <= now) {
            self.take_out(*slot);
        }
    }

    fn take_out(&mut self, slot: Slot) -> Entry {
        self.evictor.removed(&mut self.entries, slot);
        let entry = self.entries.remove(slot);
        self.bytes -= entry.weight;
        if let Some(expires) = entry.expires {
            self.expiring.remove(&(expires, slot));
        }
        let found = self.table.find_entry(entry.hash, |other| *other == slot);
        if let Ok(found) = found {
            found.remove();
        }
        entry
    }
}
