//! What a directory is made of: small entries, each of which says one thing of one account.
//!
//! An entry from another node is hostile until [`Entry::check`] passes: it bounds every field, so that no
//! entry costs more than a few hundred bytes, or, later, more than the usual work to check a password.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AccountId, SecretHash, Stamp},
    names::UserName,
    passwords,
    role::Role,
};

const LABEL_BYTES_MAX: usize = 128;
const SHOWN_BYTES_MAX: usize = 256;
const SIGNATURE_BYTES_MAX: usize = 64;
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// For how many days a token is good at most. What says more would be kept for ever.
pub(crate) const DAYS_MAX: u32 = 3650;

/// What a token is used by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// A browser.
    Session,
    /// The command line.
    CommandLine,
    /// Another program, such as a player.
    App,
}

/// A token as it is kept: its secret is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The hash of the secret, 64 hexadecimal digits.
    pub hash: SecretHash,
    /// What it is used by.
    pub kind: TokenKind,
    /// The most that it may do, if the account may as well.
    pub scope: Role,
    /// What its owner calls it.
    pub label: String,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: u64,
    /// When the password was set under which it was made: it ends with that password. None in entries of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<Stamp>,
}

/// What an entry says of its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The name to sign in with.
    Name(UserName),
    /// The name to show.
    Shown(String),
    /// What it may do.
    Role(Role),
    /// The hash of its password, as a PHC string with Argon2id.
    Password(String),
    /// It may do nothing, until an entry lifts this.
    Disabled,
    /// Lifts what disabled the account up to this time, which is all that the writer knew of. So what
    /// somebody else disables meanwhile stays disabled.
    Enabled {
        /// The last disabling that the writer knew of.
        lifts: Stamp,
    },
    /// Ends all tokens that were made before this entry.
    TokensEnded,
    /// A token, made at the time of the entry.
    Token(Token),
    /// A token that was revoked.
    TokenGone {
        /// When it was made, from which its id follows.
        made: Stamp,
        /// When it would have ended: afterwards this entry is not needed.
        expires_ms: u64,
    },
    /// The account is gone for ever.
    Deleted,
}

/// One statement of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The account.
    pub account: AccountId,
    /// What is said of it.
    pub change: Change,
    /// When, and by which node.
    pub stamp: Stamp,
    /// The account that acted; none at the machine itself.
    pub actor: Option<AccountId>,
    /// The signature of the writer over [`Entry::message`], in hexadecimal digits; empty for a server alone.
    #[serde(default, with = "hex::serde")]
    pub signature: Vec<u8>,
}

impl Entry {
    /// What is signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let signed = (&self.account, &self.change, &self.stamp, &self.actor);
        serde_json::to_vec(&signed).expect("texts and numbers are always JSON")
    }

    /// How long it is as JSON.
    pub(crate) fn json_bytes(&self) -> usize {
        let json = serde_json::to_vec(self);
        json.expect("texts and numbers are always JSON").len()
    }

    /// Whether all in it is within bounds.
    ///
    /// # Errors
    ///
    /// The text names what is not.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.signature.len() > SIGNATURE_BYTES_MAX {
            return Err("a signature has at most 64 bytes");
        }
        match &self.change {
            Change::Shown(shown) => printable(shown, SHOWN_BYTES_MAX),
            Change::Password(phc) => passwords::check(phc),
            Change::Token(token) => {
                lasts(self.stamp, token.expires_ms)?;
                printable(&token.label, LABEL_BYTES_MAX)
            }
            Change::Enabled { lifts } if *lifts >= self.stamp => Err("it lifts what is not yet"),
            Change::TokenGone { made, .. } if *made >= self.stamp => {
                Err("it revokes what is not yet")
            }
            Change::TokenGone { made, expires_ms } => lasts(*made, *expires_ms),
            _ => Ok(()),
        }
    }
}

/// Whether a token that was made then may end then.
fn lasts(made: Stamp, expires_ms: u64) -> Result<(), &'static str> {
    let most_ms = u64::from(DAYS_MAX) * DAY_MS;
    match expires_ms > made.wall_ms.saturating_add(most_ms) {
        true => Err("a token is good for at most 3650 days"),
        false => Ok(()),
    }
}

/// Whether a text is short, and fit for a line of a list.
fn printable(text: &str, bytes_max: usize) -> Result<(), &'static str> {
    match text.len() > bytes_max || text.chars().any(char::is_control) {
        true => Err("a label has at most 128 bytes, a name to show 256, and no control characters"),
        false => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Entries for tests.

    use super::{Change, Role, SecretHash, Token, TokenKind};

    /// A token that is good until then.
    pub(crate) fn token_until(expires_ms: u64) -> Change {
        Change::Token(Token {
            hash: SecretHash([3; 32]),
            kind: TokenKind::App,
            scope: Role::Listen,
            label: "a player".into(),
            expires_ms,
            under: None,
        })
    }
}
