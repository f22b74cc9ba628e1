//! Where entries are kept.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use kadenza_contract::Result;
use parking_lot::Mutex;

use crate::entry::Entry;

/// Keeps entries, the last one under each [`Entry::key`].
#[async_trait]
pub trait EntryStore: fmt::Debug + Send + Sync + 'static {
    /// All of them.
    async fn load(&self) -> Result<Vec<Entry>>;

    /// Puts entries in the place of those with the same keys: all or none, and durably.
    async fn put(&self, entries: &[Entry]) -> Result<()>;

    /// Removes the entries with these keys.
    async fn forget(&self, keys: &[String]) -> Result<()>;

    /// What was put after this place, by this process or another one that shares the store: some of it, and nothing if
    /// that is all. The place before everything is 0. None where no other process shares the store.
    async fn put_after(&self, place: u64) -> Result<Option<Put>> {
        let _ = place;
        Ok(None)
    }
}

/// What processes put into the store that they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The entries, in the order in which they were put.
    pub entries: Vec<Entry>,
    /// The place behind them.
    pub place: u64,
}

/// Keeps entries in memory, for tests and for programs that keep accounts themselves.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Entry>>);

#[async_trait]
impl EntryStore for MemoryStore {
    async fn load(&self) -> Result<Vec<Entry>> {
        Ok(self.0.lock().values().cloned().collect())
    }

    async fn put(&self, entries: &[Entry]) -> Result<()> {
        let keyed = entries.iter().map(|entry| (entry.key(), entry.clone()));
        self.0.lock().extend(keyed);
        Ok(())
    }

    async fn forget(&self, keys: &[String]) -> Result<()> {
        let mut kept = self.0.lock();
        for key in keys {
            kept.remove(key);
        }
        Ok(())
    }
}
