//! Nodes with keys: everybody proves who he is, and nothing is said to another than the one who is meant.

mod support;

use std::time::Duration;

use bytes::Bytes;
use kadenza_rpc::{ATTACHMENT_BYTES_MAX, CallError, NodeKey, Peer, RpcConfig};
use rustls::version::TLS12;
use support::{
    message::{Reply, Request},
    stranger::Stranger,
    *,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ID: &str = "0123456789abcdef";
const PING: &str = r#""ask":"ping""#;

fn key(number: u8) -> NodeKey {
    NodeKey::from_secret(&[number; 32])
}

async fn node(number: u8) -> Node {
    Node::with(RpcConfig::proven(&key(number), anywhere())).await
}

#[tokio::test]
async fn proven_nodes_call_each_other_and_bring_large_answers() {
    let (a, b) = (node(1).await, node(2).await);
    let met = a
        .rpc
        .introduce(b.peer().address, &Request::Ping, LONG)
        .await;
    assert_eq!(met.unwrap(), b.peer());
    // The connection of the introduction was to whoever lives there, and is not kept.
    until("it is closed", || a.rpc.load().send_sockets == 0).await;
    let large = Bytes::from(vec![7; ATTACHMENT_BYTES_MAX]);
    let calls = (0..32).map(|_| a.call(b.peer(), Request::Echo, large.clone()));
    for answer in soon(futures_util::future::join_all(calls)).await {
        let answer = answer.unwrap();
        assert_eq!((answer.reply, answer.from), (Reply::Done, b.peer()));
        assert_eq!(answer.attachment, large);
    }
    assert_eq!(a.rpc.load().send_sockets, 1);
    assert_eq!(b.rpc.load().send_sockets, 1);
    assert_eq!(b.ping(&a.peer()).await.unwrap(), pong());
}

#[tokio::test]
async fn a_call_for_one_node_is_never_said_to_another() {
    let (a, b) = (node(1).await, node(2).await);
    let wanted = Peer {
        id: key(3).id(),
        address: b.peer().address,
    };
    let refused = soon(a.call(wanted, Request::Echo, Bytes::from_static(b"secret"))).await;
    assert!(
        matches!(refused, Err(CallError::Unreachable { .. })),
        "{refused:?}"
    );
    assert!(b.echo.has_heard_nothing());
    // That one may be called at the same address meanwhile.
    assert_eq!(a.ping(&b.peer()).await.unwrap(), pong());
}

#[tokio::test]
async fn nothing_is_heard_in_the_clear_nor_in_older_tls() {
    let proven = node(1).await;
    let puppet = Puppet::new(2).await;
    let mut plain = puppet.dial(&proven).await;
    say(&mut plain, &puppet.frame(ID, PING, b"")).await;
    ends(&mut plain).await;

    let of_old = Stranger {
        version: &TLS12,
        ..Stranger::new(2)
    };
    assert!(soon(of_old.dial(&proven)).await.is_err());
    let of_something_else = Stranger {
        protocol: b"h2",
        ..Stranger::new(2)
    };
    assert!(soon(of_something_else.dial(&proven)).await.is_err());
    // Nor from one that names no protocol at all.
    let of_nothing = Stranger {
        protocol: b"",
        ..Stranger::new(2)
    };
    let own_name = Peer {
        id: of_nothing.presents.id(),
        address: puppet.peer.address,
    };
    let ping = frame(&envelope(&own_name, ID, PING), b"");
    is_cut_off(&of_nothing, &proven, &ping).await;

    // Nor does it speak to whoever answers in the clear.
    let open = Node::new(3).await;
    let refused = soon(proven.ping(&open.peer())).await;
    assert!(
        matches!(refused, Err(CallError::Unreachable { .. })),
        "{refused:?}"
    );
    assert!(proven.echo.has_heard_nothing() && open.echo.has_heard_nothing());
}

/// A stranger says this on a connection of its own; it must be the end of it.
async fn is_cut_off(stranger: &Stranger, node: &Node, frame: &[u8]) {
    // The dialling end has shaken hands before the other end looked at its key.
    if let Ok(mut stream) = soon(stranger.dial(node)).await {
        let _hung_up = stream.write_all(frame).await;
        let _hung_up = stream.flush().await;
        let mut rest = Vec::new();
        let _reset = soon(stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn nobody_speaks_in_another_nodes_name() {
    let (victim, friend) = (node(1).await, node(2).await);
    let in_its_name = envelope(&friend.peer(), ID, PING);
    is_cut_off(&Stranger::new(3), &victim, &frame(&in_its_name, b"")).await;
    // Nor by presenting its key without owning it.
    let forger = Stranger {
        presents: key(2),
        ..Stranger::new(3)
    };
    is_cut_off(&forger, &victim, &frame(&in_its_name, b"")).await;
    assert!(victim.echo.has_heard_nothing());

    // Nor does anybody take what is meant for another by presenting its key.
    let (listener, wanted) = played(key(2).id()).await;
    let taken = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = forger.accept(tcp).await?;
        stream.read_u8().await
    };
    let (refused, taken) = soon(async { tokio::join!(victim.ping(&wanted), taken) }).await;
    assert!(
        matches!(refused, Err(CallError::Unreachable { .. })),
        "{refused:?}"
    );
    assert!(taken.is_err());
}

#[tokio::test]
async fn no_answer_goes_to_an_address_that_a_stranger_announced() {
    let asked = node(1).await;
    let stranger = Stranger::new(3);
    let (third, announced) = played(stranger.presents.id()).await;
    let mut stream = soon(stranger.dial(&asked)).await.unwrap();
    let read = format!(
        r#""ask":{{"read":{{"number":7,"times":{}}}}}"#,
        ATTACHMENT_BYTES_MAX / 8
    );
    let large = frame(&envelope(&announced, ID, &read), b"");
    stream.write_all(&large).await.unwrap();
    stream.flush().await.unwrap();
    let (mut tcp, _) = soon(third.accept()).await.unwrap();
    let mut sent = vec![0; 4096];
    let count = soon(tcp.read(&mut sent)).await.unwrap();
    // The beginning of a handshake (a record of type 22), and nothing until the third party answers it.
    assert!(count < 1024 && sent[0] == 22, "{count}");
    tcp.write_all(b"whoever this is, leave me alone")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _reset = soon(tcp.read_to_end(&mut rest)).await;
    assert!(rest.len() < 64, "{}", rest.len());

    // Nor does a node that lives there get what the stranger asked for.
    let mut stream = soon(stranger.dial(&asked)).await.unwrap();
    let (third, of_another) = played(key(4).id()).await;
    let announced = Peer {
        id: stranger.presents.id(),
        ..of_another
    };
    let large = frame(&envelope(&announced, ID, &read), b"");
    stream.write_all(&large).await.unwrap();
    stream.flush().await.unwrap();
    let (tcp, _) = soon(third.accept()).await.unwrap();
    let mut heard = Vec::new();
    if let Ok(mut stream) = soon(Stranger::new(4).accept(tcp)).await {
        let _reset = soon(stream.read_to_end(&mut heard)).await;
    }
    assert!(heard.is_empty(), "{}", heard.len());
    assert_eq!(asked.ping(&node(2).await.peer()).await.unwrap(), pong());
}

#[tokio::test]
async fn what_is_said_on_the_connection_that_asked_ends_it() {
    let asking = node(1).await;
    let stranger = Stranger::new(3);
    let (listener, peer) = played(stranger.presents.id()).await;
    let said = async {
        // It is dialled once more, and then given up.
        for _ in 0..2 {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut stream = stranger.accept(tcp).await.unwrap();
            stream.write_all(b"!").await.unwrap();
            stream.flush().await.unwrap();
            let mut heard = Vec::new();
            let _reset = stream.read_to_end(&mut heard).await;
        }
    };
    let (refused, ()) = soon(async { tokio::join!(asking.ping(&peer), said) }).await;
    assert!(
        matches!(refused, Err(CallError::Unreachable { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_silent_handshake_costs_a_deadline_and_not_the_node() {
    let mut config = RpcConfig::proven(&key(1), anywhere());
    config.frame_deadline = Duration::from_millis(50);
    config.dial_deadline = Duration::from_millis(50);
    let node = Node::with(config).await;
    let mut silent = TcpStream::connect(node.peer().address).await.unwrap();
    ends(&mut silent).await;
    let (_silent, peer) = played(id(9)).await;
    let refused = soon(node.ping(&peer)).await;
    assert!(
        matches!(refused, Err(CallError::Unreachable { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_id_is_that_of_the_key() {
    let mut config = RpcConfig::proven(&key(1), anywhere());
    config.id = id(1);
    assert!(kadenza_rpc::Rpc::<Request>::bind(config).await.is_err());
}
