//! Entries of accounts are signed with the key of the node that writes them.

use std::path::Path;

use kadenza_accounts::{Entry, Signatures, WriterId};
use kadenza_rpc::{NodeKey, PublicKey};

use crate::identity::{self, IdentityError};

/// Before what is signed, so that no signature of an entry passes for one of something else.
const DOMAIN: &[u8] = b"kadenza 2026-11-30 entry of accounts\n";

/// Signs with the key of a node, and checks by the keys that name other writers.
#[derive(Debug)]
pub struct NodeWriter(NodeKey);

impl NodeWriter {
    /// The writer of the node of a data directory. A directory that has no key yet gets one.
    ///
    /// # Errors
    ///
    /// If the key cannot be read or made.
    pub fn of(data: &Path) -> Result<NodeWriter, IdentityError> {
        identity::key_in(data).map(NodeWriter)
    }
}

impl Signatures for NodeWriter {
    fn writer(&self) -> WriterId {
        WriterId::from_bytes(*self.0.public().as_bytes())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&[DOMAIN, message].concat()).to_vec()
    }

    fn hold(&self, entry: &Entry) -> bool {
        let writer = PublicKey::from_bytes(*entry.stamp.writer.as_bytes());
        let message = [DOMAIN, &entry.message()].concat();
        let signature = <[u8; 64]>::try_from(&*entry.signature);
        signature.is_ok_and(|signature| writer.has_signed(&message, &signature))
    }
}
