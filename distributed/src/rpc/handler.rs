//! What the transport needs of the node above it.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use kadenza_services::Failure;

use crate::{Contact, Reply, Request};

/// What a request comes to: the reply with its attachment, or the error to send back.
pub type Outcome = Result<(Reply, Bytes), Failure>;

/// Answers requests, and is told who was heard from.
pub trait Handler: Send + Sync + 'static {
    /// A node was heard from. Called for every frame, before anything is done with it, on the task
    /// that reads the connection: it must not block. Never called for this node itself.
    fn heard_from(&self, contact: Contact, how: Heard);

    /// A request came. Called on the task that reads the connection: it must not block, and what
    /// takes longer than a look into memory belongs into [`Handled::Later`].
    fn handle(&self, from: Contact, request: Request, attachment: Bytes) -> Handled;
}

/// How sure it is that a node listens at the address of its contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It says so. Whether it can be reached there is not known (it may be behind a NAT, or lie).
    Announced,
    /// It is so: a request that was sent to this very address came back with its random id, from
    /// this very node.
    Proven,
}

/// How a request is answered.
pub enum Handled {
    /// At once.
    Now(Outcome),
    /// By a task of its own. Dropped before its end when the transport shuts down.
    Later(BoxFuture<'static, Outcome>),
}

impl std::fmt::Debug for Handled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Handled::Now(outcome) => f.debug_tuple("Now").field(outcome).finish(),
            Handled::Later(_) => f.write_str("Later"),
        }
    }
}
