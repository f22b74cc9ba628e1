//! The key space: 256-bit keys under the XOR metric.
//!
//! Maymounkov and Mazières, "Kademlia: A Peer-to-peer Information System Based on the XOR Metric",
//! 2002, section 2. Nodes, songs and terms share one space.

use std::{fmt, str::FromStr};

use kadenza_contract::{ContentHash, InvalidHash, SongId};
use serde::{Deserialize, Serialize};

/// The domain under which terms are hashed, so that no term's key is also a song's.
const TERM_DOMAIN: &str = "kadenza 2026-11-22 search term v1";

/// A point in the key space: the id of a node, or the key of a song or a term.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(ContentHash);

impl Key {
    /// How many bits a key has, and so how many buckets a table.
    pub const BITS: usize = 256;

    /// The key with these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Key {
        Key(ContentHash::from_bytes(bytes))
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key of a term.
    #[must_use]
    pub fn of_term(term: &str) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key(TERM_DOMAIN);
        hasher.update(term.as_bytes());
        Key::from_bytes(*hasher.finalize().as_bytes())
    }

    /// How far another key is: their XOR, read as a number. Symmetric, zero only for the same key,
    /// and for each distance there is exactly one key.
    #[must_use]
    pub fn distance(&self, other: &Key) -> Distance {
        let mut bits = *self.as_bytes();
        for (bit, other) in bits.iter_mut().zip(other.as_bytes()) {
            *bit ^= other;
        }
        Distance(bits)
    }

    /// The first key behind the subtree that begins at this key and spans all lower bits than
    /// `bit`; none if it is the last one. With it all nodes are found region by region.
    #[must_use]
    pub fn behind_subtree(&self, bit: usize) -> Option<Key> {
        let (byte, within) = (31 - bit / 8, bit % 8);
        let mut next = *self.as_bytes();
        // The subtree has the bits below `bit` free: clear them, then count up at `bit`.
        next[byte + 1..].fill(0);
        next[byte] &= !((1u8 << within) - 1);
        let mut carry = 1u8 << within;
        for digit in next[..=byte].iter_mut().rev() {
            let (sum, overflow) = digit.overflowing_add(carry);
            *digit = sum;
            if !overflow {
                return Some(Key::from_bytes(next));
            }
            carry = 1;
        }
        None
    }
}

impl From<SongId> for Key {
    fn from(id: SongId) -> Key {
        Key::from_bytes(*id.as_bytes())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:.12})", self.0)
    }
}

impl FromStr for Key {
    type Err = InvalidHash;
    fn from_str(text: &str) -> Result<Key, InvalidHash> {
        text.parse().map(Key)
    }
}

/// The leading 64 bits of the distance between two keys: they nearly always decide which of two
/// nodes is closer, at a fraction of the cost.
pub(crate) fn nearness(a: &Key, b: &Key) -> u64 {
    let leading = |key: &Key| {
        let [a, b, c, d, e, f, g, h, ..] = *key.as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    };
    leading(a) ^ leading(b)
}

/// How far two keys are apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance([u8; 32]);

impl Distance {
    /// Which bucket keys at this distance belong to: 255 for the far half of the space, 0 for the
    /// one nearest key, none for the key itself.
    #[must_use]
    pub fn bucket(&self) -> Option<usize> {
        let byte = self.0.iter().position(|byte| *byte != 0)?;
        Some(Key::BITS - 1 - (byte * 8 + self.0[byte].leading_zeros() as usize))
    }
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Distance({}…)", hex::encode(&self.0[..6]))
    }
}

#[cfg(test)]
mod tests;
