//! Who wrote an entry, and how others know that.

use std::fmt;

use crate::{entry::Entry, ids::WriterId};

/// Signs what is written here, and checks what others wrote.
pub trait Signatures: fmt::Debug + Send + Sync + 'static {
    /// The name under which this process writes.
    fn writer(&self) -> WriterId;

    /// Signs the [message](Entry::message) of an entry of this writer.
    fn sign(&self, message: &[u8]) -> Vec<u8>;

    /// Whether the writer that an entry names signed it.
    fn hold(&self, entry: &Entry) -> bool;
}

/// Knows which writers are members.
pub trait Vouching: fmt::Debug + Send + Sync + 'static {
    /// Whether this writer is a member, as far as is known here.
    fn vouches(&self, writer: WriterId) -> bool;
}

/// The writer of a server that is no node: it signs nothing, and takes nothing that others give. Servers that share a store
/// are told apart by chance.
#[derive(Debug, Clone, Copy)]
pub struct Alone(WriterId);

impl Alone {
    /// A writer like no other.
    #[must_use]
    pub fn new() -> Alone {
        Alone(WriterId::from_bytes(rand::random()))
    }
}

impl Default for Alone {
    fn default() -> Alone {
        Alone::new()
    }
}

impl Signatures for Alone {
    fn writer(&self) -> WriterId {
        self.0
    }

    fn sign(&self, _message: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn hold(&self, _entry: &Entry) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Signatures for tests: anybody can make them, but nothing else passes for them.

    use super::{Entry, Signatures, WriterId};

    #[derive(Debug)]
    pub(crate) struct Hashed(pub(crate) u8);

    impl Signatures for Hashed {
        fn writer(&self) -> WriterId {
            WriterId::from_bytes([self.0; 32])
        }

        fn sign(&self, message: &[u8]) -> Vec<u8> {
            blake3::hash(message).as_bytes().to_vec()
        }

        fn hold(&self, entry: &Entry) -> bool {
            entry.signature == self.sign(&entry.message())
        }
    }
}
