//! Shares of the key space: which nodes are responsible for each slot of it.
//!
//! The key space is cut into slots by its leading bits, so that what holds for a whole network can be told slot by
//! slot. Each node has places in the key space, [`PLACES`] if it has the mean capacity, and more or fewer if it has more
//! or less; responsible for a slot are the nodes with the closest places (XOR). With one place a node, the fullest of
//! 50 nodes would have twice the mean; with 32, 1.2 times.

use std::collections::BTreeSet;

use crate::key::Key;

/// How many slots there are.
pub const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 12;
/// How many places a node of the mean capacity has, and the fewest and the most of others.
const PLACES: u64 = 32;
const PLACES_MIN: u64 = 2;
const PLACES_MAX: u64 = 1024;
/// The domain under which places are hashed.
const PLACE_DOMAIN: &str = "kadenza 2026-11-29 place of a node v1";

/// A part of the key space: all keys with the same leading bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot of a key.
    #[must_use]
    pub fn of(key: &Key) -> Slot {
        let [first, second, ..] = *key.as_bytes();
        Slot(u16::from_be_bytes([first, second]) >> (u16::BITS - SLOT_BITS))
    }

    /// All slots.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..1 << SLOT_BITS).map(Slot)
    }

    fn start(self) -> u64 {
        u64::from(self.0) << (u64::BITS - SLOT_BITS)
    }
}

/// The nodes responsible for each slot, the closest first.
#[derive(Debug, Clone)]
pub struct Shares {
    nodes: Vec<Key>,
    /// How many are responsible for each slot.
    width: usize,
    /// The nodes of each slot, by their index.
    table: Vec<u16>,
    /// One slot for each set of nodes that are responsible for any. There are far fewer sets than slots.
    differing: Vec<Slot>,
}

impl Shares {
    /// The shares of these nodes by their capacities, in any unit. Responsible for each slot are `replication` of them,
    /// or all if there are fewer.
    pub fn new(nodes: impl IntoIterator<Item = (Key, u32)>, replication: usize) -> Shares {
        let nodes: Vec<(Key, u32)> = nodes.into_iter().take(usize::from(u16::MAX)).collect();
        let width = replication.min(nodes.len());
        let whole: u64 = nodes.iter().map(|(_, of)| u64::from(*of)).sum();
        let mean = (whole / (nodes.len() as u64).max(1)).max(1);
        // To a power of two, so that who comes or goes hardly ever changes the number of places of the others.
        let mean = 1 << (mean + mean / 2).ilog2();
        let mut places: Vec<(u64, u16)> = Vec::with_capacity(nodes.len() * PLACES as usize);
        for ((node, capacity), number) in nodes.iter().zip(0..) {
            let count = (PLACES * u64::from(*capacity) + mean / 2) / mean;
            let count = count.clamp(PLACES_MIN, PLACES_MAX);
            places.extend((0..count).map(|place| (at(node, place as u32), number)));
        }
        places.sort_unstable();
        let nodes: Vec<Key> = nodes.into_iter().map(|(node, _)| node).collect();
        let mut table = Vec::with_capacity(SLOTS * width);
        for slot in Slot::all() {
            let from = table.len();
            closest(
                &places,
                u64::BITS,
                slot.start(),
                from + width,
                from,
                &mut table,
            );
        }
        let mut seen = BTreeSet::new();
        let mut differing: Vec<Slot> = Slot::all().collect();
        differing.retain(|slot| {
            let mut set = row(&table, width, *slot).to_vec();
            set.sort_unstable();
            seen.insert(set)
        });
        Shares {
            nodes,
            width,
            table,
            differing,
        }
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Key] {
        &self.nodes
    }

    /// Slots of which every other one has the same nodes as one of them, in whatever order.
    pub fn differing(&self) -> &[Slot] {
        &self.differing
    }

    /// The nodes responsible for a slot, the closest first.
    pub fn of(&self, slot: Slot) -> impl Iterator<Item = Key> + '_ {
        let indices = row(&self.table, self.width, slot);
        indices.iter().map(|index| self.nodes[usize::from(*index)])
    }
}

/// The nodes of a slot, by their index.
fn row(table: &[u16], width: usize, slot: Slot) -> &[u16] {
    let from = usize::from(slot.0) * width;
    &table[from..from + width]
}

/// One of the places of a node.
fn at(node: &Key, place: u32) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key(PLACE_DOMAIN);
    hasher.update(node.as_bytes()).update(&place.to_be_bytes());
    let hash = hasher.finalize();
    let first = hash.as_bytes().first_chunk();
    u64::from_be_bytes(*first.expect("a hash is longer than eight bytes"))
}

