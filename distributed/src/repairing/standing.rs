//! How a node stands in repair: what it knows of others, and what it is about to do.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kadenza_contract::SongId;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use super::{
    ledger::Ledger,
    pace::Pace,
    partners::Partners,
    remembered::{Reported, Unconfirmed},
};
use crate::{Holding, Key};

/// How many nodes are compared with at once.
const NODES_AT_ONCE: usize = 8;

/// How this node stands in repair.
#[derive(Debug)]
pub(crate) struct Repairing {
    /// Made anew where the layout makes others responsible.
    pub(super) ledger: tokio::sync::Mutex<Option<Arc<Mutex<Ledger>>>>,
    pub(super) partners: Mutex<Partners>,
    /// Since when what only others must hold has been confirmed by all of them.
    surplus_since: Mutex<BTreeMap<(SongId, Holding), Instant>>,
    surplus_kept: Duration,
    pace: Pace,
    pub(super) turns: Semaphore,
    /// What nobody could confirm lately.
    pub(super) unconfirmed: Mutex<Option<Unconfirmed>>,
    /// What this node said of itself last.
    pub(crate) reported: tokio::sync::Mutex<Option<Reported>>,
    pub(super) wanted: Notify,
}

impl Repairing {
    /// Nothing is known of others yet. Surplus is kept for so long, and so many bytes are given a second (0: any).
    pub(crate) fn new(surplus_kept: Duration, bytes_per_second: u64) -> Repairing {
        Repairing {
            ledger: tokio::sync::Mutex::new(None),
            partners: Mutex::default(),
            surplus_since: Mutex::default(),
            surplus_kept,
            pace: Pace::new(bytes_per_second),
            turns: Semaphore::new(NODES_AT_ONCE),
            unconfirmed: Mutex::default(),
            reported: tokio::sync::Mutex::new(None),
            wanted: Notify::new(),
        }
    }

    /// How fast copies are given.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(super) fn surplus_kept(&self) -> Duration {
        self.surplus_kept
    }

    pub(super) fn surplus_since(&self) -> MutexGuard<'_, BTreeMap<(SongId, Holding), Instant>> {
        self.surplus_since.lock()
    }

    /// A node may lack something.
    pub(crate) fn doubt(&self, node: Key) {
        self.partners.lock().doubt(node, Instant::now());
        self.wanted.notify_one();
    }

    /// Lets repair run soon, also with those with whom it was tried in vain.
    pub(crate) fn wake(&self) {
        self.partners.lock().try_again();
        self.wanted.notify_one();
    }
}
