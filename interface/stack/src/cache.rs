//! The cache of a stack, and its nodes.

use std::{fmt, sync::Arc};

use kadenza_services::cache::{
    CachedConfig, Capacity, Embedded, Guarded, Patience, Policy, Redis, Store,
};
use kadenza_tls::Roots;

/// A cache that is ready to be put over a service.
///
/// Covers have a store of their own, and so a budget of their own: a few large pictures must not
/// drive thousands of small answers out.
#[derive(Debug)]
pub struct Cache {
    /// The store of songs and lists.
    pub answers: Arc<dyn Store>,
    /// The store of covers.
    pub covers: Arc<dyn Store>,
    /// How long answers are remembered.
    pub config: CachedConfig,
}

/// One node of a cache, before it has its place among the others.
pub struct CacheNode {
    pub(crate) store: Arc<dyn Store>,
    /// Whether the node can be slow or away, so that calls need a deadline.
    may_fail: bool,
    /// Whether the node is several servers that look like one.
    pub(crate) is_spread: bool,
    is_exposed: bool,
}

impl CacheNode {
    /// A node in memory of this process.
    #[must_use]
    pub fn embedded(name: &str, capacity: Capacity, policy: Policy) -> CacheNode {
        CacheNode {
            store: Arc::new(Embedded::new(name, capacity, policy)),
            may_fail: false,
            is_spread: false,
            is_exposed: false,
        }
    }

    /// A node on a Redis server, on Redis Cluster, or on servers behind Redis Sentinel, and who may vouch for them
    /// where TLS is spoken. Nothing is connected to yet.
    ///
    /// # Errors
    ///
    /// If the URL is not one of Redis.
    pub fn redis(url: &str, roots: &Roots) -> kadenza_contract::Result<CacheNode> {
        let redis = Redis::with_roots(url, roots)?;
        Ok(CacheNode {
            is_exposed: redis.is_exposed(),
            is_spread: redis.is_spread(),
            store: Arc::new(redis),
            may_fail: true,
        })
    }

    /// Its name, which holds no password.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        self.store.node_of(b"")
    }

    /// Whether what is said to it passes in the clear beyond this machine.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    /// A node on any store that can be slow or away.
    #[must_use]
    pub fn that_may_fail(store: Arc<dyn Store>) -> CacheNode {
        CacheNode {
            store,
            may_fail: true,
            is_spread: false,
            is_exposed: false,
        }
    }

    /// The store, with a deadline for each call if it needs one.
    pub(crate) fn guarded(self, patience: Patience) -> Arc<dyn Store> {
        match self.may_fail {
            true => Arc::new(Guarded::new(self.store, patience)),
            false => self.store,
        }
    }
}

impl fmt::Debug for CacheNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheNode")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
