//! Several nodes, each with its share of the keys.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;
use parking_lot::RwLock;

use super::{
    slots::SlotMap,
    store::{Keep, Store, StoreError, StoredValue},
};
use kadenza_contract::CacheNodeStatus;

/// Keys spread over nodes by their hash slots. While a node is down, its share is not cached.
///
/// Nodes come and go while it runs: only their slots move, and what was kept for these on another
/// node is not asked for there any more. It leaves by that node's policy.
///
/// ```
/// use std::sync::Arc;
/// use kadenza_cache::{Capacity, Embedded, Partitioned, Policy, Store};
///
/// # fn example() -> Option<()> {
/// let node = |name| -> Arc<dyn Store> {
///     Arc::new(Embedded::new(name, Capacity { bytes: 64 << 20, entries: 100_000 }, Policy::default()))
/// };
/// let cache = Partitioned::over(vec![node("a"), node("b")])?;
/// cache.add(node("c"));
/// cache.remove("a");
/// assert!(["b", "c"].contains(&&*cache.node_of(b"key")));
/// # Some(())
/// # }
/// ```
#[derive(Debug)]
pub struct Partitioned {
    /// Held only to look a node up, never while it is asked.
    spread: RwLock<Spread>,
}

#[derive(Debug)]
struct Spread {
    /// By the numbers that the map knows them by; those that went left their places.
    nodes: Vec<Option<Arc<dyn Store>>>,
    map: SlotMap,
}

impl Partitioned {
    /// Spreads keys over these nodes evenly. `None` if there are none.
    #[must_use]
    pub fn over(nodes: Vec<Arc<dyn Store>>) -> Option<Partitioned> {
        (!nodes.is_empty()).then(|| Partitioned {
            spread: RwLock::new(Spread {
                map: SlotMap::over(nodes.len()),
                nodes: nodes.into_iter().map(Some).collect(),
            }),
        })
    }

    /// A node comes and takes an even share of the slots. `false` if one of its name is there already:
    /// then nothing changes.
    pub fn add(&self, node: Arc<dyn Store>) -> bool {
        let mut spread = self.spread.write();
        if spread.number_of(&node.node_of(b"")).is_some() {
            return false;
        }
        let free = spread.nodes.iter().position(Option::is_none);
        let number = free.unwrap_or(spread.nodes.len());
        if free.is_none() {
            spread.nodes.push(None);
        }
        spread.nodes[number] = Some(node);
        spread.map.add(number);
        true
    }

    /// The node of this name goes, and leaves its slots to the others evenly. `None` if there is none
    /// of this name, or no other: then nothing changes.
    pub fn remove(&self, name: &str) -> Option<Arc<dyn Store>> {
        let mut spread = self.spread.write();
        let number = spread.number_of(name)?;
        if spread.nodes.iter().flatten().count() == 1 {
            return None;
        }
        spread.map.remove(number);
        spread.nodes[number].take()
    }

    fn node(&self, key: &[u8]) -> Arc<dyn Store> {
        let spread = self.spread.read();
        let node = spread.nodes[spread.map.node_of(key)].as_ref();
        Arc::clone(node.expect("only nodes that are there have slots"))
    }
}

impl Spread {
    fn number_of(&self, name: &str) -> Option<usize> {
        let named = |node: &Option<Arc<dyn Store>>| {
            let node = node.as_ref();
            node.is_some_and(|node| *node.node_of(b"") == *name)
        };
        self.nodes.iter().position(named)
    }
}

#[async_trait]
impl Store for Partitioned {
    fn node_of(&self, key: &[u8]) -> Arc<str> {
        self.node(key).node_of(key)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        self.node(key).get(key).await
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.node(key).put(key, value, ttl).await
    }

    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
        self.node(key).keeps(key).await
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        let nodes: Vec<_> = self.spread.read().nodes.iter().flatten().cloned().collect();
        join_all(nodes.iter().map(|node| node.counts()))
            .await
            .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capacity, Embedded, Policy};

    fn node(name: &str) -> Arc<dyn Store> {
        let capacity = Capacity {
            bytes: 16 << 20,
            entries: 10_000,
        };
        Arc::new(Embedded::new(name, capacity, Policy::default()))
    }

    fn keys() -> Vec<String> {
        (0..1200).map(|n| format!("key {n}")).collect()
    }

    async fn hits(cache: &Partitioned) -> usize {
        let mut hits = 0;
        for key in keys() {
            if let Some(found) = cache.get(key.as_bytes()).await.unwrap() {
                assert_eq!(found.value, key);
                assert_eq!(found.node, cache.node_of(key.as_bytes()));
                hits += 1;
            }
        }
        hits
    }

    #[tokio::test]
    async fn nodes_that_come_and_go_move_only_their_slots() {
        let cache = Partitioned::over(vec![node("a"), node("b"), node("c")]).unwrap();
        let fill = async || {
            for key in keys() {
                let value = Bytes::from(key.clone());
                cache.put(key.as_bytes(), value, None).await.unwrap();
            }
        };
        fill().await;
        assert_eq!(hits(&cache).await, 1200);

        assert!(!cache.add(node("b")));
        assert!(cache.add(node("d")));
        let with_four = hits(&cache).await;
        assert!(
            (850..950).contains(&with_four),
            "a quarter moved: {with_four}"
        );
        fill().await;

        assert_eq!(cache.remove("e").map(|node| node.node_of(b"")), None);
        let gone = cache.remove("b").unwrap();
        assert_eq!(&*gone.node_of(b""), "b");
        let names: Vec<_> = cache
            .counts()
            .await
            .into_iter()
            .map(|node| node.node)
            .collect();
        assert_eq!(names, ["a", "c", "d"]);
        let without = hits(&cache).await;
        assert!((850..1200).contains(&without), "b's share moved: {without}");
        fill().await;

        // The place that is free is taken again, and the names stay right.
        assert!(cache.add(node("e")));
        fill().await;
        assert_eq!(hits(&cache).await, 1200);
        for name in ["a", "c", "d"] {
            assert!(cache.remove(name).is_some());
        }
        assert!(cache.remove("e").is_none(), "the last one stays");
        assert_eq!(&*cache.node_of(b"any"), "e");
    }
}
