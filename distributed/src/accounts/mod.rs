//! People's accounts, which every node keeps whole, so that sign-in works on either side of a cut.
//!
//! A write is told at once to all members within reach. Each answer to a ping has a digest of what a node knows, so
//! what somebody missed is noticed with the next one, and is then exchanged in both directions.

mod exchange;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kadenza_accounts::{Digests, LocalAccounts};
use parking_lot::Mutex;

use crate::Key;

pub use writer::NodeWriter;

/// After how long the same difference with the same node is looked at again: clocks that differ may have refused
/// something, and no longer.
const AGAIN_AFTER_MS: u64 = 60_000;

/// The accounts of a node, if it keeps any.
#[derive(Debug)]
pub(crate) struct Accounts {
    local: Option<Arc<LocalAccounts>>,
    compared: Mutex<BTreeMap<Key, Compared>>,
    /// The nodes with which entries are being exchanged.
    exchanging: Mutex<BTreeSet<Key>>,
}

/// That entries are exchanged with a node, and by nobody else until this is dropped.
struct Exchange<'a> {
    with: Key,
    exchanging: &'a Mutex<BTreeSet<Key>>,
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.exchanging.lock().remove(&self.with);
    }
}

/// What two nodes had when they compared last, and when that was.
#[derive(Debug, PartialEq, Eq)]
struct Compared {
    ours: Key,
    theirs: Key,
    at_ms: u64,
}

impl Accounts {
    pub(crate) fn new(local: Option<Arc<LocalAccounts>>) -> Accounts {
        Accounts {
            local,
            compared: Mutex::default(),
            exchanging: Mutex::default(),
        }
    }

    /// Begins an exchange with a node; none if there is one.
    fn exchange(&self, with: Key) -> Option<Exchange<'_>> {
        let exchanging = &self.exchanging;
        let is_first = exchanging.lock().insert(with);
        is_first.then_some(Exchange { with, exchanging })
    }

    /// The digest of all that is known; none where no accounts are kept.
    pub(crate) fn digest(&self) -> Option<Key> {
        Some(summed(&self.local.as_ref()?.digests()))
    }

    /// Whether a node that has this digest is to be asked for what differs. It is from now on.
    fn is_to_compare(&self, node: Key, theirs: Key, now_ms: u64) -> bool {
        let Some(ours) = self.digest() else {
            return false;
        };
        if self.exchanging.lock().contains(&node) {
            return false;
        }
        let mut compared = self.compared.lock();
        if ours == theirs {
            compared.remove(&node);
            return false;
        }
        let is_known = compared.get(&node).is_some_and(|last| {
            let is_same = last.ours == ours && last.theirs == theirs;
            is_same && now_ms.saturating_sub(last.at_ms) < AGAIN_AFTER_MS
        });
        let this = Compared {
            ours,
            theirs,
            at_ms: now_ms,
        };
        if !is_known {
            compared.insert(node, this);
        }
        !is_known
    }
}

fn summed(digests: &Digests) -> Key {
    let mut hasher = blake3::Hasher::new();
    for (part, digest) in digests {
        hasher.update(&[*part]).update(digest);
    }
    Key::from_bytes(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_one_exchange_of_accounts_at_a_time() {
        let accounts = Accounts::new(None);
        let [one, other] = [1, 2].map(|number| Key::from_bytes([number; 32]));
        let first = accounts.exchange(one);
        assert!(first.is_some());
        assert!(accounts.exchange(one).is_none());
        assert!(accounts.exchange(other).is_some());
        drop(first);
        assert!(accounts.exchange(one).is_some());
    }
}
