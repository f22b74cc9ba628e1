//! The key with which a cluster begins.

use std::{fmt, str::FromStr};

use kadenza_rpc::{NodeKey, PublicKey};
use serde::{Deserialize, Serialize};

/// The key of a cluster. Whoever has it can let nodes in and shut them out; nothing else needs it, so it may lie in a
/// drawer.
#[derive(Clone)]
pub struct ClusterKey(NodeKey);

impl ClusterKey {
    /// The key of this secret.
    #[must_use]
    pub fn from_secret(secret: &[u8; 32]) -> ClusterKey {
        ClusterKey(NodeKey::from_secret(secret))
    }

    /// The cluster that it is the key of.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        ClusterId(*self.0.public().as_bytes())
    }

    pub(crate) fn signing(&self) -> &NodeKey {
        &self.0
    }
}

/// Never shows the secret.
impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterKey({:.8})", self.cluster())
    }
}

/// A cluster: the public half of its key, in text 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ClusterId([u8; 32]);

impl ClusterId {
    pub(crate) fn key(&self) -> PublicKey {
        PublicKey::from_bytes(self.0)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterId({self:.12})")
    }
}

impl FromStr for ClusterId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<ClusterId, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(ClusterId(bytes))
    }
}

impl TryFrom<String> for ClusterId {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<ClusterId, hex::FromHexError> {
        text.parse()
    }
}

impl From<ClusterId> for String {
    fn from(id: ClusterId) -> String {
        id.to_string()
    }
}
