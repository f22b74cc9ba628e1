//! The layers above whatever answers: the cache, where one is wanted, and the views.

use std::sync::Arc;

use axum::Router;
use futures_util::FutureExt;
use kadenza_contract::MusicService;
use kadenza_services::cache::Cached;
use kadenza_views::{CacheCounts, ViewsConfig};

use crate::Cache;

/// The layers over a service.
#[derive(Debug)]
pub struct Stack {
    /// The HTTP interface of the stack.
    pub router: Router,
    cached: Option<Arc<Cached>>,
}

impl Stack {
    /// Puts the layers over a service, bottom to top. The views ask the cache for its counts,
    /// whatever `views` says of them.
    #[must_use]
    pub fn over(service: Arc<dyn MusicService>, cache: Option<Cache>, views: ViewsConfig) -> Stack {
        // The cache stands over whatever answers, and under all that asks.
        let cached = cache.map(|cache| {
            let cached = Cached::new(
                Arc::clone(&service),
                cache.answers,
                cache.covers,
                cache.config,
            );
            Arc::new(cached)
        });
        let service = match &cached {
            Some(cached) => Arc::clone(cached) as Arc<dyn MusicService>,
            None => service,
        };
        // The views speak HTTP for whatever stands below.
        let views = ViewsConfig {
            cache_counts: cached.as_ref().map(counts_of).unwrap_or_default(),
            ..views
        };
        Stack {
            router: kadenza_views::router(service, views),
            cached,
        }
    }

    /// Logs once, in the background, which nodes of the cache do not answer. The server serves
    /// without them.
    pub fn warn_of_absent_cache_nodes(&self) {
        let Some(cached) = self.cached.clone() else {
            return;
        };
        tokio::spawn(async move {
            for node in cached.counts().await.iter().filter(|node| !node.is_up) {
                tracing::warn!(
                    "the cache {} does not answer: what it would remember is asked for each time, until it is back",
                    node.node
                );
            }
        });
    }
}

/// The call by which the views ask for the state of the cache nodes.
fn counts_of(cached: &Arc<Cached>) -> CacheCounts {
    let cached = Arc::clone(cached);
    CacheCounts::new(move || {
        let cached = Arc::clone(&cached);
        async move { cached.counts().await }.boxed()
    })
}
