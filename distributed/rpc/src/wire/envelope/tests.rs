use std::net::SocketAddr;

use kadenza_contract::Error;
use proptest::prelude::*;

use super::super::frame::LONG_JSON_BYTES_MAX;
use super::*;
use crate::{
    peer::PeerId,
    test_message::{Reply, Request},
};

fn sender(number: u8) -> Peer {
    Peer {
        id: PeerId::from_bytes([number; 32]),
        address: SocketAddr::from(([192, 0, 2, number], 4534)),
    }
}

fn written(from: &Peer, id: u64, say: Say<'_, Request>) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    let header = Prefix::of(from).write(&mut bytes, id, say, 7).unwrap();
    let frame = bytes.strip_prefix(b"before").unwrap();
    assert_eq!(header.attachment, 7);
    assert_eq!(Header::read(*frame.first_chunk().unwrap()), Some(header));
    assert_eq!(frame.len() + 7, header.frame_bytes());
    frame[HEADER_BYTES..].to_vec()
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Ping),
        Just(Request::Echo),
        any::<(u64, u64)>().prop_map(|(number, times)| Request::Read { number, times }),
        "\\PC{0,40}".prop_map(|text| Request::Say { text }),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Done),
        any::<u64>().prop_map(|number| Reply::Pong { number }),
        proptest::collection::vec(any::<u8>(), 0..256)
            .prop_map(|numbers| Reply::Numbers { numbers }),
    ]
}

fn failures() -> impl Strategy<Value = Failure> {
    "\\PC{0,40}".prop_map(|what| Failure::from(&Error::Invalid { what }))
}

proptest! {
    /// The first envelope of a connection is read the general way, the others by what they have in
    /// common: it makes no difference, and the JSON is what serde would make of it.
    #[test]
    fn what_is_said_is_what_is_heard(asks in proptest::collection::vec(requests(), 1..3),
                                     answers in proptest::collection::vec(replies(), 1..3),
                                     failure in failures(), number: u8, id: u64) {
        let from = sender(number);
        let mut parser = Parser::default();
        let said = asks.into_iter().map(Said::Ask).chain(answers.into_iter().map(Said::Answer))
            .chain([Said::Error(failure)]);
        for said in said {
            let (say, name, value) = match &said {
                Said::Ask(request) => (Say::Ask(request), "ask", serde_json::to_value(request)),
                Said::Answer(reply) => (Say::Answer(reply), "answer", serde_json::to_value(reply)),
                Said::Error(failure) => (Say::Error(failure), "error", serde_json::to_value(failure)),
                Said::UnknownAsk | Said::UnknownAnswer => unreachable!(),
            };
            let json = written(&from, id, say);
            let expected = serde_json::json!({
                "v": 1, "from": from, "id": format!("{id:016x}"), name: value.unwrap(),
            });
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap(), expected.clone());
            let expected_said = Envelope { id, from, said };
            prop_assert_eq!(&parser.parse(&json).unwrap(), &expected_said);
            // In any other order and with other white space it means the same.
            let other = serde_json::to_vec_pretty(&expected).unwrap();
            if other.len() < JSON_BYTES_MAX {
                prop_assert_eq!(&parser.parse(&other).unwrap(), &expected_said);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_envelope_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Parser::default().parse::<Request>(&bytes).is_err());
    }

    #[test]
    fn a_damaged_envelope_never_becomes_another_sender(
        at in any::<prop::sample::Index>(), byte: u8, ask in requests()
    ) {
        let mut parser = Parser::default();
        let json = written(&sender(1), 7, Say::Ask(&ask));
        parser.parse::<Request>(&json).unwrap();
        let mut damaged = json.clone();
        *at.get_mut(&mut damaged) = byte;
        if let Ok(envelope) = parser.parse::<Request>(&damaged) {
            prop_assert_eq!(envelope.from, sender(1));
        }
        prop_assert!(parser.parse::<Request>(&damaged[..at.index(damaged.len())]).is_err(), "cut short");
    }
}

