//! What happens to a network at random.

use kadenza_protocol::{Key, layout::Lease};

use crate::{
    dice::Dice,
    world::{Fault, Kind, NODES_MAX, World, key},
};

/// How many events a run has.
pub(crate) const EVENTS: usize = 1500;

/// What may happen.
#[derive(Debug, Clone, Copy)]
enum Event {
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

/// A world, and what happens to it.
pub(crate) struct Run {
    world: World,
    weights: Vec<(Event, usize)>,
}

/// Each world has its own mind of what happens often (Groce et al., "Swarm Testing", 2012).
fn weights(dice: &mut Dice) -> Vec<(Event, usize)> {
    let weigh = |(event, usual)| (event, usual * [1, 2, 4, 8][dice.below(4)]);
    USUAL.into_iter().map(weigh).collect()
}

impl Run {
    pub(crate) fn new(seed: u64, fault: Fault) -> Run {
        let mut dice = Dice(seed);
        let weights = weights(&mut dice);
        let world = World::new(dice, fault);
        Run { world, weights }
    }

    /// What was denied wrongly, if anything, and how many songs were acknowledged and how many denied.
    pub(crate) fn run(mut self, events: usize) -> (Option<String>, usize, usize) {
        for _ in 0..events {
            self.world.pass_time();
            let (a, b) = (self.world.any(), self.world.any());
            let event = self.draw();
            self.world.happens(event, a, b);
            if self.world.known_denied.is_some() {
                break;
            }
        }
        let World {
            known_denied,
            acknowledged,
            denials,
            ..
        } = self.world;
        (known_denied, acknowledged.len(), denials)
    }

    /// What happens next.
    fn draw(&mut self) -> Event {
        let all: usize = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = self.world.dice.below(all);
        for (event, weight) in &self.weights {
            if left < *weight {
                return *event;
            }
            left -= weight;
        }
        Event::Ask
    }
}

impl World {
    fn pass_time(&mut self) {
        self.now += self.dice.below(30) as u64;
        if self.dice.below(60) == 0 {
            self.now += self.dice.below(9000) as u64;
        }
    }

    /// Something befalls a node, or the nodes `a` and `b`.
    fn happens(&mut self, event: Event, a: Key, b: Key) {
        match event {
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
}
