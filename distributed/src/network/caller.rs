//! Calls to other nodes: made through the transport, and noted in the routing table where they fail.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_protocol::{Contact, Failure, K, Key, RoundTrip, RoutingTable};
use kadenza_rpc::{Answer, CallError, Class, Request as _};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::{
    message::{Reply, Request},
    patience::Patience,
    peers,
    silence::{self, PINGED_AFTER, Silence},
};
use crate::outside::{env::Env, wire::Wire};

/// Calls other nodes.
#[derive(Debug)]
pub(crate) struct Caller {
    wire: Arc<dyn Wire>,
    env: Arc<dyn Env>,
    own: Contact,
    table: Mutex<RoutingTable>,
    patience: Patience,
    silence: Arc<Silence>,
    /// The nodes that calls could not reach, and whoever waits for such.
    lost: Mutex<BTreeSet<Key>>,
    losing: Notify,
    started: Instant,
}

impl Caller {
    /// A caller with an empty routing table that knows these nodes from an earlier run.
    pub(crate) fn new(
        wire: Arc<dyn Wire>,
        env: Arc<dyn Env>,
        remembered: impl IntoIterator<Item = Contact>,
    ) -> Caller {
        let own = peers::contact(&wire.peer());
        let mut table = RoutingTable::new(own.id, K);
        table.restore(remembered);
        Caller {
            wire,
            env,
            own,
            table: Mutex::new(table),
            patience: Patience::default(),
            silence: Arc::default(),
            lost: Mutex::default(),
            losing: Notify::new(),
            started: Instant::now(),
        }
    }

    /// This node.
    pub(crate) fn own(&self) -> Contact {
        self.own
    }

    /// The nodes that this one knows.
    pub(crate) fn table(&self) -> &Mutex<RoutingTable> {
        &self.table
    }

    /// Milliseconds since the start, the clock of the routing table.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// How long a node may take before it is late: the soft deadline of a request that is answered
    /// from memory. This node itself is never waited for.
    pub(crate) fn patience(&self, node: &Contact) -> Duration {
        if node.id == self.own.id {
            Duration::ZERO
        } else {
            self.patience.soft(&node.id)
        }
    }

    /// How long a node may take to read before another one is asked as well: some 95 of 100 answers
    /// come sooner.
    pub(crate) fn hedge_after(&self, node: &Contact) -> Duration {
        self.patience.hedge(&node.id)
    }

    /// A node answered a request after this time.
    pub(super) fn answered(&self, node: &Key, class: Class, took: Duration) {
        self.patience.answered(node, class, took);
    }

    /// A node did not answer as soon as it usually does: whether it is silent is found out beside.
    pub(crate) fn suspect(&self, node: &Contact) {
        self.silence.suspect(&self.wire, &self.env, node);
    }

    /// A node is gone for good: it is not knocked at any more.
    pub(crate) fn give_up(&self, node: &Key) {
        self.silence.give_up(node);
    }

    /// Waits until a call cannot reach its node: gives all such nodes since this was asked last.
    pub(crate) async fn lost(&self) -> BTreeSet<Key> {
        self.losing.notified().await;
        std::mem::take(&mut self.lost.lock())
    }

    fn is_lost(&self, node: Key) {
        self.lost.lock().insert(node);
        self.losing.notify_one();
    }

