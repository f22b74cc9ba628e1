//! An administrator who is let in again by whoever is at the machine.

use super::{AUDIT, LocalAccounts, told};
use crate::{
    entry::Change,
    error::{AccountsError, Result},
    names::UserName,
    role::Role,
    secret::Secret,
    service::{NewUser, User},
};

impl LocalAccounts {
    /// The names of all accounts.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let state = self.state.read();
        let names = state
            .directory
            .accounts()
            .map(|account| account.name.into());
        names.collect()
    }

    /// Makes an account an enabled administrator with this password, also the first one of all. All its tokens end. For the program of whoever
    /// can write the files of the accounts anyway, and for no request.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`] if there is no account of this name, but others.
    pub async fn reset(&self, name: &str, password: Secret) -> Result<User> {
        let name = UserName::try_from(name.to_owned()).map_err(AccountsError::invalid)?;
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
}
