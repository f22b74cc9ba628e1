//! Everything that peers can make a node hold is bounded: memory, requests, sockets, connections.

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use kadenza_rpc::{CallError, RpcConfig};
use support::{message::Request, *};
use tokio::net::TcpStream;

const ID: &str = "0123456789abcdef";

fn never() -> Request {
    Request::Wait
}

#[tokio::test]
async fn a_peer_that_reads_nothing_costs_bounded_memory_and_its_calls() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.bulk_bytes_per_peer_max = 3 << 20;
    config.small_bytes_per_peer_max = 100 << 10;
    config.stall_deadline = Duration::from_millis(500);
    let node = Node::with(config.clone()).await;
    let puppet = Puppet::new(2).await;
    let to = puppet.peer;
    let chunk = Bytes::from(vec![7; 1 << 20]);
    let call = |request: Request, attachment: Bytes| {
        let rpc = node.rpc.clone();
        tokio::spawn(async move { rpc.call(&to, &request, attachment, LONG).await })
    };
    let bulk: Vec<_> = (0..40)
        .map(|_| call(Request::Echo, chunk.clone()))
        .collect();
    let _deaf = puppet.accept().await;
    until("all wait", || node.rpc.load().calls == 40).await;
    let small: Vec<_> = (0..2000)
        .map(|_| call(Request::Ping, Bytes::new()))
        .collect();
    let mut most = 0;
    let (mut overloaded, mut unreachable) = (0, 0);
    for call in small {
        most = most.max(node.rpc.load().unwritten_bytes);
        match soon(call).await.unwrap().unwrap_err() {
            CallError::Overloaded => overloaded += 1,
            CallError::Unreachable { .. } => unreachable += 1,
            other => panic!("{other:?}"),
        }
    }
    // Twice the small lane: what waits, and what is being written.
    let bound = config.bulk_bytes_per_peer_max + 2 * config.small_bytes_per_peer_max;
    assert!(most <= bound, "{most} bytes");
    assert!(overloaded > 0, "small ones beyond the bound fail at once");
    assert!(
        unreachable > 0,
        "the others when the peer has read nothing for too long"
    );
    for call in bulk {
        let error = soon(call).await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    }
    until("all is given back", || {
        let load = node.rpc.load();
        (load.unwritten_bytes, load.calls, load.send_sockets) == (0, 0, 0)
    })
    .await;
}

#[tokio::test]
async fn bulk_waits_for_room_and_arrives_whole() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.bulk_bytes_per_peer_max = 0; // That is: room for one longest frame.
    let node = Node::with(config).await;
    let peer = Node::new(2).await;
    let chunks: Vec<Bytes> = (0..20)
        .map(|mark| Bytes::from(vec![mark; 900_000]))
        .collect();
    let calls = chunks
        .iter()
        .map(|chunk| node.call(peer.peer(), Request::Echo, chunk.clone()));
    for (answer, chunk) in soon(join_all(calls)).await.into_iter().zip(&chunks) {
        assert!(answer.unwrap().attachment == *chunk);
    }
}

#[tokio::test]
async fn a_peer_that_asks_and_reads_nothing_costs_bounded_memory() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.stall_deadline = LONG;
    config.requests_per_peer_max = 10;
    let node = Node::with(config.clone()).await;
    let puppet = Puppet::new(2).await;
    let mut own = puppet.dial(&node).await;
    // 800 KB each; far more in all than the kernel buffers.
    let ask = r#""ask":{"read":{"number":1,"times":100000}}"#;
    for _ in 0..100 {
        say(&mut own, &puppet.frame(ID, ask, b"")).await;
    }
    let mut deaf = puppet.accept().await;
    until("all are handled", || {
        node.echo.handled.lock().unwrap().len() == 100
    })
    .await;
    let load = node.rpc.load();
    assert!(load.requests <= 10);
    let bound = config.bulk_bytes_per_peer_max + 2 * config.small_bytes_per_peer_max;
    assert!(load.unwritten_bytes <= bound, "{load:?}");
    // Those for which there was no room were told so, ahead of what waits; all others come whole.
    let (mut found, mut busy) = (0, 0);
    for _ in 0..100 {
        let answer = hear(&mut deaf).await;
        match code(&answer) {
            "busy" => busy += 1,
            _ => {
                assert_eq!(answer.attachment.len(), 800_000);
                found += 1;
            }
        }
    }
    assert!(found >= 10 && busy > 0, "{found} found, {busy} busy");
}

#[tokio::test]
async fn requests_under_way_are_bounded_per_peer() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.requests_per_peer_max = 3;
    let node = Node::with(config).await;
    let (greedy, modest) = (Node::new(2).await, Node::new(3).await);
    let hold = |from: &Node| {
        let (rpc, to) = (from.rpc.clone(), node.peer());
        tokio::spawn(async move { rpc.call(&to, &never(), Bytes::new(), LONG).await })
    };
    let held: Vec<_> = (0..3).map(|_| hold(&greedy)).collect();
    until("three are held", || node.rpc.load().requests == 3).await;
    let error = soon(hold(&greedy)).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, CallError::Failed(failure) if failure.code == "busy"),
        "{error:?}"
    );
    // What is answered at once still is, and others are not affected.
    soon(greedy.ping(&node.peer())).await.unwrap();
    let other = hold(&modest);
    until("another peer's is held", || node.rpc.load().requests == 4).await;
    assert!(held.iter().all(|call| !call.is_finished()));
    other.abort();
}

#[tokio::test]
async fn send_sockets_are_bounded_and_the_least_used_makes_room() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.send_sockets_max = 2;
    let node = Node::with(config).await;
    let peers = join_all((2..7).map(Node::new)).await;
    for _ in 0..3 {
        for peer in &peers {
            soon(node.ping(&peer.peer())).await.unwrap();
            assert!(node.rpc.load().send_sockets <= 2);
        }
    }
    // The two used last are still there, the others let go.
    for (number, peer) in peers.iter().enumerate() {
        let expected = usize::from(number >= 3);
        until("it was let go, or not", || {
            peer.rpc.load().connections == expected
        })
        .await;
    }
    // One that was used again stays; the other goes.
    soon(node.ping(&peers[3].peer())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    soon(node.ping(&peers[3].peer())).await.unwrap();
    soon(node.ping(&peers[0].peer())).await.unwrap();
    until("the one used less goes", || {
        peers[4].rpc.load().connections == 0
    })
    .await;
    assert_eq!(peers[3].rpc.load().connections, 1);
}

#[tokio::test]
async fn connections_are_bounded_and_a_peer_without_one_dials_again() {
    let mut config = RpcConfig::new(id(1), anywhere());
    config.connections_max = 8;
    let node = Node::with(config).await;
    let friend = Node::new(2).await;
    soon(friend.ping(&node.peer())).await.unwrap();
    let mut flood: Vec<TcpStream> = Vec::new();
    for _ in 0..50 {
        flood.push(TcpStream::connect(node.peer().address).await.unwrap());
        assert!(node.rpc.load().connections <= 8);
    }
    until("all were taken in", || node.rpc.load().connections == 8).await;
    for closed in &mut flood[..40] {
        ends(closed).await;
    }
    until("the friend notices", || friend.rpc.load().send_sockets == 0).await;
    soon(friend.ping(&node.peer())).await.unwrap();
}
