//! Digests of what a node holds: two nodes compare them and then exchange only what differs.
//!
//! Merkle-style anti-entropy: Demers et al., "Epidemic algorithms for replicated database
//! maintenance", 1987.

use kadenza_contract::SongId;

/// One line of an offer: a song, and a hash of which recordings of it are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The song.
    pub id: SongId,
    /// A hash of the recordings: equal exactly where two nodes hold the same of the song.
    pub version: [u8; 32],
}

/// The digests of 256 ranges of items, by the first byte of their ids.
pub type Digests = [[u8; 32]; 256];

/// The digests of some items: for each first byte of an id, the XOR of the hashes of its items,
/// which does not depend on their order.
#[must_use]
pub fn digests(items: &[Item]) -> Box<Digests> {
    let mut digests = Box::new([[0; 32]; 256]);
    for item in items {
        let mut hasher = blake3::Hasher::new();
        hasher.update(item.id.as_bytes()).update(&item.version);
        let hash = hasher.finalize();
        let range = &mut digests[usize::from(item.id.as_bytes()[0])];
        range
            .iter_mut()
            .zip(hash.as_bytes())
            .for_each(|(sum, byte)| *sum ^= byte);
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: u8, version: u8) -> Item {
        Item {
            id: SongId::from_bytes([id; 32]),
            version: [version; 32],
        }
    }

    #[test]
    fn digests_do_not_depend_on_order_and_tell_what_differs() {
        let items = [item(1, 1), item(2, 1), item(3, 1)];
        let turned = [item(3, 1), item(1, 1), item(2, 1)];
        assert_eq!(digests(&items), digests(&turned));
        let newer = digests(&[item(1, 1), item(2, 9), item(3, 1)]);
        let differing: Vec<usize> = (0..256)
            .filter(|n| newer[*n] != digests(&items)[*n])
            .collect();
        assert_eq!(differing, [2]);
    }
}