    /// Calls a node. A call that fails is noted in the routing table, and one that is not answered
    /// gives the node more time for the next one.
    ///
    /// A node that has fallen silent is not waited for: the call fails at once, or, if this is the
    /// first to find out, within a second.
    pub(crate) async fn call(
        &self,
        node: &Contact,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError> {
        if self.silence.is_silent(&node.id) {
            self.is_lost(node.id);
            return Err(silence::silent(node));
        }
        let silent = async {
            tokio::time::sleep(PINGED_AFTER).await;
            self.silence.of(&self.wire, &self.env, node).await;
        };
        tokio::select! {
            biased;
            answer = self.call_in_full(node, request, attachment, hard) => answer,
            () = silent => {
                self.patience.silent(&node.id, request.class());
                self.table.lock().failed(self.now_ms(), node, Failure::Silent);
                self.is_lost(node.id);
                Err(silence::silent(node))
            }
        }
    }

    /// The same, and waits until the hard deadline also for a node that is silent: so it is found
    /// out whether it is there again.
    pub(crate) async fn call_in_full(
        &self,
        node: &Contact,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError> {
        let peer = peers::peer(node);
        let answer = self.wire.call(&peer, request, attachment, hard).await;
        let failure = match &answer {
            Err(CallError::Timeout(_)) => {
                self.patience.silent(&node.id, request.class());
                Failure::Silent
            }
            Err(CallError::Unreachable { .. }) => Failure::Refused,
            _ => return answer,
        };
        self.is_lost(node.id);
        self.table.lock().failed(self.now_ms(), node, failure);
        answer
    }

    /// Makes the acquaintance of the node that listens at an address.
    pub(crate) async fn introduce(&self, address: SocketAddr) -> Result<Contact, CallError> {
        let hard = RoundTrip::new().hard();
        let peer = self.wire.introduce(address, &Request::Ping, hard).await?;
        Ok(peers::contact(&peer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

    use futures_util::FutureExt as _;
    use kadenza_rpc::{Evidence, Handled, Handler, Peer, PeerId, Rpc, RpcConfig};

    use super::*;
    use crate::outside::env::Machine;

    /// Answers pings at once and everything else never; frozen, it answers nothing. Counts what it is
    /// asked beside pings.
    struct Node(Caller, AtomicBool, AtomicUsize);

    impl Handler<Request> for Arc<Node> {
        fn heard_from(&self, _peer: Peer, _evidence: Evidence) {}

        fn answered(&self, peer: &PeerId, class: Class, took: Duration) {
            let node = Key::from_bytes(*peer.as_bytes());
            self.0.answered(&node, class, took);
        }

        fn handle(&self, _from: Peer, request: Request, _attachment: Bytes) -> Handled<Reply> {
            if !matches!(request, Request::Ping) {
                self.2.fetch_add(1, Relaxed);
            }
            match request {
                Request::Ping if !self.1.load(Relaxed) => {
                    Handled::Now(Ok((Reply::Done, Bytes::new())))
                }
                _ => Handled::Later(std::future::pending().boxed()),
            }
        }
    }

    async fn node(number: u8) -> Arc<Node> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = RpcConfig::new(PeerId::from_bytes([number; 32]), anywhere);
        let rpc = Rpc::bind(config).await.unwrap();
        let node = Arc::new(Node(
            Caller::new(Arc::new(rpc.clone()), Arc::new(Machine), []),
            AtomicBool::new(false),
            AtomicUsize::new(0),
        ));
        rpc.serve(Arc::new(node.clone()));
        node
    }

    #[tokio::test]
    async fn a_silent_peer_is_given_more_time_next() {
        let long = Duration::from_secs(30);
        let (a, b) = (node(1).await, node(2).await);
        let (a, to) = (&a.0, b.0.own());
        let ping = || a.call(&to, &Request::Ping, Bytes::new(), long);
        for _ in 0..8 {
            ping().await.unwrap();
        }
        let before = a.patience(&to);
        let never = Request::FindNode { target: to.id };
        let hard = Duration::from_millis(50);
        let late = a.call(&to, &never, Bytes::new(), hard).await;
        assert!(matches!(late, Err(CallError::Timeout(waited)) if waited == hard));
        assert!(a.patience(&to) > before);
        // An answer, and all is as before.
        ping().await.unwrap();
        assert!(a.patience(&to) <= before * 2);
    }

    #[tokio::test]
    async fn a_frozen_peer_is_waited_for_once_and_a_slow_one_always() {
        // So long that the test would not end if it were waited for.
        let for_ever = Duration::from_secs(100_000);
        let (a, b) = (node(1).await, node(2).await);
        let (caller, to) = (&a.0, b.0.own());
        let never = Request::FindNode { target: to.id };
        let call = |hard| caller.call(&to, &never, Bytes::new(), hard);

        // It answers pings, and so it is slow, and given all the time that there is.
        let slow = call(Duration::from_secs(2)).await;
        assert!(matches!(slow, Err(CallError::Timeout(_))), "{slow:?}");

        b.1.store(true, Relaxed);
        let frozen = call(for_ever).await;
        assert!(
            matches!(frozen, Err(CallError::Unreachable { .. })),
            "{frozen:?}"
        );
        let asked = b.2.load(Relaxed);
        for _ in 0..100 {
            call(for_ever).await.unwrap_err();
        }
        assert_eq!(
            b.2.load(Relaxed),
            asked,
            "nothing more is sent to it, or waited for"
        );

        b.1.store(false, Relaxed);
        let again = async {
            while caller.silence.is_silent(&to.id) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), again)
            .await
            .unwrap();
        let slow = call(Duration::from_millis(50)).await;
        assert!(matches!(slow, Err(CallError::Timeout(_))), "{slow:?}");
    }
}
