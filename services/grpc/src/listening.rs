//! Audio and covers on their way from a backend: opened within a deadline, then piece after piece as
//! they are read.
//!
//! The backend must give as many bytes as it said. A stream that ends early is an error, and one
//! that gives more or nothing is too.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};
use tonic::{Request, Status, Streaming};

use super::{
    client_config::ClientConfig,
    failure::{Refused, late, nonsense},
    lines::Lines,
    proto::{self, get_artwork_response, stream_audio_response},
    songs,
};
use kadenza_contract::{Artwork, ArtworkRequest, Audio, AudioRequest, Error, Recording};

/// The largest cover that is taken from a backend, in bytes.
const PICTURE_BYTES_MAX: u64 = 16 << 20;

/// Opens audio.
pub(super) async fn audio(
    lines: &Lines,
    config: &ClientConfig,
    place: &str,
    request: &AudioRequest,
) -> Result<Audio, Refused> {
    let (mut stub, permit) = lines.long().map_err(Refused::Told)?;
    let deadline = Instant::now() + config.deadline;
    let opening = async {
        let mut pieces = stub
            .stream_audio(proto::StreamAudioRequest::from(request))
            .await?
            .into_inner();
        let first = pieces.message().await?;
        Ok::<_, Status>((first, pieces))
    };
    let (first, pieces) = match timeout_at(deadline, opening).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(status)) => return Err(Refused::read(&status, place, config.deadline)),
        Err(_) => return Err(late(config.deadline)),
    };
    let first = first.and_then(|message| message.part);
    let head = match first {
        Some(stream_audio_response::Part::Head(head)) => head,
        _ => return Err(told(place, "audio without its head")),
    };
    let (recording, range) = checked(head, request).map_err(|what| told(place, what))?;
    let arriving = Arriving {
        pieces,
        left: range.end - range.start,
        config: config.clone(),
        place: place.to_owned(),
        _permit: permit,
    };
    Ok(Audio {
        recording,
        range,
        stream: stream::try_unfold(arriving, Arriving::next).boxed(),
    })
}

/// The head of audio, if it answers the request.
fn checked(
    head: stream_audio_response::Head,
    request: &AudioRequest,
) -> super::Parsed<(Recording, Range<u64>)> {
    let wire = head.recording.ok_or("audio without its recording")?;
    let recording = songs::recording(wire)?;
    if recording.tags.song_id() != request.song {
        return Err("audio of another song than the one asked for".to_owned());
    }
    if request
        .recording
        .is_some_and(|wanted| wanted != recording.content)
    {
        return Err("another recording than the one asked for".to_owned());
    }
    let range = head.start..head.end;
    match request.range.within(recording.size) {
        Ok(wanted) if wanted == range => Ok((recording, range)),
        _ => Err("other bytes than those asked for".to_owned()),
    }
}

fn told(place: &str, what: impl Into<String>) -> Refused {
    Refused::Told(nonsense(place, what))
}

/// Audio that was opened. Dropping it tells the backend to stop.
struct Arriving {
    pieces: Streaming<proto::StreamAudioResponse>,
    /// How many bytes are still to come.
    left: u64,
    config: ClientConfig,
    place: String,
    _permit: OwnedSemaphorePermit,
}

impl Arriving {
    async fn next(mut self) -> kadenza_contract::Result<Option<(Bytes, Arriving)>> {
        let waited = self.config.idle_deadline;
        let Ok(message) = timeout(waited, self.pieces.message()).await else {
            // All was heard; that the end itself is late takes nothing away.
            return match self.left {
                0 => Ok(None),
                _ => Err(Error::Timeout { waited }),
            };
        };
        let message = match message {
            Ok(message) => message,
            Err(_) if self.left == 0 => None,
            Err(status) => {
                return Err(Refused::read(&status, &self.place, waited).into_error(&self.place));
            }
        };
        let piece = match message.map(|message| message.part) {
            None if self.left == 0 => return Ok(None),
            None => return Err(nonsense(&self.place, "audio that ends early")),
            Some(Some(stream_audio_response::Part::Piece(piece))) if !piece.is_empty() => piece,
            Some(_) => return Err(nonsense(&self.place, "a piece of audio without audio")),
        };
        let Some(left) = self.left.checked_sub(piece.len() as u64) else {
            return Err(nonsense(&self.place, "more audio than was announced"));
        };
        self.left = left;
        Ok(Some((piece, self)))
    }
}

/// Fetches a cover.
pub(super) async fn artwork(
    lines: &Lines,
    config: &ClientConfig,
    place: &str,
    request: &ArtworkRequest,
) -> Result<Artwork, Refused> {
    let (mut stub, _permit) = lines.long().map_err(Refused::Told)?;
    let deadline = Instant::now() + config.deadline;
    let fetching = async {
        let mut request = Request::new(proto::GetArtworkRequest::from(request));
        request.set_timeout(config.deadline);
        let mut parts = stub.get_artwork(request).await?.into_inner();
        let first = parts.message().await?.and_then(|message| message.part);
        let Some(get_artwork_response::Part::Head(head)) = first else {
            return Ok(Err("a cover without its head".to_owned()));
        };
        if head.size > PICTURE_BYTES_MAX {
            return Ok(Err(format!("a cover of {} bytes", head.size)));
        }
        let mut picture = Vec::new();
        while let Some(message) = parts.message().await? {
            let Some(get_artwork_response::Part::Piece(piece)) = message.part else {
                return Ok(Err("a piece of a cover that is none".to_owned()));
            };
            if piece.is_empty() || (picture.len() + piece.len()) as u64 > head.size {
                return Ok(Err("more of a cover than was announced".to_owned()));
            }
            picture.extend_from_slice(&piece);
        }
        if picture.len() as u64 != head.size {
            return Ok(Err("a cover that ends early".to_owned()));
        }
        Ok::<_, Status>(Ok(Artwork {
            content_type: head.content_type,
            bytes: picture.into(),
        }))
    };
    match timeout_at(deadline, fetching).await {
        Ok(Ok(parsed)) => parsed.map_err(|what| told(place, what)),
        Ok(Err(status)) => Err(Refused::read(&status, place, config.deadline)),
        Err(_) => Err(late(config.deadline)),
    }
}
