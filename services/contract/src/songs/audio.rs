//! Audio on its way to a listener.

use std::{fmt, ops::Range, pin::Pin};

use bytes::Bytes;
use futures_util::Stream;

use crate::{ByteRange, ContentHash, Recording, Result, SongId};

/// Pieces of audio in order. The next piece is only fetched when it is asked for, so a slow
/// listener slows its source. An `Err` is the last item.
pub type AudioStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// Which audio is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioRequest {
    /// The song.
    pub song: SongId,
    /// The recording; the best one if none is named.
    pub recording: Option<ContentHash>,
    /// The bytes of it.
    pub range: ByteRange,
}

impl AudioRequest {
    /// All of a song's best recording.
    #[must_use]
    pub fn whole(song: SongId) -> AudioRequest {
        AudioRequest {
            song,
            recording: None,
            range: ByteRange::ALL,
        }
    }
}

/// Audio that was opened.
pub struct Audio {
    /// The recording that it is.
    pub recording: Recording,
    /// The bytes that the stream gives: exactly as many, or an error.
    pub range: Range<u64>,
    /// The bytes.
    pub stream: AudioStream,
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audio")
            .field("recording", &self.recording.content)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
