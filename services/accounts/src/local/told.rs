//! What is told of an account and of a token: nothing that is secret.

use crate::{
    directory::{Account, TokenKept},
    ids::Stamp,
    service::{Caller, TokenInfo, User},
};

pub(super) fn caller(account: &Account, kept: &TokenKept) -> Caller {
    Caller {
        account: account.id,
        name: account.called.clone(),
        role: account.role.min(kept.token.scope),
        token: kept.id,
        kind: kept.token.kind,
        credential: None,
    }
}

pub(super) fn told(account: Account) -> User {
    User {
        id: account.id,
        name: account.called,
        role: account.role,
        is_disabled: account.is_disabled,
    }
}

pub(super) fn info(kept: TokenKept) -> TokenInfo {
    let TokenKept {
        id,
        made: Stamp { wall_ms, .. },
        token,
    } = kept;
    TokenInfo {
        id,
        kind: token.kind,
        scope: token.scope,
        label: token.label,
        made_ms: wall_ms,
        expires_ms: token.expires_ms,
    }
}
