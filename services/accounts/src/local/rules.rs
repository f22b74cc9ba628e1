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
