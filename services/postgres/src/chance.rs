//! Ids that no two servers draw alike.

/// A new random id: of an arrival, of a server.
pub(super) fn fresh() -> [u8; 16] {
    // Two random numbers of the standard library's, which seeds them from the system.
    use std::hash::{BuildHasher, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    let mut id = [0; 16];
    id[..8].copy_from_slice(&half().to_be_bytes());
    id[8..].copy_from_slice(&half().to_be_bytes());
    id
}
