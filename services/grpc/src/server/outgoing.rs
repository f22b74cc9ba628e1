//! Audio and covers on their way to a listener.
//!
//! A stream that nobody polls cannot notice that time passes, and HTTP/2 polls it only when the
//! listener has room. So a task of its own feeds it: it reads one piece ahead, ends when the listener
//! goes away, and gives a listener up who takes nothing for too long.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::Status;

use super::{
    super::{PIECE_BYTES_MAX, failure::status_of},
    deadline::Deadline,
};
use kadenza_contract::{Audio, AudioStream, Error};

/// How many pieces wait for the connection.
const PIECES_WAITING: usize = 1;

/// The tasks that feed streams, and their bounds.
#[derive(Debug, Clone)]
pub(super) struct Feeding {
    pub(super) tasks: TaskTracker,
    pub(super) cut: CancellationToken,
    pub(super) patience: Duration,
}

impl Feeding {
    /// The pieces of opened audio. The permit is held until the last of them is on its way.
    pub(super) fn pieces(
        &self,
        audio: Audio,
        deadline: Deadline,
        permit: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<Bytes, Status>> + Send + use<> {
        let (pieces, taken) = mpsc::channel(PIECES_WAITING);
        let Feeding { cut, patience, .. } = self.clone();
        self.tasks.spawn(async move {
            let _permit = permit;
            let fed = timeout_at(deadline.at(), feed(audio.stream, &pieces, patience));
            let failed = tokio::select! {
                fed = fed => fed.unwrap_or_else(|_| Err(deadline.passed())),
                () = cut.cancelled() => Err(Error::Unreachable {
                    place: "the backend".to_owned(),
                    cause: "it is ending".into(),
                }),
            };
            if let Err(error) = failed {
                // A listener that is gone does not need the reason.
                let _ = pieces.try_send(Err(error));
            }
        });
        stream::unfold(Some(taken), move |taken| async move {
            let mut taken = taken?;
            match taken.recv().await? {
                Ok(piece) => Some((Ok(piece), Some(taken))),
                Err(error) => Some((Err(status_of(&error)), None)),
            }
        })
    }
}

/// Gives the listener piece after piece. It is over when all was given, or nobody listens any more.
async fn feed(
    mut audio: AudioStream,
    pieces: &mpsc::Sender<kadenza_contract::Result<Bytes>>,
    patience: Duration,
) -> kadenza_contract::Result<()> {
    loop {
        let next = tokio::select! {
            next = audio.next() => next,
            () = pieces.closed() => return Ok(()),
        };
        let Some(piece) = next else { return Ok(()) };
        let mut piece = piece?;
        while !piece.is_empty() {
            let now = piece.split_to(piece.len().min(PIECE_BYTES_MAX));
            match timeout(patience, pieces.send(Ok(now))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(Error::Timeout { waited: patience }),
            }
        }
    }
}

/// The pieces of something that is in memory.
pub(super) fn in_pieces(mut whole: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let piece = whole.split_to(whole.len().min(PIECE_BYTES_MAX));
        (!piece.is_empty()).then_some(piece)
    })
}
