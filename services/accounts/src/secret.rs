//! What nobody may read along: passwords, codes, and the secrets of tokens.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, SecretHash, TokenId};

/// Before the secret of a token, so that people and scanners of leaks know what it is.
const PREFIX: &str = "kadenza_";
/// The bytes of a secret that chance made.
const CHANCE_BYTES: usize = 32;

/// A text that is shown nowhere: `Debug` leaves it out, and it has no `Display`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text, for the one who checks or sends it. No message may hold it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its hash. It needs no salt and no slowness, as chance made the secret.
    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash(blake3::derive_key(
            "kadenza 2026-11-30 secret of a token",
            self.0.as_bytes(),
        ))
    }

    /// Makes the secret of a token, which names the token too.
    pub(crate) fn of_token(account: AccountId, id: TokenId) -> Secret {
        let chance: [u8; CHANCE_BYTES] = rand::random();
        Secret(format!("{PREFIX}{account}{id}{}", hex::encode(chance)))
    }

    /// The account and the token that it names. Whether it is theirs is for [`Accounts`](crate::Accounts) to say.
    #[must_use]
    pub fn token(&self) -> Option<(AccountId, TokenId)> {
        let rest = self.0.strip_prefix(PREFIX)?;
        let is_hex =
            rest.len() == 64 + 2 * CHANCE_BYTES && rest.bytes().all(|b| b.is_ascii_hexdigit());
        match is_hex {
            true => Some((rest[..32].parse().ok()?, rest[32..64].parse().ok()?)),
            false => None,
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether two hashes are the same, in a time that tells nothing of where they differ.
pub(crate) fn same(one: &SecretHash, other: &SecretHash) -> bool {
    blake3::Hash::from_bytes(one.0) == blake3::Hash::from_bytes(other.0)
}
