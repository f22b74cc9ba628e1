//! Nodes that were only told of, or remembered from an earlier run: worth a ping, nothing more.

use std::collections::VecDeque;

use crate::{contact::Contact, key::Key};

/// How many are remembered at once. New ones are turned away while all places are taken.
const CANDIDATES_MAX: usize = 256;

/// A candidate that was pinged and did not answer within this time is forgotten, and may be told
/// of again.
const FORGET_MS: u64 = 30_000;

/// Nodes that have yet to answer a ping.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// With the time of their ping.
    list: VecDeque<(Contact, Option<u64>)>,
}

impl Candidates {
    /// A ping to this one is about to be sent; gives whether it should be: not twice within a
    /// while, and not while too many others are under way.
    pub(super) fn ping(&mut self, now_ms: u64, contact: Contact) -> bool {
        self.forget(now_ms);
        let known = self.list.iter().any(|(known, _)| *known == contact);
        if known || self.list.len() >= CANDIDATES_MAX {
            return false;
        }
        self.list.push_back((contact, Some(now_ms)));
        true
    }

    /// This one is to be pinged when there is time.
    pub(super) fn queue(&mut self, contact: Contact) {
        let known = self.list.iter().any(|(known, _)| *known == contact);
        if !known && self.list.len() < CANDIDATES_MAX {
            self.list.push_back((contact, None));
        }
    }

    /// The next one to be pinged.
    pub(super) fn next(&mut self, now_ms: u64) -> Option<Contact> {
        let (contact, pinged_ms) = self
            .list
            .iter_mut()
            .find(|(_, pinged_ms)| pinged_ms.is_none())?;
        *pinged_ms = Some(now_ms);
        Some(*contact)
    }

    pub(super) fn remove(&mut self, id: &Key) {
        self.list.retain(|(contact, _)| contact.id != *id);
    }

    /// Forgets those whose ping was not answered.
    fn forget(&mut self, now_ms: u64) {
        let hopeful = |at_ms: u64| now_ms.saturating_sub(at_ms) < FORGET_MS;
        self.list
            .retain(|(_, pinged_ms)| pinged_ms.is_none_or(hopeful));
    }
}
