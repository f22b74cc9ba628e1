//! Reads one connection that another node made. It is never written to.
//!
//! Requests go to the handler, and their replies to this node's own send socket to the sender;
//! replies and errors end the calls that wait for them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use kadenza_contract::{Error, Failure};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use super::{connections::Admission, incoming::Incoming};
use crate::{
    answer::Answer,
    error::CallError,
    handler::{Handled, Handler, ReplyResult},
    message::Request,
    peer::{Evidence, Peer, PeerId},
    sending::send_socket::SendSocket,
    shared::{Shared, Unsent},
    wire::{
        envelope::{Envelope, Malformed, Said, Say},
        reader::{Frame, FrameReader},
    },
};

/// A connection that is read.
pub(crate) struct Inbound<Q: Request> {
    pub(crate) shared: Arc<Shared<Q>>,
    pub(crate) handler: Arc<dyn Handler<Q>>,
    pub(crate) admission: Admission,
    /// How many more requests from here may be under way.
    pub(crate) requests: Arc<Semaphore>,
}

/// Why a connection was dropped.
#[derive(Debug, thiserror::Error)]
enum Dropped {
    #[error("it closed")]
    Closed,
    #[error("the other end has not proven to be a node: {0}")]
    Unproven(#[source] std::io::Error),
    #[error("it broke")]
    Broke(#[from] std::io::Error),
    #[error("a frame took too long")]
    Slow,
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
}

impl<Q: Request> Inbound<Q> {
    /// Reads until the connection ends, or is not worth keeping.
    pub(crate) async fn run(self, tcp: TcpStream) {
        let peer = tcp.peer_addr();
        let Err(why) = self.accept(tcp).await;
        match why {
            Dropped::Closed => tracing::trace!("a connection closed"),
            Dropped::Broke(error) => tracing::debug!(%error, "a connection broke"),
            Dropped::Unproven(_) | Dropped::Slow | Dropped::Malformed(_) => {
                tracing::warn!(?peer, %why, "a connection was dropped");
            }
        }
    }

    async fn accept(&self, tcp: TcpStream) -> Result<Infallible, Dropped> {
        let patience = self.shared.config.frame_deadline;
        let incoming = Incoming::accept(tcp, self.shared.tls.as_ref(), patience).await;
        self.hear(incoming.map_err(Dropped::Unproven)?).await
    }

    async fn hear(&self, mut incoming: Incoming) -> Result<Infallible, Dropped> {
        let proven = incoming.proven();
        let mut reader = FrameReader::<Q>::default();
        // The first frame is due at once: nobody dials without having something to say.
        let mut due = Instant::now() + self.shared.config.frame_deadline;
        let mut is_new = true;
        loop {
            if reader.is_between_frames() {
                let readable = incoming.readable();
                if is_new {
                    timeout_at(due, readable)
                        .await
                        .map_err(|_| Dropped::Slow)??;
                } else {
                    readable.await?;
                    due = Instant::now() + self.shared.config.frame_deadline;
                }
                reader.give_buffer(self.shared.take_buffer());
            }
            let came = timeout_at(due, reader.fill(&mut incoming))
                .await
                .map_err(|_| Dropped::Slow)??;
            if came == 0 {
                return Err(Dropped::Closed);
            }
            let mut back = None;
            let mut frames = 0;
            while let Some(frame) = reader.next()? {
                frames += 1;
                back = self.take(frame, proven)?.or(back);
            }
            if let Some(socket) = back {
                socket.write_now();
            }
            if frames > 0 {
                is_new = false;
                due = Instant::now() + self.shared.config.frame_deadline;
                self.admission.heard();
            }
            if reader.is_between_frames() {
                self.shared.keep_buffer(reader.take_buffer());
            }
        }
    }

    /// Acts upon a frame; gives the socket on which a reply now waits to be written.
    fn take(
        &self,
        frame: Frame<Q>,
        proven: Option<PeerId>,
    ) -> Result<Option<Arc<SendSocket>>, Malformed> {
        let Frame {
            envelope: Envelope { id, from, said },
            attachment,
        } = frame;
        if proven.is_some_and(|proven| proven != from.id) {
            return Err(Malformed("it speaks in another node's name"));
        }
        if from.id == self.shared.own.id && from.address != self.shared.own.address {
            return Err(Malformed("it claims to be this very node"));
        }
        match said {
            Said::Ask(request) => Ok(self.asked(id, from, request, attachment)),
            Said::UnknownAsk => {
                self.announced(from);
                let failure = Failure::from(&Error::Invalid {
                    what: "a request that this node does not know: it may be of an older version"
                        .to_owned(),
                });
                Ok(self.reply_now(id, from, Err(failure)))
            }
            Said::Answer(reply) => {
                self.answered(id, from, |from| {
                    Ok(Answer {
                        reply,
                        attachment,
                        from,
                    })
                });
                Ok(None)
            }
            Said::Error(failure) => {
                self.answered(id, from, |_| Err(CallError::Failed(failure)));
                Ok(None)
            }
            Said::UnknownAnswer => {
                self.answered(id, from, |_| {
                    Err(CallError::Protocol(
                        "a reply that this node does not know: it may be of an older version",
                    ))
                });
                Err(Malformed("an unknown reply"))
            }
        }
    }

    fn announced(&self, from: Peer) {
        if from.id != self.shared.own.id {
            self.handler.heard_from(from, Evidence::Announced);
        }
    }

    /// Ends the call that an answer belongs to. Forged, repeated and late ones belong to none.
    fn answered(
        &self,
        id: u64,
        from: Peer,
        result: impl FnOnce(Peer) -> Result<Answer<Q::Reply>, CallError>,
    ) {
        let Some(call) = self.shared.calls.take(id, &from.id) else {
            tracing::trace!(?from, "an answer that nobody waits for");
            return;
        };
        if from.id == self.shared.own.id {
            return call.end(Err(CallError::Ourselves));
        }
        self.handler
            .answered(&from.id, call.class, call.since.elapsed());
        let evidence = if from.address == call.to.address {
            Evidence::Proven
        } else {
            Evidence::Announced
        };
        self.handler.heard_from(from, evidence);
        call.end(result(from));
    }

    fn asked(&self, id: u64, from: Peer, request: Q, attachment: Bytes) -> Option<Arc<SendSocket>> {
        self.announced(from);
        let bytes = attachment.len();
        match self.handler.handle(from, request, attachment) {
            Handled::Now(result) => self.reply_now(id, from, result),
            Handled::Later(result) => {
                let Some(permits) = self.permits(bytes) else {
                    return self.reply_now(id, from, Err(Failure::from(&Error::Busy)));
                };
                let shared = self.shared.clone();
                self.shared.tasks.spawn(async move {
                    let closing = shared.closing.clone();
                    let reply = async {
                        let result = result.await;
                        reply_when_possible(&shared, id, from, &result).await;
                        drop(permits);
                    };
                    closing.run_until_cancelled(reply).await;
                });
                None
            }
        }
    }

    /// The right to one more request with an attachment of this size.
    fn permits(&self, bytes: usize) -> Option<[OwnedSemaphorePermit; 3]> {
        let one = |semaphore: &Arc<Semaphore>, many: usize| {
            let many = u32::try_from(many).ok()?;
            semaphore.clone().try_acquire_many_owned(many).ok()
        };
        Some([
            one(&self.requests, 1)?,
            one(&self.shared.requests, 1)?,
            one(&self.shared.requests_bytes, bytes)?,
        ])
    }

    /// Queues a reply at once; where it is bulk and there is no room for it, a task waits for some.
    fn reply_now(
        &self,
        id: u64,
        from: Peer,
        result: ReplyResult<Q::Reply>,
    ) -> Option<Arc<SendSocket>> {
        let (say, attachment) = spoken::<Q>(&result);
        match self
            .shared
            .queue(self.shared.back_to(&from), id, say, attachment)
        {
            Ok(socket) => Some(socket),
            Err(Unsent::NoRoom(..)) => {
                if let Some(permits) = self.permits(0) {
                    let shared = self.shared.clone();
                    self.shared.tasks.spawn(async move {
                        let closing = shared.closing.clone();
                        let reply = reply_when_possible(&shared, id, from, &result);
                        closing.run_until_cancelled(reply).await;
                        drop(permits);
                    });
                }
                None
            }
            Err(Unsent::Failed(error)) => explain(&self.shared, id, from, error),
        }
    }
}

/// Says why a reply cannot be sent, if it is not for want of a way.
fn explain<Q: Request>(
    shared: &Arc<Shared<Q>>,
    id: u64,
    from: Peer,
    error: CallError,
) -> Option<Arc<SendSocket>> {
    let failure = too_large(error, from)?;
    let to = shared.back_to(&from);
    let queued = shared.queue(to, id, Say::Error(&failure), &Bytes::new());
    queued.ok()
}

/// The failure to send in place of a reply that is too large.
fn too_large(error: CallError, from: Peer) -> Option<Failure> {
    match error {
        CallError::TooLarge { .. } => {
            tracing::error!(?from, "a reply is longer than a frame may be");
            Some(Failure::from(&Error::from(error)))
        }
        error => {
            tracing::debug!(?from, %error, "a reply was not sent");
            None
        }
    }
}

fn spoken<Q: Request>(result: &ReplyResult<Q::Reply>) -> (Say<'_, Q>, &Bytes) {
    static NOTHING: Bytes = Bytes::new();
    match result {
        Ok((reply, attachment)) => (Say::Answer(reply), attachment),
        Err(failure) => (Say::Error(failure), &NOTHING),
    }
}

async fn reply_when_possible<Q: Request>(
    shared: &Arc<Shared<Q>>,
    id: u64,
    from: Peer,
    result: &ReplyResult<Q::Reply>,
) {
    /// Nobody waits longer for a reply.
    const PATIENCE: Duration = Duration::from_secs(30);
    let (say, attachment) = spoken::<Q>(result);
    let queued = shared.queue_when_possible(shared.back_to(&from), id, say, attachment);
    match timeout(PATIENCE, queued).await {
        Ok(Ok(socket)) => socket.write_now(),
        Ok(Err(error)) => {
            if let Some(socket) = explain(shared, id, from, error) {
                socket.write_now();
            }
        }
        Err(_late) => tracing::debug!(?from, "a reply was not sent: the peer reads too slowly"),
    }
}
