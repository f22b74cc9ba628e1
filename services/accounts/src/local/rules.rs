//! What holds for every change: who may make it, and that somebody is left who can manage accounts.

use crate::{
    directory::{Account, Directory, Refused, TokenKept},
    entry::Change,
    error::{AccountsError, Result},
    role::Role,
    service::Caller,
};

pub(super) fn refused(refused: Refused) -> AccountsError {
    match refused {
        Refused::Malformed(what) => AccountsError::invalid(what),
        Refused::Ahead | Refused::Ended | Refused::Full | Refused::Unsigned => AccountsError::Full,
    }
}

/// That a change would not count, as something was written by a clock that is far ahead of this one.
pub(super) fn clock_is_wrong() -> AccountsError {
    AccountsError::Conflict {
        what: "the clock of this machine is more than 10 minutes behind what was written to the accounts: set it. If it \
               is right, stop the server and give an administrator a password with `kadenza users reset`, which \
               writes anew what was written ahead of time"
            .to_owned(),
    }
}

pub(super) fn admin(caller: &Caller) -> Result<()> {
    match caller.role {
        Role::Admin => Ok(()),
        Role::Listen | Role::Upload => Err(AccountsError::Forbidden {
            needed: "administrators",
        }),
    }
}

/// The accounts that can manage accounts.
pub(super) fn admins(directory: &Directory) -> impl Iterator<Item = Account> {
    let is_admin = |account: &Account| {
        account.role == Role::Admin && !account.is_disabled && account.password.is_some()
    };
    directory.accounts().filter(is_admin)
}

pub(super) fn not_the_last_admin(directory: &Directory, account: &Account) -> Result<()> {
    match admins(directory).any(|admin| admin.id != account.id) || account.role < Role::Admin {
        true => Ok(()),
        false => Err(AccountsError::LastAdmin),
    }
}

/// That a token is revoked.
pub(super) fn gone(kept: &TokenKept) -> Change {
    Change::TokenGone {
        made: kept.made,
        expires_ms: kept.token.expires_ms,
    }
}
