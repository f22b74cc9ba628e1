//! Stores that fail in their own ways.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use kadenza_contract::CacheNodeStatus;
use kadenza_services::cache::{Keep, Policy, Store, StoreError, StoredValue};
use parking_lot::Mutex;

use super::embedded;

/// A store that forgets, fails, mixes values up and gives garbage, in turns.
#[derive(Debug, Default)]
pub(super) struct Mischief {
    values: Mutex<HashMap<Vec<u8>, Bytes>>,
    turn: AtomicUsize,
}

#[async_trait]
impl Store for Mischief {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        "mischief".into()
    }

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        let values = self.values.lock();
        let found = |value: Bytes| {
            let node = "mischief".into();
            Ok(Some(StoredValue { value, node }))
        };
        match self.turn.fetch_add(1, Ordering::Relaxed) % 7 {
            0 => Err(StoreError::Failed("out of order".into())),
            1 => found(Bytes::from_static(b"garbage")),
            2 => found(Bytes::new()),
            3 => values
                .values()
                .next()
                .map_or(Ok(None), |value| found(value.clone())),
            4 => values
                .get(key)
                .map_or(Ok(None), |value| found(value.slice(..value.len() / 2))),
            _ => values
                .get(key)
                .map_or(Ok(None), |value| found(value.clone())),
        }
    }

    async fn put(
        &self,
        key: &[u8],
        value: Bytes,
        _ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        if self.turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(5) {
            return Err(StoreError::Failed("out of order".into()));
        }
        let mut values = self.values.lock();
        // Things that are remembered for good go on being asked for; some of the rest is lost.
        if values.len() > 500 {
            values.clear();
        }
        values.insert(key.to_vec(), value);
        Ok(())
    }

    async fn keeps(&self, _key: &[u8]) -> Result<Option<Keep>, StoreError> {
        Ok(None)
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        Vec::new()
    }
}

/// A node that can be taken away: then it hangs.
#[derive(Debug)]
pub(super) struct Mortal {
    store: Arc<dyn Store>,
    pub(super) dead: Mutex<bool>,
}

impl Mortal {
    pub(super) fn new(name: &str) -> Arc<Mortal> {
        Arc::new(Mortal {
            store: embedded(name, 10_000, Policy::default()),
            dead: Mutex::new(false),
        })
    }

    async fn hang_if_dead(&self) {
        let dead = *self.dead.lock();
        if dead {
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

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
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

/// A store that never says how it is.
#[derive(Debug)]
pub(super) struct Mute;

#[async_trait]
impl Store for Mute {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        "mute".into()
    }

    async fn get(&self, _key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        Ok(None)
    }

    async fn put(&self, _: &[u8], _: Bytes, _: Option<Duration>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn keeps(&self, _key: &[u8]) -> Result<Option<Keep>, StoreError> {
        Ok(None)
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        std::future::pending().await
    }
}
