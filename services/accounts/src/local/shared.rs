//! Accounts that several nodes keep: what each tells the others, and takes from them.
//!
//! A node tells each of its writes at once to those within reach. What somebody missed is found by comparing digests,
//! and then goes both ways.

use std::{collections::BTreeSet, sync::Arc};

use tokio::{sync::mpsc, time::Instant};

use super::{
    AUDIT, LocalAccounts,
    room::{Gathered, Room},
    rules::admins,
    sharing::{Known, Lacking, Written},
};

use crate::{
    directory::Digests,
    entry::Entry,
    error::{AccountsError, Result},
    ids::WriterId,
    signatures::Vouching,
};

/// Digests are made anew so often, since entries end.
const DIGESTS_LAST_MS: u64 = 60_000;

impl LocalAccounts {
    /// What is written here from now on, for the one who tells other nodes; none if somebody does already.
    #[must_use]
    pub fn written(&self) -> Option<mpsc::Receiver<Written>> {
        self.sharing.written.lock().take()
    }

    /// Reads what other processes have put into the store that they share with this one.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Storage`] if it cannot be read.
    pub async fn refresh(&self) -> Result<()> {
        let asked = Instant::now();
        let mut read = self.sharing.read.lock().await;
        // Of several that waited, the first has read for all.
        if read.1.is_some_and(|began| began >= asked) {
            return Ok(());
        }
        let began = Instant::now();
        loop {
            let put = self.store.put_after(read.0).await;
            let Some(put) = put.map_err(AccountsError::Storage)? else {
                return Ok(());
            };
            if put.entries.is_empty() {
                break;
            }
            read.0 = put.place;
            let mut state = self.state.write();
            for entry in put.entries {
                if let Err(refused) = state.restore(entry) {
                    tracing::error!(%refused, "an entry of the accounts is damaged, and left out");
                }
            }
        }
        read.1 = Some(began);
        Ok(())
    }

    /// The digests of all that is known here.
    #[must_use]
    pub fn digests(&self) -> Arc<Digests> {
        let now_ms = (self.now)();
        let state = self.state.read();
        let at = (state.generation, now_ms / DIGESTS_LAST_MS);
        let mut known = self.sharing.digests.lock();
        match &*known {
            Some(known) if known.at == at => Arc::clone(&known.digests),
            _ => {
                let digests = Arc::new(state.directory.digests(now_ms));
                *known = Some(Known {
                    at,
                    digests: Arc::clone(&digests),
                });
                digests
            }
        }
    }

    /// The entries that a node with these digests may lack: those whose keys come after `after`, and of them the first
    /// that have `bytes_max` bytes of JSON together, but at least one.
    #[must_use]
    pub fn lacking(&self, theirs: &Digests, after: &str, bytes_max: usize) -> Lacking {
        let ours = self.digests();
        let parts: BTreeSet<u8> = ours
            .iter()
            .filter(|(part, digest)| theirs.get(part) != Some(digest))
            .map(|(part, _)| *part)
            .collect();
        let state = self.state.read();
        let mut entries = Vec::new();
        let (mut bytes, mut next) = (0, None);
        for (key, entry) in state.directory.of_parts(&parts, (self.now)()) {
            if key.as_str() <= after {
                continue;
            }
            bytes += entry.json_bytes();
            if bytes > bytes_max && !entries.is_empty() {
                next = entries.last().map(Entry::key);
                break;
            }
            entries.push(entry.clone());
        }
        Lacking { entries, next }
    }

    /// Has somebody say from now on which writers are members, so that all others have to share little room. Only the first
    /// one counts.
    pub fn vouched_by(&self, vouching: Arc<dyn Vouching>) {
        let _ = self.vouching.set(vouching);
    }

    /// Takes entries in that another node gives, and gives the number of those that were new. Some may be refused, which
    /// is logged; the rest are taken all the same, and are durable when this returns.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Storage`] if they cannot be kept. Then none of them counts.
    pub async fn take(&self, entries: Vec<Entry>) -> Result<usize> {
        let turn = self.turn().await?;
        let Gathered { taken, refused } = {
            let state = self.state.read();
            let vouching = self.vouching.get().map(|vouching| &**vouching);
            Room::new(&state.directory, vouching).gather(entries, (self.now)(), &*self.signatures)
        };
        if !refused.is_empty() {
            let entries: usize = refused.values().sum();
            let ((writer, why), _) = refused.first_key_value().expect("it is not empty");
            tracing::warn!(target: AUDIT, entries, %writer, why, "accounts-refused");
        }
        if taken.is_empty() {
            return Ok(0);
        }
        let writers: BTreeSet<WriterId> = taken.iter().map(|entry| entry.stamp.writer).collect();
        let (count, first) = (taken.len(), writers.first().map(WriterId::to_string));
        self.commit(turn, taken).await?;
        tracing::info!(target: AUDIT, entries = count, writers = writers.len(), writer = first, "accounts-taken");
        if admins(&self.state.read().directory).next().is_some() {
            self.spend_first_code();
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
