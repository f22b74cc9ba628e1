//! How the accounts of a store are opened, and rid of what ended.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use parking_lot::{Mutex, RwLock};

use super::{FirstCode, LocalAccounts, Now, sharing::Sharing, state::State};
use crate::{
    clock::Clock,
    directory::Directory,
    entry::Entry,
    error::{AccountsError, Result},
    passwords::Passwords,
    signatures::Signatures,
    store::EntryStore,
};

impl LocalAccounts {
    /// Opens the accounts of a store. `first` lets somebody become administrator while there is none.
    ///
    /// All that was once acknowledged counts again, however much it is. What cannot be understood counts for nothing
    /// and is left in the store, as a later program may understand it.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn open(
        store: Arc<dyn EntryStore>,
        signatures: Arc<dyn Signatures>,
        now: Now,
        first: Option<FirstCode>,
    ) -> Result<LocalAccounts> {
        let mut directory = Directory::default();
        let mut clock = Clock::new(signatures.writer());
        let mut keys = Vec::new();
        for entry in store.load().await.map_err(AccountsError::Storage)? {
            let (key, stamp) = (entry.key(), entry.stamp);
            match directory.restore(entry) {
                Ok(_) => {
                    clock.saw(stamp);
                    keys.push(key);
                }
                Err(refused) => {
                    tracing::error!(%refused, key, "an entry of the accounts is damaged, and left out");
                }
            }
        }
        directory.prune(now());
        let kept: HashSet<String> = directory.entries().map(Entry::key).collect();
        keys.retain(|key| !kept.contains(key));
        store.forget(&keys).await.map_err(AccountsError::Storage)?;
        Ok(LocalAccounts {
            store,
            now,
            state: Arc::new(RwLock::new(State {
                directory,
                clock,
                generation: 0,
            })),
            writing: Arc::default(),
            passwords: Passwords::new(),
            attempts: Mutex::default(),
            first,
            signatures,
            vouching: OnceLock::new(),
            sharing: Sharing::new(),
        })
    }

    /// Forgets tokens that ended long ago. To be called now and then, as a server may run for years.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Storage`] if the store cannot forget them.
    pub async fn prune(&self) -> Result<()> {
        let _writing = self.writing.lock().await;
        let keys = {
            let mut state = self.state.write();
            let keys = state.directory.prune((self.now)());
            state.generation += u64::from(!keys.is_empty());
            keys
        };
        match keys.is_empty() {
            true => Ok(()),
            false => self
                .store
                .forget(&keys)
                .await
                .map_err(AccountsError::Storage),
        }
    }
}
