//! What a world is like: drawn from its seed, and another one for each.
//!
//! Each world has its own weights of what befalls it, and most leave some nemeses out altogether: a fault that needs
//! many crashes and no cut is found in a world of crashes (swarm testing: Groce et al., 2012).

use std::time::Duration;

use kadenza_distributed::REPAIR_AFTER_DEFAULT;

use crate::{base::dice::Dice, outside::network::Weather};

/// What may befall a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nemesis {
    /// A process is killed, or its machine loses power; it is started again.
    Crash,
    /// Several are killed at once, and started again one after the other.
    Outage,
    /// One after the other is killed, and they are started again in the same order.
    Ebb,
    /// A machine stands still, and goes on.
    Freeze,
    /// A machine is cut off from all others.
    Cut,
    /// The network falls into two halves.
    Split,
    /// One machine does not hear another one that hears it.
    OneWay,
    /// One machine after the other is cut off, and they come back in another order.
    Clog,
    /// Packets are lost, and some ways are slow.
    Storm,
    /// A disk has no more room.
    Full,
    /// A disk is slow.
    Slow,
    /// Audio rots.
    Rot,
    /// A machine loses its disk, and comes back under a new id.
    Wipe,
    /// A machine more.
    Join,
    /// Many machines more at once.
    JoinMany,
    /// A machine is told to leave.
    Leave,
    /// A wall clock jumps by two days.
    Clock,
}

impl Nemesis {
    /// All of them.
    pub(crate) const ALL: [Nemesis; 17] = [
        Nemesis::Crash,
        Nemesis::Outage,
        Nemesis::Ebb,
        Nemesis::Freeze,
        Nemesis::Cut,
        Nemesis::Split,
        Nemesis::OneWay,
        Nemesis::Clog,
        Nemesis::Storm,
        Nemesis::Full,
        Nemesis::Slow,
        Nemesis::Rot,
        Nemesis::Wipe,
        Nemesis::Join,
        Nemesis::JoinMany,
        Nemesis::Leave,
        Nemesis::Clock,
    ];
}

/// What a world is like.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How many machines there are in the beginning.
    pub(crate) nodes: usize,
    /// How many copies of a song they keep.
    pub(crate) replication: usize,
    pub(crate) clients: usize,
    /// How long a client rests between two questions, in milliseconds.
    pub(crate) rest_ms: u64,
    /// How many songs are uploaded at most.
    pub(crate) songs_max: usize,
    /// How many of the songs are larger than a chunk.
    pub(crate) large: f64,
    /// How long things befall the world.
    pub(crate) safety: Duration,
    /// How long it is quiet between two strikes, in milliseconds.
    pub(crate) quiet_ms: u64,
    /// How long a strike lasts, in milliseconds.
    pub(crate) lasting_ms: u64,
    pub(crate) surplus_kept: Duration,
    /// After how long a silent member counts as absent.
    pub(crate) repair_after: Duration,
    pub(crate) weather: Weather,
    /// Nemeses and their weights.
    pub(crate) nemeses: Vec<(Nemesis, u64)>,
}

impl Plan {
    /// The plan of a seed, of so many nodes if that is said.
    pub(crate) fn draw(dice: &Dice, nodes: Option<usize>) -> Plan {
        let drawn = [1, 2, 3, 3, 3, 3, 4, 4, 5, 5, 5, 6, 7, 9];
        let drawn = dice.pick(&drawn).unwrap_or(3);
        let mut nemeses = Vec::new();
        for nemesis in Nemesis::ALL {
            if dice.happens(0.4) {
                nemeses.push((nemesis, dice.between(1, 8)));
            }
        }
        // In some worlds nothing happens, and so nothing may be moved.
        if dice.happens(0.04) {
            nemeses.clear();
        }
        let low = dice.between(1, 3);
        Plan {
            nodes: nodes.unwrap_or(drawn),
            replication: dice.pick(&[3, 3, 3, 3, 3, 2]).unwrap_or(3),
            clients: dice.between(1, 4) as usize,
            rest_ms: dice.between(200, 2_000),
            songs_max: dice.between(4, 24) as usize,
            large: dice.pick(&[0.0, 0.05, 0.3]).unwrap_or(0.0),
            safety: Duration::from_secs(dice.between(20, 90)),
            quiet_ms: dice.between(300, 8_000),
            lasting_ms: dice.between(500, 25_000),
            surplus_kept: Duration::from_secs(dice.between(1, 20)),
            repair_after: REPAIR_AFTER_DEFAULT,
            weather: Weather {
                latency_ms: (low, low + dice.between(0, 20)),
                loss: dice.pick(&[0.0, 0.0, 0.01]).unwrap_or(0.0),
                bytes_per_ms: dice.pick(&[1_000, 10_000, 100_000]).unwrap_or(10_000),
            },
            nemeses,
        }
    }

    /// The plan of a world in which something is played: nobody asks and nothing befalls it but what the play says.
    pub(crate) fn staged(replication: usize, surplus_kept: Duration) -> Plan {
        Plan {
            nodes: 0,
            replication,
            clients: 0,
            rest_ms: 0,
            songs_max: usize::MAX,
            large: 0.0,
            safety: Duration::ZERO,
            quiet_ms: 0,
            lasting_ms: 0,
            surplus_kept,
            repair_after: Duration::from_secs(15),
            weather: Weather {
                latency_ms: (1, 3),
                loss: 0.0,
                bytes_per_ms: 10_000,
            },
            // Not none, since this is no world that nothing befalls.
            nemeses: vec![(Nemesis::Cut, 0)],
        }
    }

    /// What befalls the world next; none if nothing does.
    pub(crate) fn next(&self, dice: &Dice) -> Option<Nemesis> {
        let sum: u64 = self.nemeses.iter().map(|(_, weight)| weight).sum();
        let mut at = dice.between(1, sum.max(1));
        self.nemeses.iter().find_map(|(nemesis, weight)| {
            let is_it = at <= *weight;
            at = at.saturating_sub(*weight);
            is_it.then_some(*nemesis)
        })
    }
}
