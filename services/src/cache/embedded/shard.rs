//! One part of an embedded cache: its entries, and never more than its capacity.
//!
//! It knows no clock and no lock: the time comes in with each call, and the dice by a seed. So every
//! run can be repeated.

use std::collections::BTreeSet;

use bytes::Bytes;
use hashbrown::HashTable;
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    evictor::Evictor,
    slab::{Entry, Slab, Slot},
};
use crate::cache::{Policy, Refused};

/// What an entry takes beside its key and its value, in bytes: its place in the tables. An estimate.
pub(super) const ENTRY_BYTES: usize = 160;

/// The most that a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of keys and values, and some 160 for each entry.
    pub bytes: usize,
    /// Entries.
    pub entries: usize,
}

/// Entries within a capacity. Times are milliseconds since any moment.
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
    evictions: u64,
}

impl Shard {
    pub(super) fn new(capacity: Capacity, policy: Policy, clock: u64, seed: u64) -> Shard {
        Shard {
            capacity,
            bytes: 0,
            entries: Slab::default(),
            table: HashTable::new(),
            expiring: BTreeSet::new(),
            evictor: Evictor::new(policy, capacity, clock),
            dice: SmallRng::seed_from_u64(seed),
            evictions: 0,
        }
    }

    /// The value of a key, which is used by that.
    pub(super) fn get(&mut self, hash: u64, key: &[u8], now: u64) -> Option<Bytes> {
        let slot = self.find(hash, key)?;
        if self.is_expired(slot, now) {
            self.take_out(slot);
            return None;
        }
        self.evictor
            .used(&mut self.entries, slot, now, &mut self.dice);
        Some(self.entries[slot].value.clone())
    }

    /// Remembers a value, in place of what the key had.
    pub(super) fn put(
        &mut self,
        hash: u64,
        key: &[u8],
        value: Bytes,
        expires: Option<u64>,
        now: u64,
    ) -> Result<(), Refused> {
        let weight = key.len() + value.len() + ENTRY_BYTES;
        if weight > self.capacity.bytes || self.capacity.entries == 0 {
            return Err(Refused::TooLarge);
        }
        self.expire(now);
        let mut before = self.find(hash, key);
        if expires.is_some_and(|expires| expires <= now) {
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
                self.evictions += 1;
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
    pub(super) fn remove(&mut self, hash: u64, key: &[u8], now: u64) -> bool {
        let Some(slot) = self.find(hash, key) else {
            return false;
        };
        let was_there = !self.is_expired(slot, now);
        self.take_out(slot);
        was_there
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        while let Some((_, slot)) = self.entries.first() {
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

    /// How many entries had to leave for others so far.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions
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

    fn is_expired(&self, slot: Slot, now: u64) -> bool {
        self.entries[slot]
            .expires
            .is_some_and(|expires| expires <= now)
    }

    /// Lets go of all whose time has come.
    fn expire(&mut self, now: u64) {
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
