//! The turn of an upload among those of the same address. Libraries give turns to whoever comes, and know no addresses:
//! without this, one address with large uploads that are slow would have them all.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use kadenza_contract::{Error, Result};

use crate::addresses::{Share, Shares, Source};

/// How long an upload waits for those of its address. As long as libraries have an upload wait for a turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// The turn of an upload, taken when it is needed and held until this is dropped.
pub(super) enum Turn {
    /// The address has no bounds.
    NotNeeded,
    NotYet(Source, Arc<Shares>),
    Waiting(BoxFuture<'static, Result<Share>>),
    Taken {
        _share: Share,
    },
    /// It was waited for too long.
    Never,
}

impl Turn {
    pub(super) fn of(source: Option<Source>, shares: &Arc<Shares>) -> Turn {
        match source {
            Some(source) => Turn::NotYet(source, Arc::clone(shares)),
            None => Turn::NotNeeded,
        }
    }

    /// Takes the turn.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if the address has too many for too long.
    pub(super) fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if let Turn::NotYet(source, shares) = self {
            let taking = Arc::clone(shares).take(*source);
            let taking = tokio::time::timeout(PATIENCE, taking);
            let taking = taking.map(|taken| taken.map_err(|_| Error::Busy));
            *self = Turn::Waiting(taking.boxed());
        }
        match self {
            Turn::Waiting(taking) => match ready!(Pin::new(taking).poll(cx)) {
                Ok(share) => {
                    *self = Turn::Taken { _share: share };
                    Poll::Ready(Ok(()))
                }
                Err(error) => {
                    *self = Turn::Never;
                    Poll::Ready(Err(error))
                }
            },
            Turn::Never => Poll::Ready(Err(Error::Busy)),
            Turn::NotNeeded | Turn::NotYet(..) | Turn::Taken { .. } => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}
