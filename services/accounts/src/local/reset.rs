//! An administrator who is let in again by whoever is at the machine.

use std::collections::BTreeMap;

use super::{AUDIT, LocalAccounts, rules::refused, state::State, told};
use crate::{
    clock::{AHEAD_MS_MAX, Clock},
    directory::Directory,
    entry::{Change, Entry},
    error::{AccountsError, Result},
    ids::Stamp,
    names::UserName,
    role::Role,
    secret::Secret,
    service::{NewUser, User},
};

impl LocalAccounts {
    /// The names of all accounts, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let state = self.state.read();
        let names = state.directory.accounts().map(|account| account.called);
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Makes an account an enabled administrator with this password, also the first one of all. All its tokens end. For the program of whoever
    /// can write the files of the accounts anyway, and for no request.
    ///
    /// What was written here by a clock that was far ahead is written anew first, for nobody else takes it. The tokens among it
    /// end. The clock has to be right by now, which only a person knows.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`] if there is no account of this name, but others.
    pub async fn reset(&self, name: &str, password: Secret) -> Result<User> {
        let name = UserName::try_from(name.to_owned()).map_err(AccountsError::invalid)?;
        self.stamp_anew().await?;
        if self.names().is_empty() {
            let first = NewUser {
                name: name.into(),
                password,
                role: Role::Admin,
            };
            let user = self.add(None, first, true).await?;
            tracing::info!(target: AUDIT, user = user.name, "administrator-reset");
            return Ok(user);
        }
        let phc = self.passwords.hash(&password).await?;
        let written = self.write(None, |directory| {
            let account = directory
                .named(&name.key())
                .ok_or(AccountsError::NotFound)?;
            let lifts = account.disabled.filter(|_| account.is_disabled);
            let mut changes = vec![
                Change::Role(Role::Admin),
                Change::Password(phc),
                Change::TokensEnded,
            ];
            changes.extend(lifts.map(|lifts| Change::Enabled { lifts }));
            let changes = changes.into_iter().map(|change| (account.id, change));
            Ok((account.id, changes.collect()))
        });
        let user = self.account(written.await?).map(told)?;
        tracing::info!(target: AUDIT, user = user.name, "administrator-reset");
        Ok(user)
    }

    /// Gives entries of this writer that are far ahead of its clock the time of now, in their order.
    async fn stamp_anew(&self) -> Result<()> {
        let turn = self.turn().await?;
        let now_ms = (self.now)();
        let latest_ms = now_ms.saturating_add(AHEAD_MS_MAX);
        let writer = self.signatures.writer();
        let (mut ahead, rest): (Vec<Entry>, Vec<Entry>) = {
            let state = self.state.read();
            let entries = state.directory.entries().cloned();
            entries
                .partition(|entry| entry.stamp.writer == writer && entry.stamp.wall_ms > latest_ms)
        };
        if ahead.is_empty() {
            return Ok(());
        }
        ahead.sort_by_key(|entry| entry.stamp);
        let (mut directory, mut clock) = (Directory::default(), Clock::new(writer));
        for entry in rest {
            if entry.stamp.wall_ms <= latest_ms {
                clock.saw(entry.stamp);
            }
            directory.restore(entry).map_err(refused)?;
        }
        let (mut anew, mut dropped) = (Vec::new(), Vec::new());
        let mut times: BTreeMap<Stamp, Stamp> = BTreeMap::new();
        for entry in ahead {
            let entry_ahead = entry.clone();
            let change = match entry.change {
                // The id of a token follows from when it was made.
                Change::Token(_) => {
                    dropped.push(entry.key());
                    continue;
                }
                Change::TokenGone { made, .. } if made.wall_ms > latest_ms => {
                    dropped.push(entry.key());
                    continue;
                }
                Change::Enabled { lifts } => Change::Enabled {
                    lifts: times.get(&lifts).copied().unwrap_or(lifts),
                },
                change => change,
            };
            let stamp = clock.stamp(now_ms);
            times.insert(entry.stamp, stamp);
            let signed = self.signed(entry.account, change, stamp, entry.actor);
            // It lifts what another one wrote ahead of time, and can only be said by then.
            if signed.check().is_err() {
                directory.restore(entry_ahead).map_err(refused)?;
                continue;
            }
            directory.restore(signed.clone()).map_err(refused)?;
            anew.push(signed);
        }
        self.store
            .put(&anew)
            .await
            .map_err(AccountsError::Storage)?;
        self.store
            .forget(&dropped)
            .await
            .map_err(AccountsError::Storage)?;
        let mut state = self.state.write();
        let generation = state.generation + 1;
        *state = State {
            directory,
            clock,
            generation,
        };
        drop(state);
        drop(turn);
        tracing::info!(target: AUDIT, entries = anew.len(), tokens = dropped.len(), "accounts-stamped-anew");
        Ok(())
    }
}
