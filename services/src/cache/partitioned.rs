//! Several nodes, each with its share of the keys.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::join_all;

use super::{
    slots::SlotMap,
    store::{Found, Store, StoreError},
};
use crate::CacheNodeStatus;

/// Keys spread over nodes by their hash slots. While a node is down, its share is not cached.
#[derive(Debug)]
pub struct Partitioned {
    nodes: Vec<Arc<dyn Store>>,
    map: SlotMap,
}

impl Partitioned {
    /// Spreads keys over these nodes evenly. `None` if there are none.
    #[must_use]
    pub fn over(nodes: Vec<Arc<dyn Store>>) -> Option<Partitioned> {
        (!nodes.is_empty()).then(|| Partitioned {
            map: SlotMap::over(nodes.len()),
            nodes,
        })
    }

    fn node(&self, key: &[u8]) -> &Arc<dyn Store> {
        &self.nodes[self.map.node_of(key)]
    }
}

#[async_trait]
impl Store for Partitioned {
    fn node_of(&self, key: &[u8]) -> Arc<str> {
        self.node(key).node_of(key)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Found>, StoreError> {
        self.node(key).get(key).await
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        self.node(key).put(key, value, ttl).await
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        join_all(self.nodes.iter().map(|node| node.counts()))
            .await
            .concat()
    }
}
