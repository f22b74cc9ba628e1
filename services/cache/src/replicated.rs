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
    store::{Keep, PROBE_KEY, Store, StoreError, StoredValue},
};
use kadenza_contract::CacheNodeStatus;

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
            tokio::spawn(async move { drop(node.get(PROBE_KEY).await) });
        }
    }

    /// The value of the primary for a key that a replica lacks; the replica gets a copy.
    async fn copy_of_primary(&self, replica: usize, key: &[u8]) -> Option<StoredValue> {
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

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        self.try_the_rested();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.nodes.len();
        let mut failed = None;
        for node in self.from(turn) {
            match self.nodes[node].get(key).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => return Ok(self.copy_of_primary(node, key).await),
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
        // Another call that saw the failure first may have chosen already.
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

    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
        let mut failed = None;
        for node in self.from(self.primary.load(Ordering::Relaxed)) {
            match self.nodes[node].keeps(key).await {
                Ok(keep) => return Ok(keep),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        join_all(self.nodes.iter().map(|node| node.counts()))
            .await
            .concat()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::{Capacity, Embedded, Policy};

    /// A node that hangs while it is dead.
    #[derive(Debug)]
    struct Mortal {
        store: Embedded,
        is_dead: AtomicBool,
    }

    impl Mortal {
        fn new(name: &str) -> Arc<Mortal> {
            let capacity = Capacity {
                bytes: 1 << 20,
                entries: 1000,
            };
            Arc::new(Mortal {
                store: Embedded::new(name, capacity, Policy::default()),
                is_dead: AtomicBool::new(false),
            })
        }

        async fn hang_if_dead(&self) {
            if self.is_dead.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        }
    }

    #[async_trait]
    impl Store for Mortal {
        fn node_of(&self, key: &[u8]) -> Arc<str> {
            self.store.node_of(key)
        }

        async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
            self.hang_if_dead().await;
            self.store.get(key).await
        }

        async fn put(
            &self,
            key: &[u8],
            value: Bytes,
            ttl: Option<Duration>,
        ) -> Result<(), StoreError> {
            self.hang_if_dead().await;
            self.store.put(key, value, ttl).await
        }

        async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
            self.hang_if_dead().await;
            self.store.keeps(key).await
        }

        async fn counts(&self) -> Vec<CacheNodeStatus> {
            self.store.counts().await
        }
    }

    const PATIENCE: Patience = Patience {
        call: Duration::from_millis(20),
        rest: Duration::from_millis(500),
    };

    fn three() -> ([Arc<Mortal>; 3], Replicated) {
        let nodes = ["a", "b", "c"].map(Mortal::new);
        let stores = nodes.iter().map(|node| Arc::clone(node) as Arc<dyn Store>);
        let replicated = Replicated::over(stores.collect(), PATIENCE).unwrap();
        (nodes, replicated)
    }

    fn keys() -> Vec<String> {
        (0..50).map(|n| format!("key {n}")).collect()
    }

    async fn fill(cache: &Replicated) {
        for (n, key) in keys().iter().enumerate() {
            let ttl = (n % 2 == 0).then_some(Duration::from_secs(100));
            let value = Bytes::from(key.clone());
            cache.put(key.as_bytes(), value, ttl).await.unwrap();
        }
    }

    async fn all_are_there(cache: &Replicated) {
        for key in keys() {
            let found = cache.get(key.as_bytes()).await.unwrap();
            assert_eq!(found.expect("it was remembered").value, key);
        }
    }

    /// The first node dies, another takes over, and it comes back with nothing.
    async fn back_with_nothing(nodes: &[Arc<Mortal>; 3], cache: &Replicated) {
        fill(cache).await;
        assert_eq!(&*cache.primary(), "a");
        nodes[0].is_dead.store(true, Ordering::Relaxed);
        for n in 0..4 {
            let key = format!("another {n}");
            cache.put(key.as_bytes(), Bytes::new(), None).await.unwrap();
            all_are_there(cache).await;
        }
        assert_eq!(&*cache.primary(), "b");
        assert!(!cache.nodes[0].is_closed());
        nodes[0].store.clear();
        nodes[0].is_dead.store(false, Ordering::Relaxed);
        tokio::time::advance(PATIENCE.rest).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_replicated_cache_says_how_long_it_keeps_a_key() {
        let (nodes, cache) = three();
        fill(&cache).await;
        for dying in &nodes[..2] {
            assert_eq!(cache.keeps(b"key 1").await.unwrap(), Some(Keep::ForGood));
            let left = cache.keeps(b"key 2").await.unwrap();
            assert!(matches!(left, Some(Keep::For(_))), "{left:?}");
            assert_eq!(cache.keeps(b"no key").await.unwrap(), None);
            dying.is_dead.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_primary_comes_back_as_a_replica_and_is_filled() {
        let (nodes, cache) = three();
        back_with_nothing(&nodes, &cache).await;
        // Reads go round, so that each key is asked for on each node. Nobody writes.
        for _ in 0..4 {
            all_are_there(&cache).await;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(&*cache.primary(), "b");
        assert_eq!(nodes[0].store.totals().entries, 50);
        let keeps = async |key: &str| nodes[0].store.keeps(key.as_bytes()).await.unwrap();
        assert_eq!(keeps("key 1").await, Some(Keep::ForGood));
        let Some(Keep::For(left)) = keeps("key 2").await else {
            panic!("a copy expires with what it is of");
        };
        assert!(left < Duration::from_secs(100) && left > Duration::from_secs(90));
        // So it can be the primary again.
        for node in &nodes[1..] {
            node.is_dead.store(true, Ordering::Relaxed);
        }
        all_are_there(&cache).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_never_waits_for_a_node_that_is_known_to_hang() {
        let (nodes, cache) = three();
        back_with_nothing(&nodes, &cache).await;
        nodes[0].is_dead.store(true, Ordering::Relaxed);
        for _ in 0..10 {
            tokio::time::advance(PATIENCE.rest).await;
            let begun = tokio::time::Instant::now();
            all_are_there(&cache).await;
            assert!(begun.elapsed() < Duration::from_millis(1));
        }
    }
}
