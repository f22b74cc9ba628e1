//! Nodes that failed: those that were in the table and died, or said goodbye, and strangers that
//! were told of and did not answer.
//!
//! They are remembered for two reasons: others may still hand them out, and must not be believed at
//! once; and when a split network heals, somebody has to call across the gap.

use std::collections::VecDeque;

use crate::{contact::Contact, key::Key};

/// How many of each kind are remembered; the oldest give way.
const PAST_MAX: usize = 128;

/// For how long a node that failed is not believed to be up on a third party's word.
const DOUBT_MS: u64 = 60_000;

/// The nodes that failed, with the time at which each last did.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// They were in the table; the longest dead first.
    gone: VecDeque<(Contact, u64)>,
    /// They never were. Apart from the others, so that invented ones cannot displace them.
    strangers: VecDeque<(Contact, u64)>,
}

impl Past {
    /// It was in the table, and died or left.
    pub(super) fn died(&mut self, now_ms: u64, contact: Contact) {
        self.gone.retain(|(gone, _)| gone.id != contact.id);
        push(&mut self.gone, (contact, now_ms));
    }

    /// It is not in the table, and was late or failed.
    pub(super) fn failed(&mut self, now_ms: u64, contact: Contact) {
        if let Some(found) = self.gone.iter_mut().find(|(gone, _)| *gone == contact) {
            found.1 = now_ms;
        } else {
            self.strangers.retain(|(stranger, _)| *stranger != contact);
            push(&mut self.strangers, (contact, now_ms));
        }
    }

    /// It answered, or is heard from at another address.
    pub(super) fn remove(&mut self, id: &Key) {
        self.gone.retain(|(gone, _)| gone.id != *id);
        self.strangers.retain(|(stranger, _)| stranger.id != *id);
    }

    /// Whether this node failed at this address a short while ago.
    pub(super) fn doubts(&self, now_ms: u64, contact: &Contact) -> bool {
        self.doubtful(now_ms).any(|doubtful| doubtful == *contact)
    }

    /// Those that failed a short while ago.
    pub(super) fn doubtful(&self, now_ms: u64) -> impl Iterator<Item = Contact> + '_ {
        let all = self.gone.iter().chain(&self.strangers);
        let recent = all.filter(move |(_, at_ms)| now_ms.saturating_sub(*at_ms) < DOUBT_MS);
        recent.map(|(contact, _)| *contact)
    }

    /// Any one of those that were in the table.
    pub(super) fn any(&self, random: u64) -> Option<Contact> {
        let count = self.gone.len() as u64;
        let index = random.checked_rem(count)?;
        self.gone.get(index as usize).map(|(contact, _)| *contact)
    }
}

fn push(list: &mut VecDeque<(Contact, u64)>, one: (Contact, u64)) {
    if list.len() == PAST_MAX {
        list.pop_front();
    }
    list.push_back(one);
}
