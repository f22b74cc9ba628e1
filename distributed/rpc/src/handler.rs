//! The interface that the node above the transport implements.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kadenza_contract::Failure;

use crate::{
    message::{Class, Request},
    peer::{Evidence, Peer, PeerId},
};

/// The reply to a request with its attachment, or the error to send back.
pub type ReplyResult<R> = Result<(R, Bytes), Failure>;

/// Answers requests, and is told which nodes were heard from.
///
/// Its methods are called on the task that reads a connection: they must not block.
pub trait Handler<Q: Request>: Send + Sync + 'static {
    /// A node was heard from. Called for every frame, before anything is done with it. Never called
    /// for this node itself.
    fn heard_from(&self, peer: Peer, evidence: Evidence);

    /// A peer answered a request of this class after this time, be it with a reply or an error.
    /// Not called where nobody waits for the answer any more.
    fn answered(&self, peer: &PeerId, class: Class, took: Duration);

    /// A request came. What takes longer than a look into memory belongs into [`Handled::Later`].
    fn handle(&self, from: Peer, request: Q, attachment: Bytes) -> Handled<Q::Reply>;
}

/// How a request is answered.
pub enum Handled<R> {
    /// At once.
    Now(ReplyResult<R>),
    /// By a task of its own. Dropped before its end when the transport shuts down.
    Later(BoxFuture<'static, ReplyResult<R>>),
}

impl<R: fmt::Debug> fmt::Debug for Handled<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Handled::Now(result) => f.debug_tuple("Now").field(result).finish(),
            Handled::Later(_) => f.write_str("Later"),
        }
    }
}