/// Adds the nodes closest to a target until the table is so long, each once. The places agree in all bits above
/// `bits`: those that also agree with the target in the next one are closer than the others.
fn closest(
    places: &[(u64, u16)],
    bits: u32,
    target: u64,
    until: usize,
    from: usize,
    table: &mut Vec<u16>,
) {
    if table.len() == until || places.is_empty() {
        return;
    }
    if bits == 0 || places.len() == 1 {
        for (_, node) in places {
            if table.len() < until && !table[from..].contains(node) {
                table.push(*node);
            }
        }
        return;
    }
    let bit = 1 << (bits - 1);
    let (zeros, ones) = places.split_at(places.partition_point(|(place, _)| place & bit == 0));
    let (near, far) = if target & bit == 0 {
        (zeros, ones)
    } else {
        (ones, zeros)
    };
    closest(near, bits - 1, target, until, from, table);
    closest(far, bits - 1, target, until, from, table);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Nodes of the same capacity.
    fn nodes(count: u32) -> Vec<(Key, u32)> {
        let id = |n: u32| Key::from_bytes(*blake3::hash(&n.to_be_bytes()).as_bytes());
        (0..count).map(|n| (id(n), 8)).collect()
    }

    /// For how many slots each node is responsible.
    fn slots_of(shares: &Shares) -> HashMap<Key, usize> {
        let mut slots: HashMap<Key, usize> = HashMap::new();
        for node in Slot::all().flat_map(|slot| shares.of(slot).collect::<Vec<_>>()) {
            *slots.entry(node).or_default() += 1;
        }
        slots
    }

    #[test]
    fn the_first_bits_of_a_key_are_its_slot() {
        let mut bytes = [0xff; 32];
        assert_eq!(Slot::of(&Key::from_bytes(bytes)), Slot(4095));
        bytes[..2].copy_from_slice(&[0x00, 0x1f]);
        assert_eq!(Slot::of(&Key::from_bytes(bytes)), Slot(1));
        assert_eq!(Slot::all().count(), SLOTS);
    }

    /// The bounds are those of the design for 10 and 50 nodes; the mean of several networks, since ids are chance.
    #[test]
    fn shares_are_even() {
        for (count, bound) in [(5, 1.15), (10, 1.15), (50, 1.25)] {
            let mut of_means = Vec::new();
            for network in 0..20 {
                let ids = nodes(1000).into_iter().skip(network * 50);
                let shares = Shares::new(ids.take(count), 3);
                let slots = slots_of(&shares);
                let mean = (SLOTS * 3) as f64 / count as f64;
                let most = slots.values().max().copied().unwrap_or(0) as f64;
                of_means.push(most / mean);
            }
            let mean = of_means.iter().sum::<f64>() / of_means.len() as f64;
            assert!(mean <= bound, "{count} nodes: {mean}");
        }
    }

    #[test]
    fn who_has_more_room_is_responsible_for_more() {
        let mut of_twelve = nodes(12);
        for node in &mut of_twelve[..4] {
            node.1 *= 4;
        }
        let slots = slots_of(&Shares::new(of_twelve.clone(), 3));
        let share = |range: std::ops::Range<usize>| -> usize {
            of_twelve[range].iter().map(|(node, _)| slots[node]).sum()
        };
        // A little less than four times as much, since a slot is never twice on the same node.
        let (large, small) = (share(0..4) / 4, share(4..12) / 8);
        assert!(large > 2 * small && large < 5 * small, "{large} {small}");
    }

    #[test]
    fn any_capacities_make_shares() {
        for capacities in [[0, 0, 0], [0, 1, u32::MAX], [u32::MAX; 3]] {
            let nodes = nodes(3).into_iter().zip(capacities);
            let shares = Shares::new(nodes.map(|((node, _), capacity)| (node, capacity)), 2);
            assert!(Slot::all().all(|slot| shares.of(slot).count() == 2));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_responsible_have_the_closest_places(count in 1u32..12, replication in 1usize..5, slot in 0u16..4096) {
            let shares = Shares::new(nodes(count), replication);
            let target = Slot(slot).start();
            let mut all: Vec<(u64, Key)> = nodes(count).into_iter()
                .map(|(node, _)| ((0..PLACES as u32).map(|place| at(&node, place) ^ target).min().unwrap(), node)).collect();
            all.sort_unstable();
            let wanted: Vec<Key> = all.into_iter().take(replication).map(|(_, node)| node).collect();
            prop_assert_eq!(shares.of(Slot(slot)).collect::<Vec<_>>(), wanted);
        }

        #[test]
        fn a_node_more_takes_from_others_and_moves_nothing_else(count in 3u32..20) {
            let (before, after) = (Shares::new(nodes(count), 3), Shares::new(nodes(count + 1), 3));
            let (new, _) = nodes(count + 1)[count as usize];
            for slot in Slot::all() {
                let old: BTreeSet<Key> = before.of(slot).collect();
                prop_assert!(after.of(slot).all(|node| node == new || old.contains(&node)));
            }
        }
    }
}
