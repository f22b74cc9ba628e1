//! The messages of the tests.

use kadenza_rpc::{Class, JSON_BYTES_MAX, LONG_JSON_BYTES_MAX, Message};
use serde::{Deserialize, Serialize};

/// What the nodes of the tests ask each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Answered at once by a pong.
    Ping,
    /// Answered at once by its attachment.
    Echo,
    /// Answered by a task of its own, with `number` as bytes, `times` times.
    Read { number: u64, times: u64 },
    /// Never answered.
    Wait,
    /// Carries a text.
    Say { text: String },
    /// Carries a text that may be long.
    Recite { text: String },
}

impl Message for Request {
    fn json_bytes_max(&self) -> usize {
        match self {
            Request::Recite { .. } => LONG_JSON_BYTES_MAX,
            _ => JSON_BYTES_MAX,
        }
    }

    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(json, self)
    }

    fn read(json: &[u8]) -> Option<Request> {
        serde_json::from_slice(json).ok()
    }
}

impl kadenza_rpc::Request for Request {
    type Reply = Reply;

    fn class(&self) -> Class {
        match self {
            Request::Ping | Request::Wait => Class::Prompt,
            Request::Read { .. } => Class::Reading,
            _ => Class::Other,
        }
    }
}

/// What they answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reply {
    Pong { number: u64 },
    Done,
    Numbers { numbers: Vec<u8> },
}

const PONG: &[u8] = br#"{"pong":{"number":"#;
const END: &[u8] = b"}}";

impl Message for Reply {
    fn json_bytes_max(&self) -> usize {
        JSON_BYTES_MAX
    }

    /// A pong is written by hand, so that messages with a way of their own are tested as well.
    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        let Reply::Pong { number } = self else {
            return serde_json::to_writer(json, self);
        };
        json.extend_from_slice(PONG);
        json.extend_from_slice(number.to_string().as_bytes());
        json.extend_from_slice(END);
        Ok(())
    }

    fn read(json: &[u8]) -> Option<Reply> {
        let digits = json
            .strip_prefix(PONG)
            .and_then(|rest| rest.strip_suffix(END));
        match digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()) {
            Some(number) => Some(Reply::Pong { number }),
            None => serde_json::from_slice(json).ok(),
        }
    }
}
