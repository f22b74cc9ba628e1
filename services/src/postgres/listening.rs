//! Audio out of the store: every piece checked before anyone hears it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;

use crate::{
    AudioStream, CHUNK_BYTES, Chunks, Error, Result,
    library::pieces::{CheckedReader, Pieces},
    objects::AudioObjects,
};

/// How many pieces are read at once for one listener, the one that is waited for included: 768 KiB.
const PIECES_AHEAD: usize = 3;

/// Audio in the store, and what its pieces are checked with.
#[derive(Debug, Clone)]
pub(super) struct Sound {
    pub(super) objects: AudioObjects,
    pub(super) chunks: Arc<Chunks>,
}

impl Sound {
    /// The bytes of a range that lies within the audio. A piece is asked for when the listener comes
    /// near; an error is the last item.
    pub(super) fn stream(self, range: Range<u64>) -> AudioStream {
        if range.is_empty() {
            return stream::empty().boxed();
        }
        let piece_of = |at: u64| usize::try_from(at / CHUNK_BYTES as u64).unwrap_or(usize::MAX);
        let pieces = piece_of(range.start)..=piece_of(range.end - 1);
        stream::iter(pieces)
            .map(move |index| {
                let (sound, range) = (self.clone(), range.clone());
                async move {
                    let piece = sound.piece(index).await?;
                    let covered = sound.chunks.range_of(index);
                    let start = range.start.max(covered.start) - covered.start;
                    let end = range.end.min(covered.end) - covered.start;
                    Ok(piece.slice(start as usize..end as usize))
                }
            })
            .buffered(PIECES_AHEAD)
            .scan(false, |failed, piece| {
                let before = std::mem::replace(failed, piece.is_err());
                std::future::ready((!before).then_some(piece))
            })
            .boxed()
    }

    /// A whole piece, checked.
    async fn piece(&self, index: usize) -> Result<Bytes> {
        let content = self.chunks.content();
        let damaged = |how: &str| Error::Damaged {
            what: format!("piece {index} of audio {content} {how}"),
        };
        let piece = self
            .objects
            .read(&content, self.chunks.range_of(index))
            .await?
            .ok_or_else(|| damaged("is not in the audio store"))?;
        if !self.chunks.verify(index, &piece) {
            return Err(damaged("is not what was uploaded"));
        }
        Ok(piece)
    }

    /// The audio as a parser wants it. To be used off the threads of the runtime only.
    pub(super) fn reader(self) -> CheckedReader<Awaited> {
        CheckedReader::new(Awaited {
            sound: self,
            runtime: Handle::current(),
        })
    }
}

/// Audio whose pieces are waited for on a thread that may wait.
#[derive(Debug)]
pub(super) struct Awaited {
    sound: Sound,
    runtime: Handle,
}

impl Pieces for Awaited {
    fn size(&self) -> u64 {
        self.sound.chunks.size()
    }

    fn piece(&self, index: usize) -> Result<Bytes> {
        self.runtime.block_on(self.sound.piece(index))
    }
}
