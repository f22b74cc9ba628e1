//! Calls between nodes that mean well, and between nodes of which one dies.

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use kadenza_rpc::{CallError, Class, Evidence, Rpc, RpcConfig};
use support::{
    message::{Reply, Request},
    *,
};
use tokio::net::TcpListener;

fn read(number: u64, times: u64) -> Request {
    Request::Read { number, times }
}

fn never() -> Request {
    Request::Wait
}

#[tokio::test]
async fn a_call_brings_the_reply_and_its_attachment() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    for size in [0, 1, 16 << 10, (16 << 10) + 1, 300_000, 1 << 20] {
        let sent = Bytes::from(vec![7; size]);
        let answer = a.call(b.peer(), Request::Echo, sent.clone());
        let answer = soon(answer).await.unwrap();
        assert_eq!(answer.reply, Reply::Done);
        assert_eq!(answer.from, b.peer());
        assert!(answer.attachment == sent, "{size} bytes");
    }
    assert_eq!(a.rpc.load().calls, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_calls_at_once_each_gets_its_own_answer() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    let to = b.peer();
    let call = |number: u64| {
        let rpc = a.rpc.clone();
        async move {
            // Some answers are bulk.
            let times = if number.is_multiple_of(8) { 5000 } else { 3 };
            let answer = rpc
                .call(&to, &read(number, times), Bytes::new(), LONG)
                .await?;
            assert_eq!(answer.attachment.len() as u64, 8 * times);
            assert!(
                answer
                    .attachment
                    .chunks(8)
                    .all(|chunk| chunk == number.to_be_bytes())
            );
            Ok::<_, CallError>(())
        }
    };
    for round in 0..8 {
        let calls = (0..100).map(|number| tokio::spawn(call(round * 100 + number)));
        for result in soon(join_all(calls)).await {
            result.unwrap().unwrap();
        }
    }
    assert_eq!(a.rpc.load().send_sockets, 1);
    assert_eq!(b.rpc.load().send_sockets, 1);
}

#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_get_their_answers() {
    for _ in 0..20 {
        let (a, b) = (Node::new(1).await, Node::new(2).await);
        let (to_a, to_b) = (a.peer(), b.peer());
        let calls = (0..8).flat_map(|_| [a.ping(&to_b), b.ping(&to_a)]);
        soon(try_join_all(calls)).await.unwrap();
        for node in [&a, &b] {
            assert_eq!(node.rpc.load().send_sockets, 1);
            assert_eq!(node.rpc.load().connections, 1);
        }
    }
}

#[tokio::test]
async fn a_request_announces_an_address_and_a_reply_proves_it() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    soon(a.ping(&b.peer())).await.unwrap();
    assert!(a.echo.has_heard(b.peer(), Evidence::Proven));
    assert!(b.echo.has_heard(a.peer(), Evidence::Announced));
    assert!(!b.echo.has_heard(a.peer(), Evidence::Proven));
}

#[tokio::test]
async fn a_reply_from_another_address_proves_nothing() {
    let a = Node::new(1).await;
    let mut config = RpcConfig::new(id(2), anywhere());
    config.advertise = Some("192.0.2.1:4534".parse().unwrap());
    let b = Rpc::<Request>::bind(config).await.unwrap();
    assert_eq!(b.peer().address, "192.0.2.1:4534".parse().unwrap());

    let puppet = Puppet::new(3).await;
    let called = a.rpc.introduce(puppet.peer.address, &Request::Ping, LONG);
    let answered = async {
        let mut heard = puppet.accept().await;
        let asked = hear(&mut heard).await;
        let mut moved = puppet.peer;
        moved.address = b.peer().address;
        let mut own = puppet.dial(&a).await;
        say(&mut own, &frame(&envelope(&moved, &asked.id, PONG), b"")).await;
        moved
    };
    let (contact, moved) = soon(async { tokio::join!(called, answered) }).await;
    assert_eq!(contact.unwrap(), moved);
    assert!(a.echo.has_heard(moved, Evidence::Announced));
    assert!(!a.echo.has_heard(moved, Evidence::Proven));
}

#[tokio::test]
async fn an_introduction_tells_who_listens_at_an_address() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    let met = soon(a.rpc.introduce(b.peer().address, &Request::Ping, LONG)).await;
    assert_eq!(met.unwrap(), b.peer());
    let myself = soon(a.rpc.introduce(a.peer().address, &Request::Ping, LONG)).await;
    assert!(matches!(myself, Err(CallError::Ourselves)), "{myself:?}");
    let myself = soon(a.ping(&a.peer())).await;
    assert!(matches!(myself, Err(CallError::Ourselves)), "{myself:?}");
    assert!(
        a.echo
            .heard
            .lock()
            .unwrap()
            .iter()
            .all(|(who, _)| who.id != id(1))
    );
}

