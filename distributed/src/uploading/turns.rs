//! One at a time for each song.

use std::{collections::HashMap, sync::Arc};

use kadenza_services::SongId;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// Who is at which song. Holds only songs that somebody is at or waits for.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queues: Mutex<HashMap<SongId, Arc<Queue<()>>>>,
}

impl Turns {
    /// Waits for the turn at a song; it lasts until the guard is dropped.
    pub(crate) async fn take(&self, id: SongId) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.queues.lock();
            // A queue that only this map knows is nobody's.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            queues.entry(id).or_default().clone()
        };
        queue.lock_owned().await
    }
}
