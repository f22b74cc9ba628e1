//! S3-FIFO: a small queue, a main queue, and a memory of keys that were let go.
//!
//! Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023.
//! New entries go into the small queue, a tenth of the cache. What was asked for again moves on to
//! the main queue, the rest leaves, and its key is remembered for a while: if it comes back soon, it
//! goes to the main queue at once. In the main queue, what was used goes round again.

use std::collections::VecDeque;

use hashbrown::{HashMap, hash_map};

use super::{
    capacity::Capacity,
    queue::Queue,
    slab::{Slab, Slot},
};

/// The small queue's share of the cache: one in so many.
const SMALL_SHARE: usize = 10;
/// Uses beyond this one are not counted.
const USES_MAX: u64 = 3;
/// An entry of the small queue that was used so often since it came moves on. Asking for one use more
/// is up to a point worse where what was just asked for is asked for again, and a tenth of a point
/// better at best (loads of the bench `cache_policies`).
const USES_ENOUGH: u64 = 1;

/// The queues over the entries of one shard.
#[derive(Debug)]
pub(super) struct S3Fifo {
    small: Queue,
    main: Queue,
    ghosts: Ghosts,
}

impl S3Fifo {
    pub(super) fn new(capacity: Capacity) -> S3Fifo {
        S3Fifo {
            small: Queue::new(1),
            main: Queue::new(2),
            ghosts: Ghosts::new(capacity.entries),
        }
    }

    pub(super) fn used(entries: &mut Slab, slot: Slot) {
        let mark = &mut entries[slot].mark;
        *mark = (*mark + 1).min(USES_MAX);
    }

    /// `again` says that it took the place of an entry with the same key.
    pub(super) fn added(&mut self, entries: &mut Slab, slot: Slot, again: Option<u64>) {
        let known = self.ghosts.take(entries[slot].hash);
        entries[slot].mark = again.unwrap_or(0);
        if known || again.is_some_and(|uses| uses >= USES_ENOUGH) {
            self.main.push(entries, slot);
        } else {
            self.small.push(entries, slot);
        }
    }

    pub(super) fn removed(&mut self, entries: &mut Slab, slot: Slot) {
        for queue in [&mut self.small, &mut self.main] {
            if queue.has(entries, slot) {
                queue.remove(entries, slot);
            }
        }
    }

    /// The one to leave.
    pub(super) fn victim(&mut self, entries: &mut Slab) -> Option<Slot> {
        let all = self.small.weight() + self.main.weight();
        if self.small.weight() * SMALL_SHARE >= all
            && let Some(slot) = self.victim_of_small(entries)
        {
            return Some(slot);
        }
        self.victim_of_main(entries)
            .or_else(|| self.victim_of_small(entries))
    }

    fn victim_of_small(&mut self, entries: &mut Slab) -> Option<Slot> {
        while let Some(slot) = self.small.oldest() {
            if entries[slot].mark < USES_ENOUGH {
                self.ghosts.remember(entries[slot].hash, entries.len());
                return Some(slot);
            }
            self.small.remove(entries, slot);
            entries[slot].mark = 0;
            self.main.push(entries, slot);
        }
        None
    }

    fn victim_of_main(&mut self, entries: &mut Slab) -> Option<Slot> {
        while let Some(slot) = self.main.oldest() {
            if entries[slot].mark == 0 {
                return Some(slot);
            }
            entries[slot].mark -= 1;
            self.main.remove(entries, slot);
            self.main.push(entries, slot);
        }
        None
    }
}

/// Hashes of keys that were let go lately, at most as many as there are entries.
#[derive(Debug)]
struct Ghosts {
    most: usize,
    /// The oldest first; some may be gone or younger by now.
    queue: VecDeque<(u64, u64)>,
    /// When each was let go.
    known: HashMap<u64, u64>,
    turn: u64,
}

impl Ghosts {
    fn new(most: usize) -> Ghosts {
        Ghosts {
            most,
            queue: VecDeque::new(),
            known: HashMap::new(),
            turn: 0,
        }
    }

    /// `entries` says how many the cache holds now: where bytes bound it, fewer than it may.
    fn remember(&mut self, hash: u64, entries: usize) {
        self.turn += 1;
        self.known.insert(hash, self.turn);
        self.queue.push_back((hash, self.turn));
        while self.queue.len() > entries.clamp(1, self.most) {
            let Some((hash, turn)) = self.queue.pop_front() else {
                return;
            };
            if let hash_map::Entry::Occupied(known) = self.known.entry(hash)
                && *known.get() == turn
            {
                known.remove();
            }
        }
    }

    fn take(&mut self, hash: u64) -> bool {
        self.known.remove(&hash).is_some()
    }
}
