//! The envelope of a frame, as JSON.
//!
//! ```json
//! {"v":1,"from":{"id":"<64 hex digits>","at":"192.0.2.7:4534"},"id":"0123456789abcdef","ask":"ping"}
//! ```
//!
//! `v` is the version of the protocol, `from` the sender with the address of its *listener*, and `id`
//! the request id: 64 random bits as 16 hexadecimal digits in a string, since numbers beyond 2^53
//! do not survive JSON in every language. Exactly one of these follows: `ask` a [`Request`],
//! `answer` its reply, `error` a [`Failure`]. Keys may come in any order, and unknown ones are
//! ignored.
//!
//! All frames of one connection come from one sender, so all that this program writes begin with
//! the same bytes. [`Parser`] remembers them, and reads only what follows.

use std::fmt::Write as _;

use kadenza_contract::Failure;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::frame::{ATTACHMENT_BYTES_MAX, HEADER_BYTES, Header, JSON_BYTES_MAX};
use crate::{
    hexadecimal,
    message::{Message, Request},
    peer::Peer,
};

/// The version of the protocol.
const VERSION: u32 = 1;

/// The digits of a request id.
const ID_DIGITS: usize = 16;

/// The content of an envelope that is to be written.
#[derive(Debug)]
pub(crate) enum Say<'a, Q: Request> {
    Ask(&'a Q),
    Answer(&'a Q::Reply),
    Error(&'a Failure),
}

impl<Q: Request> Clone for Say<'_, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q: Request> Copy for Say<'_, Q> {}

/// The content of an envelope that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said<Q: Request> {
    Ask(Q),
    Answer(Q::Reply),
    Error(Failure),
    /// A request that this version does not know, in an envelope that is sound.
    UnknownAsk,
    /// A reply that this version does not know, in an envelope that is sound.
    UnknownAnswer,
}

/// An envelope that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Envelope<Q: Request> {
    pub(crate) id: u64,
    pub(crate) from: Peer,
    pub(crate) said: Said<Q>,
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
    pub(crate) fn of(sender: &Peer) -> Prefix {
        let Peer { id, address } = sender;
        let mut text = String::with_capacity(160);
        let _never_fails = write!(
            text,
            r#"{{"v":{VERSION},"from":{{"id":"{id}","at":"{address}"}},"id":""#
        );
        Prefix(text)
    }

    /// Appends a frame to `out`, all but its attachment. On an error `out` is as it was.
    pub(crate) fn write<Q: Request>(
        &self,
        out: &mut Vec<u8>,
        id: u64,
        say: Say<'_, Q>,
        attachment: usize,
    ) -> Result<Header, TooLarge> {
        if attachment > ATTACHMENT_BYTES_MAX {
            return Err(TooLarge(ATTACHMENT_BYTES_MAX));
        }
        let start = out.len();
        out.extend_from_slice(&[0; HEADER_BYTES]);
        out.extend_from_slice(self.0.as_bytes());
        out.extend_from_slice(&hexadecimal::digits::<8, ID_DIGITS>(&id.to_be_bytes()));
        let (written, json_max) = match say {
            Say::Ask(request) => {
                out.extend_from_slice(br#"","ask":"#);
                (request.write(out), request.json_bytes_max())
            }
            Say::Answer(reply) => {
                out.extend_from_slice(br#"","answer":"#);
                (reply.write(out), reply.json_bytes_max())
            }
            Say::Error(failure) => {
                out.extend_from_slice(br#"","error":"#);
                (serde_json::to_writer(&mut *out, failure), JSON_BYTES_MAX)
            }
        };
        out.push(b'}');
        let json = out.len() - start - HEADER_BYTES;
        if written.is_err() || json > json_max {
            out.truncate(start);
            return Err(TooLarge(json_max));
        }
        let header = Header { json, attachment };
        out[start..start + HEADER_BYTES].copy_from_slice(&header.write());
        Ok(header)
    }
}

/// Reads the envelopes of one connection.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    sender: Option<(Peer, Prefix)>,
}

impl Parser {
    /// Reads an envelope.
    ///
    /// # Errors
    ///
    /// Whatever is not an envelope of this version, breaks a bound, or comes from another sender
    /// than the envelopes before: the connection is not worth keeping.
    pub(crate) fn parse<Q: Request>(&mut self, json: &[u8]) -> Result<Envelope<Q>, Malformed> {
        let envelope: Envelope<Q> = match self.parse_familiar(json) {
            Some(envelope) => envelope,
            None => self.parse_any(json)?,
        };
        let json_max = match &envelope.said {
            Said::Ask(request) => request.json_bytes_max(),
            Said::Answer(reply) => reply.json_bytes_max(),
            Said::Error(_) | Said::UnknownAsk | Said::UnknownAnswer => JSON_BYTES_MAX,
        };
        if json.len() > json_max {
            return Err(Malformed("the envelope is too long"));
        }
        Ok(envelope)
    }

    /// Reads an envelope that begins as the last one did; none if it does not, or if anything else
    /// is unusual.
    fn parse_familiar<Q: Request>(&self, json: &[u8]) -> Option<Envelope<Q>> {
        let (from, prefix) = self.sender.as_ref()?;
        let rest = json.strip_prefix(prefix.0.as_bytes())?;
        let (digits, rest) = rest.split_at_checked(ID_DIGITS)?;
        let rest = rest.strip_prefix(br#"",""#)?.strip_suffix(b"}")?;
        let said = if let Some(part) = rest.strip_prefix(br#"answer":"#) {
            Said::Answer(Message::read(part)?)
        } else if let Some(part) = rest.strip_prefix(br#"ask":"#) {
            Said::Ask(Message::read(part)?)
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

    fn parse_any<Q: Request>(&mut self, json: &[u8]) -> Result<Envelope<Q>, Malformed> {
        let json = std::str::from_utf8(json).map_err(|_| Malformed("not UTF-8"))?;
        let (version, id, from, said) = match serde_json::from_str::<Whole<Q>>(json) {
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
#[serde(bound = "")]
struct Whole<Q: Request> {
    v: u32,
    id: RequestId,
    from: Peer,
    ask: Option<Q>,
    answer: Option<Q::Reply>,
    error: Option<Failure>,
}

/// The parts of an envelope that are read although its message is unknown.
#[derive(Deserialize)]
struct Outline {
    v: u32,
    id: RequestId,
    from: Peer,
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
