//! The way to other nodes.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Reply, Request,
    rpc::{Answer, CallError, Handler, Peer, Rpc},
};

/// Carries the messages between nodes.
#[async_trait]
pub trait Wire: fmt::Debug + Send + Sync + 'static {
    /// This node's id, and the address that it announces.
    fn peer(&self) -> Peer;

    /// Begins to take requests, and gives them to the handler.
    fn serve(&self, handler: Arc<dyn Handler<Request>>);

    /// Asks a peer, and waits for its answer, at most until the hard deadline.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    async fn call(
        &self,
        to: &Peer,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError>;

    /// Asks the node that listens at an address, and gives its id and the address that it announces.
    ///
    /// # Errors
    ///
    /// [`CallError::Ourselves`] if it is this node; otherwise as [`Wire::call`].
    async fn introduce(
        &self,
        address: SocketAddr,
        request: &Request,
        hard: Duration,
    ) -> Result<Peer, CallError>;

    /// The addresses that a name (`HOST:PORT`) stands for; none if it cannot be resolved.
    async fn resolve(&self, name: &str) -> Vec<SocketAddr>;

    /// Takes no more requests, and ends all calls with [`CallError::Closed`].
    async fn shutdown(&self);
}

#[async_trait]
impl Wire for Rpc<Request> {
    fn peer(&self) -> Peer {
        Rpc::peer(self)
    }

    fn serve(&self, handler: Arc<dyn Handler<Request>>) {
        Rpc::serve(self, handler);
    }

    async fn call(
        &self,
        to: &Peer,
        request: &Request,
        attachment: Bytes,
        hard: Duration,
    ) -> Result<Answer<Reply>, CallError> {
        Rpc::call(self, to, request, attachment, hard).await
    }

    async fn introduce(
        &self,
        address: SocketAddr,
        request: &Request,
        hard: Duration,
    ) -> Result<Peer, CallError> {
        Rpc::introduce(self, address, request, hard).await
    }

    async fn resolve(&self, name: &str) -> Vec<SocketAddr> {
        let resolved = tokio::net::lookup_host(name).await;
        resolved.map_or_else(|_| Vec::new(), Iterator::collect)
    }

    async fn shutdown(&self) {
        Rpc::shutdown(self).await;
    }
}
