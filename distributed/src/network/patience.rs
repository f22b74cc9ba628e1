//! How long each peer usually takes to answer.
//!
//! Measured in two classes, since they differ by far: requests that are answered from memory tell
//! how long the way is (they decide when a lookup goes on without a peer); requests that read from
//! disk tell when a second replica is worth asking.

use std::{collections::HashMap, time::Duration};

use kadenza_protocol::{Key, RoundTrip};
use kadenza_rpc::Class;
use parking_lot::Mutex;

/// How many peers are remembered for sure; those not heard from for longest are forgotten when
/// twice as many are known.
const PEERS: usize = 2048;

#[derive(Debug, Clone, Copy, Default)]
struct Measured {
    prompt: RoundTrip,
    reading: RoundTrip,
}

/// The measured round trips of each peer.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    generations: Mutex<Generations>,
}

/// Two generations: when the young one is full, it becomes the old one, and the old is forgotten. By
/// hand, since values are changed in place, which a cache of the field would need a second lock for.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Measured>,
    old: HashMap<Key, Measured>,
}

impl Generations {
    fn get(&self, peer: &Key) -> Measured {
        let found = self.young.get(peer).or_else(|| self.old.get(peer));
        found.copied().unwrap_or_default()
    }

    fn change(&mut self, peer: &Key, change: impl FnOnce(&mut Measured)) {
        if let Some(measured) = self.young.get_mut(peer) {
            return change(measured);
        }
        if self.young.len() >= PEERS {
            self.old = std::mem::take(&mut self.young);
        }
        let mut measured = self.old.remove(peer).unwrap_or_default();
        change(&mut measured);
        self.young.insert(*peer, measured);
    }
}

impl Patience {
    /// A peer answered after this time.
    pub(crate) fn answered(&self, peer: &Key, class: Class, took: Duration) {
        let change = |measured: &mut Measured| match class {
            Class::Prompt => measured.prompt.answered(took),
            Class::Reading => measured.reading.answered(took),
            Class::Other => {}
        };
        if class != Class::Other {
            self.generations.lock().change(peer, change);
        }
    }

    /// A peer did not answer by the hard deadline.
    pub(crate) fn silent(&self, peer: &Key, class: Class) {
        let change = |measured: &mut Measured| match class {
            Class::Prompt => measured.prompt.late(),
            Class::Reading => measured.reading.late(),
            Class::Other => {}
        };
        if class != Class::Other {
            self.generations.lock().change(peer, change);
        }
    }

    /// The soft deadline of a request that is answered from memory.
    pub(crate) fn soft(&self, peer: &Key) -> Duration {
        self.generations.lock().get(peer).prompt.soft()
    }

    /// When to ask another for what this peer was to read.
    pub(crate) fn hedge(&self, peer: &Key) -> Duration {
        let measured = self.generations.lock().get(peer);
        match measured.reading.mean() {
            Some(_) => measured.reading.hedge(),
            None => measured.prompt.hedge(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        Key::of_term(&number.to_string())
    }

    #[test]
    fn a_quick_peer_is_given_less_time_and_a_silent_one_more() {
        let patience = Patience::default();
        let unknown = patience.soft(&key(1));
        for _ in 0..32 {
            patience.answered(&key(1), Class::Prompt, Duration::from_millis(1));
        }
        let known = patience.soft(&key(1));
        assert!(known < unknown, "{known:?} {unknown:?}");
        patience.silent(&key(1), Class::Prompt);
        assert!(patience.soft(&key(1)) > known);
        assert_eq!(patience.soft(&key(2)), unknown, "others are not affected");
    }

    #[test]
    fn slow_disks_do_not_make_lookups_slow() {
        let patience = Patience::default();
        for _ in 0..32 {
            patience.answered(&key(1), Class::Prompt, Duration::from_millis(1));
            patience.answered(&key(1), Class::Reading, Duration::from_millis(200));
        }
        assert!(patience.soft(&key(1)) < Duration::from_millis(100));
        assert!(patience.hedge(&key(1)) >= Duration::from_millis(200));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let patience = Patience::default();
        for number in 0..3 * PEERS {
            patience.answered(&key(number), Class::Prompt, Duration::from_millis(1));
        }
        let generations = patience.generations.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * PEERS);
        assert!(generations.get(&key(3 * PEERS - 1)).prompt.mean().is_some());
    }
}
