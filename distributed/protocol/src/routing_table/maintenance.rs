//! What a routing table needs from time to time: probes, refreshed buckets, and a way back in.
//!
//! Spread out by design: a beat on which every node does everything at once is what overran other
//! networks. Nothing here is needed for correct answers; it keeps them fast and complete.

use super::{
    table::RoutingTable,
    timers::{REJOIN_MS, due_again},
};
use crate::{contact::Contact, key::Key};

/// How many pings one call gives at most; the rest is due at the next.
const PINGS_MAX: usize = 32;

/// How often a node looks for itself, by which its neighbours learn of it and it of them. A guess:
/// at 21 requests it costs every node one request in six seconds.
const SELF_MS: u64 = 120_000;

/// A bucket in whose range nothing was looked up for this long is refreshed. The paper has an hour,
/// for networks that are thousands of times as large.
const STALE_MS: u64 = 600_000;

/// A bucket that lost a node and is less than half full is refreshed, but not more often than this.
const REFILL_MS: u64 = 60_000;

/// How often a node that is gone is called, so that a network that was split becomes one again.
const PAST_MS: u64 = 60_000;

/// A table with fewer good entries than this, and than half of what it once had, is low.
const LOW: usize = 8;

/// Something that the node should do for its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Ping this node and tell the table how it went.
    Ping(Contact),
    /// Look this key up, for the sake of the nodes met on the way.
    Refresh(Key),
    /// Next to nobody is left: join again through the addresses that are configured or remembered.
    Rejoin,
}

impl RoutingTable {
    /// What should be done now. To be called every second or so, and early calls are harmless: what
    /// was given once is not given again before its time. `random` gives random numbers, from which
    /// the keys of refreshed buckets come.
    pub fn due(&mut self, now_ms: u64, random: &mut dyn FnMut() -> u64) -> Vec<Due> {
        let mut due = Vec::new();
        self.due_pings(now_ms, random, &mut due);
        if due_again(&mut self.timers.self_ms, now_ms, SELF_MS) && !self.is_empty() {
            due.push(Due::Refresh(self.own));
        }
        if let Some(depth) = self.refresh_due(now_ms) {
            self.buckets[depth].refreshed_ms = now_ms;
            self.buckets[depth].wants_refill = false;
            due.push(Due::Refresh(key_in_bucket(&self.own, depth, random)));
        }
        if self.rejoin_due(now_ms) {
            due.push(Due::Rejoin);
        }
        due
    }

    /// A key was looked up: its bucket needs no refreshing for a while.
    pub fn looked_up(&mut self, now_ms: u64, target: &Key) {
        match self.depth(target) {
            None => self.timers.self_ms = Some(now_ms),
            Some(depth) => {
                if let Some(bucket) = self.buckets.get_mut(depth) {
                    bucket.refreshed_ms = now_ms;
                }
            }
        }
    }

    /// Whether next to nobody is left: fewer than eight, and less than half of the most there were.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.len() < LOW.min(self.timers.good_most / 2).max(1)
    }

    /// Keys to look up in order to fill the table, one for each bucket down to the deepest that is
    /// occupied: what a node that joins does once it has looked for itself.
    #[must_use]
    pub fn refresh_all(&mut self, now_ms: u64, random: &mut dyn FnMut() -> u64) -> Vec<Key> {
        let depths = 0..self.deepest().map_or(0, |depth| depth + 1);
        let key = |depth: usize| {
            self.buckets[depth].refreshed_ms = now_ms;
            key_in_bucket(&self.own, depth, random)
        };
        depths.map(key).collect()
    }

    fn due_pings(&mut self, now_ms: u64, random: &mut dyn FnMut() -> u64, due: &mut Vec<Due>) {
        let (own, k) = (self.own, self.k);
        for bucket in &mut self.buckets {
            for entry in bucket.entries_mut() {
                if due.len() < PINGS_MAX && entry.ping_due(now_ms, &own) {
                    entry.pinged(now_ms);
                    due.push(Due::Ping(entry.contact()));
                }
            }
            if due.len() < PINGS_MAX {
                due.extend(bucket.promote(k).into_iter().map(Due::Ping));
            }
        }
        while due.len() < PINGS_MAX {
            let Some(contact) = self.candidates.next(now_ms) else {
                break;
            };
            due.push(Due::Ping(contact));
        }
        if due_again(&mut self.timers.past_ms, now_ms, PAST_MS) {
            due.extend(self.past.any(random()).map(Due::Ping));
        }
    }

    /// The bucket that most needs refreshing. Buckets deeper than all entries are filled by the
    /// node's search for itself.
    fn refresh_due(&self, now_ms: u64) -> Option<usize> {
        let due = (0..=self.deepest()?).filter(|depth| {
            let bucket = &self.buckets[*depth];
            let rest_ms = now_ms.saturating_sub(bucket.refreshed_ms);
            rest_ms >= STALE_MS || (bucket.wants_refill && rest_ms >= REFILL_MS)
        });
        due.min_by_key(|depth| self.buckets[*depth].refreshed_ms)
    }

    fn deepest(&self) -> Option<usize> {
        self.buckets
            .iter()
            .rposition(|bucket| !bucket.entries().is_empty())
    }

    fn rejoin_due(&mut self, now_ms: u64) -> bool {
        if !self.is_low() {
            self.timers.rejoin_ms = None;
            self.timers.rejoin_wait_ms = REJOIN_MS.0;
            return false;
        }
        let timers = &mut self.timers;
        let due = due_again(&mut timers.rejoin_ms, now_ms, timers.rejoin_wait_ms);
        if due && timers.rejoin_ms.is_some() {
            timers.rejoin_wait_ms = (timers.rejoin_wait_ms * 2).min(REJOIN_MS.1);
        }
        due
    }
}

/// A random key that shares exactly `depth` leading bits with `own`.
fn key_in_bucket(own: &Key, depth: usize, random: &mut dyn FnMut() -> u64) -> Key {
    let mut bytes = [0; 32];
    for word in bytes.chunks_exact_mut(8) {
        word.copy_from_slice(&random().to_be_bytes());
    }
    for bit in 0..=depth {
        let mask = 0x80 >> (bit % 8);
        let own_bit = own.as_bytes()[bit / 8] & mask;
        let wanted = if bit == depth {
            own_bit ^ mask
        } else {
            own_bit
        };
        bytes[bit / 8] = bytes[bit / 8] & !mask | wanted;
    }
    Key::from_bytes(bytes)
}

#[cfg(test)]
mod tests;
