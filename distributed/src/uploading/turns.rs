//! Uploads of the same song through this node, one after the other.

use std::{collections::HashMap, sync::Arc};

use kadenza_contract::SongId;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// A queue for each song that is being uploaded. Songs that nobody uploads have none.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queues: Mutex<HashMap<SongId, Arc<Queue<()>>>>,
}

impl Turns {
    /// Waits until no other upload of the song is under way. The turn lasts until the guard is dropped.
    pub(crate) async fn take(&self, id: SongId) -> OwnedMutexGuard<()> {
        let queue = {
            let mut queues = self.queues.lock();
            // Nobody waits in a queue that only this map refers to.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            queues.entry(id).or_default().clone()
        };
        queue.lock_owned().await
    }
}
