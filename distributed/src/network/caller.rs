//! Calls to other nodes: made through the transport, and noted in the routing table where they fail.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use kadenza_protocol::{Contact, Failure, K, Key, RoundTrip, RoutingTable};
use kadenza_rpc::{Answer, CallError, Class, Request as _, Rpc};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    message::{Reply, Request},
    patience::Patience,
    peers,
};

/// Calls other nodes.
#[derive(Debug)]
pub(crate) struct Caller {
    rpc: Rpc<Request>,
    own: Contact,
    table: Mutex<RoutingTable>,
    patience: Patience,
    started: Instant,
}

impl Caller {
    /// A caller with an empty routing table that knows these nodes from an earlier run.
    pub(crate) fn new(rpc: Rpc<Request>, remembered: impl IntoIterator<Item = Contact>) -> Caller {
        let own = peers::contact(&rpc.peer());
        let mut table = RoutingTable::new(own.id, K);
        table.restore(remembered);
        Caller {
            rpc,
            own,
            table: Mutex::new(table),
            patience: Patience::default(),
            started: Instant::now(),
        }
    }

    /// This node.
    pub(crate) fn own(&self) -> Contact {
        self.own
    }

    pub(crate) fn rpc(&self) -> &Rpc<Request> {
        &self.rpc
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

    /// Calls a node. A call that fails is noted in the routing table, and one that is not answered
    /// gives the node more time for the next one.
    pub(crate) async fn call(
        &self,
        node: &Contact,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError> {
        let peer = peers::peer(node);
        let answer = self.rpc.call(&peer, request, attachment, hard).await;
        let failure = match &answer {
            Err(CallError::Timeout(_)) => {
                self.patience.silent(&node.id, request.class());
                Failure::Silent
            }
            Err(CallError::Unreachable { .. }) => Failure::Refused,
            _ => return answer,
        };
        self.table.lock().failed(self.now_ms(), node, failure);
        answer
    }

    /// Makes the acquaintance of the node that listens at an address.
    pub(crate) async fn introduce(&self, address: SocketAddr) -> Result<(), CallError> {
        let hard = RoundTrip::new().hard();
        self.rpc.introduce(address, &Request::Ping, hard).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;
    use kadenza_rpc::{Evidence, Handled, Handler, Peer, PeerId, RpcConfig};

    use super::*;

    /// Answers pings at once and everything else never.
    struct Node(Caller);

    impl Handler<Request> for Arc<Node> {
        fn heard_from(&self, _peer: Peer, _evidence: Evidence) {}

        fn answered(&self, peer: &PeerId, class: Class, took: Duration) {
            let node = Key::from_bytes(*peer.as_bytes());
            self.0.answered(&node, class, took);
        }

        fn handle(&self, _from: Peer, request: Request, _attachment: Bytes) -> Handled<Reply> {
            match request {
                Request::Ping => Handled::Now(Ok((Reply::Done, Bytes::new()))),
                _ => Handled::Later(std::future::pending().boxed()),
            }
        }
    }

    async fn node(number: u8) -> Arc<Node> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = RpcConfig::new(PeerId::from_bytes([number; 32]), anywhere);
        let rpc = Rpc::bind(config).await.unwrap();
        let node = Arc::new(Node(Caller::new(rpc.clone(), [])));
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
}
