//! An upload on its way to the disk: written and hashed as it comes in.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use kadenza_contract::{AudioStream, ChunkHasher, Chunks, Error, Result};

use crate::{
    config::IntakeConfig,
    disk::{disk, off_thread},
    incoming::{Incoming, Temporary},
};

/// How many bytes are collected before they are written: a hop to another thread costs as much as
/// hashing a fiftieth of them.
const WRITE_BYTES: usize = 1 << 20;

/// Whole audio in a temporary file.
#[derive(Debug)]
pub struct SpooledAudio {
    /// The file.
    pub file: Temporary,
    /// The hashes of its chunks.
    pub chunks: Arc<Chunks>,
}

impl Read for SpooledAudio {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.file().read(into)
    }
}

impl Seek for SpooledAudio {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.file().seek(to)
    }
}

/// Waits for the first bytes of an upload, or all where there are few. The same upload, with these at hand.
pub(crate) async fn begun(mut audio: AudioStream) -> Result<AudioStream> {
    let (mut pieces, mut bytes) = (Vec::new(), 0);
    while bytes < WRITE_BYTES {
        let Some(piece) = audio.next().await else {
            break;
        };
        let piece = piece.map_err(as_body)?;
        bytes += piece.len();
        pieces.push(Ok(piece));
    }
    Ok(stream::iter(pieces).chain(audio).boxed())
}

/// Writes a stream to a temporary file. The file vanishes with the future or with the result.
pub(crate) async fn spool(
    incoming: &Arc<Incoming>,
    config: &IntakeConfig,
    mut audio: AudioStream,
) -> Result<SpooledAudio> {
    let folder = Arc::clone(incoming);
    let mut writing = off_thread("making a temporary file", move || {
        Ok(Writing {
            file: folder.temporary()?,
            incoming: folder,
            hasher: ChunkHasher::new(),
        })
    })
    .await?;
    let mut size = 0;
    let mut waiting: Vec<Bytes> = Vec::new();
    let mut waiting_bytes = 0;
    while let Some(piece) = audio.next().await {
        let piece = piece.map_err(as_body)?;
        size += piece.len() as u64;
        if size > config.upload_bytes_max {
            return Err(Error::TooLarge {
                limit: config.upload_bytes_max,
            });
        }
        waiting_bytes += piece.len();
        waiting.push(piece);
        if waiting_bytes >= WRITE_BYTES {
            let reserve = config.disk_reserve_bytes;
            writing = writing.write(std::mem::take(&mut waiting), reserve).await?;
            waiting_bytes = 0;
        }
    }
    drop(audio);
    let writing = writing.write(waiting, config.disk_reserve_bytes).await?;
    let (_, chunks) = writing.hasher.finish();
    Ok(SpooledAudio {
        file: writing.file,
        chunks: Arc::new(chunks),
    })
}

/// An error of the stream is the uploader's trouble, whatever error it is written as.
fn as_body(error: Error) -> Error {
    match error {
        Error::Body { .. } => error,
        other => Error::Body {
            cause: other.into(),
        },
    }
}

#[derive(Debug)]
struct Writing {
    file: Temporary,
    incoming: Arc<Incoming>,
    hasher: ChunkHasher,
}

impl Writing {
    async fn write(mut self, pieces: Vec<Bytes>, reserve: u64) -> Result<Writing> {
        let doing = "writing an upload";
        off_thread(doing, move || {
            let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
            self.incoming.check_room(bytes, reserve)?;
            let mut file: &File = self.file.file();
            for piece in pieces {
                self.hasher.update(&piece);
                file.write_all(&piece).map_err(disk(doing))?;
            }
            Ok(self)
        })
        .await
    }
}
