//! What a frame says, as JSON.
//!
//! ```json
//! {"v":1,"from":{"id":"<64 hex digits>","at":"192.0.2.7:4534"},"id":"0123456789abcdef","ask":"ping"}
//! ```
//!
//! `v` is the version of the protocol, `from` the sender with the address of its *listener*, and `id`
//! the request id: 64 random bits as 16 hexadecimal digits in a string, since numbers beyond 2^53
//! do not survive JSON in every language. Exactly one of these follows: `ask` a [`Request`],
//! `answer` a [`Reply`], `error` a [`Failure`]. Keys may come in any order, and unknown ones are
//! ignored.
//!
//! All frames of one connection come from one sender, so all that this program writes begin with
//! the same bytes. [`Parser`] remembers them, and reads only what follows.

use std::{fmt::Write as _, io::Write as _};

use kadenza_services::Failure;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{
    frame::{ATTACHMENT_BYTES_MAX, HEADER_BYTES, Header, JSON_BYTES_MAX, JSON_WITH_SONG_BYTES_MAX},
    hexadecimal, nodes,
};
use crate::{Contact, Reply, Request};

/// The version of the protocol.
const VERSION: u32 = 1;

/// The digits of a request id.
const ID_DIGITS: usize = 16;

/// What is to be said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Say<'a> {
    Ask(&'a Request),
    Answer(&'a Reply),
    Error(&'a Failure),
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Ask(Request),
    Answer(Reply),
    Error(Failure),
    /// A request that this version does not know, in an envelope that is sound.
    UnknownAsk,
    /// A reply that this version does not know, in an envelope that is sound.
    UnknownAnswer,
}

/// An envelope that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) id: u64,
    pub(crate) from: Contact,
    pub(crate) said: Said,
}

/// Why a message cannot be sent: a part of it is longer than this many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge(pub(crate) usize);

/// Why a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The bytes with which all envelopes of one sender begin, up to the digits of the request id.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn of(sender: &Contact) -> Prefix {
        let Contact { id, address } = sender;
        let mut text = String::with_capacity(160);
        let _never_fails = write!(
            text,
            r#"{{"v":{VERSION},"from":{{"id":"{id}","at":"{address}"}},"id":""#
        );
        Prefix(text)
    }

    /// Appends a frame to `out`, all but its attachment. On an error `out` is as it was.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        id: u64,
        say: Say<'_>,
        attachment: usize,
    ) -> Result<Header, TooLarge> {
        if attachment > ATTACHMENT_BYTES_MAX {
            return Err(TooLarge(ATTACHMENT_BYTES_MAX));
        }
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_BYTES]);
        out.extend_from_slice(self.0.as_bytes());
        out.extend_from_slice(&hexadecimal::digits::<8, ID_DIGITS>(&id.to_be_bytes()));
        let written = match say {
            Say::Ask(request) => part(out, br#"","ask":"#, request),
            Say::Answer(reply) => answer(out, reply),
            Say::Error(failure) => part(out, br#"","error":"#, failure),
        };
        out.push(b'}');
        let json = out.len() - start - HEADER_BYTES;
        let json_max = match say {
            Say::Ask(request) => request_json_max(request),
            Say::Answer(reply) => reply_json_max(reply),
            Say::Error(_) => JSON_BYTES_MAX,
        };
        if written.is_err() || json > json_max {
            out.truncate(start);
            return Err(TooLarge(json_max));
        }
        let header = Header { json, attachment };
        out[start..start + HEADER_BYTES].copy_from_slice(&header.write());
        Ok(header)
    }
}

fn answer(out: &mut Vec<u8>, reply: &Reply) -> serde_json::Result<()> {
    let name = br#"","answer":"#;
    match reply {
        Reply::Nodes { settled, nodes } => {
            out.extend_from_slice(name);
            nodes::write(out, *settled, nodes);
            Ok(())
        }
        _ => part(out, name, reply),
    }
}

fn part(out: &mut Vec<u8>, name: &[u8], value: &impl serde::Serialize) -> serde_json::Result<()> {
    out.write_all(name).map_err(serde_json::Error::io)?;
    serde_json::to_writer(out, value)
}

fn request_json_max(request: &Request) -> usize {
    match request {
        Request::Store { .. } => JSON_WITH_SONG_BYTES_MAX,
        _ => JSON_BYTES_MAX,
    }
}

fn reply_json_max(reply: &Reply) -> usize {
    match reply {
        Reply::Song { .. } => JSON_WITH_SONG_BYTES_MAX,
        _ => JSON_BYTES_MAX,
    }
}

/// Reads the envelopes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    sender: Option<(Contact, Prefix)>,
}

