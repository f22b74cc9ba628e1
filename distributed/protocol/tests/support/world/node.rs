//! One node of a world.

use std::collections::HashMap;

use kadenza_protocol::{Contact, Key, RoundTrip};

use super::super::faulty::Table;

/// How a node behaves to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Up,
    /// It takes every request and never answers.
    Silent,
    /// Nobody listens.
    Dead,
}

/// How a node answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    Honest,
    /// It invents nodes, gives false addresses, and tells the asker of itself.
    Liar,
    /// Every third of its answers takes up to a third of a second.
    Slow,
    /// Hostile: it tells of its fellows alone.
    Conspirator,
    /// Hostile: it tells of nodes that are not there.
    Inventor,
    /// Hostile: it answers, and tells of nobody.
    Mute,
}

impl Manners {
    pub(crate) fn is_hostile(self) -> bool {
        matches!(
            self,
            Manners::Conspirator | Manners::Inventor | Manners::Mute
        )
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) contact: Contact,
    pub(crate) table: Table,
    pub(crate) mood: Mood,
    pub(crate) manners: Manners,
    /// Whether its answers count.
    pub(crate) settled: bool,
    /// On which side of a split it is.
    pub(crate) side: u8,
    pub(super) trips: HashMap<Key, RoundTrip>,
    /// What it can know of others: failures and deadlines since each last answered.
    pub(super) heard: HashMap<Contact, Vec<(u64, bool)>>,
    /// Its entries and which of them were good, when the table was last seen to change.
    pub(super) entries: Vec<(Contact, bool)>,
    pub(super) stamp: (u64, usize),
}

impl Node {
    pub(super) fn new(table: Table, contact: Contact) -> Node {
        Node {
            contact,
            table,
            mood: Mood::Up,
            manners: Manners::Honest,
            settled: false,
            side: 0,
            trips: HashMap::new(),
            heard: HashMap::new(),
            entries: Vec::new(),
            stamp: (0, 0),
        }
    }

    /// A request of its own to an entry of its table passed a deadline, or failed.
    pub(super) fn note(&mut self, now_ms: u64, to: Contact, failed: bool) {
        if self
            .table
            .inner
            .get(&to.id)
            .is_some_and(|entry| entry.contact() == to)
        {
            self.heard.entry(to).or_default().push((now_ms, failed));
        }
    }
}
