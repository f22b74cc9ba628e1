//! The policies of Redis, by sampling as Redis does it.
//!
//! To make room, Redis looks at a few random entries, notes the best candidates for leaving in a
//! small pool that it keeps, and lets the best one go (`evict.c` of Redis 7). The counter of its LFU
//! is a byte that grows with a probability that falls as it rises (Morris, "Counting large numbers of
//! events in small registers", 1978), and falls by one a minute.

use rand::{RngExt, rngs::SmallRng};

use super::slab::{Among, Slab, Slot};

/// How many entries are looked at to find one: `maxmemory-samples`.
const SAMPLES: usize = 5;
/// How many candidates are kept from one time to the next: `EVPOOL_SIZE`.
const POOL_MAX: usize = 16;
/// The counter of a new entry: `LFU_INIT_VAL`.
const USES_NEW: u64 = 5;
/// The most that the counter counts.
const USES_MAX: u64 = 255;
/// `lfu-log-factor`.
const LOG_FACTOR: u64 = 10;
/// `lfu-decay-time`, in milliseconds.
const DECAY_MS: u64 = 60_000;

/// The property by which an entry becomes a candidate for leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// It was used long ago. Its mark is the time of its last use.
    Recency,
    /// It is used seldom. Its mark is the time and the value of its counter.
    Frequency,
    /// It expires soon.
    Expiry,
    /// Nothing.
    Chance,
}

/// A policy of Redis over the entries of one shard.
#[derive(Debug)]
pub(super) struct Sampled {
    by: By,
    among: Among,
    /// Uses within so many milliseconds are taken to be at the same time.
    clock: u64,
    /// Candidates with how much they should leave, the best last.
    pool: Vec<(u64, Slot)>,
}

impl Sampled {
    pub(super) fn new(by: By, among: Among, clock: u64) -> Sampled {
        Sampled {
            by,
            among,
            clock: clock.max(1),
            pool: Vec::new(),
        }
    }

    pub(super) fn used(&self, entries: &mut Slab, slot: Slot, now: u64, dice: &mut SmallRng) {
        let mark = &mut entries[slot].mark;
        match self.by {
            By::Recency => *mark = now,
            By::Frequency => *mark = counted(*mark, now, dice),
            By::Expiry | By::Chance => {}
        }
    }

    /// `again` is the mark of an entry with the same key whose place it took.
    pub(super) fn added(&self, entries: &mut Slab, slot: Slot, again: Option<u64>, now: u64) {
        entries[slot].mark = match self.by {
            By::Recency => now,
            By::Frequency => again.unwrap_or_else(|| counter(USES_NEW, now)),
            By::Expiry | By::Chance => 0,
        };
    }

    pub(super) fn removed(&mut self, slot: Slot) {
        self.pool.retain(|(_, candidate)| *candidate != slot);
    }

    /// The one to leave; `None` if none may.
    pub(super) fn victim(&mut self, entries: &Slab, now: u64, dice: &mut SmallRng) -> Option<Slot> {
        if self.by == By::Chance {
            return entries.random(self.among, dice);
        }
        for slot in entries.sample(self.among, SAMPLES, dice) {
            let reason = self.reason(entries, slot, now);
            self.consider(reason, slot);
        }
        self.pool.pop().map(|(_, slot)| slot)
    }

    /// How much an entry should leave.
    fn reason(&self, entries: &Slab, slot: Slot, now: u64) -> u64 {
        let entry = &entries[slot];
        match self.by {
            By::Recency => (now / self.clock).saturating_sub(entry.mark / self.clock),
            By::Frequency => USES_MAX - decayed(entry.mark, now),
            By::Expiry => u64::MAX - entry.expires.unwrap_or(u64::MAX),
            By::Chance => 0,
        }
    }

    fn consider(&mut self, reason: u64, slot: Slot) {
        if self.pool.iter().any(|(_, candidate)| *candidate == slot) {
            return;
        }
        let at = self.pool.partition_point(|(other, _)| *other < reason);
        if self.pool.len() < POOL_MAX {
            self.pool.insert(at, (reason, slot));
        } else if at > 0 {
            self.pool.remove(0);
            self.pool.insert(at - 1, (reason, slot));
        }
    }
}

/// A mark that holds a counter and the time at which it was right.
fn counter(uses: u64, now: u64) -> u64 {
    (now / DECAY_MS) << 8 | uses
}

/// The counter in a mark after its decay.
fn decayed(mark: u64, now: u64) -> u64 {
    let periods = (now / DECAY_MS).saturating_sub(mark >> 8);
    (mark & 0xff).saturating_sub(periods)
}

/// The mark after one more use.
fn counted(mark: u64, now: u64, dice: &mut SmallRng) -> u64 {
    let uses = decayed(mark, now);
    let above = uses.saturating_sub(USES_NEW);
    let grows = uses < USES_MAX && dice.random_ratio(1, (above * LOG_FACTOR + 1) as u32);
    counter(uses + u64::from(grows), now)
}
