//! Who is heard: which nodes do not answer, and since when.

use std::collections::{BTreeMap, BTreeSet};

use crate::Key;

/// How often a node that does not answer is asked again when it says something: it may hear nothing.
const GREETED_MS: u64 = 1_000;

/// The nodes that did not answer when they were asked last.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    silent: BTreeMap<Key, Silent>,
}

#[derive(Debug)]
struct Silent {
    since_ms: u64,
    greeted_ms: u64,
}

impl Hearing {
    /// A node did not answer.
    pub(super) fn unheard(&mut self, id: Key, now_ms: u64) {
        self.silent.entry(id).or_insert(Silent {
            since_ms: now_ms,
            greeted_ms: now_ms,
        });
    }

    /// A node answered. Says whether it had not before.
    pub(super) fn heard(&mut self, id: &Key) -> bool {
        self.silent.remove(id).is_some()
    }

    /// Whether a node did not answer when it was asked last.
    pub(super) fn is_unheard(&self, id: &Key) -> bool {
        self.silent.contains_key(id)
    }

    /// Whether a node that says something is to be asked again. It is from now on.
    pub(super) fn greet_again(&mut self, id: &Key, now_ms: u64) -> bool {
        let Some(silent) = self.silent.get_mut(id) else {
            return false;
        };
        let is_due = now_ms.saturating_sub(silent.greeted_ms) >= GREETED_MS;
        if is_due {
            silent.greeted_ms = now_ms;
        }
        is_due
    }

    /// The nodes that have not answered for so long.
    pub(super) fn silent_for(&self, ms: u64, now_ms: u64) -> BTreeSet<Key> {
        let silent = self.silences(now_ms);
        let silent = silent.filter(|(_, for_ms)| *for_ms >= ms);
        silent.map(|(id, _)| id).collect()
    }

    /// The nodes that do not answer, and for how long.
    pub(super) fn silences(&self, now_ms: u64) -> impl Iterator<Item = (Key, u64)> {
        let silent = self.silent.iter();
        silent.map(move |(id, silent)| (*id, now_ms.saturating_sub(silent.since_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lasts_until_the_node_answers() {
        let [one, other] = [1, 2].map(|id| Key::from_bytes([id; 32]));
        let mut hearing = Hearing::default();
        hearing.unheard(one, 1000);
        hearing.unheard(one, 5000);
        hearing.unheard(other, 5000);
        assert_eq!(hearing.silent_for(4000, 5000), [one].into());
        assert_eq!(hearing.silent_for(0, 5000), [one, other].into());
        // It says something, but whether it hears is for its answer to show; it is not asked for each word.
        assert!(hearing.greet_again(&one, 5000) && !hearing.greet_again(&one, 5001));
        assert!(hearing.is_unheard(&one));
        assert!(hearing.heard(&one) && !hearing.heard(&one) && !hearing.is_unheard(&one));
        assert!(!hearing.greet_again(&one, 9000));
    }
}
