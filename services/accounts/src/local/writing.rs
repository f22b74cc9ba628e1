//! How entries of this writer come to be: signed, durable, and then told to others.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{
    LocalAccounts,
    room::Room,
    rules::{clock_is_wrong, refused},
    state::State,
};
use crate::{
    clock::AHEAD_MS_MAX,
    directory::{Directory, Merged},
    entry::{Change, Entry},
    error::{AccountsError, Result},
    ids::{AccountId, Stamp},
};

/// That it is one's turn to write.
pub(super) type Turn = OwnedMutexGuard<()>;

impl LocalAccounts {
    /// Waits for the turn to write, and knows then what others wrote into the same store.
    pub(super) async fn turn(&self) -> Result<Turn> {
        let turn = Arc::clone(&self.writing).lock_owned().await;
        self.refresh().await?;
        Ok(turn)
    }

    /// Writes what `changes` makes of the accounts as they are; nothing, if that is no change.
    pub(super) async fn write<T>(
        &self,
        actor: Option<AccountId>,
        changes: impl FnOnce(&Directory) -> Result<(T, Vec<(AccountId, Change)>)>,
    ) -> Result<T> {
        let turn = self.turn().await?;
        let now_ms = (self.now)();
        let (made, entries) = {
            let mut state = self.state.write();
            let (made, changes) = changes(&state.directory)?;
            let signed = changes.into_iter().map(|(account, change)| {
                let stamp = self.stamp(&mut state, now_ms)?;
                Ok(self.signed(account, change, stamp, actor))
            });
            (made, signed.collect::<Result<Vec<Entry>>>()?)
        };
        if !entries.is_empty() {
            self.keep(turn, entries).await?;
        }
        Ok(made)
    }

    /// The time of the next entry. Other nodes would not take one that is far ahead of their clocks.
    pub(super) fn stamp(&self, state: &mut State, now_ms: u64) -> Result<Stamp> {
        let stamp = state.clock.stamp(now_ms);
        let is_ahead = stamp.wall_ms > now_ms.saturating_add(AHEAD_MS_MAX);
        match is_ahead && self.sharing.has_others() {
            true => Err(clock_is_wrong()),
            false => Ok(stamp),
        }
    }

    /// Has entries of this writer kept, and told to others, who may take their time: the next may write meanwhile.
    pub(super) async fn keep(&self, turn: Turn, entries: Vec<Entry>) -> Result<()> {
        {
            let state = self.state.read();
            let mut room = Room::new(&state.directory, None);
            for entry in &entries {
                // What is there was written by a clock far ahead, and this would change nothing.
                if room.write(entry).map_err(refused)? == Merged::Known {
                    return Err(clock_is_wrong());
                }
            }
        }
        self.commit(turn, entries.clone()).await?;
        self.sharing.tell(entries).await;
        Ok(())
    }

    /// Puts entries into the store and then into memory: both, also where the caller hangs up between them.
    pub(super) async fn commit(&self, turn: Turn, entries: Vec<Entry>) -> Result<()> {
        let (store, state) = (Arc::clone(&self.store), Arc::clone(&self.state));
        let committed = tokio::spawn(async move {
            let _turn = turn;
            store.put(&entries).await.map_err(AccountsError::Storage)?;
            let mut state = state.write();
            for entry in entries {
                state.restore(entry).map_err(refused)?;
            }
            Ok(())
        });
        committed.await.unwrap_or_else(|ended| {
            let failed = kadenza_contract::Error::storage("keeping the accounts");
            Err(AccountsError::Storage(failed(ended.into())))
        })
    }

    pub(super) fn signed(
        &self,
        account: AccountId,
        change: Change,
        stamp: Stamp,
        actor: Option<AccountId>,
    ) -> Entry {
        let unsigned = Entry {
            account,
            change,
            stamp,
            actor,
            signature: Vec::new(),
        };
        Entry {
            signature: self.signatures.sign(&unsigned.message()),
            ..unsigned
        }
    }
}
