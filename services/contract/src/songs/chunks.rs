//! Audio in pieces that can be checked one by one.
//!
//! A piece of 256 KiB is a subtree of the BLAKE3 tree (J. O'Connor et al., "BLAKE3: one function,
//! fast everywhere", 2020, section 2.1), and its hash is the chaining value of that subtree. The
//! chaining values lead up to the content hash, so a list of them that came from a stranger is
//! either the right one or refused, and a piece is checked without the others.

use std::ops::Range;

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::{ContentHash, Error, Result};

/// The size of a piece in bytes: a power of two times BLAKE3's own chunk of 1 KiB, as subtrees must
/// be. The last piece may be shorter.
pub const CHUNK_BYTES: usize = 256 * 1024;

const HASH_BYTES: usize = 32;

/// The hashes of all pieces of one audio file. They are known to lead to its content hash.
///
/// Audio of no more than one piece has one hash, the content hash itself. The size is as true as
/// the last piece: bytes of another length do not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    content: ContentHash,
    size: u64,
    hashes: Vec<[u8; HASH_BYTES]>,
}

impl Chunks {
    /// The list for audio of `size` bytes, as [`Chunks::to_bytes`] writes it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the list has not the length that belongs to the size, or does not lead
    /// to the content hash.
    pub fn from_bytes(content: &ContentHash, size: u64, raw: &[u8]) -> Result<Chunks> {
        let (hashes, rest) = raw.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || hashes.len() as u64 != count(size) {
            return Err(Error::Invalid {
                what: "the list of piece hashes has not the length that belongs to the size".into(),
            });
        }
        if root(hashes) != *content {
            return Err(Error::Invalid {
                what: "the piece hashes do not lead to the content hash".into(),
            });
        }
        Ok(Chunks {
            content: *content,
            size,
            hashes: hashes.to_vec(),
        })
    }

    /// The hashes in a row, 32 bytes a piece.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.as_flattened().to_vec()
    }

    /// The hash of the whole audio.
    #[must_use]
    pub fn content(&self) -> ContentHash {
        self.content
    }

    /// The size of the whole audio in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many pieces there are; at least one, even of empty audio.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The bytes that a piece covers; none behind the last piece.
    #[must_use]
    pub fn range_of(&self, index: usize) -> Range<u64> {
        let start = (index as u64)
            .saturating_mul(CHUNK_BYTES as u64)
            .min(self.size);
        start..(start + CHUNK_BYTES as u64).min(self.size)
    }

    /// Whether these bytes are that piece.
    #[must_use]
    pub fn verify(&self, index: usize, bytes: &[u8]) -> bool {
        let Some(hash) = self.hashes.get(index) else {
            return false;
        };
        let range = self.range_of(index);
        if bytes.len() as u64 != range.end - range.start {
            return false;
        }
        if self.hashes.len() == 1 {
            return blake3::hash(bytes) == *hash;
        }
        let mut hasher = piece_hasher(index);
        hasher.update(bytes);
        hasher.finalize_non_root() == *hash
    }
}

/// Hashes audio as it streams by, whole and in pieces at once.
#[derive(Debug)]
pub struct ChunkHasher {
    /// The hash of the piece that is being taken in; never empty once the first byte came.
    piece: blake3::Hasher,
    hashes: Vec<[u8; HASH_BYTES]>,
    size: u64,
}

impl ChunkHasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> ChunkHasher {
        ChunkHasher {
            piece: blake3::Hasher::new(),
            hashes: Vec::new(),
            size: 0,
        }
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // A full piece is only closed when another byte follows: whether it is a subtree or
            // the root is not known before.
            if self.piece.count() == CHUNK_BYTES as u64 {
                self.hashes.push(self.piece.finalize_non_root());
                self.piece = piece_hasher(self.hashes.len());
            }
            let room = CHUNK_BYTES as u64 - self.piece.count();
            let (now, later) = bytes.split_at(bytes.len().min(room as usize));
            self.piece.update(now);
            self.size += now.len() as u64;
            bytes = later;
        }
    }

    /// The hash of all bytes taken in, and the hashes of their pieces.
    #[must_use]
    pub fn finish(mut self) -> (ContentHash, Chunks) {
        let last = if self.hashes.is_empty() {
            *self.piece.finalize().as_bytes()
        } else {
            self.piece.finalize_non_root()
        };
        self.hashes.push(last);
        let content = root(&self.hashes);
        let chunks = Chunks {
            content,
            size: self.size,
            hashes: self.hashes,
        };
        (content, chunks)
    }
}

