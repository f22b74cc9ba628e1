//! What is told to other nodes, and what is remembered of the telling.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout},
};

use crate::{directory::Digests, entry::Entry};

/// How many writes wait to be told. Who falls behind finds the rest by the digests.
const WRITES_WAITING_MAX: usize = 256;

/// How long a write waits for the nodes within reach to hear of it, so that who signed in at one is known at the next.
const TOLD_WITHIN: Duration = Duration::from_millis(300);

/// What is told to others, and heard from them.
#[derive(Debug)]
pub(super) struct Sharing {
    writes: mpsc::Sender<Written>,
    pub(super) written: Mutex<Option<mpsc::Receiver<Written>>>,
    pub(super) digests: Mutex<Option<Known>>,
    /// What was read of a store that other processes share, and when that began last.
    pub(super) read: tokio::sync::Mutex<(u64, Option<Instant>)>,
}

/// What was written here.
#[derive(Debug)]
pub struct Written {
    /// The entries.
    pub entries: Vec<Entry>,
    /// To be told when all nodes within reach have them.
    pub told: oneshot::Sender<()>,
}

/// Digests, of which state and minute.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) at: (u64, u64),
    pub(super) digests: Arc<Digests>,
}

impl Sharing {
    pub(super) fn new() -> Sharing {
        let (writes, written) = mpsc::channel(WRITES_WAITING_MAX);
        Sharing {
            writes,
            written: Mutex::new(Some(written)),
            digests: Mutex::default(),
            read: tokio::sync::Mutex::default(),
        }
    }

    /// Whether somebody tells other nodes what is written here.
    pub(super) fn has_others(&self) -> bool {
        self.written.lock().is_none()
    }

    /// Tells other nodes, if there is a way to them, and waits a little until they know.
    pub(super) async fn tell(&self, entries: Vec<Entry>) {
        if !self.has_others() {
            return;
        }
        let (told, heard) = oneshot::channel();
        if self.writes.try_send(Written { entries, told }).is_ok() {
            // Those that did not hear of it in time find the difference later.
            let _ = timeout(TOLD_WITHIN, heard).await;
        }
    }
}

/// Some of the entries that another node may lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The entries.
    pub entries: Vec<Entry>,
    /// The key of the last of them, if there are more after it.
    pub next: Option<String>,
}
