//! A statement in the very bytes that were signed.

use kadenza_rpc::{NodeKey, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

/// The longest statement, in bytes.
const STATEMENT_BYTES_MAX: usize = 64 << 10;

/// A statement in JSON, and the signature of whoever stands behind it. What an unknown field says is signed as well, so
/// that later versions can say more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    statement: Box<str>,
    signature: Signature,
}

/// An Ed25519 signature (RFC 8032), in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature([u8; 64]);

/// A kind of statement.
pub(crate) trait Statement: Serialize + DeserializeOwned {
    /// What it is for: a signature under one kind is none under another.
    const KIND: &'static str;
}

impl Signed {
    /// Signs a statement with a key.
    pub(crate) fn by<S: Statement>(key: &NodeKey, statement: &S) -> Signed {
        let statement = serde_json::to_string(statement).unwrap_or_default();
        Signed {
            signature: Signature(key.sign(&said::<S>(&statement))),
            statement: statement.into(),
        }
    }

    /// What it says, if the owner of this key signed it and it is a statement of this kind.
    pub(crate) fn open<S: Statement>(&self, signer: &PublicKey) -> Option<S> {
        if self.statement.len() > STATEMENT_BYTES_MAX {
            return None;
        }
        let said = said::<S>(&self.statement);
        signer
            .has_signed(&said, &self.signature.0)
            .then(|| serde_json::from_str(&self.statement).ok())?
    }

    /// About how long it is in JSON, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.statement.len() + 256
    }

    /// What it claims to say. Whether anybody stands behind it is another question.
    pub(crate) fn unproven<S: Statement>(&self) -> Option<S> {
        serde_json::from_str(&self.statement).ok()
    }
}

/// The bytes that are signed.
fn said<S: Statement>(statement: &str) -> Vec<u8> {
    [S::KIND.as_bytes(), b"\0", statement.as_bytes()].concat()
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Signature, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut bytes = [0; 64];
        hex::decode_to_slice(&*text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Signature(bytes))
    }
}
