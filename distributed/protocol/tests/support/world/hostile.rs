//! Nodes of a world that mislead others. Their ids are bound to keys, so that they cannot choose where they are, and
//! nobody answers in the name of a node that they invent.

use kadenza_protocol::{Contact, K, Key};

use super::{World, node::Manners, nowhere::nowhere};

impl World {
    /// A share of all nodes is hostile from now on, a third of them in each way. Never the first one.
    pub(crate) fn turn_hostile(&mut self, share: f64) {
        self.misleads = share > 0.0;
        let hostile = (self.nodes.len() as f64 * share).round() as usize;
        let ways = [Manners::Conspirator, Manners::Inventor, Manners::Mute];
        let mut left: Vec<usize> = (1..self.nodes.len()).collect();
        for turn in 0..hostile {
            let index = left.swap_remove(self.dice.below(left.len()));
            self.nodes[index].manners = ways[turn % ways.len()];
        }
    }

    /// What a hostile node tells of a target: its fellows and nobody else, or many that are not there, closer than any
    /// that is. `None` if it is not hostile.
    pub(super) fn misled(&mut self, index: usize, target: &Key) -> Option<Vec<Contact>> {
        match self.nodes[index].manners {
            Manners::Honest | Manners::Liar | Manners::Slow => None,
            Manners::Mute => Some(Vec::new()),
            Manners::Conspirator => {
                let fellows = self.nodes.iter().filter(|node| node.manners.is_hostile());
                let mut fellows: Vec<Contact> = fellows.map(|node| node.contact).collect();
                fellows.sort_by_key(|fellow| fellow.id.distance(target));
                fellows.truncate(K);
                Some(fellows)
            }
            Manners::Inventor => {
                let invented = (0..K).map(|turn| Contact {
                    id: near(target, self.dice.key()),
                    address: nowhere(turn),
                });
                Some(invented.collect())
            }
        }
    }
}

/// An id of chance that shares its first four bytes with a target.
fn near(target: &Key, chance: Key) -> Key {
    let mut bytes = *chance.as_bytes();
    bytes[..4].copy_from_slice(&target.as_bytes()[..4]);
    Key::from_bytes(bytes)
}
