//! A machine: an address, a disk, and the node that runs on it or does not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use kadenza_distributed::{Key, Node, kademlia::layout::Layout};
use parking_lot::Mutex;

use crate::outside::{disk::Disk, life::Life};

/// A machine, whatever runs on it.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) number: usize,
    pub(crate) address: SocketAddr,
    pub(crate) id: Key,
    pub(crate) disk: Arc<Disk>,
    /// How far its wall clock is off, in milliseconds.
    pub(crate) wall_clock: Arc<Mutex<i64>>,
    /// Its node while one runs.
    pub(crate) life: Option<Arc<Life>>,
    /// The same, once it has started.
    pub(crate) node: Option<Node>,
    /// Whether it is told to begin the network.
    pub(crate) founds: bool,
    /// Whether it has left for good.
    pub(crate) has_left: bool,
    /// Whether it was told to leave, and has not ended.
    pub(crate) leaves: bool,
    /// Whether it means harm from now on.
    pub(crate) hostile: Arc<AtomicBool>,
    /// Ids that it had before its disk was wiped, and that are members still.
    pub(crate) ghosts: Vec<Key>,
}

/// A node that runs.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) machine: usize,
    pub(crate) life: Arc<Life>,
    pub(crate) node: Node,
}

impl Machine {
    /// The layout on its disk.
    pub(crate) fn layout(&self) -> Option<Layout> {
        let file = self
            .disk
            .look(|contents| contents.file("members.json").cloned())?;
        let file: serde_json::Value = serde_json::from_slice(&file).ok()?;
        serde_json::from_value(file.get("layout")?.clone()).ok()
    }

    /// Whether it belongs to the network, as its disk says.
    pub(crate) fn is_member(&self) -> bool {
        let layout = self.layout();
        layout.is_some_and(|layout| layout.current().voters.contains(&self.id))
    }

    /// Whether it means harm: what is on its disk then counts for nothing, and nobody asks it anything.
    pub(crate) fn is_hostile(&self) -> bool {
        self.hostile.load(Relaxed)
    }

    /// Its node, if it has started.
    pub(crate) fn running(&self) -> Option<Running> {
        Some(Running {
            machine: self.number,
            life: self.life.clone()?,
            node: self.node.clone()?,
        })
    }
}