#[tokio::test]
async fn an_address_that_nobody_can_dial_is_not_announced() {
    let config = RpcConfig::new(id(1), "0.0.0.0:0".parse().unwrap());
    let error = Rpc::<Request>::bind(config.clone()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let mut config = config;
    config.advertise = Some("127.0.0.1:0".parse().unwrap());
    let rpc = Rpc::<Request>::bind(config).await.unwrap();
    assert_ne!(rpc.peer().address.port(), 0);
}

#[tokio::test]
async fn a_peer_that_restarts_on_its_port_is_reached_again() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    soon(a.ping(&b.peer())).await.unwrap();
    let address = b.peer().address;
    soon(b.rpc.shutdown()).await;
    let b = Node::with(RpcConfig::new(id(2), address)).await;
    // The first calls may still fail, since the old connection was seen to end; not for long.
    let deadline = Instant::now() + LONG;
    while let Err(error) = soon(a.ping(&b.peer())).await {
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn when_a_peer_dies_its_calls_fail_long_before_their_deadline() {
    let a = Node::new(1).await;
    let puppet = Puppet::new(2).await;
    let to = puppet.peer;
    // It proves itself first: then the lost connection is worth another dial.
    let (mut heard, own) = puppet.befriend(&a).await;
    let calls = (0..50).map(|_| {
        let rpc = a.rpc.clone();
        tokio::spawn(async move { rpc.call(&to, &never(), Bytes::new(), 100 * LONG).await })
    });
    let calls: Vec<_> = calls.collect();
    for _ in 0..50 {
        hear(&mut heard).await;
    }
    assert_eq!(a.rpc.load().calls, 50);
    // The system closes everything that a killed process had.
    drop(puppet);
    drop((heard, own));
    for result in soon(join_all(calls)).await {
        let error = result.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    }
    assert_eq!(a.rpc.load().calls, 0);
    assert_eq!(a.rpc.load().send_sockets, 0);
}

#[tokio::test]
async fn when_a_connection_alone_is_lost_the_reply_still_arrives() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.lost_grace = LONG;
    let a = Node::with(config).await;
    let puppet = Puppet::new(2).await;
    let to = puppet.peer;
    // Once it has proved itself, its connection is cut while a call waits, and dialled anew.
    let (mut heard, mut own) = puppet.befriend(&a).await;
    let second = a.ping(&to);
    let cut = async {
        let asked = hear(&mut heard).await;
        drop(heard);
        let again = puppet.accept().await;
        say(&mut own, &puppet.frame(&asked.id, PONG, b"")).await;
        again
    };
    let (second, _again) = soon(async { tokio::join!(second, cut) }).await;
    second.unwrap();
}

#[tokio::test]
async fn a_frame_that_was_cut_begins_anew_on_the_next_connection() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.lost_grace = LONG;
    let a = Node::with(config).await;
    let puppet = Puppet::new(2).await;
    let (mut heard, mut own) = puppet.befriend(&a).await;
    let to = puppet.peer;
    // More than the system takes while nobody reads.
    let calls = (0..16).map(|mark: u8| {
        let rpc = a.rpc.clone();
        let chunk = Bytes::from(vec![mark; 1 << 20]);
        tokio::spawn(async move { rpc.call(&to, &Request::Echo, chunk, LONG).await })
    });
    let calls: Vec<_> = calls.collect();
    let first = hear(&mut heard).await;
    let mut before = 0;
    until("the system takes no more", || {
        let now = a.rpc.load().unwritten_bytes;
        let stands = now > 0 && now == before && a.rpc.load().calls == 16;
        before = now;
        stands
    })
    .await;
    drop(heard);

    // What the system had taken is lost; all else comes whole, the frame among it that was cut.
    let mut heard = puppet.accept().await;
    let mut marks = vec![first.attachment[0]];
    while !marks.contains(&15) {
        let asked = hear(&mut heard).await;
        let mark = asked.attachment[0];
        assert_eq!(asked.attachment, vec![mark; 1 << 20]);
        marks.push(mark);
        say(&mut own, &puppet.frame(&asked.id, PONG, b"")).await;
        let call = &calls[usize::from(mark)];
        until("the answer arrives", || call.is_finished()).await;
    }
    assert!(marks.is_sorted() && marks.len() > 1, "{marks:?}");
}

