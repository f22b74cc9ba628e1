//! What entries are told apart by: ids, and the time of a hybrid logical clock.

use std::fmt;

use serde::{Deserialize, Serialize};

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

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
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

id! {
    /// The hash of a token's secret.
    SecretHash 32
}
