//! The messages that the transport carries, as it sees them: JSON of a bounded size, and a class.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

/// A message in an envelope.
///
/// Its JSON is that of serde. A message that is sent so often that serde's way is too slow for it
/// may be written and read in another way, as long as the JSON is the same.
pub trait Message:
    Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The longest envelope with this message, in bytes: usually
    /// [`JSON_BYTES_MAX`](crate::JSON_BYTES_MAX), at most
    /// [`LONG_JSON_BYTES_MAX`](crate::LONG_JSON_BYTES_MAX). The same for sending and receiving.
    fn json_bytes_max(&self) -> usize;

    /// Appends the JSON of the message: what `serde_json` writes for it, without white space.
    ///
    /// # Errors
    ///
    /// Whatever serde says; the message is then not sent.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()>;

    /// Reads the JSON of a message; none if it is no message that is known. Reads everything that
    /// `serde_json` reads.
    fn read(json: &[u8]) -> Option<Self>;
}

/// A message that asks for a reply.
pub trait Request: Message {
    /// The message that answers it.
    type Reply: Message;

    /// The cost of the answer for the peer.
    fn class(&self) -> Class;
}

/// The cost of a request for the peer that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It is answered from memory.
    Prompt,
    /// It reads from disk.
    Reading,
    /// It writes or computes: how long that takes tells nothing about other requests.
    Other,
}
