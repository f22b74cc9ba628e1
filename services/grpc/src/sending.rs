//! An upload on its way to a backend.
//!
//! The caller's audio is read as fast as the backend takes it. A whole song ends with a message that
//! says so; where the caller's stream breaks, or the call is dropped, that message never comes, and
//! no backend can take the beginning of a file for the whole.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Duration, Instant, timeout},
};
use tonic::Status;

use super::{
    PIECE_BYTES_MAX,
    client_config::ClientConfig,
    failure::Refused,
    lines::{Lines, RETRY_PAUSE},
    proto::{
        UploadSongRequest, UploadSongResponse,
        upload_song_request::{End, Part, Stated},
    },
};
use kadenza_contract::{AudioStream, Error, NewSong, Result};

/// How many pieces wait for the connection. With it, memory per upload is bounded.
const PIECES_WAITING: usize = 2;
/// How long a call is waited for that cannot succeed any more.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How far the song came.
enum Sent {
    /// All of it, its end included.
    Whole,
    /// The call ended before the song; its answer is the reason.
    NotWanted,
    /// The backend took nothing for too long.
    Stalled,
    /// The caller's stream broke.
    Broke(Error),
}

/// Uploads a song. Begins again, once, if the connection was lost before it took anything.
pub(super) async fn upload(
    lines: &Lines,
    config: &ClientConfig,
    place: &str,
    song: NewSong,
) -> Result<UploadSongResponse> {
    let (stub, _permit) = lines.long()?;
    let stated = Stated::from(&song.stated);
    let mut audio = song.audio;
    let mut again = true;
    loop {
        let (parts, queue) = mpsc::channel(PIECES_WAITING);
        let (begin, begun) = oneshot::channel();
        let outgoing = messages(stated.clone(), queue, begin);
        let mut stub = stub.clone();
        let mut answer = Box::pin(async move { stub.upload_song(outgoing).await });
        let mut sending = Sending {
            begun,
            has_begun: false,
        };
        let early = tokio::select! {
            biased;
            early = &mut answer => Err(early),
            sent = sending.send(parts, &mut audio, config.upload_idle_deadline) => Ok(sent),
        };
        let since = Instant::now();
        let (whole, answered) = match early {
            Err(early) => (false, early),
            // Dropping the call ends it on the other side, without the message of the end.
            Ok(Sent::Broke(error)) => return Err(error),
            Ok(Sent::Stalled) => {
                return Err(Error::Timeout {
                    waited: config.upload_idle_deadline,
                });
            }
            Ok(Sent::NotWanted) => match timeout(LAST_WORDS, answer).await {
                Ok(answered) => (false, answered),
                Err(_) => return Err(Error::Timeout { waited: LAST_WORDS }),
            },
            Ok(Sent::Whole) => match timeout(config.upload_answer_deadline, answer).await {
                Ok(answered) => (true, answered),
                Err(_) => {
                    return Err(Error::Timeout {
                        waited: config.upload_answer_deadline,
                    });
                }
            },
        };
        let status: Status = match answered {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => status,
        };
        match Refused::read(&status, place, config.upload_answer_deadline) {
            Refused::Lost(_) if again && !sending.has_begun => {
                again = false;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            // Whether the backend acknowledged it to itself is not known.
            Refused::Lost(cause) if whole => {
                tracing::info!(%cause, place, "lost the answer to an upload");
                return Err(Error::Timeout {
                    waited: since.elapsed(),
                });
            }
            refused => return Err(refused.into_error(place)),
        }
    }
}

/// The messages of one call, in a stream that says when it is first asked for one.
fn messages(
    stated: Stated,
    queue: mpsc::Receiver<Part>,
    begin: oneshot::Sender<()>,
) -> impl Stream<Item = UploadSongRequest> + Send + 'static {
    let first = stream::once(async move {
        // Nobody may be waiting for the word any more.
        let _ = begin.send(());
        Part::Stated(stated)
    });
    let rest = stream::unfold(queue, |mut queue| async move {
        queue.recv().await.map(|part| (part, queue))
    });
    let parts = first.chain(rest);
    parts.map(|part| UploadSongRequest { part: Some(part) })
}

/// The side of the caller.
struct Sending {
    begun: oneshot::Receiver<()>,
    /// Whether anything may have been read of the caller's stream.
    has_begun: bool,
}

impl Sending {
    async fn send(
        &mut self,
        parts: mpsc::Sender<Part>,
        audio: &mut AudioStream,
        patience: Duration,
    ) -> Sent {
        // The caller can give the song only once: nothing is read before there is a connection.
        if (&mut self.begun).await.is_err() {
            return Sent::NotWanted;
        }
        self.has_begun = true;
        while let Some(piece) = audio.next().await {
            let mut piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Sent::Broke(error),
            };
            while !piece.is_empty() {
                let now: Bytes = piece.split_to(piece.len().min(PIECE_BYTES_MAX));
                match timeout(patience, parts.send(Part::Piece(now))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Sent::NotWanted,
                    Err(_) => return Sent::Stalled,
                }
            }
        }
        match timeout(patience, parts.send(Part::End(End {}))).await {
            Ok(Ok(())) => Sent::Whole,
            Ok(Err(_)) => Sent::NotWanted,
            Err(_) => Sent::Stalled,
        }
    }
}
