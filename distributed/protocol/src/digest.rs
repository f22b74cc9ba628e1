//! Digests of what a node holds: two nodes compare them and then exchange only what differs.
//!
//! The ids are cut into [`RANGES`] ranges by their leading bits, and the ranges into [`GROUPS`] groups. Each range has a
//! digest that follows every change at once, whatever else the range holds, and those of groups and of the whole are
//! made from these (Merkle-style anti-entropy: Demers et al., "Epidemic algorithms for replicated database
//! maintenance", 1987; digests that can be changed in one place: Bellare and Micciancio, "A New Paradigm for
//! Collision-Free Hashing: Incrementality at Reduced Cost", 1997).

use std::collections::BTreeMap;

use kadenza_contract::SongId;
use serde::{Deserialize, Serialize};

/// How many ranges of ids there are.
pub const RANGES: u16 = 1 << RANGE_BITS;
const RANGE_BITS: u32 = 12;
/// How many groups of ranges there are.
pub const GROUPS: u16 = RANGES / RANGES_A_GROUP;
const RANGES_A_GROUP: u16 = 64;

/// One line of an offer: a song, and a hash of which recordings of it are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The song.
    pub id: SongId,
    /// A hash of the recordings: equal exactly where two nodes hold the same of the song.
    pub version: [u8; 32],
}

/// The digest of a part of what a node holds.
pub type Digest = [u8; 16];

/// How fine the parts are that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Parts {
    /// Groups of ranges.
    Groups,
    /// Ranges.
    Ranges,
}

impl Parts {
    /// How many parts there are.
    #[must_use]
    pub fn count(self) -> u16 {
        match self {
            Parts::Groups => GROUPS,
            Parts::Ranges => RANGES,
        }
    }
}

/// The digests of a set of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    /// Those of the ranges that hold anything: the XOR of the hashes of their items.
    ranges: BTreeMap<u16, u128>,
}

impl Digests {
    /// Adds an item, or takes out one that was added.
    pub fn toggle(&mut self, item: &Item) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(item.id.as_bytes()).update(&item.version);
        let hash = hasher.finalize();
        let first = hash.as_bytes().first_chunk();
        let hash = u128::from_be_bytes(*first.expect("a hash is longer than 16 bytes"));
        let range = self.ranges.entry(range_of(&item.id)).or_default();
        *range ^= hash;
        if *range == 0 {
            self.ranges.remove(&range_of(&item.id));
        }
    }

    /// The digest of everything.
    #[must_use]
    pub fn root(&self) -> Digest {
        digest_of(self.ranges.iter())
    }

    /// The digest of one part; 0 where it is empty.
    #[must_use]
    pub fn of(&self, parts: Parts, number: u16) -> Digest {
        match parts {
            Parts::Ranges => self.ranges.get(&number).copied().unwrap_or(0).to_be_bytes(),
            Parts::Groups => {
                let mut within = self.ranges.range(ranges_of(number)).peekable();
                match within.peek() {
                    Some(_) => digest_of(within),
                    None => [0; 16],
                }
            }
        }
    }
}

fn digest_of<'a>(ranges: impl Iterator<Item = (&'a u16, &'a u128)>) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for (number, range) in ranges {
        hasher.update(&number.to_be_bytes());
        hasher.update(&range.to_be_bytes());
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    digest
}

/// The ranges of a group.
pub fn ranges_of(group: u16) -> std::ops::Range<u16> {
    group * RANGES_A_GROUP..(group + 1) * RANGES_A_GROUP
}

/// The range of an id.
#[must_use]
pub fn range_of(id: &SongId) -> u16 {
    let [first, second, ..] = *id.as_bytes();
    u16::from_be_bytes([first, second]) >> (u16::BITS - RANGE_BITS)
}

/// The last id before a range; none before the first range.
#[must_use]
pub fn last_before(range: u16) -> Option<SongId> {
    let before = (range << (u16::BITS - RANGE_BITS)).checked_sub(1)?;
    let mut bytes = [0xff; 32];
    bytes[..2].copy_from_slice(&before.to_be_bytes());
    Some(SongId::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(id: [u8; 32], version: u8) -> Item {
        Item {
            id: SongId::from_bytes(id),
            version: [version; 32],
        }
    }

    fn of(items: &[Item]) -> Digests {
        let mut digests = Digests::default();
        items.iter().for_each(|item| digests.toggle(item));
        digests
    }

    proptest! {
        #[test]
        fn digests_depend_on_the_items_and_not_on_the_way_to_them(
            ids in proptest::collection::btree_set(any::<[u8; 32]>(), 1..20), turn in any::<prop::sample::Index>(),
        ) {
            let items: Vec<Item> = ids.into_iter().map(|id| item(id, 1)).collect();
            let mut turned = items.clone();
            turned.rotate_left(turn.index(items.len()));
            prop_assert_eq!(of(&items), of(&turned));
            // One of them in another version: that alone differs.
            let other = *turn.get(&items);
            let (before, mut after) = (of(&items), of(&items));
            after.toggle(&other);
            after.toggle(&item(*other.id.as_bytes(), 2));
            prop_assert_ne!(before.root(), after.root());
            let differing = |parts: Parts| -> Vec<u16> {
                (0..parts.count()).filter(|n| before.of(parts, *n) != after.of(parts, *n)).collect()
            };
            let range = range_of(&other.id);
            prop_assert_eq!(differing(Parts::Ranges), [range]);
            let [group] = differing(Parts::Groups)[..] else { panic!("one group") };
            prop_assert!(ranges_of(group).contains(&range));
            after.toggle(&item(*other.id.as_bytes(), 2));
            after.toggle(&other);
            prop_assert_eq!(before, after);
        }

        #[test]
        fn a_range_begins_behind_the_last_id_before_it(id in any::<[u8; 32]>()) {
            let id = SongId::from_bytes(id);
            let range = range_of(&id);
            prop_assert!(last_before(range).is_none_or(|before| before < id && range_of(&before) == range - 1));
        }
    }
}
