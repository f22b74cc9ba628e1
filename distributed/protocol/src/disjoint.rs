//! A lookup over several paths that share no node, so that a hostile node misleads the path that asks it and no other.
//!
//! Baumgart and Mies, "S/Kademlia: A Practicable Approach Towards Secure Key-Based Routing", 2007, section 4.4. What the
//! paper leaves open:
//! - the nodes to begin with are dealt out in turn, the closest first, so that each path begins near the target;
//! - a node that another path asks takes its place in this one as well. So the paths end together at the same nodes, and
//!   `d` of them cost a few requests more, and not `d` times as many;
//! - where fewer nodes are known than [`SEEDS_A_PATH`] for each path, there are fewer paths: who knows nearly everybody
//!   needs nobody's word.
//!
//! The result is that of all paths: the closest of all nodes that answered themselves, whoever told of them. A hostile node
//! can keep silent about others and invent some, which do not answer, but not remove what other paths found.

use std::collections::HashMap;

use crate::{
    contact::Contact,
    key::Key,
    lookup::{Fate, Lookup, up_to},
};

/// How many nodes a path begins with at least.
pub const SEEDS_A_PATH: usize = 5;

/// A lookup under way, over disjoint paths. Its inputs are those of a [`Lookup`], and as harmless.
#[derive(Debug, Clone)]
pub struct DisjointLookup {
    target: Key,
    want: usize,
    paths: Vec<Lookup>,
    /// Which path asked whom.
    asked: HashMap<Contact, usize>,
}

impl DisjointLookup {
    /// A lookup by `own` of the `want` nodes closest to `target`, over at most so many paths from `seeds` on.
    #[must_use]
    pub fn new(
        own: Key,
        target: Key,
        want: usize,
        paths: usize,
        seeds: impl IntoIterator<Item = Contact>,
    ) -> DisjointLookup {
        let seeds: Vec<Contact> = seeds.into_iter().collect();
        let many = paths.min(seeds.len() / SEEDS_A_PATH).max(1);
        let path = |number| {
            let dealt = seeds.iter().skip(number).step_by(many).copied();
            Lookup::new(own, target, want, dealt)
        };
        DisjointLookup {
            target,
            want,
            paths: (0..many).map(path).collect(),
            asked: HashMap::new(),
        }
    }

    /// Nodes that the asker does not trust to be up: see [`Lookup::doubting`].
    #[must_use]
    pub fn doubting(mut self, doubted: &[Contact]) -> DisjointLookup {
        let paths = self.paths.into_iter();
        self.paths = paths
            .map(|path| path.doubting(doubted.iter().copied()))
            .collect();
        self
    }

    /// Whom to ask first.
    #[must_use = "these nodes are to be asked"]
    pub fn start(&mut self) -> Vec<Contact> {
        self.advance()
    }

    /// As [`Lookup::answered`]: what is told is known to the path that asked, and to no other.
    #[must_use = "these nodes are to be asked"]
    pub fn answered(&mut self, from: &Contact, nodes: &[Contact], counts: bool) -> Vec<Contact> {
        self.hear(from, Fate::Answered { counts }, |path| {
            path.takes_answer(from, nodes, counts)
        })
    }

    /// As [`Lookup::late`].
    #[must_use = "these nodes are to be asked"]
    pub fn late(&mut self, from: &Contact) -> Vec<Contact> {
        self.hear(from, Fate::Gone, |path| path.takes_delay(from))
    }

    /// As [`Lookup::failed`].
    #[must_use = "these nodes are to be asked"]
    pub fn failed(&mut self, from: &Contact) -> Vec<Contact> {
        self.hear(from, Fate::Gone, |path| path.takes_failure(from))
    }

    /// Whether all paths have ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.paths.iter().all(Lookup::is_done)
    }

    /// How many paths there are.
    #[must_use]
    pub fn paths(&self) -> usize {
        self.paths.len()
    }

    /// How many nodes were asked and are neither late nor have answered or failed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.paths.iter().map(Lookup::waiting).sum()
    }

    /// How many requests were made so far.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.paths.iter().map(Lookup::asked).sum()
    }

    /// The closest nodes that answered on any path, the closest first, up to and including the `want`-th that counts.
    #[must_use]
    pub fn result(&self) -> Vec<Contact> {
        let mut answered: Vec<(Contact, bool)> =
            self.paths.iter().flat_map(Lookup::all_answered).collect();
        answered.sort_by_key(|(contact, _)| self.target.distance(&contact.id));
        // At two addresses, each asked by another path.
        answered.dedup_by_key(|(contact, _)| contact.id);
        up_to(self.want, answered)
    }

    /// The nodes that were told of and never asked, the closest first: news for a routing table.
    pub fn told(&self) -> impl Iterator<Item = Contact> + '_ {
        let mut told: Vec<Contact> = self.paths.iter().flat_map(Lookup::told).collect();
        told.sort_by_key(|contact| self.target.distance(&contact.id));
        told.dedup();
        told.into_iter()
    }

    fn hear(
        &mut self,
        from: &Contact,
        fate: Fate,
        takes: impl FnOnce(&mut Lookup) -> bool,
    ) -> Vec<Contact> {
        let asked = self.asked.get(from).copied();
        let Some(path) = asked.filter(|_| !self.is_done()) else {
            return Vec::new();
        };
        if !takes(&mut self.paths[path]) {
            return Vec::new();
        }
        self.tell(path, from, fate);
        self.advance()
    }

    /// Tells all other paths what one hears.
    fn tell(&mut self, by: usize, of: &Contact, fate: Fate) {
        let others = self.paths.iter_mut().enumerate();
        for (_, path) in others.filter(|(number, _)| *number != by) {
            path.takes_news(of, fate);
        }
    }

    /// Lets each path ask whom it may. What one of them asks no other does.
    fn advance(&mut self) -> Vec<Contact> {
        let mut asks = Vec::new();
        for number in 0..self.paths.len() {
            for ask in self.paths[number].advance() {
                self.asked.insert(ask, number);
                self.tell(number, &ask, Fate::Open);
                asks.push(ask);
            }
        }
        asks
    }
}

#[cfg(test)]
mod tests;
