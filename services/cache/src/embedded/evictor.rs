//! The policy of a shard, whichever it is.

use rand::rngs::SmallRng;

use super::{
    capacity::{Capacity, Time},
    s3fifo::S3Fifo,
    sampled::{By, Sampled},
    slab::{Among, Slab, Slot},
};
use crate::Policy;

/// Chooses who leaves. It is told of everything that happens to the entries.
#[derive(Debug)]
pub(super) enum Evictor {
    Nobody,
    S3Fifo(S3Fifo),
    Sampled(Sampled),
}

impl Evictor {
    /// `clock` is how many milliseconds apart uses are told apart.
    pub(super) fn new(policy: Policy, capacity: Capacity, clock: u64) -> Evictor {
        let (by, among) = match policy {
            Policy::NoEviction => return Evictor::Nobody,
            Policy::S3Fifo => return Evictor::S3Fifo(S3Fifo::new(capacity)),
            Policy::AllkeysLru => (By::Recency, Among::All),
            Policy::AllkeysLfu => (By::Frequency, Among::All),
            Policy::AllkeysRandom => (By::Chance, Among::All),
            Policy::VolatileLru => (By::Recency, Among::Expiring),
            Policy::VolatileLfu => (By::Frequency, Among::Expiring),
            Policy::VolatileRandom => (By::Chance, Among::Expiring),
            Policy::VolatileTtl => (By::Expiry, Among::Expiring),
        };
        Evictor::Sampled(Sampled::new(by, among, clock))
    }

    /// An entry was asked for.
    pub(super) fn used(
        &mut self,
        entries: &mut Slab,
        slot: Slot,
        now: &impl Time,
        dice: &mut SmallRng,
    ) {
        match self {
            Evictor::Nobody => {}
            Evictor::S3Fifo(_) => S3Fifo::used(entries, slot),
            Evictor::Sampled(policy) => policy.used(entries, slot, now.ms(), dice),
        }
    }

    /// An entry came; `again` is the mark of the one whose place it took, if it had the same key.
    pub(super) fn added(
        &mut self,
        entries: &mut Slab,
        slot: Slot,
        again: Option<u64>,
        now: &impl Time,
    ) {
        match self {
            Evictor::Nobody => {}
            Evictor::S3Fifo(policy) => policy.added(entries, slot, again),
            Evictor::Sampled(policy) => policy.added(entries, slot, again, now.ms()),
        }
    }

    /// An entry is about to go, for whatever reason.
    pub(super) fn removed(&mut self, entries: &mut Slab, slot: Slot) {
        match self {
            Evictor::Nobody => {}
            Evictor::S3Fifo(policy) => policy.removed(entries, slot),
            Evictor::Sampled(policy) => policy.removed(slot),
        }
    }

    /// The entry that should leave; `None` if none may.
    pub(super) fn victim(
        &mut self,
        entries: &mut Slab,
        now: &impl Time,
        dice: &mut SmallRng,
    ) -> Option<Slot> {
        match self {
            Evictor::Nobody => None,
            Evictor::S3Fifo(policy) => policy.victim(entries),
            Evictor::Sampled(policy) => policy.victim(entries, now.ms(), dice),
        }
    }
}
