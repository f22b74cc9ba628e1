//! A cache in front of any stack.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use kadenza_contract::MusicService;
use kadenza_services::cache::{Cached, CachedConfig, Store};

use crate::conformance::{Machines, Running, Stack};

/// A cache over the stack below, with new stores from the function for each start.
pub struct OverCache<S> {
    /// The stack below.
    pub below: S,
    /// Makes the store for answers and the one for covers.
    pub stores: fn() -> [Arc<dyn Store>; 2],
}

impl<S: fmt::Debug> fmt::Debug for OverCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OverCache").field(&self.below).finish()
    }
}

struct Covered {
    below: Box<dyn Running>,
    stores: [Arc<dyn Store>; 2],
    cached: Option<Arc<dyn MusicService>>,
}

#[async_trait]
impl<S: Stack> Stack for OverCache<S> {
    async fn start(&self) -> Result<Box<dyn Running>, String> {
        let below = self.below.start().await?;
        let stores = (self.stores)();
        let cached = Some(cache(below.as_ref(), &stores));
        Ok(Box::new(Covered {
            below,
            stores,
            cached,
        }))
    }
}

fn cache(below: &dyn Running, stores: &[Arc<dyn Store>; 2]) -> Arc<dyn MusicService> {
    let [answers, covers] = stores.clone();
    let config = CachedConfig::default();
    Arc::new(Cached::new(below.service(), answers, covers, config))
}

#[async_trait]
impl Running for Covered {
    fn service(&self) -> Arc<dyn MusicService> {
        let cached = self.cached.clone();
        cached.expect("it is absent only while it is restarted")
    }

    fn faces(&self) -> Vec<Arc<dyn MusicService>> {
        vec![self.service()]
    }

    async fn restart(&mut self) -> Result<bool, String> {
        self.cached = None;
        let kept = self.below.restart().await?;
        // The cache keeps its entries, like one on servers of its own.
        self.cached = Some(cache(self.below.as_ref(), &self.stores));
        Ok(kept)
    }

    async fn reach(&mut self, machines: Machines) -> Result<bool, String> {
        self.cached = None;
        let changed = self.below.reach(machines).await?;
        self.cached = Some(cache(self.below.as_ref(), &self.stores));
        Ok(changed)
    }

    async fn stop(self: Box<Self>) {
        drop(self.cached);
        self.below.stop().await;
    }
}
