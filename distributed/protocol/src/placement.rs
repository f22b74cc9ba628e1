//! Which nodes are responsible for what. Pure: keys in, keys out.
//!
//! Audio lies on the `replication` nodes closest to the song's id; the card on those and on the
//! `replication` nodes closest to each of the song's terms.

use std::collections::{BTreeSet, HashMap};

use kadenza_contract::{Song, SongId};

use crate::{contact::Contact, key::Key, terms};

/// The nodes among which copies are placed, and which of them are closest to a key. Remembers its
/// answers, since most terms are asked for again and again.
#[derive(Debug)]
pub struct Placement {
    nodes: Vec<Contact>,
    replication: usize,
    remembered: HashMap<Key, Vec<Key>>,
}

/// How many keys are remembered at most; a bound on memory, about 10 MB. A full map is cleared: a
/// placement lives for one pass, which asks for its keys in no order that an eviction could use.
const REMEMBERED_MAX: usize = 50_000;

impl Placement {
    /// The placement of `replication` copies among these nodes.
    #[must_use]
    pub fn new(nodes: Vec<Contact>, replication: usize) -> Placement {
        Placement {
            nodes,
            replication,
            remembered: HashMap::new(),
        }
    }

    /// The nodes responsible for a key, the closest first.
    pub fn responsible(&mut self, key: Key) -> &[Key] {
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        let (nodes, replication) = (&self.nodes, self.replication);
        self.remembered.entry(key).or_insert_with(|| {
            let mut ids: Vec<Key> = nodes.iter().map(|node| node.id).collect();
            if ids.len() > replication {
                ids.select_nth_unstable_by_key(replication - 1, |id| id.distance(&key));
                ids.truncate(replication);
            }
            ids.sort_unstable_by_key(|id| id.distance(&key));
            ids
        })
    }

    /// The nodes responsible for a song's audio, the closest first.
    pub fn of_audio(&mut self, id: SongId) -> Vec<Key> {
        self.responsible(id.into()).to_vec()
    }

    /// The nodes responsible for a song's card.
    pub fn of_card(&mut self, song: &Song) -> BTreeSet<Key> {
        let mut nodes: BTreeSet<Key> = self.responsible(song.id().into()).iter().copied().collect();
        for term in terms::of_song(song) {
            nodes.extend(self.responsible(Key::of_term(&term)));
        }
        nodes
    }

    /// The contact of a node.
    #[must_use]
    pub fn contact(&self, id: &Key) -> Option<Contact> {
        self.nodes.iter().find(|node| node.id == *id).copied()
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Contact] {
        &self.nodes
    }
}

/// How many of `of` machines are a majority.
#[must_use]
pub fn majority(of: usize) -> usize {
    of / 2 + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_responsible_are_the_closest(ids in proptest::collection::btree_set(any::<[u8; 32]>(), 1..30), key: [u8; 32], r in 1usize..6) {
            let nodes: Vec<Contact> = ids.into_iter()
                .map(|id| Contact { id: Key::from_bytes(id), address: ([127, 0, 0, 1], 1).into() }).collect();
            let key = Key::from_bytes(key);
            let mut sorted: Vec<Key> = nodes.iter().map(|node| node.id).collect();
            sorted.sort_by_key(|id| id.distance(&key));
            sorted.truncate(r);
            let mut placement = Placement::new(nodes, r);
            prop_assert_eq!(placement.responsible(key), sorted);
        }
    }
}
