//! Another node, as the transport sees it: an id and the address of its listener.

use std::{fmt, net::SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hexadecimal;

/// The id of a node: 32 bytes, in text 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId([u8; 32]);

impl PeerId {
    /// The id with these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> PeerId {
        PeerId(bytes)
    }

    /// The 32 bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digits of the id, in lower case.
    #[must_use]
    pub fn digits(&self) -> [u8; 64] {
        hexadecimal::digits(&self.0)
    }

    /// The id with these digits; none unless all are digits in lower case.
    #[must_use]
    pub fn from_digits(digits: &[u8; 64]) -> Option<PeerId> {
        hexadecimal::bytes(digits).map(PeerId)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.digits()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self:.12})")
    }
}

impl Serialize for PeerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PeerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PeerId, D::Error> {
        struct Digits;
        impl de::Visitor<'_> for Digits {
            type Value = PeerId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hexadecimal digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<PeerId, E> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
                Ok(PeerId(bytes))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

/// A node's id and the address of its listener. Never the port that a message came from: replies
/// travel on a connection of their own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// The address of its listener.
    #[serde(rename = "at")]
    pub address: SocketAddr,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8}@{}", self.id, self.address)
    }
}

/// How sure it is that a node listens at the address that it announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It says so. Whether it can be reached there is not known: it may be behind a NAT, or lie.
    Announced,
    /// It is so: a request that was sent to this very address came back with its random id, from
    /// this very node.
    Proven,
}
