//! Nodes with a gate: nothing is said before both have admitted each other, and who is shut out is out at once.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kadenza_rpc::{
    APPLICATION_BYTES_MAX, Applicant, CallError, Gate, INTRODUCTION_BYTES_MAX, NodeKey, PeerId,
    RpcConfig, apply,
};
use support::{
    message::Request,
    stranger::{PROTOCOL, Stranger},
    *,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Admits whoever shows its word and is not shut out. Answers an application by itself and what it is bound to.
#[derive(Debug)]
struct Word {
    shows: Vec<u8>,
    wants: Vec<u8>,
    shut_out: Mutex<HashSet<PeerId>>,
    asked: AtomicUsize,
    applied: AtomicUsize,
}

impl Gate for Word {
    fn introduction(&self) -> Vec<u8> {
        self.shows.clone()
    }

    fn admit(&self, id: &PeerId, introduction: &[u8]) -> Result<(), String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let knows = introduction == self.wants && self.still_admits(id);
        knows.then_some(()).ok_or_else(|| "no".to_owned())
    }

    fn still_admits(&self, id: &PeerId) -> bool {
        !self.shut_out.lock().unwrap().contains(id)
    }

    fn knows(&self, id: &PeerId) -> bool {
        *id == key(MEMBER).id()
    }

    fn apply(
        &self,
        applicant: Applicant,
        application: Vec<u8>,
    ) -> BoxFuture<'static, Option<Vec<u8>>> {
        let said = [
            &application[..],
            applicant.id.as_bytes(),
            &applicant.binding,
        ]
        .concat();
        self.applied.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if application == b"for ever" {
                std::future::pending::<()>().await;
            }
            (application != b"nothing").then_some(said)
        })
    }
}

/// The number of a node that gates know.
const MEMBER: u8 = 7;

fn key(number: u8) -> NodeKey {
    NodeKey::from_secret(&[number; 32])
}

async fn node_that(number: u8, shows: &[u8], wants: &[u8]) -> (Node, Arc<Word>) {
    let gate = Arc::new(Word {
        shows: shows.to_vec(),
        wants: wants.to_vec(),
        shut_out: Mutex::default(),
        asked: AtomicUsize::new(0),
        applied: AtomicUsize::new(0),
    });
    let mut config = RpcConfig::proven(&key(number), anywhere());
    config.gate = Some(gate.clone());
    (Node::with(config).await, gate)
}

async fn node(number: u8) -> (Node, Arc<Word>) {
    node_that(number, b"word", b"word").await
}

