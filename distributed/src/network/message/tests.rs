use std::net::SocketAddr;

use kadenza_contract::Query;
use proptest::prelude::*;

use super::*;

fn addresses() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        any::<([u16; 8], u16)>().prop_map(SocketAddr::from),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Ping),
        Just(Request::Cards),
        any::<[u8; 32]>().prop_map(|target| Request::FindNode {
            target: Key::from_bytes(target)
        }),
        any::<(u64, u32)>().prop_map(|(ticket, index)| Request::StoreChunk { ticket, index }),
        "\\PC{0,40}".prop_map(|text| Request::Search {
            query: Box::new(Query::words(&text).unwrap())
        }),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    let contact = (any::<[u8; 32]>(), addresses()).prop_map(|(id, address)| Contact {
        id: Key::from_bytes(id),
        address,
    });
    prop_oneof![
        Just(Reply::Done),
        ("\\PC{0,40}", any::<bool>(), any::<u64>()).prop_map(|(http, belongs, synced)| {
            Reply::Pong {
                layout: Key::from_bytes([7; 32]),
                http: Some(http),
                belongs,
                synced,
                holds: Some(Key::from_bytes([9; 32])),
                accounts: None,
            }
        }),
        (proptest::collection::vec(contact, 0..22), any::<bool>())
            .prop_map(|(nodes, settled)| Reply::Nodes { settled, nodes }),
        proptest::collection::vec(any::<u16>(), 0..256).prop_map(|parts| Reply::Differs { parts }),
    ]
}

/// What is written is what serde writes, and what serde writes in any form is read.
fn survives<M: Message + PartialEq>(message: &M) {
    let mut json = b"before".to_vec();
    message.write(&mut json).unwrap();
    assert_eq!(
        json.strip_prefix(b"before").unwrap(),
        serde_json::to_vec(message).unwrap()
    );
    assert_eq!(M::read(&json[6..]).as_ref(), Some(message));
    let pretty = serde_json::to_vec_pretty(message).unwrap();
    assert_eq!(M::read(&pretty).as_ref(), Some(message));
}

proptest! {
    #[test]
    fn a_message_is_written_and_read_as_serde_does_it(request in requests(), reply in replies()) {
        survives(&request);
        survives(&reply);
    }

    #[test]
    fn nodes_that_are_cut_short_are_not_read(reply in replies(), at in any::<prop::sample::Index>()) {
        let mut json = Vec::new();
        reply.write(&mut json).unwrap();
        prop_assert_eq!(Reply::read(&json[..at.index(json.len())]), None);
    }
}

/// Nodes of different versions speak with each other: this text must never change.
#[test]
fn messages_have_the_same_text_for_ever() {
    let key = Key::from_bytes([0xab; 32]);
    let id = "ab".repeat(32);
    let nodes = vec![
        Contact {
            id: key,
            address: ([192, 0, 2, 7], 4534).into(),
        },
        Contact {
            id: key,
            address: ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 4534).into(),
        },
    ];
    let requests = [
        (Request::Ping, r#""ping""#.to_owned()),
        (
            Request::FindNode { target: key },
            format!(r#"{{"find-node":{{"target":"{id}"}}}}"#),
        ),
        (
            Request::Read {
                content: ContentHash::from_bytes([0xab; 32]),
                start: 0,
                end: 7,
            },
            format!(r#"{{"read":{{"content":"{id}","start":0,"end":7}}}}"#),
        ),
    ];
    for (request, text) in requests {
        let mut json = Vec::new();
        request.write(&mut json).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), text);
    }
    let replies = [
        (
            Reply::Pong {
                layout: Key::from_bytes([7; 32]),
                http: None,
                belongs: true,
                synced: 3,
                holds: Some(Key::from_bytes([9; 32])),
                accounts: None,
            },
            format!(
                r#"{{"pong":{{"layout":"{}","http":null,"belongs":true,"synced":3,"holds":"{}"}}}}"#,
                "07".repeat(32),
                "09".repeat(32)
            ),
        ),
        (
            Reply::Nodes {
                settled: false,
                nodes,
            },
            format!(
                r#"{{"nodes":{{"settled":false,"nodes":[{{"id":"{id}","at":"192.0.2.7:4534"}},{{"id":"{id}","at":"[2001:db8::7]:4534"}}]}}}}"#
            ),
        ),
    ];
    for (reply, text) in replies {
        let mut json = Vec::new();
        reply.write(&mut json).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), text);
    }
}
