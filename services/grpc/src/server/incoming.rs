//! The audio of an upload as it comes over the wire.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tonic::Streaming;

use super::super::{
    PIECE_BYTES_MAX,
    proto::{
        UploadSongRequest,
        upload_song_request::{Part, Stated},
    },
};
use kadenza_contract::{AudioStream, Error, Result};

/// Why an upload broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("it was cut before its end")]
    Cut,
    #[error("nothing came for {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("{0}")]
    Connection(String),
}

impl Broken {
    /// No `From`: it would make errors of others' crates ambiguous.
    fn into_error(self) -> Error {
        Error::Body {
            cause: Box::new(self),
        }
    }
}

/// The first message, which says what is stated.
pub(super) async fn stated(
    messages: &mut Streaming<UploadSongRequest>,
    patience: Duration,
) -> Result<Stated> {
    match next(messages, patience).await? {
        Part::Stated(stated) => Ok(stated),
        Part::Piece(_) | Part::End(_) => Err(Error::Invalid {
            what: "the first message of an upload is `stated`".to_owned(),
        }),
    }
}

/// The pieces that follow, up to the message that says that they are all. A piece is taken from the
/// connection when it is asked for, so that a slow disk slows the client.
pub(super) fn audio(messages: Streaming<UploadSongRequest>, patience: Duration) -> AudioStream {
    stream::try_unfold(messages, move |mut messages| async move {
        let piece = piece(&mut messages, patience).await?;
        Ok(piece.map(|piece| (piece, messages)))
    })
    .boxed()
}

async fn piece(
    messages: &mut Streaming<UploadSongRequest>,
    patience: Duration,
) -> Result<Option<Bytes>> {
    let wrong = match next(messages, patience).await? {
        Part::End(_) => return Ok(None),
        Part::Piece(piece) if (1..=PIECE_BYTES_MAX).contains(&piece.len()) => {
            return Ok(Some(piece));
        }
        Part::Piece(piece) => format!(
            "a piece has from 1 to {PIECE_BYTES_MAX} bytes, and not {}",
            piece.len()
        ),
        Part::Stated(_) => "`stated` is the first message and no other".to_owned(),
    };
    Err(Error::Invalid { what: wrong })
}

async fn next(messages: &mut Streaming<UploadSongRequest>, patience: Duration) -> Result<Part> {
    let Ok(message) = timeout(patience, messages.message()).await else {
        return Err(Broken::Stalled(patience).into_error());
    };
    match message {
        Ok(Some(message)) => message.part.ok_or_else(|| Error::Invalid {
            what: "a message of an upload holds `stated`, `piece` or `end`".to_owned(),
        }),
        // A stream that was reset looks like one that ended; only a message can say the end.
        Ok(None) => Err(Broken::Cut.into_error()),
        Err(status) => Err(Broken::Connection(status.message().to_owned()).into_error()),
    }
}
