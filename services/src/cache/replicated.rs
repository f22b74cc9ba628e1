//! Several nodes, each with everything.
//!
//! One of them is the primary: a value counts as remembered when the primary has it, and the others
//! get it at the same time. Reads go round all that are well. When the primary fails, the next node
//! that is well takes over; the old one is a replica when it is back. What a node has that is outdated
//! nobody asks for: see [`Store`]. What it lacks, because it was away or has let go of it, the primary
//! is asked for, and the node gets its copy from there. So a node that came back empty costs no hits,
//! and is as good as the others when the primary dies next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;

use super::{
    guarded::{Guarded, Patience},
    store::{Found, Keep, Store, StoreError},
};
use crate::CacheNodeStatus;

/// A key that nobody puts anything under: to see whether a node is back.
const NOTHING: &[u8] = b"kadenza:nothing";

/// A primary and its replicas.
#[derive(Debug)]
pub struct Replicated {
    nodes: Vec<Arc<Guarded>>,
    primary: AtomicUsize,
    turn: AtomicUsize,
}

impl Replicated {
    /// The first is the primary. `None` if there are none.
    #[must_use]
    pub fn over(nodes: Vec<Arc<dyn Store>>, patience: Patience) -> Option<Replicated> {
        (!nodes.is_empty()).then(|| Replicated {
            nodes: nodes
                .into_iter()
                .map(|node| Arc::new(Guarded::new(node, patience)))
                .collect(),
            primary: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
        })
    }

    /// The name of the primary.
    #[must_use]
    pub fn primary(&self) -> Arc<str> {
        self.nodes[self.primary.load(Ordering::Relaxed)].node_of(b"")
    }

    /// The nodes in the order in which they are tried, from one on; those that rest come last.
    fn from(&self, first: usize) -> impl Iterator<Item = usize> {
        let around = move |at| (first + at) % self.nodes.len();
        let well = (0..self.nodes.len()).map(around);
        let resting = well.clone().filter(|node| !self.nodes[*node].is_closed());
        well.filter(|node| self.nodes[*node].is_closed())
            .chain(resting)
    }

    /// Sees whether nodes that rested are back, without anybody waiting for it.
    fn try_the_rested(&self) {
        for node in self.nodes.iter().filter(|node| node.is_due()) {
            let node = Arc::clone(node);
            tokio::spawn(async move { drop(node.get(NOTHING).await) });
        }
    }

    /// What the primary has for a key that a replica lacks; the replica gets it too.
    async fn from_primary(&self, replica: usize, key: &[u8]) -> Option<Found> {
        let primary = self.primary.load(Ordering::Relaxed);
        let (primary, replica) = (
            (primary != replica).then(|| &self.nodes[primary])?,
            &self.nodes[replica],
        );
        if !primary.is_closed() {
            return None;
        }
        let found = primary.get(key).await.ok().flatten()?;
        let ttl = match primary.keeps(key).await {
            Ok(Some(Keep::ForGood)) => None,
            Ok(Some(Keep::For(time))) => Some(time),
            // A copy that would never expire must not be made.
            Ok(None) | Err(_) => return Some(found),
        };
        if let Err(error) = replica.put(key, found.value.clone(), ttl).await {
            tracing::debug!(%error, "a replica does not take what it lacks");
        }
        Some(found)
    }
}

#[async_trait]
impl Store for Replicated {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        self.primary()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        self.try_the_rested();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.nodes.len();
        let mut failed = None;
        for node in self.from(turn) {
            match self.nodes[node].get(key).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => return Ok(self.from_primary(node, key).await),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        let primary = self.primary.load(Ordering::Relaxed);
        let puts = self
            .nodes
            .iter()
            .map(|node| node.put(key, value.clone(), ttl));
        let mut outcomes = join_all(puts).await;
        let took = |outcome: &Result<(), StoreError>| {
            matches!(outcome, Ok(()) | Err(StoreError::Refused(_)))
        };
        if took(&outcomes[primary]) {
            return outcomes.swap_remove(primary);
        }
        let heir = (1..self.nodes.len())
            .map(|at| (primary + at) % self.nodes.len())
            .find(|node| took(&outcomes[*node]));
        let Some(heir) = heir else {
            return outcomes.swap_remove(primary);
        };
        // Whoever else saw it first may have chosen already.
        let chosen =
            self.primary
                .compare_exchange(primary, heir, Ordering::Relaxed, Ordering::Relaxed);
        if chosen.is_ok() {
            let (old, new) = (
                self.nodes[primary].node_of(key),
                self.nodes[heir].node_of(key),
            );
            tracing::warn!(%old, %new, "a replica takes over from the primary cache");
        }
        outcomes.swap_remove(heir)
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        join_all(self.nodes.iter().map(|node| node.counts()))
            .await
            .concat()
    }
}
