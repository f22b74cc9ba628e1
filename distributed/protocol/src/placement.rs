//! Which nodes hold what. Pure: keys in, keys out.
//!
//! Audio lies on the nodes that are responsible for the song's id; the card on those and on the nodes that are
//! responsible for each of the song's terms.

use std::{collections::BTreeSet, sync::Arc};

use kadenza_contract::{Song, SongId};

use crate::{
    key::Key,
    layout::{Shares, Slot},
    terms,
};

/// Where copies are placed.
#[derive(Debug, Clone)]
pub struct Placement {
    shares: Arc<Shares>,
}

impl Placement {
    /// The placement by these shares.
    #[must_use]
    pub fn new(shares: Arc<Shares>) -> Placement {
        Placement { shares }
    }

    /// The nodes responsible for a song's audio, the closest first.
    #[must_use]
    pub fn of_audio(&self, id: SongId) -> Vec<Key> {
        self.shares.of(Slot::of(&id.into())).collect()
    }

    /// Who stands in for a node that is responsible for a song's audio and has no room for it, the first to be asked
    /// first: all others, the closest first. For each of the responsible it begins with another one, so that two
    /// that are full do not count on the same.
    #[must_use]
    pub fn stand_ins(&self, id: SongId, full: &Key) -> Vec<Key> {
        let (key, responsible) = (Key::from(id), self.of_audio(id));
        let mut others: Vec<Key> = self.nodes().to_vec();
        others.retain(|node| !responsible.contains(node));
        others.sort_unstable_by_key(|node| node.distance(&key));
        let first = responsible.iter().position(|node| node == full);
        if !others.is_empty() {
            let first = first.unwrap_or(0) % others.len();
            others.rotate_left(first);
        }
        others
    }

    /// The nodes responsible for a song's card.
    #[must_use]
    pub fn of_card(&self, song: &Song) -> BTreeSet<Key> {
        let terms = terms::of_song(song);
        let terms = terms.iter().map(|term| Key::of_term(term));
        let keys = std::iter::once(song.id().into()).chain(terms);
        keys.flat_map(|key| self.shares.of(Slot::of(&key)))
            .collect()
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Key] {
        self.shares.nodes()
    }

    /// The shares of the nodes.
    #[must_use]
    pub fn shares(&self) -> &Arc<Shares> {
        &self.shares
    }
}

/// How many of `of` machines are a majority.
#[must_use]
pub fn majority(of: usize) -> usize {
    of / 2 + 1
}
