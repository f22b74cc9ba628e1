//! Why a call brought no reply.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use kadenza_contract::{Error, Failure};

/// Why a call brought no reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No answer came within the hard deadline. The peer may or may not have acted.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// No connection to the peer: refused, lost and refused again, or tried in vain a moment ago.
    /// A request that was sent before the connection was lost may have been acted upon.
    #[error("cannot reach {address}")]
    Unreachable {
        /// Where its listener should be.
        address: SocketAddr,
        /// How the last attempt failed.
        #[source]
        cause: Arc<io::Error>,
    },
    /// Too much waits to be sent to this peer, or to be answered by all. Nothing was sent; the
    /// same call may succeed a moment later.
    #[error("too many requests under way: try again in a moment")]
    Overloaded,
    /// The peer answered with an error.
    #[error("the other node answered: {} {}", .0.code, .0.detail)]
    Failed(Failure),
    /// The peer answered with something that this version does not know. It may have acted.
    #[error("the other node's answer makes no sense: {0}")]
    Protocol(&'static str),
    /// The request is longer than a frame may be. Nothing was sent.
    #[error("the request is longer than {limit} bytes")]
    TooLarge {
        /// The most that is sent, in bytes.
        limit: usize,
    },
    /// The peer that was asked is this node itself. Nothing changed.
    #[error("this is the node's own address: give that of another node")]
    Ourselves,
    /// The transport was shut down. The peer may or may not have acted.
    #[error("this node has shut down")]
    Closed,
}

impl CallError {
    /// Whether the peer was there: it answered, though not with what was asked for.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match self {
            CallError::Failed(_) | CallError::Protocol(_) | CallError::Ourselves => true,
            CallError::Timeout(_)
            | CallError::Unreachable { .. }
            | CallError::Overloaded
            | CallError::TooLarge { .. }
            | CallError::Closed => false,
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Error {
        /// The name of the other node where its address is not known.
        const PLACE: &str = "another node";
        match error {
            CallError::Timeout(waited) => Error::Timeout { waited },
            CallError::Unreachable { address, cause } => Error::Unreachable {
                place: address.to_string(),
                cause: Box::new(cause),
            },
            CallError::Overloaded => Error::Busy,
            CallError::Failed(failure) => failure.into_error(PLACE),
            CallError::Protocol(what) => Error::Protocol {
                place: PLACE.to_owned(),
                what: what.to_owned(),
            },
            CallError::TooLarge { limit } => Error::TooLarge {
                limit: limit as u64,
            },
            error @ (CallError::Ourselves | CallError::Closed) => Error::Unreachable {
                place: PLACE.to_owned(),
                cause: Box::new(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_call_keeps_its_meaning_as_an_error_of_the_contract() {
        let failure = Failure::from(&Error::Range { size: 7 });
        let error = Error::from(CallError::Failed(failure));
        assert!(matches!(error, Error::Range { size: 7 }), "{error:?}");
        let cause = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let address = SocketAddr::from(([127, 0, 0, 1], 4534));
        for error in [
            CallError::Timeout(Duration::from_secs(1)),
            CallError::Unreachable { address, cause },
            CallError::Overloaded,
            CallError::Protocol("unknown"),
            CallError::Closed,
        ] {
            assert!(Error::from(error.clone()).is_transient(), "{error:?}");
        }
    }
}
