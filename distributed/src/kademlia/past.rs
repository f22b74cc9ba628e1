//! Nodes that were in the table and died, or said goodbye.
//!
//! They are remembered for two reasons: others may still hand them out, and must not be believed at
//! once; and when a split network heals, somebody has to call across the gap.

use std::collections::VecDeque;

use crate::{Contact, Key};

/// How many are remembered; the longest dead give way.
const PAST_MAX: usize = 128;

/// For how long a dead node is not believed to be back on a third party's word.
const DOUBT_MS: u64 = 60_000;

/// The nodes that were here.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// With the time at which each last failed to answer, the oldest first.
    gone: VecDeque<(Contact, u64)>,
}

impl Past {
    pub(super) fn add(&mut self, now_ms: u64, contact: Contact) {
        self.remove(&contact.id);
        if self.gone.len() == PAST_MAX {
            self.gone.pop_front();
        }
        self.gone.push_back((contact, now_ms));
    }

    pub(super) fn remove(&mut self, id: &Key) {
        self.gone.retain(|(contact, _)| contact.id != *id);
    }

    /// It was asked and failed again.
    pub(super) fn failed(&mut self, now_ms: u64, contact: &Contact) {
        if let Some(found) = self.gone.iter_mut().find(|(gone, _)| gone == contact) {
            found.1 = now_ms;
        }
    }

    /// Whether this node was at this address when it died.
    pub(super) fn contains(&self, contact: &Contact) -> bool {
        self.gone.iter().any(|(gone, _)| gone == contact)
    }

    /// Whether this node failed at this address a short while ago.
    pub(super) fn doubts(&self, now_ms: u64, contact: &Contact) -> bool {
        self.gone
            .iter()
            .any(|(gone, at_ms)| gone == contact && recent(now_ms, *at_ms))
    }

    /// Those that failed a short while ago.
    pub(super) fn doubtful(&self, now_ms: u64) -> impl Iterator<Item = Contact> + '_ {
        let recent = move |(_, at_ms): &&(Contact, u64)| recent(now_ms, *at_ms);
        self.gone.iter().filter(recent).map(|(contact, _)| *contact)
    }

    /// Any one of them.
    pub(super) fn any(&self, random: u64) -> Option<Contact> {
        let count = self.gone.len() as u64;
        let index = random.checked_rem(count)?;
        self.gone.get(index as usize).map(|(contact, _)| *contact)
    }
}

fn recent(now_ms: u64, at_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) < DOUBT_MS
}
