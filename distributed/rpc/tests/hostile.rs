//! Peers that lie, babble, dawdle or flood: they lose their connection, and the node loses nothing.

mod support;

use std::time::Duration;

use bytes::Bytes;
use kadenza_rpc::{ATTACHMENT_BYTES_MAX, CallError, JSON_BYTES_MAX, RpcConfig};
use proptest::prelude::*;
use support::{
    message::{Reply, Request},
    *,
};
use tokio::io::AsyncReadExt as _;

const ID: &str = "0123456789abcdef";
const PING: &str = r#""ask":"ping""#;

#[tokio::test]
async fn forged_unknown_repeated_and_late_answers_change_nothing() {
    let node = Node::new(1).await;
    let (puppet, forger) = (Puppet::new(2).await, Puppet::new(3).await);
    let (mut heard, mut own) = puppet.befriend(&node).await;
    let mut forged = forger.dial(&node).await;
    let call = node.call(puppet.peer, Request::Echo, Bytes::new());
    let answers = async {
        let asked = hear(&mut heard).await;
        // The right id, but another node. Its own pings still get an answer: it was ignored.
        say(&mut forged, &forger.frame(&asked.id, PONG, b"")).await;
        say(&mut forged, &forger.frame(ID, PING, b"")).await;
        assert_eq!(hear(&mut forger.accept().await).await.id, ID);
        // The right node, but an id that nobody waits for.
        say(&mut own, &puppet.frame(ID, PONG, b"")).await;
        let done = puppet.frame(&asked.id, r#""answer":"done""#, b"first");
        say(&mut own, &done).await;
        // Once more.
        say(
            &mut own,
            &puppet.frame(&asked.id, r#""answer":"done""#, b"second"),
        )
        .await;
    };
    let (answer, ()) = soon(async { tokio::join!(call, answers) }).await;
    let answer = answer.unwrap();
    assert_eq!(answer.reply, Reply::Done);
    assert_eq!(answer.attachment, "first");
    assert_eq!(answer.from, puppet.peer);

    // Late: the call was given up at its deadline.
    let request = Request::Wait;
    let call = node.rpc.call(
        &puppet.peer,
        &request,
        Bytes::new(),
        Duration::from_millis(1),
    );
    assert!(matches!(call.await, Err(CallError::Timeout(_))));
    let asked = hear(&mut heard).await;
    say(&mut own, &puppet.frame(&asked.id, PONG, b"")).await;
    assert_eq!(node.rpc.load().calls, 0);
    let pong = async {
        let asked = hear(&mut heard).await;
        say(&mut own, &puppet.frame(&asked.id, PONG, b"")).await;
    };
    let (pong, ()) = soon(async { tokio::join!(node.ping(&puppet.peer), pong) }).await;
    assert_eq!(pong.unwrap(), self::pong());
}

#[tokio::test]
async fn an_answer_on_the_connection_that_asked_is_not_heard() {
    let node = Node::new(1).await;
    let puppet = Puppet::new(2).await;
    let call = node.ping(&puppet.peer);
    let answer = async {
        // It is dialled once more, and then given up.
        for _ in 0..2 {
            let mut heard = puppet.accept().await;
            say(&mut heard, &puppet.frame(ID, PONG, b"")).await;
            ends(&mut heard).await;
        }
    };
    let (result, ()) = soon(async { tokio::join!(call, answer) }).await;
    let error = result.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn one_who_claims_to_be_this_node_is_dropped() {
    let node = Node::new(1).await;
    let double = Puppet::new(1).await;
    let mut own = double.dial(&node).await;
    say(&mut own, &double.frame(ID, PING, b"")).await;
    ends(&mut own).await;
    assert!(node.echo.heard.lock().unwrap().is_empty());
    assert!(node.echo.handled.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_request_gets_an_error_and_a_reply_ends_its_call() {
    let node = Node::new(1).await;
    let puppet = Puppet::new(2).await;
    let mut own = puppet.dial(&node).await;
    say(
        &mut own,
        &puppet.frame(ID, r#""ask":{"dance":{"slowly":true}}"#, b""),
    )
    .await;
    let mut heard = puppet.accept().await;
    let answer = hear(&mut heard).await;
    assert_eq!((answer.id.as_str(), code(&answer)), (ID, "invalid"));
    // The connection is kept.
    say(&mut own, &puppet.frame(ID, PING, b"")).await;
    assert!(hear(&mut heard).await.json["answer"]["pong"].is_object());

    let answer = async {
        let asked = hear(&mut heard).await;
        say(
            &mut own,
            &puppet.frame(&asked.id, r#""answer":{"tango":[]}"#, b""),
        )
        .await;
    };
    let (result, ()) = soon(async { tokio::join!(node.ping(&puppet.peer), answer) }).await;
    let error = result.unwrap_err();
    assert!(matches!(error, CallError::Protocol(_)), "{error:?}");
    ends(&mut own).await;
}

#[tokio::test]
async fn a_malformed_frame_costs_its_sender_the_connection() {
    let node = Node::new(1).await;
    let puppet = Puppet::new(2).await;
    let good = envelope(&puppet.peer, ID, PING);
    let length =
        |json: u32, attachment: u32| [json.to_be_bytes(), attachment.to_be_bytes()].concat();
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("no JSON", frame("not json at all", b"")),
        ("half of the JSON", frame(&good[..good.len() / 2], b"")),
        (
            "another version",
            frame(&good.replace(r#""v":1"#, r#""v":7"#), b""),
        ),
        ("an envelope of nothing", length(0, 0)),
        ("an attachment alone", length(0, 100)),
        ("a huge envelope", length(u32::MAX, 0)),
        ("a huge attachment", length(100, u32::MAX)),
        (
            "a little too large",
            length(100, ATTACHMENT_BYTES_MAX as u32 + 1),
        ),
        ("invalid UTF-8", {
            let mut bytes = frame(&good.replace("ping", "p_ng"), b"");
            let at = bytes.iter().position(|byte| *byte == b'_').unwrap();
            bytes[at] = 0xff;
            bytes
        }),
        (
            "nested deeply",
            frame(&format!("{{\"ask\":{}", "[".repeat(60_000)), b""),
        ),
        (
            "an object nested deeply",
            frame(&r#"{"ask":"#.repeat(9_000), b""),
        ),
        ("long for what it says", {
            let padding = " ".repeat(JSON_BYTES_MAX);
            frame(&good.replace(PING, &format!("{padding}{PING}")), b"")
        }),
        (
            "HTTP",
            b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec(),
        ),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20),
        ),
    ];
    for (what, bytes) in bad {
        eprintln!("{what}");
        let mut own = puppet.dial(&node).await;
        say(&mut own, &bytes).await;
        ends(&mut own).await;
        assert!(node.echo.handled.lock().unwrap().is_empty(), "{what}");
    }
    until("all connections are forgotten", || {
        node.rpc.load().connections == 0
    })
    .await;
    let friend = Node::new(4).await;
    soon(friend.ping(&node.peer())).await.unwrap();
}

#[tokio::test]
async fn a_frame_cut_off_at_any_byte_is_not_acted_upon() {
    let node = Node::new(1).await;
    let puppet = Puppet::new(2).await;
    let whole = puppet.frame(ID, PING, b"attachment");
    for cut in 0..whole.len() {
        let mut own = puppet.dial(&node).await;
        say(&mut own, &whole[..cut]).await;
        drop(own);
    }
    until("all connections are forgotten", || {
        node.rpc.load().connections == 0
    })
    .await;
    assert!(node.echo.handled.lock().unwrap().is_empty());
    let mut own = puppet.dial(&node).await;
    say(&mut own, &whole).await;
    let answer = hear(&mut puppet.accept().await).await;
    assert_eq!(answer.attachment, b"attachment");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Each case says a lot: many connections, on each some good frames, then damaged ones or noise.
    #[test]
    fn whatever_is_said_the_node_still_answers(
        noises in proptest::collection::vec(noise(), 1..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let node = Node::new(1).await;
            let friend = Node::new(4).await;
            let puppet = Puppet::new(2).await;
            let mut open = Vec::new();
            for noise in noises {
                let mut own = puppet.dial(&node).await;
                say(&mut own, &noise.bytes(&puppet)).await;
                open.push(own);
                soon(friend.ping(&node.peer())).await.unwrap();
            }
            drop(open);
            until("only the friend is left", || node.rpc.load().connections == 1).await;
            soon(node.ping(&friend.peer())).await.unwrap();
        });
    }
}

#[derive(Debug, Clone)]
enum Noise {
    Random(Vec<u8>),
    Damaged(prop::sample::Index, Vec<u8>, usize),
    Lengths(u32, u32, Vec<u8>),
}

fn noise() -> impl Strategy<Value = Noise> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..400);
    prop_oneof![
        bytes().prop_map(Noise::Random),
        (any::<prop::sample::Index>(), bytes(), 0usize..40)
            .prop_map(|(at, bytes, len)| Noise::Damaged(at, bytes, len)),
        (any::<u32>(), any::<u32>(), bytes()).prop_map(|(a, b, c)| Noise::Lengths(a, b, c)),
        (0u32..500, 0u32..500, bytes()).prop_map(|(a, b, c)| Noise::Lengths(a, b, c)),
    ]
}

impl Noise {
    fn bytes(&self, puppet: &Puppet) -> Vec<u8> {
        let mut good = puppet.frame(ID, PING, b"attachment");
        match self {
            Noise::Random(bytes) => bytes.clone(),
            Noise::Damaged(at, bytes, len) => {
                let start = at.index(good.len());
                let end = (start + len).min(good.len());
                good.splice(start..end, bytes.iter().copied().take(*len));
                [puppet.frame(ID, PING, b""), good].concat()
            }
            Noise::Lengths(json, attachment, bytes) => {
                [&json.to_be_bytes()[..], &attachment.to_be_bytes(), bytes].concat()
            }
        }
    }
}

#[tokio::test]
async fn a_slow_frame_is_dropped_and_an_idle_connection_is_not() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.frame_deadline = Duration::from_millis(300);
    let node = Node::with(config).await;
    let (idle, slow) = (Puppet::new(2).await, Puppet::new(3).await);
    let (mut heard, mut own) = idle.befriend(&node).await;

    // Nothing at all, half a header, half an envelope, half an attachment, and a byte at a time.
    let whole = slow.frame(ID, PING, &[7; 100_000]);
    for cut in [0, 4, 50, 60_000] {
        let mut slow = slow.dial(&node).await;
        say(&mut slow, &whole[..cut]).await;
        ends(&mut slow).await;
    }
    let slow = slow.dial(&node).await;
    let (mut reading, mut writing) = slow.into_split();
    let trickle = async {
        for byte in whole.chunks(1) {
            if tokio::io::AsyncWriteExt::write_all(&mut writing, byte)
                .await
                .is_err()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        () = trickle => panic!("a byte at a time was accepted"),
        _ended = soon(reading.read_to_end(&mut rest)) => {}
    }

    // The idle one was quiet for longer than all these deadlines.
    say(&mut own, &idle.frame(ID, PING, b"")).await;
    assert_eq!(hear(&mut heard).await.id, ID);
}
