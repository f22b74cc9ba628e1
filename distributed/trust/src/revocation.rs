//! Nodes that are shut out for good.

use std::collections::BTreeMap;

use kadenza_rpc::PeerId;
use serde::{Deserialize, Serialize};

use crate::{
    ClusterId, ClusterKey,
    signed::{Signed, Statement},
};

/// How long all revocations of a cluster may be together, in bytes: some five hundred machines that were lost or stolen.
pub const REVOCATIONS_BYTES_MAX: usize = 192 << 10;

/// A node is shut out for good. The cluster key alone can say so: a node that is stolen shuts nobody out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: PeerId,
    /// The nodes that it let in and that stay nevertheless, at most a few hundred. Whoever has its key can sign records
    /// with any date, so all that are not named are shut out too.
    pub spared: Vec<PeerId>,
}

impl Statement for Revocation {
    const KIND: &'static str = "kadenza 2026-11-30 revocation v1";
}

impl Revocation {
    /// Signs it with the key of its cluster.
    #[must_use]
    pub fn sign(&self, key: &ClusterKey) -> Signed {
        Signed::by(key.signing(), self)
    }
}

/// The revocations of a cluster that are known: a set that only grows, the same on all nodes once they have met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    known: BTreeMap<PeerId, Known>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    signed: Signed,
    revocation: Revocation,
}

impl Revocations {
    /// Adds those that the key of the cluster signed, and says which nodes are shut out anew. Of two for one node that
    /// which spares fewer counts.
    pub fn add(&mut self, cluster: ClusterId, signed: Vec<Signed>) -> Vec<PeerId> {
        let mut new = Vec::new();
        for signed in signed {
            let revocation = signed.open::<Revocation>(&cluster.key());
            let Some(revocation) = revocation.filter(|one| one.cluster == cluster) else {
                continue;
            };
            let node = revocation.node;
            let known = self.known.get(&node);
            let rank = |one: &Revocation| (std::cmp::Reverse(one.spared.len()), one.spared.clone());
            if known.is_some_and(|known| rank(&known.revocation) >= rank(&revocation))
                || self.bytes() + signed.len() > REVOCATIONS_BYTES_MAX
            {
                continue;
            }
            new.push(node);
            self.known.insert(node, Known { signed, revocation });
        }
        new
    }

    /// Whether a node is revoked.
    #[must_use]
    pub fn has(&self, node: &PeerId) -> bool {
        self.known.contains_key(node)
    }

    /// Whether the revocation of a node spares another one that it let in.
    #[must_use]
    pub fn spares(&self, node: &PeerId, invited: &PeerId) -> bool {
        let known = self.known.get(node);
        known.is_some_and(|known| known.revocation.spared.contains(invited))
    }

    /// Those that are known, as they were signed.
    pub fn signed(&self) -> impl Iterator<Item = &Signed> {
        self.known.values().map(|known| &known.signed)
    }

    fn bytes(&self) -> usize {
        self.signed().map(Signed::len).sum()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// A hash of what is known: two nodes with the same one know the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (node, known) in &self.known {
            hasher.update(node.as_bytes());
            for spared in &known.revocation.spared {
                hasher.update(spared.as_bytes());
            }
            hasher.update(b"\0");
        }
        *hasher.finalize().as_bytes()
    }
}
