//! Which node has a key: hash slots as in Redis Cluster.
//!
//! A key has one of 16,384 slots: the CRC16 of the key, or of the part between the first `{` and the
//! next `}` if there is one (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
//! Slots are spread evenly over nodes. A node that comes takes its share from the others, and one that
//! goes leaves its slots to them; no other slot moves.

/// How many slots there are.
pub const SLOTS: usize = 16_384;

/// The slot of a key.
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(tag(key)) % SLOTS as u16
}

/// The part of the key that is hashed.
fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else {
        return key;
    };
    let behind = &key[open + 1..];
    match behind.iter().position(|byte| *byte == b'}') {
        Some(close @ 1..) => &behind[..close],
        _ => key,
    }
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// Which node has which slot. Nodes are numbered by whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    owners: Box<[usize]>,
}

impl SlotMap {
    /// All slots at one node.
    #[must_use]
    pub fn new(node: usize) -> SlotMap {
        SlotMap {
            owners: vec![node; SLOTS].into(),
        }
    }

    /// Spread over nodes 0 to `nodes` − 1; over one if it is 0.
    #[must_use]
    pub fn over(nodes: usize) -> SlotMap {
        let mut map = SlotMap::new(0);
        for node in 1..nodes {
            map.add(node);
        }
        map
    }

    /// The node that has a key.
    #[must_use]
    pub fn node_of(&self, key: &[u8]) -> usize {
        self.owners[usize::from(slot_of(key))]
    }

    /// The nodes that have slots, with how many.
    #[must_use]
    pub fn shares(&self) -> Vec<(usize, usize)> {
        let mut owners = self.owners.to_vec();
        owners.sort_unstable();
        owners
            .chunk_by(|a, b| a == b)
            .map(|slots| (slots[0], slots.len()))
            .collect()
    }

    /// A node comes and takes an even share. One that is there already keeps what it has.
    pub fn add(&mut self, node: usize) {
        let mut shares = self.shares();
        if shares.iter().any(|(other, _)| *other == node) {
            return;
        }
        let before = shares.clone();
        for _ in 0..SLOTS / (shares.len() + 1) {
            if let Some((_, left)) = shares.iter_mut().max_by_key(|(_, slots)| *slots) {
                *left -= 1;
            }
        }
        for ((giver, had), (_, left)) in before.into_iter().zip(shares) {
            let its = self.owners.iter_mut().filter(|owner| **owner == giver);
            for slot in its.take(had - left) {
                *slot = node;
            }
        }
    }

    /// A node goes, and leaves its slots to the others evenly. The last one stays.
    pub fn remove(&mut self, node: usize) {
        let mut shares = self.shares();
        shares.retain(|(other, _)| *other != node);
        for slot in self.owners.iter_mut().filter(|owner| **owner == node) {
            if let Some((heir, slots)) = shares.iter_mut().min_by_key(|(_, slots)| *slots) {
                *slots += 1;
                *slot = *heir;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // From the specification, and from `CLUSTER KEYSLOT`.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, slot) in [
            (&b"foo"[..], 12182),
            (b"bar", 5061),
            (b"", 0),
            (b"{user1000}.following", 3443),
            (b"{user1000}.followers", 3443),
            (b"foo{bar}{zap}", 5061),
        ] {
            assert_eq!(slot_of(key), slot, "{}", String::from_utf8_lossy(key));
        }
        assert_eq!(slot_of(b"foo{}{bar}"), crc16(b"foo{}{bar}") % 16384);
        assert_eq!(slot_of(b"foo{{bar}}zap"), slot_of(b"{bar"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn a_node_that_comes_or_goes_moves_only_its_slots(
            steps in prop::collection::vec((0..6usize, any::<bool>()), 1..10)
        ) {
            let mut map = SlotMap::new(9);
            for (node, comes) in steps {
                let before = map.clone();
                if comes { map.add(node) } else { map.remove(node) }
                for (old, new) in before.owners.iter().zip(&map.owners) {
                    let moves = if comes { *new == node } else { *old == node };
                    prop_assert!(old == new || moves);
                }
                let shares = map.shares();
                prop_assert_eq!(shares.iter().any(|(other, _)| *other == node), comes);
                let even = SLOTS / shares.len();
                prop_assert!(shares.iter().all(|(_, slots)| slots.abs_diff(even) <= 6));
            }
        }
    }
}
