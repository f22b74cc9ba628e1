//! The messages between nodes. The transport carries them and does not look inside.
//!
//! Texts are JSON in the envelope; what is long (audio, lists of songs, digests) travels as the
//! attachment that each message names.

use std::collections::BTreeMap;

use kadenza_contract::{Browse, ContentHash, Cursor, NodeStatus, Query, Recording, SongId};
use kadenza_protocol::{Contact, Key, Parts};
use kadenza_rpc::{Class, JSON_BYTES_MAX, LONG_JSON_BYTES_MAX, Message};
use serde::{Deserialize, Serialize};

use super::nodes;

/// A request of one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Are you there? Answered by [`Reply::Pong`].
    Ping,
    /// This is the layout that I know, attached as JSON: what is yours, now that you know it? Answered by
    /// [`Reply::Layout`].
    Layout,
    /// Which nodes do you know closest to this key? Answered by [`Reply::Nodes`].
    FindNode {
        /// The key.
        target: Key,
    },
    /// What do you know of this song? Answered by [`Reply::Song`].
    Song {
        /// The song.
        id: SongId,
        /// Only recordings with a higher content hash: the answer before ended there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<ContentHash>,
    },
    /// Take this recording; the attachment is its list of chunk hashes. Answered by
    /// [`Reply::Ticket`], under which the chunks are to be sent.
    Store {
        /// The recording, which says of which song it is.
        recording: Box<Recording>,
    },
    /// A chunk of a recording under way; the attachment is the chunk. Answered by [`Reply::Done`].
    StoreChunk {
        /// The ticket of [`Reply::Ticket`].
        ticket: u64,
        /// Which chunk, from 0.
        index: u32,
    },
    /// All chunks were sent: make the recording durable. Answered by [`Reply::Done`] once it is.
    StoreCommit {
        /// The ticket of [`Reply::Ticket`].
        ticket: u64,
    },
    /// Keep these cards; the attachment is a JSON array of songs. Answered by [`Reply::Done`] once
    /// they are durable.
    Cards,
    /// Your page of hits; answered by [`Reply::Songs`].
    Search {
        /// The query.
        query: Box<Query>,
    },
    /// Your page of groups; answered by [`Reply::Groups`].
    Browse {
        /// The question.
        browse: Box<Browse>,
    },
    /// The chunk hashes of a recording. Answered by [`Reply::Found`], the list attached.
    Chunks {
        /// The recording.
        content: ContentHash,
    },
    /// Bytes of a recording, at most 1 MiB. Answered by [`Reply::Found`], the bytes attached.
    Read {
        /// The recording.
        content: ContentHash,
        /// The first byte.
        start: u64,
        /// The byte behind the last.
        end: u64,
    },
    /// The cover of a recording, from `offset`. Answered by [`Reply::Artwork`], the next bytes of
    /// the picture attached, at most 1 MiB.
    Artwork {
        /// The recording.
        content: ContentHash,
        /// The longer edge in pixels.
        size: Option<u32>,
        /// The first byte of the picture that is wanted.
        offset: u64,
    },
    /// The lyrics in a recording. Answered by [`Reply::Found`], the lyrics attached as JSON.
    Lyrics {
        /// The recording.
        content: ContentHash,
    },
    /// Here are digests of parts of what I hold and you must hold too; the attachment has 18 bytes for each part, its
    /// number and its digest. Answered by [`Reply::Differs`].
    Compare {
        /// The digest of the layout that says what you must hold.
        layout: Key,
        /// The kind of copy that is compared.
        holding: Holding,
        /// The kind of parts.
        parts: Parts,
    },
    /// These I think that you must hold; the attachment is their ids and versions, 64 bytes each.
    /// Answered by [`Reply::Missing`].
    Offer {
        /// The kind of copy that is offered.
        holding: Holding,
    },
    /// Show that you hold this recording. Answered by [`Reply::Proof`].
    Prove {
        /// The recording.
        content: ContentHash,
        /// The number of the chunk, from 0.
        chunk: u32,
        /// Chosen at random by the asker, so that no answer is good for another time.
        nonce: Key,
    },
    /// How are you? Answered by [`Reply::Status`].
    Status,
    /// Here are the digests of the accounts that I know, as the JSON attached: which of your entries do I lack?
    /// Answered by [`Reply::Accounts`].
    Accounts {
        /// Only entries whose keys come after this one: the answer before ended there.
        #[serde(default)]
        after: String,
    },
    /// Take these entries of accounts; the attachment is a JSON array of them. Answered by [`Reply::Done`] once those that
    /// are taken are durable.
    TakeAccounts,
}

