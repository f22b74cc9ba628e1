//! A queue of entries, linked through the entries themselves, so that any of them can leave it.

use super::slab::{NONE, Slab, Slot};

/// First in, first out; any may leave in between.
#[derive(Debug)]
pub(super) struct Queue {
    /// Which queue an entry says that it is in.
    name: u8,
    newest: Slot,
    oldest: Slot,
    weight: usize,
}

const NEWER: usize = 0;
const OLDER: usize = 1;

impl Queue {
    /// An empty queue; no two in one slab have the same name.
    pub(super) fn new(name: u8) -> Queue {
        Queue {
            name,
            newest: NONE,
            oldest: NONE,
            weight: 0,
        }
    }

    /// How many bytes its entries take.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The one that is in it for longest.
    pub(super) fn oldest(&self) -> Option<Slot> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Whether an entry is in it.
    pub(super) fn has(&self, entries: &Slab, slot: Slot) -> bool {
        entries[slot].queue == self.name
    }

    /// Puts an entry in, which is in none.
    pub(super) fn push(&mut self, entries: &mut Slab, slot: Slot) {
        let newest = self.newest;
        let entry = &mut entries[slot];
        entry.queue = self.name;
        entry.links = [NONE, newest];
        self.weight += entry.weight;
        match newest {
            NONE => self.oldest = slot,
            newest => entries[newest].links[NEWER] = slot,
        }
        self.newest = slot;
    }

    /// Takes an entry out, which is in it.
    pub(super) fn remove(&mut self, entries: &mut Slab, slot: Slot) {
        let entry = &mut entries[slot];
        let [newer, older] = entry.links;
        entry.links = [NONE; 2];
        entry.queue = 0;
        self.weight -= entry.weight;
        match newer {
            NONE => self.newest = older,
            newer => entries[newer].links[OLDER] = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => entries[older].links[NEWER] = newer,
        }
    }
}
