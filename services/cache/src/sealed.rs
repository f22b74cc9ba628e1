//! Values as they are in a cache: with a seal, so that garbage is recognised.
//!
//! A cache is outside of this process and may give anything. The seal is the beginning of a hash of
//! key and value: it does not keep out who means harm, but every accident.

use bytes::{BufMut, Bytes, BytesMut};

/// How many bytes of the hash are kept.
const SEAL_BYTES: usize = 8;

/// The value with its seal.
pub(super) fn seal(key: &[u8], value: &[u8]) -> Bytes {
    let mut sealed = BytesMut::with_capacity(SEAL_BYTES + value.len());
    sealed.put_slice(&hash(key, value));
    sealed.put_slice(value);
    sealed.freeze()
}

/// The value, if the seal is right.
pub(super) fn open(key: &[u8], sealed: Bytes) -> Option<Bytes> {
    let mut value = sealed;
    let seal = (value.len() >= SEAL_BYTES).then(|| value.split_to(SEAL_BYTES))?;
    (*seal == hash(key, &value)).then_some(value)
}

fn hash(key: &[u8], value: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = blake3::Hasher::new();
    // The length keeps the end of the key apart from the beginning of the value.
    hasher.update(&(key.len() as u64).to_be_bytes());
    hasher.update(key).update(value);
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&hasher.finalize().as_bytes()[..SEAL_BYTES]);
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_put_under_the_key_is_opened() {
        let sealed = seal(b"key", b"value");
        assert_eq!(open(b"key", sealed.clone()).as_deref(), Some(&b"value"[..]));
        assert_eq!(open(b"kez", sealed.clone()), None);
        assert_eq!(open(b"ke", seal(b"k", b"evalue")), None);
        for at in 0..sealed.len() {
            assert_eq!(open(b"key", sealed.slice(..at)), None);
            let mut flipped = sealed.to_vec();
            flipped[at] ^= 1;
            assert_eq!(open(b"key", flipped.into()), None);
        }
    }
}
