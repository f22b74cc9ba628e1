//! Networks that are cut, frozen, killed and grown at random, in simulated time: nothing that was acknowledged is ever
//! denied. The same seed gives the same run.
//!
//! `SEEDS=5000 cargo test --release -p kadenza-protocol --test layout` tries more seeds, `SEED=17` one of them.

#[path = "../support/dice.rs"]
#[expect(
    dead_code,
    reason = "the simulation of lookups throws them in more ways"
)]
mod dice;
mod events;
mod world;

use std::env;

use dice::Dice;
use events::{EVENTS, Run};
use kadenza_protocol::{Key, layout::Slot};
use world::{Fault, Kind, NODES_MAX, World, key};

#[test]
fn nothing_acknowledged_is_ever_denied() {
    let number = |name: &str| {
        env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(60),
    };
    let (mut acknowledged, mut denials) = (0, 0);
    for seed in seeds.clone() {
        let (violation, written, denied) = Run::new(seed, Fault::None).run(EVENTS);
        assert_eq!(violation, None, "seed {seed}");
        acknowledged += written;
        denials += denied;
    }
    println!("{seeds:?}: {acknowledged} acknowledged, {denials} denials, none wrong");
    // A network that never says anything keeps its word as well.
    assert!(seeds.end - seeds.start < 10 || acknowledged > 300 && denials > 300);
}

impl World {
    /// All nodes tell each other all, and look after the layout, until nothing changes any more.
    fn settle(&mut self, nodes: &[Key]) {
        for _ in 0..6 {
            for id in nodes {
                self.round(*id);
                self.look_after(*id);
                self.begin_sync(*id);
                self.finish(*id);
                self.end_versions(*id);
            }
        }
    }

    /// Ends what a node is at.
    fn finish(&mut self, id: Key) {
        while !self.nodes[&id].tasks.is_empty() {
            self.work(id);
        }
    }

    fn writes(&mut self, id: Key, song: Key) -> bool {
        self.begin(id, song, Kind::Write);
        self.finish(id);
        self.acknowledged.contains_key(&song)
    }

    fn denies(&mut self, id: Key, song: Key) -> bool {
        let before = self.denials;
        self.begin(id, song, Kind::Read { found: false });
        self.finish(id);
        self.denials > before
    }
}

/// Nine nodes, of which the three that are responsible for a song are cut off together: they do not know that
/// others take its share over. What is wrong then, if anything.
fn cut_off_together(fault: Fault, song: u32) -> Option<&'static str> {
    let mut world = World::new(Dice(1), fault);
    while world.nodes.len() < NODES_MAX {
        world.join();
    }
    let all: Vec<Key> = world.nodes.keys().copied().collect();
    world.settle(&all);
    let song = key(1, song);
    let view = &world.nodes[&all[0]].view;
    let cut: Vec<Key> = view.responsible(Slot::of(&song)).collect();
    let others: Vec<Key> = all.into_iter().filter(|id| !cut.contains(id)).collect();
    for id in &cut {
        world.node(*id).side = 1;
    }
    // The others notice it, and go by a new version, while those that are cut off may still say no.
    world.settle(&others);
    world.now += 3_100;
    world.settle(&others);
    let is_early = world.writes(others[0], song);
    if is_early && world.denies(cut[0], song) {
        return Some("it was written before the leases of the earlier version were over");
    }
    world.now += 7_000;
    world.settle(&others);
    if !world.writes(others[0], song) {
        return Some("it was not written at all");
    }
    world
        .denies(cut[0], song)
        .then_some("it was denied by those that are cut off")
}

#[test]
fn nodes_cut_off_together_hold_nobody_up_and_deny_nothing() {
    // Each song has other responsible nodes.
    const SONGS: u32 = 12;
    for song in 0..SONGS {
        assert_eq!(cut_off_together(Fault::None, song), None, "song {song}");
    }
    for fault in [
        Fault::EndlessLease,
        Fault::NoLeaseToDeny,
        Fault::WritesTooSoon,
    ] {
        assert!(
            (0..SONGS).any(|song| cut_off_together(fault, song).is_some()),
            "{fault:?} is not noticed"
        );
    }
}

/// Faults, each with a seed with which it is noticed.
const NOTICED: [(Fault, u64); 2] = [(Fault::NoHistory, 199), (Fault::NoLeaseToDeny, 5)];
/// Faults that do harm only once two of three responsible nodes are others: rare in worlds as short as these.
const RARE: [Fault; 4] = [
    Fault::NoLeaseToWrite,
    Fault::OverTooSoon,
    Fault::OneDenies,
    Fault::SyncedTooSoon,
];

/// With `SEEDS`, also prints with which seed each of them is noticed first.
#[test]
fn planted_faults_are_noticed() {
    let is_noticed = |fault, seed: &u64| Run::new(*seed, fault).run(EVENTS).0.is_some();
    for (fault, seed) in NOTICED {
        assert!(is_noticed(fault, &seed), "{fault:?} is not noticed");
    }
    let seeds = number("SEEDS").unwrap_or(0);
    let all = NOTICED.map(|(fault, _)| fault).into_iter().chain(RARE);
    for fault in all.filter(|_| seeds > 0) {
        let first = (0..seeds).find(|seed| is_noticed(fault, seed));
        println!("{fault:?}: seed {first:?}");
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}
