//! The bodies of a connection: requests that must not dawdle, answers that report what moves.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::watch::Watch;

/// How much of a body must come within its deadline. Without a least amount, a byte now and then
/// would hold a connection, and the turn of an upload, for ever; at 30 s this asks for 2.2 kB/s, a fifth of what a
/// telephone has where it is slowest.
const PROGRESS_BYTES_MIN: usize = 64 << 10;

/// The body of a request came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("less than {PROGRESS_BYTES_MIN} bytes of the body came in {} ms", .patience.as_millis())]
pub(crate) struct BodyTooSlow {
    patience: Duration,
}

/// The body of a request, with a bound on how long it is waited for.
///
/// Only the time is counted in which the reader waits for the client, so that a service that takes
/// its time over an upload does not use up the client's.
#[derive(Debug)]
pub(crate) struct PatientBody {
    inner: Incoming,
    patience: Duration,
    /// The rest of the patience, until enough has come.
    left: Duration,
    received: usize,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    ended: bool,
    watch: Arc<Watch>,
}

impl PatientBody {
    pub(crate) fn new(inner: Incoming, patience: Duration, watch: Arc<Watch>) -> PatientBody {
        PatientBody {
            inner,
            patience,
            left: patience,
            received: 0,
            waiting: None,
            ended: false,
            watch,
        }
    }

    fn came(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        self.received += bytes;
        if self.received >= PROGRESS_BYTES_MIN {
            self.received = 0;
            self.left = self.patience;
        }
    }
}

impl HttpBody for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.came(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.ended = true;
                Poll::Ready(Some(Err(error.into())))
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let left = self.left;
                let (_, until) = self
                    .waiting
                    .get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(left))));
                match until.as_mut().poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => {
                        let patience = self.patience;
                        Poll::Ready(Some(Err(Box::new(BodyTooSlow { patience }))))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for PatientBody {
    fn drop(&mut self) {
        if !self.ended && !self.inner.is_end_stream() {
            self.watch.body_left_unread();
        }
    }
}

/// A request that is under way on a connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    watch: Arc<Watch>,
    http2: bool,
}

impl InFlight {
    pub(crate) fn new(watch: Arc<Watch>, http2: bool) -> InFlight {
        watch.request_begun(http2);
        InFlight { watch, http2 }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.watch.request_ended();
    }
}

/// The body of an answer; its request is in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    inner: Body,
    handed: bool,
    in_flight: InFlight,
}

impl AnswerBody {
    pub(crate) fn new(inner: Body, in_flight: InFlight) -> AnswerBody {
        AnswerBody {
            inner,
            handed: false,
            in_flight,
        }
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.handed) {
            self.in_flight.watch.piece_taken();
        }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.taken();
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if self.in_flight.http2 && matches!(frame, Poll::Ready(Some(Ok(_)))) {
            self.handed = true;
            self.in_flight.watch.piece_handed();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.taken();
    }
}