#[test]
fn an_envelope_that_breaks_a_rule_is_malformed() {
    let good =
        r#"{"v":1,"from":{"id":"ID","at":"192.0.2.1:4534"},"id":"0123456789abcdef","ask":"ping"}"#;
    let id = "ab".repeat(32);
    let parse =
        |text: String| Parser::default().parse::<Request>(text.replace("ID", &id).as_bytes());
    assert_eq!(parse(good.to_owned()).unwrap().id, 0x0123_4567_89ab_cdef);
    assert!(
        parse(good.replace(r#""v":1"#, r#""new":[{}],"v":1"#)).is_ok(),
        "unknown keys"
    );
    for (from, to) in [
        (r#""v":1"#, r#""v":2"#),
        (r#""v":1,"#, ""),
        ("192.0.2.1:4534", "0.0.0.0:4534"),
        ("192.0.2.1:4534", "[::]:4534"),
        ("192.0.2.1:4534", "224.0.0.1:4534"),
        ("192.0.2.1:4534", "192.0.2.1:0"),
        ("192.0.2.1:4534", "example.org:4534"),
        ("192.0.2.1:4534", "192.0.2.1"),
        ("0123456789abcdef", "0123456789abcde"),
        ("0123456789abcdef", "0123456789abcdeg"),
        (r#""0123456789abcdef""#, "81985529216486895"),
        (r#""ID""#, r#""abcd""#),
        (r#","ask":"ping""#, ""),
        (r#""ask":"ping""#, r#""ask":null"#),
        (r#""ask":"ping""#, r#""ask":"ping","answer":"done""#),
        (r#""ask":"ping""#, r#""ask":"ping","ask":"ping""#),
        (r#""ping"}"#, r#""ping"}}"#),
        (r#""ping"}"#, r#""ping""#),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good);
        assert!(parse(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn a_message_of_another_version_is_told_apart_from_nonsense() {
    let mut parser = Parser::default();
    let from = serde_json::to_string(&sender(1)).unwrap();
    for (part, said) in [
        (r#""ask":{"dance":{"with":[1,2]}}"#, Said::UnknownAsk),
        (r#""answer":{"tango":{}}"#, Said::UnknownAnswer),
        (r#""ask":"ping""#, Said::Ask(Request::Ping)),
    ] {
        let json = format!(r#"{{"v":1,"from":{from},"id":"0123456789abcdef",{part}}}"#);
        assert_eq!(parser.parse(json.as_bytes()).unwrap().said, said);
    }
    let broken = format!(r#"{{"v":1,"from":{from},"id":"0123456789abcdef","ask":{{"dance"}}}}"#);
    assert!(parser.parse::<Request>(broken.as_bytes()).is_err());
}

#[test]
fn a_connection_speaks_for_one_node() {
    let mut parser = Parser::default();
    let ask = |from| written(&from, 1, Say::Ask(&Request::Ping));
    parser.parse::<Request>(&ask(sender(1))).unwrap();
    assert!(parser.parse::<Request>(&ask(sender(2))).is_err());
    let mut moved = sender(1);
    moved.address.set_port(1);
    assert!(parser.parse::<Request>(&ask(moved)).is_err());
    parser.parse::<Request>(&ask(sender(1))).unwrap();
}

#[test]
fn nesting_without_end_is_an_error_and_no_more() {
    let deep = "[".repeat(60_000);
    let closed = format!("{deep}{}", "]".repeat(60_000));
    for part in [&deep, &closed] {
        let json = format!(r#"{{"ask":{part}}}"#);
        assert!(Parser::default().parse::<Request>(json.as_bytes()).is_err());
    }
}

#[test]
fn only_a_message_that_says_so_may_be_long() {
    let failure = Failure {
        code: "x".repeat(JSON_BYTES_MAX),
        detail: String::new(),
        number: None,
        reached: None,
    };
    let mut out = b"before".to_vec();
    let refused = Prefix::of(&sender(1)).write::<Request>(&mut out, 1, Say::Error(&failure), 0);
    assert_eq!(refused, Err(TooLarge(JSON_BYTES_MAX)));
    assert_eq!(out, b"before");
    let refused = Prefix::of(&sender(1)).write(
        &mut out,
        1,
        Say::Ask(&Request::Echo),
        ATTACHMENT_BYTES_MAX + 1,
    );
    assert_eq!(refused, Err(TooLarge(ATTACHMENT_BYTES_MAX)));
    assert_eq!(out, b"before");
    let padding = " ".repeat(JSON_BYTES_MAX);
    let long = String::from_utf8(written(&sender(1), 1, Say::Ask(&Request::Ping))).unwrap();
    let long = long.replace(r#","ask""#, &format!(r#",{padding}"ask""#));
    assert!(Parser::default().parse::<Request>(long.as_bytes()).is_err());
    let text = "x".repeat(JSON_BYTES_MAX);
    let json = written(
        &sender(1),
        1,
        Say::Ask(&Request::Recite { text: text.clone() }),
    );
    let said = Parser::default().parse(&json).unwrap().said;
    assert_eq!(said, Said::Ask(Request::Recite { text }));
    let text = "x".repeat(LONG_JSON_BYTES_MAX);
    let too_long = Request::Recite { text };
    let refused = Prefix::of(&sender(1)).write(&mut out, 1, Say::Ask(&too_long), 0);
    assert_eq!(refused, Err(TooLarge(LONG_JSON_BYTES_MAX)));
}

/// Nodes of different versions speak with each other: these bytes must never change.
#[test]
fn a_frame_has_the_same_bytes_for_ever() {
    let id = "01".repeat(32);
    let before = format!(r#"{{"v":1,"from":{{"id":"{id}","at":"192.0.2.1:4534"}}"#);
    let failure = Failure::from(&Error::Busy);
    for (say, part) in [
        (Say::Ask(&Request::Ping), r#""ask":"ping""#),
        (
            Say::Answer(&Reply::Pong { number: 7 }),
            r#""answer":{"pong":{"number":7}}"#,
        ),
        (Say::Error(&failure), r#""error":{"code":"busy"}"#),
    ] {
        let json = format!(r#"{before},"id":"0123456789abcdef",{part}}}"#);
        let mut frame = Vec::new();
        Prefix::of(&sender(1))
            .write::<Request>(&mut frame, 0x0123_4567_89ab_cdef, say, 0x0002_0003)
            .unwrap();
        let header = [0, 0, 0, json.len() as u8, 0, 2, 0, 3];
        assert_eq!(frame, [&header[..], json.as_bytes()].concat());
    }
}
