//! What members say to each other over a proven connection: frames, their envelopes, and all messages in them.

use kadenza_contract::{Browse, ContentHash, GroupKind, Query, SongId};
use kadenza_distributed::{Contact, Holding, Key, Reply, Request};
use kadenza_rpc::fuzzing;
use serde::Serialize;

use super::cards::song;
use crate::target::Target;

pub(super) const FRAMES: Target = Target {
    name: "frames",
    about: "frames between members, their envelopes and messages",
    seeds,
    words: &[
        "\"ask\":",
        "\"answer\":",
        "\"error\":",
        "\"v\":1",
        "null",
        "{}",
        "[]",
        "1e400",
        "-0",
        "\\ud800",
        "\"nodes\":",
        "{\"find-node\":{\"target\":",
        "\"settled\":true",
        "[::1]:1",
        "0.0.0.0:0",
        "\"ping\"",
        "{\"after\":null}",
    ],
    bytes_max: 20 << 10,
    // The buffer doubles, and a frame is read, written and read again.
    memory_max: 4 << 20,
    open: || {
        Box::new(|bytes| {
            let piece = 1 + bytes.first().map_or(0, |byte| usize::from(*byte) * 5);
            fuzzing::frames::<Request>(bytes, piece).to_owned()
        })
    },
};

fn seeds() -> Vec<Vec<u8>> {
    let content = ContentHash::of(b"audio");
    let target = Key::from_bytes([7; 32]);
    let recording = Box::new(song(1).best().clone());
    let contact = |id: u8| Contact {
        id: Key::from_bytes([id; 32]),
        address: ([192, 0, 2, id], 4534).into(),
    };
    let asks = [
        Request::Ping,
        Request::FindNode { target },
        Request::Song {
            id: SongId::from_bytes([1; 32]),
            after: Some(content),
        },
        Request::Store { recording },
        Request::StoreChunk {
            ticket: 1,
            index: 2,
        },
        Request::Search {
            query: Box::new(Query::words("love me").expect("they are words")),
        },
        Request::Browse {
            browse: Box::new(Browse::all(GroupKind::Artist)),
        },
        Request::Read {
            content,
            start: 0,
            end: 1 << 20,
        },
        Request::Offer {
            holding: Holding::Audio,
        },
        Request::Prove {
            content,
            chunk: 3,
            nonce: target,
        },
        Request::Status,
        Request::Accounts {
            after: "00 role".to_owned(),
        },
    ];
    let answers = [
        Reply::Pong {
            layout: target,
            http: Some("http://192.0.2.7:4533".to_owned()),
            belongs: true,
            synced: 4,
            holds: None,
            accounts: Some(target),
        },
        Reply::Nodes {
            settled: true,
            nodes: (1..5).map(contact).collect(),
        },
        Reply::Song {
            held: vec![content],
            next: None,
        },
        Reply::Found { found: true },
        Reply::Differs { parts: vec![1, 2] },
        Reply::Proof {
            proof: Some(target),
        },
    ];
    let attached = [&b""[..], b"[]", &[5; 300]];
    let said = asks.iter().map(|ask| member("ask", ask));
    let said = said.chain(answers.iter().map(|answer| member("answer", answer)));
    let mut seeds: Vec<Vec<u8>> = said
        .zip(attached.iter().cycle())
        .map(|(said, attached)| frame(&said, attached))
        .collect();
    seeds.push(frame(
        r#""error":{"code":"busy","detail":"try again"}"#,
        b"",
    ));
    // Several on one connection.
    seeds.push([&seeds[0][..], &seeds[1], &seeds[12]].concat());
    seeds
}

fn member(name: &str, message: &impl Serialize) -> String {
    let message = serde_json::to_string(message).expect("messages are JSON");
    format!("\"{name}\":{message}")
}

fn frame(said: &str, attached: &[u8]) -> Vec<u8> {
    let id = "0b".repeat(32);
    let json = format!(
        r#"{{"v":1,"from":{{"id":"{id}","at":"192.0.2.9:4534"}},"id":"0123456789abcdef",{said}}}"#
    );
    let lengths = [json.len() as u32, attached.len() as u32].map(u32::to_be_bytes);
    [&lengths.concat()[..], json.as_bytes(), attached].concat()
}
