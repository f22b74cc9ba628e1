//! The record of one node: that it belongs to a cluster.

use std::time::Duration;

use kadenza_rpc::{PeerId, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ClusterId, signed::Statement};

/// Seconds since the beginning of 1970, in UTC.
pub type Seconds = u64;

/// How long a record is valid that a node signed. It is renewed when half of that is over.
pub const RECORD_LASTS: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// The longest name of a node, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// Whom a record is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The node's public key.
    #[serde(with = "KeyText")]
    pub key: PublicKey,
    /// What people call it; at most [`NAME_CHARS_MAX`] characters, none of them a control character.
    pub name: String,
    /// Where it listened for other nodes when the record was made (`HOST:PORT`).
    pub address: String,
}

impl Subject {
    /// Whether its texts keep to their bounds.
    pub(crate) fn is_sound(&self) -> bool {
        let is_plain = |text: &str| !text.chars().any(char::is_control);
        self.name.chars().count() <= NAME_CHARS_MAX
            && self.address.len() <= 300
            && is_plain(&self.name)
            && is_plain(&self.address)
    }
}

/// The most steps that a record remembers. An introduction has room for a full chain of such records.
pub const WAY_MAX: usize = 24;

/// One node let another one in, or renewed its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(PeerId, PeerId)", into = "(PeerId, PeerId)")]
pub struct Step {
    /// The node that signed.
    pub inviter: PeerId,
    /// The node that the record is of.
    pub invited: PeerId,
}

impl From<(PeerId, PeerId)> for Step {
    fn from((inviter, invited): (PeerId, PeerId)) -> Step {
        Step { inviter, invited }
    }
}

impl From<Step> for (PeerId, PeerId) {
    fn from(step: Step) -> (PeerId, PeerId) {
        (step.inviter, step.invited)
    }
}

/// A node belongs to a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    #[serde(flatten)]
    pub subject: Subject,
    /// Whether it may sign records of others.
    pub may_invite: bool,
    /// The steps by which the node came in that its chain shows no longer, since its record was renewed elsewhere; at most
    /// [`WAY_MAX`]. Who is shut out with an inviter is so whoever renews its record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_way_of: Vec<Step>,
    /// From when the record is valid.
    pub from: Seconds,
    /// Until when.
    pub until: Seconds,
}

impl Statement for Record {
    const KIND: &'static str = "kadenza 2026-11-30 record v1";
}

/// A public key in hexadecimal.
struct KeyText;

impl KeyText {
    fn serialize<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(key.as_bytes()))
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PublicKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(PublicKey::from_bytes(bytes))
    }
}
