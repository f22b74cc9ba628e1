//! Memory for pieces of audio, used again and again.
//!
//! A read that does not wait (`preadv2`) takes initialized memory, and clearing 256 KiB for each
//! piece costs as much as a fifth of copying them. So buffers are cleared once and come back here
//! when the last listener has let go of the piece.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use kadenza_contract::CHUNK_BYTES;

/// The size of a small buffer: what players ask for at a time.
const SMALL_BYTES: usize = 64 * 1024;
/// How many free buffers of each size are kept: 20 MiB in all.
const FREE_MAX: usize = 64;

/// Free buffers of two sizes.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    small: Mutex<Vec<Vec<u8>>>,
    large: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// A buffer of `len` bytes, whose content is left over from its last use.
    pub(crate) fn take(self: &Arc<Buffers>, len: usize) -> Buffer {
        let memory = match self.free(len) {
            Some((free, size)) => free.lock().pop().unwrap_or_else(|| vec![0; size]),
            None => vec![0; len],
        };
        Buffer {
            memory,
            len,
            home: Arc::downgrade(self),
        }
    }

    fn free(&self, len: usize) -> Option<(&Mutex<Vec<Vec<u8>>>, usize)> {
        if len <= SMALL_BYTES {
            Some((&self.small, SMALL_BYTES))
        } else if len <= CHUNK_BYTES {
            Some((&self.large, CHUNK_BYTES))
        } else {
            None
        }
    }
}

/// Memory that goes back to its home when it is dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    memory: Vec<u8>,
    len: usize,
    home: Weak<Buffers>,
}

impl Buffer {
    /// The bytes, to be written over.
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.memory[..self.len]
    }

    /// The first `len` bytes as a piece of audio; the memory comes back when it is dropped.
    pub(crate) fn into_bytes(mut self, len: usize) -> Bytes {
        self.len = len.min(self.len);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if let Some(home) = self.home.upgrade()
            && let Some((free, size)) = home.free(memory.len())
            && size == memory.len()
        {
            let mut free = free.lock();
            if free.len() < FREE_MAX {
                free.push(memory);
            }
        }
    }
}
