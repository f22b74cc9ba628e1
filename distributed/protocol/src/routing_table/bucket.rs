//! The nodes at one range of distances: at most k of them, those that answered least recently first, and as
//! many again that wait for a place.

use super::entry::{Entry, PROBE_MS};
use crate::{contact::Contact, key::Key};

/// One bucket of a routing table.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Those that answered least recently first.
    entries: Vec<Entry>,
    /// Nodes that answered while there was no place, the newest last.
    spares: Vec<Spare>,
    /// When a key in this range was last looked up.
    pub(super) refreshed_ms: u64,
    /// A node was lost, and less than half of the places are taken.
    pub(super) wants_refill: bool,
}

/// A node that waits for a place.
#[derive(Debug)]
struct Spare {
    contact: Contact,
    pinged: bool,
}

impl Bucket {
    pub(super) fn new(now_ms: u64) -> Bucket {
        Bucket {
            entries: Vec::new(),
            spares: Vec::new(),
            refreshed_ms: now_ms,
            wants_refill: false,
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    pub(super) fn get(&self, id: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id() == id)
    }

    pub(super) fn get_mut(&mut self, id: &Key) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id() == id)
    }

    pub(super) fn has_room(&self, k: usize) -> bool {
        self.entries.len() < k
    }

    /// Takes a node in at the end. There must be room and no entry of this id.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.spares.retain(|spare| spare.contact.id != *entry.id());
        self.entries.push(entry);
    }

    /// Moves an entry to the end.
    pub(super) fn touch(&mut self, id: &Key) {
        if let Some(at) = self.entries.iter().position(|entry| entry.id() == id) {
            self.entries[at..].rotate_left(1);
        }
    }

    /// Keeps a node for when there is a place, as the newest of at most k.
    pub(super) fn spare(&mut self, contact: Contact, k: usize) {
        self.spares.retain(|spare| spare.contact.id != contact.id);
        if self.spares.len() >= k {
            self.spares.remove(0);
        }
        self.spares.push(Spare {
            contact,
            pinged: false,
        });
    }

    /// A spare did not answer.
    pub(super) fn drop_spare(&mut self, contact: &Contact) {
        self.spares.retain(|spare| spare.contact != *contact);
    }

    /// The newest spares, one for each free place, that should be pinged to take it.
    pub(super) fn promote(&mut self, k: usize) -> Vec<Contact> {
        let places = k.saturating_sub(self.entries.len());
        let waiting = self
            .spares
            .iter_mut()
            .rev()
            .take(places)
            .filter(|spare| !spare.pinged);
        waiting
            .map(|spare| (spare.pinged = true, spare.contact).1)
            .collect()
    }

    /// The entry over which a newcomer asks to be let in: a suspect, or else the one that
    /// answered least recently; none where it answered or was pinged a moment ago.
    pub(super) fn challenge(&mut self, now_ms: u64) -> Option<Contact> {
        let suspect = self.entries.iter().position(|entry| !entry.is_good());
        self.entries
            .get_mut(suspect.unwrap_or(0))?
            .challenge(now_ms, PROBE_MS)
    }

    pub(super) fn remove(&mut self, id: &Key, k: usize) -> Option<Entry> {
        self.spares.retain(|spare| spare.contact.id != *id);
        let at = self.entries.iter().position(|entry| entry.id() == id)?;
        let entry = self.entries.remove(at);
        self.wants_refill |= self.entries.len() < k / 2;
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
