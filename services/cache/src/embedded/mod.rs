//! A cache node in this process.
//!
//! Entries are spread over shards by the hash of their key, each under its own lock and with its
//! share of the capacity, so that the whole never holds an entry or a byte more than it may.

mod capacity;
mod evictor;
mod queue;
mod s3fifo;
mod sampled;
mod shard;
mod slab;

use std::{hash::BuildHasher, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    latency::Latencies,
    policy::Policy,
    store::{Keep, Refused, Store, StoreError, StoredValue},
};
pub use capacity::Capacity;
use capacity::Time;
use kadenza_contract::CacheNodeStatus;
use shard::Shard;

/// The most shards. More do not help two processors, and each splits the capacity further.
const SHARDS_MAX: usize = 8;
/// A shard smaller than this would choose among too few.
const SHARD_ENTRIES_MIN: usize = 4096;
/// The same in bytes: a value must fit into one shard.
const SHARD_BYTES_MIN: usize = 16 << 20;

/// A cache in memory, bounded by bytes and by entries.
///
/// ```
/// use kadenza_cache::{Capacity, Embedded, Policy, Store};
///
/// # async fn example() -> Result<(), kadenza_cache::StoreError> {
/// let capacity = Capacity { bytes: 64 << 20, entries: 100_000 };
/// let cache = Embedded::new("first", capacity, Policy::default());
/// cache.put(b"key", "value".into(), None).await?;
/// assert_eq!(cache.get(b"key").await?.unwrap().value, "value");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Embedded {
    name: Arc<str>,
    shards: Box<[Mutex<Shard>]>,
    hasher: DefaultHashBuilder,
    begun: Begun,
    latencies: Latencies,
}

/// When the times of a cache begin.
#[derive(Debug)]
struct Begun(Instant);

impl Time for Begun {
    fn ms(&self) -> u64 {
        milliseconds(self.0.elapsed())
    }
}

impl Embedded {
    /// An empty cache.
    #[must_use]
    pub fn new(name: &str, capacity: Capacity, policy: Policy) -> Embedded {
        Embedded::with_clock(name, capacity, policy, Duration::from_millis(1))
    }

    /// An empty cache whose LRU tells uses apart only if they are so far from each other. Redis takes
    /// a second: under a load that fills the cache within seconds, its LRU is near to chance.
    #[must_use]
    pub fn with_clock(name: &str, capacity: Capacity, policy: Policy, clock: Duration) -> Embedded {
        let shards = (capacity.entries / SHARD_ENTRIES_MIN)
            .min(capacity.bytes / SHARD_BYTES_MIN)
            .clamp(1, SHARDS_MAX);
        let share = |whole: usize, at: usize| whole / shards + usize::from(at < whole % shards);
        let shard = |at: usize| {
            let capacity = Capacity {
                bytes: share(capacity.bytes, at),
                entries: share(capacity.entries, at),
            };
            Mutex::new(Shard::new(
                capacity,
                policy,
                milliseconds(clock),
                rand::random(),
            ))
        };
        Embedded {
            name: name.into(),
            shards: (0..shards).map(shard).collect(),
            hasher: DefaultHashBuilder::default(),
            begun: Begun(Instant::now()),
            latencies: Latencies::default(),
        }
    }

    /// The value of a key, as [`Store::get`].
    pub fn look_up(&self, key: &[u8]) -> Option<Bytes> {
        let hash = self.hasher.hash_one(key);
        let look = || self.shard(hash).lock().get(hash, key, &self.begun);
        self.latencies.sample(look)
    }

    /// Remembers a value, as [`Store::put`].
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub fn remember(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), Refused> {
        let hash = self.hasher.hash_one(key);
        let expires = ttl.map(|ttl| self.begun.ms().saturating_add(milliseconds(ttl)));
        let put = || {
            let mut shard = self.shard(hash).lock();
            shard.put(hash, key, value, expires, &self.begun)
        };
        self.latencies.sample(put)
    }

    /// Forgets a key; says whether it was there.
    pub fn forget(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        self.shard(hash).lock().remove(hash, key, &self.begun)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for shard in &self.shards {
            shard.lock().clear();
        }
    }

    /// How much it holds and did.
    #[must_use]
    pub fn totals(&self) -> CacheNodeStatus {
        let mut counts = CacheNodeStatus {
            node: self.name.to_string(),
            is_up: true,
            latency: self.latencies.so_far(),
            ..CacheNodeStatus::default()
        };
        for shard in &self.shards {
            let shard = shard.lock();
            counts.entries += shard.len() as u64;
            counts.bytes += shard.bytes() as u64;
            let did = shard.counts();
            counts.hits += did.hits;
            counts.misses += did.misses;
            counts.evictions += did.evictions;
        }
        counts
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The table of a shard looks at other bits of the hash.
        &self.shards[(hash >> 32) as usize % self.shards.len()]
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Store for Embedded {
    fn node_of(&self, _key: &[u8]) -> Arc<str> {
        Arc::clone(&self.name)
    }

    async fn get(&self, key: &[u8]) -> Result<Option<StoredValue>, StoreError> {
        let node = Arc::clone(&self.name);
        Ok(self.look_up(key).map(|value| StoredValue { value, node }))
    }

    async fn put(&self, key: &[u8], value: Bytes, ttl: Option<Duration>) -> Result<(), StoreError> {
        Ok(self.remember(key, value, ttl)?)
    }

    async fn keeps(&self, key: &[u8]) -> Result<Option<Keep>, StoreError> {
        let hash = self.hasher.hash_one(key);
        let now = self.begun.ms();
        let expires = self.shard(hash).lock().expires(hash, key, now);
        Ok(expires.map(|expires| match expires {
            None => Keep::ForGood,
            Some(at) => Keep::For(Duration::from_millis(at - now)),
        }))
    }

    async fn counts(&self) -> Vec<CacheNodeStatus> {
        vec![self.totals()]
    }
}

#[cfg(test)]
mod tests;
