//! The making of tokens, of which an account has a bounded number.

use super::{
    LocalAccounts,
    rules::gone,
    told::{caller, info},
};
use crate::{
    directory::{Account, TokenKept},
    entry::{Change, DAY_MS, DAYS_MAX, Token, TokenKind},
    error::{AccountsError, Result},
    ids::TokenId,
    secret::Secret,
    service::{MadeToken, NewToken},
};

/// How many tokens of an account are good at once. A sign-in beyond it ends the oldest session.
pub(super) const TOKENS_MAX: usize = 200;

impl LocalAccounts {
    /// Writes a token, and tells its secret.
    pub(super) async fn give_token(
        &self,
        account: &Account,
        wanted: NewToken,
    ) -> Result<MadeToken> {
        let now_ms = (self.now)();
        if !(1..=DAYS_MAX).contains(&wanted.days) {
            return Err(AccountsError::invalid("a token is good for 1 to 3650 days"));
        }
        let expires_ms = now_ms + u64::from(wanted.days) * DAY_MS;
        let NewToken {
            kind, scope, label, ..
        } = wanted;
        let turn = self.turn().await?;
        let (secret, entries, id) = {
            let mut state = self.state.write();
            let still = state
                .directory
                .account(account.id)
                .filter(|now| !now.is_disabled && now.password_set == account.password_set);
            if still.is_none() {
                return Err(AccountsError::NotSignedIn);
            }
            let mut changes = Vec::new();
            let tokens: Vec<TokenKept> = state.directory.tokens(account.id, now_ms).collect();
            if tokens.len() >= TOKENS_MAX {
                let sessions = tokens
                    .iter()
                    .filter(|kept| kept.token.kind == TokenKind::Session);
                let oldest = sessions
                    .min_by_key(|kept| kept.made)
                    .ok_or(AccountsError::Full)?;
                changes.push((self.stamp(&mut state, now_ms)?, gone(oldest)));
            }
            let stamp = self.stamp(&mut state, now_ms)?;
            let id = TokenId::of(account.id, stamp);
            let secret = Secret::of_token(account.id, id);
            let hash = secret.hash();
            changes.push((
                stamp,
                Change::Token(Token {
                    hash,
                    kind,
                    scope,
                    label,
                    expires_ms,
                    under: account.password_set,
                }),
            ));
            let entries = changes
                .into_iter()
                .map(|(stamp, change)| self.signed(account.id, change, stamp, Some(account.id)));
            (secret, entries.collect(), id)
        };
        self.keep(turn, entries).await?;
        let kept = self
            .state
            .read()
            .directory
            .token(account.id, id, now_ms)
            .ok_or(AccountsError::NotSignedIn)?;
        let caller = caller(account, &kept);
        Ok(MadeToken {
            secret,
            info: info(kept),
            caller,
        })
    }
}
