//! What a directory is made of: small entries, each of which says one thing of one account.
//!
//! An entry from another node is hostile until [`Entry::check`] passes: it bounds every field, so that no
//! entry costs more than a few hundred bytes, or, later, more than the usual work to check a password.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{UserName, passwords, role::Role};

const LABEL_BYTES_MAX: usize = 128;
const SHOWN_BYTES_MAX: usize = 256;
const SIGNATURE_BYTES_MAX: usize = 64;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub(crate) [u8; $bytes]);

        impl $name {
            /// The id of these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> $name {
                $name(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<$name, &'static str> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| "not an id of this kind")?;
                Ok($name(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<$name, &'static str> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

id! {
    /// An account. Chosen by chance, and never used again.
    AccountId 16
}
id! {
    /// A token of an account: follows from the account and from when the token was made.
    TokenId 16
}
id! {
    /// Who wrote an entry: a node, or the process of a server alone.
    WriterId 32
}

/// When an entry was written, by a hybrid logical clock: later than all that its writer had seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stamp {
    /// Milliseconds since 1970.
    pub wall_ms: u64,
    /// Tells apart what was written in one millisecond.
    pub counter: u32,
    /// The writer, which orders what two of them wrote at the same time.
    pub writer: WriterId,
}

impl TokenId {
    /// The id of the token that an account got at this time. So an id has one time for ever, and an entry that
    /// ends all tokens up to a time decides each of them in the same way, in whatever order entries arrive.
    #[must_use]
    pub fn of(account: AccountId, made: Stamp) -> TokenId {
        let mut hasher = blake3::Hasher::new_derive_key("kadenza 2026-11-30 id of a token");
        hasher.update(&account.0);
        hasher.update(&made.wall_ms.to_be_bytes());
        hasher.update(&made.counter.to_be_bytes());
        hasher.update(&made.writer.0);
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        TokenId(id)
    }
}

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
}

id! {
    /// The hash of a token's secret.
    SecretHash 32
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

/// Says whether a writer signed an entry, and may write.
pub trait Verifier {
    /// Whether the signature is that of the writer.
    fn verifies(&self, entry: &Entry) -> bool;
}

impl Entry {
    /// What is signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let signed = (&self.account, &self.change, &self.stamp, &self.actor);
        serde_json::to_vec(&signed).expect("texts and numbers are always JSON")
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
            Change::Token(token) => printable(&token.label, LABEL_BYTES_MAX),
            Change::Enabled { lifts } if *lifts >= self.stamp => Err("it lifts what is not yet"),
            Change::TokenGone { made, .. } if *made >= self.stamp => {
                Err("it revokes what is not yet")
            }
            _ => Ok(()),
        }
    }
}

/// Whether a text is short, and fit for a line of a list.
fn printable(text: &str, bytes_max: usize) -> Result<(), &'static str> {
    match text.len() > bytes_max || text.chars().any(char::is_control) {
        true => Err("a label has at most 128 bytes, a name to show 256, and no control characters"),
        false => Ok(()),
    }
}