impl Default for ChunkHasher {
    fn default() -> ChunkHasher {
        ChunkHasher::new()
    }
}

/// How many pieces audio of this size has.
fn count(size: u64) -> u64 {
    size.div_ceil(CHUNK_BYTES as u64).max(1)
}

fn piece_hasher(index: usize) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(index as u64 * CHUNK_BYTES as u64);
    hasher
}

/// The hash to which these lead; that of a single piece is the root already.
fn root(hashes: &[[u8; HASH_BYTES]]) -> ContentHash {
    match hashes {
        [] => ContentHash::of(&[]),
        [only] => ContentHash::from_bytes(*only),
        _ => {
            let (left, right) = hashes.split_at(left_count(hashes.len()));
            let hash = merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash);
            ContentHash::from_bytes(*hash.as_bytes())
        }
    }
}

/// The chaining value over at least one piece; as deep as the logarithm of their number.
fn subtree(hashes: &[[u8; HASH_BYTES]]) -> [u8; HASH_BYTES] {
    match hashes {
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(left_count(hashes.len()));
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// The left side of a BLAKE3 tree is the largest power of two that leaves something to the right.
fn left_count(count: usize) -> usize {
    count.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn audio(size: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; size];
        blake3::Hasher::new()
            .update(&seed.to_be_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        bytes
    }

    fn check(bytes: &[u8], step: usize) {
        let mut hasher = ChunkHasher::new();
        for piece in bytes.chunks(step.max(1)) {
            hasher.update(piece);
        }
        let (content, chunks) = hasher.finish();
        assert_eq!(content, ContentHash::of(bytes));
        assert_eq!(chunks.size(), bytes.len() as u64);
        let again = Chunks::from_bytes(&content, chunks.size(), &chunks.to_bytes()).unwrap();
        assert_eq!(again, chunks);
        let mut end = 0;
        for index in 0..chunks.len() {
            let range = chunks.range_of(index);
            assert_eq!(range.start, end);
            end = range.end;
            let piece = &bytes[range.start as usize..range.end as usize];
            assert!(chunks.verify(index, piece));
            let mut flipped = piece.to_vec();
            if let Some(byte) = flipped.last_mut() {
                *byte ^= 1;
                assert!(!chunks.verify(index, &flipped));
                assert!(!chunks.verify(index, &piece[1..]));
            }
            assert!(!chunks.verify(index + 1, piece) || chunks.len() == 1 && piece.is_empty());
        }
        assert_eq!(end, bytes.len() as u64);
        assert_eq!(chunks.range_of(chunks.len()), end..end);
    }

    #[test]
    fn sizes_at_the_edges_lead_to_the_same_hash_as_the_whole() {
        for pieces in [0, 1, 2, 3, 4, 5, 7, 8, 9] {
            for off in [-1025isize, -1, 0, 1, 1024] {
                if let Some(size) = (pieces * CHUNK_BYTES).checked_add_signed(off) {
                    check(&audio(size, 7), 100_000);
                }
            }
        }
    }

    #[test]
    fn the_range_behind_the_last_chunk_is_empty_at_any_size() {
        let (_, chunks) = ChunkHasher::new().finish();
        assert_eq!(chunks.range_of(usize::MAX), 0..0);
        assert!(!chunks.verify(usize::MAX, &[]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_size_in_any_steps_leads_to_the_same_hash(
            size in 0usize..5 * CHUNK_BYTES, step in 1usize..600_000, seed: u64,
        ) {
            check(&audio(size, seed), step);
        }

        #[test]
        fn a_list_that_was_tampered_with_is_refused(
            size in 1usize..6 * CHUNK_BYTES, at: prop::sample::Index, bit in 0u8..8, more in 1u64..3,
        ) {
            let bytes = audio(size, 3);
            let mut hasher = ChunkHasher::new();
            hasher.update(&bytes);
            let (content, chunks) = hasher.finish();
            let mut raw = chunks.to_bytes();
            let other = chunks.size() + more * CHUNK_BYTES as u64;
            prop_assert!(Chunks::from_bytes(&content, other, &raw).is_err());
            prop_assert!(Chunks::from_bytes(&content, chunks.size(), &raw[1..]).is_err());
            let at = at.index(raw.len());
            raw[at] ^= 1 << bit;
            prop_assert!(Chunks::from_bytes(&content, chunks.size(), &raw).is_err());
        }
    }
}
