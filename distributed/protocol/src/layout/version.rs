//! A version of the layout: the members at one time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{key::Key, layout::CAPACITY_UNSAID_GIB, placement::majority};

/// The highest number of a version. A network that changes its members each second for an age does not come near it; a
/// member that claims one beyond it is not heard, since the numbers after it would begin anew.
const NUMBER_MAX: u64 = 1 << 62;

/// The members at one time. A later version has a higher number; two with the same number were made at the same time by
/// nodes that did not know of each other, and are both kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// Higher than that of all versions that were known when it was made; at most 2^62.
    #[serde(deserialize_with = "plausible")]
    pub number: u64,
    /// All members, also those that are away: a majority is one of these.
    pub voters: BTreeSet<Key>,
    /// Those among which the shares are distributed, and their capacities in GiB.
    #[serde(deserialize_with = "with_capacities")]
    pub placed: BTreeMap<Key, u32>,
    /// Whether what was written may be on any of the members: so it was before there were shares.
    #[serde(default)]
    pub anywhere: bool,
}

impl Version {
    /// The version without members, before all others.
    #[must_use]
    pub fn none() -> Version {
        Version {
            number: 0,
            voters: BTreeSet::new(),
            placed: BTreeMap::new(),
            anywhere: false,
        }
    }

    /// The number of the version that follows this one.
    pub(super) fn next_number(&self) -> u64 {
        // Whoever claims the highest makes versions that no longer follow each other, but none that goes before.
        (self.number + 1).min(NUMBER_MAX)
    }

    /// On how many of the nodes responsible something must be to count as written. Members that are away count: a lone
    /// survivor of three is no majority of one.
    #[must_use]
    pub fn needed(&self, replication: usize) -> usize {
        majority(replication.min(self.voters.len()))
    }

    /// Whether the members are the same ones.
    #[must_use]
    pub fn has_same_members(&self, other: &Version) -> bool {
        (&self.voters, &self.placed) == (&other.voters, &other.placed)
    }
}

fn plausible<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(from)?;
    match number <= NUMBER_MAX {
        true => Ok(number),
        false => Err(D::Error::custom("no network has had so many versions")),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Placed {
    WithCapacities(BTreeMap<Key, u32>),
    /// As it was before members had capacities.
    Alike(BTreeSet<Key>),
}

fn with_capacities<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Key, u32>, D::Error> {
    Ok(match Placed::deserialize(from)? {
        Placed::WithCapacities(placed) => placed,
        Placed::Alike(nodes) => {
            let alike = |node| (node, CAPACITY_UNSAID_GIB);
            nodes.into_iter().map(alike).collect()
        }
    })
}