#[tokio::test]
async fn a_request_lost_in_a_restart_does_not_wait_for_its_deadline() {
    let a = Node::new(1).await;
    let puppet = Puppet::new(2).await;
    let (mut heard, _own) = puppet.befriend(&a).await;
    let (rpc, to) = (a.rpc.clone(), puppet.peer);
    let call = tokio::spawn(async move { rpc.call(&to, &never(), Bytes::new(), 100 * LONG).await });
    hear(&mut heard).await;
    drop(heard);
    let _heard = puppet.accept().await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn an_address_that_refuses_fails_calls_and_is_left_alone() {
    let a = Node::new(1).await;
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let mut nobody = a.peer();
    nobody.id = id(2);
    nobody.address = listener.local_addr().unwrap();
    drop(listener);
    let refused = soon(a.ping(&nobody)).await.unwrap_err();
    assert!(
        matches!(refused, CallError::Unreachable { .. }),
        "{refused:?}"
    );
    // Three refusals in a row: the pause is 200 ms, longer than a call that dials nobody takes.
    let mut tries = 0;
    let mut refusals = 1;
    while refusals < 3 {
        let CallError::Unreachable { cause, .. } = soon(a.ping(&nobody)).await.unwrap_err() else {
            panic!("not unreachable");
        };
        tries += 1;
        if cause.kind() == std::io::ErrorKind::ConnectionRefused {
            refusals += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(tries > refusals, "each call dialled");
    // Somebody comes: reached as soon as the pause is over.
    let b = Node::with(RpcConfig::new(id(2), nobody.address)).await;
    let deadline = Instant::now() + LONG;
    while soon(a.ping(&b.peer())).await.is_err() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_silent_peer_is_a_timeout_and_answers_are_told_of() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    for _ in 0..8 {
        soon(a.ping(&b.peer())).await.unwrap();
    }
    {
        let answered = a.echo.answered.lock().unwrap();
        assert_eq!(answered.len(), 8);
        assert!(
            answered
                .iter()
                .all(|(peer, class, _)| (*peer, *class) == (id(2), Class::Prompt))
        );
    }
    let hard = Duration::from_millis(50);
    let (to, request) = (b.peer(), never());
    let call = a.rpc.call(&to, &request, Bytes::new(), hard);
    let error = soon(call).await.unwrap_err();
    assert!(
        matches!(error, CallError::Timeout(waited) if waited == hard),
        "{error:?}"
    );
    assert_eq!(a.rpc.load().calls, 0, "nothing is left of it");
    assert_eq!(
        a.echo.answered.lock().unwrap().len(),
        8,
        "silence is no answer"
    );
    soon(a.ping(&b.peer())).await.unwrap();
    assert_eq!(a.echo.answered.lock().unwrap().len(), 9);
}

#[tokio::test]
async fn a_call_after_a_timeout_does_not_trust_an_old_connection() {
    for (trusted_for, dials) in [(Duration::ZERO, 2), (LONG, 1)] {
        let mut config = RpcConfig::new(id(1), anywhere());
        config.trusted_for = trusted_for;
        let a = Node::with(config).await;
        let puppet = Puppet::new(2).await;
        let (mut heard, mut own) = puppet.befriend(&a).await;
        let (to, request) = (puppet.peer, never());
        let call = a
            .rpc
            .call(&to, &request, Bytes::new(), Duration::from_millis(1));
        assert!(matches!(call.await, Err(CallError::Timeout(_))));
        hear(&mut heard).await;
        let answer = async {
            if dials == 2 {
                ends(&mut heard).await;
                heard = puppet.accept().await;
            }
            let asked = hear(&mut heard).await;
            say(&mut own, &puppet.frame(&asked.id, PONG, b"")).await;
        };
        let (pong, ()) = soon(async { tokio::join!(a.ping(&puppet.peer), answer) }).await;
        pong.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_nothing_behind() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    let to = b.peer();
    let rpc = a.rpc.clone();
    let call = tokio::spawn(async move { rpc.call(&to, &never(), Bytes::new(), LONG).await });
    until("it waits", || {
        a.rpc.load().calls == 1 && b.rpc.load().requests == 1
    })
    .await;
    call.abort();
    until("it is forgotten", || a.rpc.load().calls == 0).await;
    soon(a.ping(&b.peer())).await.unwrap();
}

#[tokio::test]
async fn shutdown_ends_everything() {
    let (a, b) = (Node::new(1).await, Node::new(2).await);
    soon(a.ping(&b.peer())).await.unwrap();
    let to = b.peer();
    let rpc = a.rpc.clone();
    let call = tokio::spawn(async move { rpc.call(&to, &never(), Bytes::new(), LONG).await });
    until("it waits", || b.rpc.load().requests == 1).await;
    soon(a.rpc.shutdown()).await;
    let error = soon(call).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Closed), "{error:?}");
    let load = a.rpc.load();
    assert_eq!((load.send_sockets, load.connections, load.calls), (0, 0, 0));
    until("the other side notices", || b.rpc.load().connections == 0).await;
    let error = soon(a.ping(&to)).await.unwrap_err();
    assert!(matches!(error, CallError::Closed), "{error:?}");
    // The port is free, and the handler was let go.
    TcpListener::bind(a.peer().address).await.unwrap();
    assert_eq!(std::sync::Arc::strong_count(&a.echo), 1);
    soon(a.rpc.shutdown()).await;
    // The handler of the one that is still up holds a request for ever: it ends nevertheless.
    soon(b.rpc.shutdown()).await;
    assert_eq!(std::sync::Arc::strong_count(&b.echo), 1);
}

#[tokio::test]
async fn a_transport_that_is_dropped_ends_too() {
    let Node { rpc, echo } = Node::new(1).await;
    let address = rpc.peer().address;
    drop(rpc);
    until("its tasks end", || std::sync::Arc::strong_count(&echo) == 1).await;
    TcpListener::bind(address).await.unwrap();
}
