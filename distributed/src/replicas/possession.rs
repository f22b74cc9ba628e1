//! Proofs that a node holds what it says that it holds.
//!
//! The asker holds the same recording. It names a chunk and a nonce, and expects the hash over the chunk, the nonce and the
//! id of the node that is asked. So a node cannot answer with what it remembers, nor with what another one answers; one
//! that does not hold the recording has to fetch the chunk from one that does.
//!
//! From: Juels and Kaliski, "PORs: proofs of retrievability for large files", 2007; the simplest of them, since the asker
//! has the file.

use kadenza_contract::{CHUNK_BYTES, ContentHash, Result};
use kadenza_protocol::Key;

use crate::outside::{env::Env, store::Store};

/// The domain of the hashes.
const DOMAIN: &str = "kadenza 2026-11-30 proof of possession v1";

/// A chunk of a recording, and the nonce under which it is hashed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Challenge {
    /// The number of the chunk, from 0.
    pub(crate) chunk: u32,
    pub(crate) nonce: Key,
}

impl Challenge {
    /// One at random for a recording of so many bytes.
    pub(crate) fn draw(env: &dyn Env, size: u64) -> Challenge {
        let mut nonce = [0; 32];
        for part in nonce.chunks_mut(8) {
            part.copy_from_slice(&env.random().to_be_bytes());
        }
        let chunks = size.div_ceil(CHUNK_BYTES as u64).max(1);
        Challenge {
            chunk: u32::try_from(env.random() % chunks).unwrap_or(0),
            nonce: Key::from_bytes(nonce),
        }
    }

    /// The proof of a node, from a store that holds the recording; none if it does not, or has no such chunk.
    pub(crate) async fn meet(
        &self,
        store: &dyn Store,
        node: Key,
        content: &ContentHash,
    ) -> Result<Option<Key>> {
        let Some(chunks) = store.chunks(content).await? else {
            return Ok(None);
        };
        let index = self.chunk as usize;
        if index >= chunks.len() {
            return Ok(None);
        }
        let bytes = store.read(content, chunks.range_of(index)).await?;
        Ok(bytes.map(|bytes| self.proof(node, content, &bytes)))
    }

    /// The proof of a node, by whoever has the chunk.
    pub(crate) fn proof(&self, node: Key, content: &ContentHash, chunk: &[u8]) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key(DOMAIN);
        hasher.update(self.nonce.as_bytes());
        hasher.update(node.as_bytes());
        hasher.update(content.as_bytes());
        hasher.update(chunk);
        Key::from_bytes(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_of_one_node_about_one_chunk_at_one_time() {
        let key = |number| Key::from_bytes([number; 32]);
        let (one, other) = (ContentHash::of(b"one"), ContentHash::of(b"other"));
        let challenge = |nonce| Challenge {
            chunk: 0,
            nonce: key(nonce),
        };
        let proof = challenge(1).proof(key(2), &one, b"bytes");
        assert_eq!(proof, challenge(1).proof(key(2), &one, b"bytes"));
        for wrong in [
            challenge(9).proof(key(2), &one, b"bytes"),
            challenge(1).proof(key(9), &one, b"bytes"),
            challenge(1).proof(key(2), &other, b"bytes"),
            challenge(1).proof(key(2), &one, b"bytez"),
        ] {
            assert_ne!(proof, wrong);
        }
    }
}