impl Parser {
    /// Reads an envelope.
    ///
    /// # Errors
    ///
    /// Whatever is not an envelope of this version, breaks a bound, or comes from another sender
    /// than the envelopes before: the connection is not worth keeping.
    pub(crate) fn parse(&mut self, json: &[u8]) -> Result<Envelope, Malformed> {
        let envelope = match self.parse_familiar(json) {
            Some(envelope) => envelope,
            None => self.parse_any(json)?,
        };
        let json_max = match &envelope.said {
            Said::Ask(request) => request_json_max(request),
            Said::Answer(reply) => reply_json_max(reply),
            Said::Error(_) | Said::UnknownAsk | Said::UnknownAnswer => JSON_BYTES_MAX,
        };
        if json.len() > json_max {
            return Err(Malformed("the envelope is too long"));
        }
        Ok(envelope)
    }

    /// Reads an envelope that begins as the last one did; none if it does not, or if anything else
    /// is unusual.
    fn parse_familiar(&self, json: &[u8]) -> Option<Envelope> {
        let (from, prefix) = self.sender.as_ref()?;
        let rest = json.strip_prefix(prefix.0.as_bytes())?;
        let (digits, rest) = rest.split_at_checked(ID_DIGITS)?;
        let rest = rest.strip_prefix(br#"",""#)?.strip_suffix(b"}")?;
        let said = if let Some(part) = rest.strip_prefix(br#"answer":"#) {
            Said::Answer(match nodes::read(part) {
                Some(reply) => reply,
                None => serde_json::from_slice(part).ok()?,
            })
        } else if let Some(part) = rest.strip_prefix(br#"ask":"#) {
            Said::Ask(serde_json::from_slice(part).ok()?)
        } else {
            let part = rest.strip_prefix(br#"error":"#)?;
            Said::Error(serde_json::from_slice(part).ok()?)
        };
        Some(Envelope {
            id: request_id(digits)?,
            from: *from,
            said,
        })
    }

    fn parse_any(&mut self, json: &[u8]) -> Result<Envelope, Malformed> {
        let json = std::str::from_utf8(json).map_err(|_| Malformed("not UTF-8"))?;
        let (version, id, from, said) = match serde_json::from_str::<Whole>(json) {
            Ok(Whole {
                v,
                id,
                from,
                ask,
                answer,
                error,
            }) => {
                let said = match (ask, answer, error) {
                    (Some(request), None, None) => Said::Ask(request),
                    (None, Some(reply), None) => Said::Answer(reply),
                    (None, None, Some(failure)) => Said::Error(failure),
                    _ => return Err(Malformed("not exactly one of ask, answer and error")),
                };
                (v, id, from, said)
            }
            Err(_) => {
                let Outline {
                    v,
                    id,
                    from,
                    ask,
                    answer,
                } = serde_json::from_str(json).map_err(|_| Malformed("not an envelope"))?;
                let said = match (ask, answer) {
                    (Some(_), None) => Said::UnknownAsk,
                    (None, Some(_)) => Said::UnknownAnswer,
                    _ => return Err(Malformed("not exactly one of ask, answer and error")),
                };
                (v, id, from, said)
            }
        };
        if version != VERSION {
            return Err(Malformed("another version of the protocol"));
        }
        let address = from.address;
        if address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
            return Err(Malformed("an address that nobody can listen on"));
        }
        match &self.sender {
            Some((sender, _)) if *sender != from => {
                return Err(Malformed("two senders on one connection"));
            }
            Some(_) => {}
            None => self.sender = Some((from, Prefix::of(&from))),
        }
        Ok(Envelope {
            id: id.0,
            from,
            said,
        })
    }
}

#[derive(Deserialize)]
struct Whole {
    v: u32,
    id: RequestId,
    from: Contact,
    ask: Option<Request>,
    answer: Option<Reply>,
    error: Option<Failure>,
}

/// What can be read of an envelope whose message is unknown.
#[derive(Deserialize)]
struct Outline {
    v: u32,
    id: RequestId,
    from: Contact,
    ask: Option<IgnoredAny>,
    answer: Option<IgnoredAny>,
}

struct RequestId(u64);

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RequestId, D::Error> {
        struct Digits;
        impl serde::de::Visitor<'_> for Digits {
            type Value = RequestId;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("16 hexadecimal digits")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RequestId, E> {
                request_id(text.as_bytes())
                    .map(RequestId)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

fn request_id(digits: &[u8]) -> Option<u64> {
    let bytes = hexadecimal::bytes::<ID_DIGITS, 8>(digits.try_into().ok()?)?;
    Some(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;
