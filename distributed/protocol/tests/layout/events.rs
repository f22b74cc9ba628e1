//! What happens to a network at random.

use kadenza_protocol::{Key, layout::Lease};

use crate::{
    dice::Dice,
    world::{Kind, Node, World, key},
};

/// How many events a run has.
pub(crate) const EVENTS: usize = 1500;

/// What may happen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    Ask,
    Round,
    Write,
    Read,
    Work,
    LookAfter,
    Sync,
    EndVersions,
    Freeze,
    Kill,
    Revive,
    Cut,
    Heal,
    Join,
}

/// How often each is, of 200.
const USUAL: [(Event, usize); 14] = [
    (Event::Ask, 16),
    (Event::Round, 24),
    (Event::Write, 14),
    (Event::Read, 18),
    (Event::Work, 60),
    (Event::LookAfter, 18),
    (Event::Sync, 16),
    (Event::EndVersions, 16),
    (Event::Freeze, 3),
    (Event::Kill, 2),
    (Event::Revive, 5),
    (Event::Cut, 3),
    (Event::Heal, 4),
    (Event::Join, 1),
];
/// The most nodes of a world.
pub(crate) const NODES_MAX: usize = 9;

/// Each world has its own mind of what happens often (Groce et al., "Swarm Testing", 2012).
pub(crate) fn weights(dice: &mut Dice) -> Vec<(Event, usize)> {
    let weigh = |(event, usual)| (event, usual * [1, 2, 4, 8][dice.below(4)]);
    USUAL.into_iter().map(weigh).collect()
}

impl World {
    fn event(&mut self) {
        self.now += self.dice.below(30) as u64;
        if self.dice.below(60) == 0 {
            self.now += self.dice.below(9000) as u64;
        }
        let a = self.any();
        let b = self.any();
        match self.draw() {
            Event::Ask => self.ask(a, b),
            Event::Round => self.round(a),
            Event::Write if self.runs(&a) => {
                let song = key(1, self.dice.below(60) as u32);
                self.begin(a, song, Kind::Write);
            }
            Event::Read if self.runs(&a) => {
                let song = key(1, self.dice.below(60) as u32);
                self.begin(a, song, Kind::Read { found: false });
            }
            Event::Work => {
                for _ in 0..4 {
                    self.work(a);
                }
            }
            Event::LookAfter => {
                self.round(a);
                self.look_after(a);
            }
            Event::Sync if self.runs(&a) => self.begin_sync(a),
            Event::EndVersions if self.runs(&a) => self.end_versions(a),
            Event::Freeze => self.node(a).frozen = true,
            Event::Kill => {
                let node = self.node(a);
                node.down = true;
                node.lease = Lease::default();
                node.tasks.clear();
            }
            Event::Revive => {
                for node in self.nodes.values_mut() {
                    (node.frozen, node.down) = (false, false);
                }
            }
            Event::Cut => {
                let ids: Vec<Key> = self.nodes.keys().copied().collect();
                for id in ids {
                    let side = self.dice.below(2);
                    self.node(id).side = side;
                }
            }
            Event::Heal => self.nodes.values_mut().for_each(|node| node.side = 0),
            Event::Join if self.nodes.len() < NODES_MAX => self.join(),
            _ => {}
        }
    }

    pub(crate) fn node(&mut self, id: Key) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node")
    }

    /// What happens next. Each world has its own mind of what happens often (Groce et al., "Swarm Testing", 2012).
    fn draw(&mut self) -> Event {
        let all: usize = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.dice.below(all);
        for (event, weight) in &self.weights {
            if left < *weight {
                return *event;
            }
            left -= weight;
        }
        Event::Ask
    }

    pub(crate) fn run(mut self, events: usize) -> (Option<String>, usize, usize) {
        for _ in 0..events {
            self.event();
            if self.known_denied.is_some() {
                break;
            }
        }
        (self.known_denied, self.acknowledged.len(), self.denials)
    }
}