/// The kind of copy that a node holds of a song.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holding {
    /// The song with its audio.
    Audio,
    /// The card alone, for search.
    Card,
}

/// The reply to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// I am.
    Pong {
        /// The digest of the layout that it knows.
        layout: Key,
        /// The base URL under which it speaks HTTP.
        http: Option<String>,
        /// Whether it belongs to a network, so that whoever joins it does too. One that only waits for its
        /// network does not.
        belongs: bool,
        /// The number of the version of the layout in force when it last found that whatever it has is where it
        /// must be; 0 if never.
        #[serde(default)]
        synced: u64,
        /// The digest of all that it holds and the asker must hold too, under the layout; none if it does not know.
        #[serde(default)]
        holds: Option<Key>,
        /// The digest of the accounts that it knows; none if it keeps none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accounts: Option<Key>,
    },
    /// The layout, attached as JSON.
    Layout,
    /// The closest nodes that are known, neither the asker nor the answerer among them.
    Nodes {
        /// Whether the answerer is a member of a network.
        settled: bool,
        /// The nodes, the closest first, at most k.
        nodes: Vec<Contact>,
    },
    /// A song, attached as JSON; nothing is attached where it is not known.
    Song {
        /// The recordings whose audio is here.
        held: Vec<ContentHash>,
        /// There are more recordings than fit into a frame: ask again for those after this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<ContentHash>,
    },
    /// Where to send the chunks; none if the recording is here already.
    Ticket {
        /// The ticket.
        ticket: Option<u64>,
    },
    /// It is done, and durable where the request is to store.
    Done,
    /// A page of songs; the attachment is a JSON array of them.
    Songs {
        /// Where the next page begins.
        next: Option<Cursor>,
    },
    /// A page of groups; the attachment is a JSON array of them.
    Groups {
        /// Where the next page begins.
        next: Option<Cursor>,
    },
    /// An answer from the audio of a recording: the bytes asked for are attached.
    Found {
        /// Whether the recording is held here. If not, nothing is attached.
        found: bool,
    },
    /// A cover, or a part of it.
    Artwork {
        /// The media type and the size in bytes of the whole picture; none where there is none.
        picture: Option<(String, u64)>,
    },
    /// The parts that differ.
    Differs {
        /// Their numbers.
        parts: Vec<u16>,
    },
    /// The songs of the offer that are not here; the attachment is their ids, 32 bytes each.
    Missing,
    /// Entries of accounts, with the digests of the answerer, attached as JSON.
    Accounts {
        /// The key of the last entry, if there are more: ask again for those after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// That the answerer holds a recording.
    Proof {
        /// The hash of the chunk under the nonce, as the answerer makes it; none if the recording is not held here.
        proof: Option<Key>,
    },
    /// How the node is.
    Status {
        /// Its own numbers.
        node: Box<NodeStatus>,
        /// Songs for which it is the closest node that is up.
        primary: u64,
        /// How many of these have all their copies, confirmed just now.
        complete: u64,
        /// How many of these each other node should hold and lacks, by its id; only those that lack any.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        lacking: BTreeMap<String, u64>,
        /// About how many bytes of audio all of them lack together.
        #[serde(default)]
        missing_bytes: u64,
        /// How many bytes this node gives to others in a second to repair.
        #[serde(default)]
        bytes_per_second: u64,
    },
}

impl Message for Request {
    fn json_bytes_max(&self) -> usize {
        match self {
            Request::Store { .. } => LONG_JSON_BYTES_MAX,
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
            Request::Ping | Request::FindNode { .. } => Class::Prompt,
            Request::Song { .. }
            | Request::Search { .. }
            | Request::Browse { .. }
            | Request::Chunks { .. }
            | Request::Read { .. }
            | Request::Prove { .. }
            | Request::Artwork { .. }
            | Request::Lyrics { .. } => Class::Reading,
            _ => Class::Other,
        }
    }
}

impl Message for Reply {
    fn json_bytes_max(&self) -> usize {
        match self {
            Reply::Song { .. } => LONG_JSON_BYTES_MAX,
            _ => JSON_BYTES_MAX,
        }
    }

    fn write(&self, json: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Reply::Nodes { settled, nodes } => {
                nodes::write(json, *settled, nodes);
                Ok(())
            }
            _ => serde_json::to_writer(json, self),
        }
    }

    fn read(json: &[u8]) -> Option<Reply> {
        match nodes::read(json) {
            Some((settled, nodes)) => Some(Reply::Nodes { settled, nodes }),
            None => serde_json::from_slice(json).ok(),
        }
    }
}

#[cfg(test)]
mod tests;