fn is_unreachable<T: std::fmt::Debug>(result: &Result<T, CallError>) {
    assert!(
        matches!(result, Err(CallError::Unreachable { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn nodes_that_admit_each_other_speak_and_are_asked_once() {
    let ((a, of_a), (b, of_b)) = (node(1).await, node(2).await);
    for _ in 0..3 {
        assert_eq!(a.ping(&b.peer()).await.unwrap(), pong());
    }
    // Each has a connection of its own, and on both each was asked.
    for gate in [of_a, of_b] {
        assert_eq!(gate.asked.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn nothing_is_said_to_who_is_not_admitted_or_admits_not() {
    let (a, _) = node(1).await;
    for (shows, wants) in [(b"word", b"else"), (b"else", b"word"), (b"else", b"else")] {
        let (b, _) = node_that(2, shows, wants).await;
        is_unreachable(&soon(a.ping(&b.peer())).await);
        is_unreachable(&soon(b.ping(&a.peer())).await);
        assert!(a.echo.has_heard_nothing() && b.echo.has_heard_nothing());
    }
    // Nor between nodes with a gate and without one.
    let without = Node::with(RpcConfig::proven(&key(3), anywhere())).await;
    let mut hurried = RpcConfig::proven(&key(4), anywhere());
    hurried.dial_deadline = Duration::from_millis(100);
    hurried.gate = Some(node(4).await.1);
    let hurried = Node::with(hurried).await;
    is_unreachable(&soon(hurried.ping(&without.peer())).await);
    assert!(without.echo.has_heard_nothing());
}

/// What a stranger hears that says this first.
async fn hears(node: &Node, protocol: &'static [u8], said: &[u8]) -> Vec<u8> {
    let stranger = Stranger {
        protocol,
        ..Stranger::new(9)
    };
    let mut stream = soon(stranger.dial(node)).await.unwrap();
    let _hung_up = stream.write_all(said).await;
    let _hung_up = stream.flush().await;
    let mut heard = Vec::new();
    let _reset = soon(stream.read_to_end(&mut heard)).await;
    heard
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [
        &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..],
        bytes,
    ]
    .concat()
}

#[tokio::test]
async fn a_stranger_who_dials_learns_nothing() {
    let (node, _) = node_that(1, b"who I am", b"word").await;
    assert_eq!(hears(&node, PROTOCOL, &long(b"else")).await, b"");
    // Nor by saying how much will come, or too much.
    let lengths = [INTRODUCTION_BYTES_MAX + 1, u32::MAX as usize];
    for len in lengths {
        let len = u32::try_from(len).unwrap().to_be_bytes();
        assert_eq!(hears(&node, PROTOCOL, &len).await, b"");
    }
    assert_eq!(
        hears(&node, PROTOCOL, &long(b"word")).await,
        long(b"who I am")
    );
    assert!(node.echo.has_heard_nothing());
}

#[tokio::test]
async fn who_applies_is_answered_on_a_connection_of_its_own() {
    let (node, _) = node(1).await;
    let (address, id, own) = (node.peer().address, key(1).id(), key(2));
    let mut bound_to = [0; 32];
    let answer = apply(&own, address, id, LONG, |binding| {
        bound_to = binding;
        b"let me in ".to_vec()
    });
    let answer = soon(answer).await.unwrap();
    // Both ends know what the application is bound to.
    let said = [b"let me in ", &own.id().as_bytes()[..], &bound_to].concat();
    assert_eq!(answer, said);
    // On another connection it is bound to something else.
    let again = soon(apply(&own, address, id, LONG, |_| b"let me in ".to_vec())).await;
    assert_ne!(again.unwrap(), said);
    // Not to whoever happens to live there.
    let said = Arc::new(AtomicUsize::new(0));
    let elsewhere = apply(&own, address, key(3).id(), LONG, |_| {
        said.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    });
    assert!(soon(elsewhere).await.is_err());
    assert_eq!(said.load(Ordering::Relaxed), 0);
    // Too much is not read, and what deserves no answer gets none.
    for said in [vec![0; APPLICATION_BYTES_MAX + 1], b"nothing".to_vec()] {
        assert!(
            soon(apply(&own, address, id, LONG, |_| said))
                .await
                .is_err()
        );
    }
    // No envelope is heard on such a connection, and a node without a gate has none.
    assert!(node.echo.has_heard_nothing());
    let without = Node::with(RpcConfig::proven(&key(3), anywhere())).await;
    let at = without.peer().address;
    assert!(
        soon(apply(&own, at, key(3).id(), LONG, |_| Vec::new()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn who_is_shut_out_is_cut_off_while_it_speaks() {
    let ((a, of_a), (b, _), (c, _)) = (node(1).await, node(2).await, node(3).await);
    for other in [&b, &c] {
        assert_eq!(a.ping(&other.peer()).await.unwrap(), pong());
        assert_eq!(other.ping(&a.peer()).await.unwrap(), pong());
    }
    assert_eq!(
        (a.rpc.load().connections, a.rpc.load().send_sockets),
        (2, 2)
    );
    let waiting = a.call(b.peer(), Request::Wait, Bytes::new());
    let cut = async {
        until("it was asked", || {
            b.echo.handled.lock().unwrap().contains(&Request::Wait)
        })
        .await;
        of_a.shut_out.lock().unwrap().insert(b.peer().id);
        a.rpc.cut(&b.peer().id);
    };
    let (waiting, ()) = soon(async { tokio::join!(waiting, cut) }).await;
    assert!(matches!(waiting, Err(CallError::Closed)), "{waiting:?}");
    until("its connections are gone", || {
        (a.rpc.load().connections, a.rpc.load().send_sockets) == (1, 1)
    })
    .await;
    let heard = a.echo.handled.lock().unwrap().len();
    is_unreachable(&soon(b.ping(&a.peer())).await);
    is_unreachable(&soon(a.ping(&b.peer())).await);
    assert_eq!(a.echo.handled.lock().unwrap().len(), heard);
    assert_eq!(a.ping(&c.peer()).await.unwrap(), pong());
    assert_eq!(c.ping(&a.peer()).await.unwrap(), pong());
}

#[tokio::test]
async fn idle_applicants_keep_nobody_out() {
    let (node, _) = node(1).await;
    let stranger = Stranger {
        protocol: b"kadenza-application/1",
        ..Stranger::new(9)
    };
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(soon(stranger.dial(&node)).await.unwrap());
    }
    let to = node.peer().address;
    for number in [MEMBER, 2] {
        let own = key(number);
        let applied = apply(&own, to, key(1).id(), LONG, |_| b"let me in".to_vec());
        assert!(soon(applied).await.unwrap().starts_with(b"let me in"));
    }
    // Those that came first have given way.
    let mut heard = Vec::new();
    let _reset = soon(idle[0].read_to_end(&mut heard)).await;
    assert_eq!(heard, b"");
}

#[tokio::test]
async fn strangers_who_are_being_answered_keep_no_member_out() {
    let (node, gate) = node(1).await;
    let to = node.peer().address;
    let applies = |number, said: &'static [u8]| async move {
        apply(&key(number), to, key(1).id(), LONG, |_| said.to_vec()).await
    };
    // As many as one address may have.
    let waiting: Vec<_> = (20..24)
        .map(|number| tokio::spawn(applies(number, b"for ever")))
        .collect();
    until("all are being answered", || {
        gate.applied.load(Ordering::Relaxed) == waiting.len()
    })
    .await;
    assert!(soon(applies(2, b"let me in")).await.is_err());
    let heard = soon(applies(MEMBER, b"let me in")).await.unwrap();
    assert!(heard.starts_with(b"let me in"));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}
