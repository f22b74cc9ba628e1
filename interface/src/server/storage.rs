//! Telling `/health` how the storage of this server is.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use kadenza_api::StorageHealth;
use kadenza_contract::{MusicService, Result, StorageStatus};
use kadenza_views::Readiness;
use tokio::{task::JoinSet, time::sleep};

/// How often the storage is asked.
const EVERY: Duration = Duration::from_secs(2);

/// Asks for the storage of this server; none where it has none of its own.
pub(super) type AskStorage =
    Box<dyn Fn() -> BoxFuture<'static, Result<Option<StorageStatus>>> + Send>;

/// Asks a service that is one library.
pub(super) fn asking(library: Arc<dyn MusicService>) -> AskStorage {
    Box::new(move || {
        let library = Arc::clone(&library);
        Box::pin(async move { Ok(library.status().await?.storage) })
    })
}

/// Keeps `/health` informed until the set is dropped.
pub(super) fn tell(readiness: Readiness, ask: AskStorage) -> JoinSet<()> {
    let mut telling = JoinSet::new();
    telling.spawn(async move {
        loop {
            match ask().await {
                Ok(Some(storage)) => readiness.set_storage(StorageHealth::of(&storage)),
                Ok(None) => return,
                // A library in another process may be away for a while.
                Err(error) => tracing::debug!(error = error.chain(), "the storage does not tell"),
            }
            sleep(EVERY).await;
        }
    });
    telling
}
