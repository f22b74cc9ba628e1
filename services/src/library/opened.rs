//! Audio of the library, opened for reading.
//!
//! Each piece is checked against its hash when it is read from the disk for the first time through
//! this file, and from then on the copy in the machine's memory is trusted. Bytes that are in
//! memory are read at once, on the calling thread (`preadv2` with `RWF_NOWAIT`); all others where
//! waiting holds nobody up. Such a read went to the disk, and so it is checked again. Of audio in
//! an object store, the pieces that were read last are kept in memory, and all others are fetched.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use rustix::io::{Errno, ReadWriteFlags};

use tokio::task::JoinHandle;

#[cfg(feature = "objects")]
use super::remote::Remote;
use super::{buffers::Buffers, failing::off_thread, pieces::Pieces};
use crate::{CHUNK_BYTES, Chunks, Error, Result};

/// How many pieces of an object are on their way to one listener: enough to hide what a request
/// costs, and at most 1 MiB of memory.
#[cfg(feature = "objects")]
const FETCHES_MAX: usize = 4;

/// Open audio. The bytes of a file stay readable when the library has let go of it.
#[derive(Debug)]
pub(super) struct Opened {
    source: Source,
    chunks: Arc<Chunks>,
    /// One bit a piece: whether it was found right.
    checked: Box<[AtomicU64]>,
    /// Whether the file system can say that it would have to wait.
    can_tell: AtomicBool,
    buffers: Arc<Buffers>,
}

#[derive(Debug)]
enum Source {
    File(File),
    #[cfg(feature = "objects")]
    Object(Arc<Remote>),
}

impl Opened {
    /// Opens a file. Waits for the disk.
    pub(super) fn open(
        path: &Path,
        chunks: Arc<Chunks>,
        buffers: Arc<Buffers>,
    ) -> io::Result<Opened> {
        Ok(Opened::of(Source::File(File::open(path)?), chunks, buffers))
    }

    /// Opens an object, which takes no request.
    #[cfg(feature = "objects")]
    pub(super) fn remote(
        remote: Arc<Remote>,
        chunks: Arc<Chunks>,
        buffers: Arc<Buffers>,
    ) -> Opened {
        Opened::of(Source::Object(remote), chunks, buffers)
    }

    fn of(source: Source, chunks: Arc<Chunks>, buffers: Arc<Buffers>) -> Opened {
        let words = chunks.len().div_ceil(64);
        Opened {
            source,
            chunks,
            checked: (0..words).map(|_| AtomicU64::new(0)).collect(),
            can_tell: AtomicBool::new(true),
            buffers,
        }
    }

    /// The hashes of its pieces.
    pub(super) fn chunks(&self) -> &Arc<Chunks> {
        &self.chunks
    }

    /// The first bytes of a range, as many as are in memory and known to be right, and at most 256
    /// KiB; `None` if that takes waiting. Never waits.
    pub(super) fn read_now(&self, range: Range<u64>) -> Option<Bytes> {
        let len = usize::try_from(range.end.checked_sub(range.start)?)
            .unwrap_or(usize::MAX)
            .min(CHUNK_BYTES);
        let range = range.start..range.start + len as u64;
        match &self.source {
            Source::File(file) => self.read_file_now(file, range),
            #[cfg(feature = "objects")]
            Source::Object(remote) => {
                let piece = remote.piece(&self.chunks.content(), index_of(range.start))?;
                Some(self.part_of(&piece, range))
            }
        }
    }

    fn read_file_now(&self, file: &File, range: Range<u64>) -> Option<Bytes> {
        let len = (range.end - range.start) as usize;
        if len == 0 || !self.is_checked(&range) || !self.can_tell.load(Ordering::Relaxed) {
            return None;
        }
        let mut buffer = self.buffers.take(len);
        let read = rustix::io::preadv2(
            file,
            &mut [IoSliceMut::new(buffer.as_mut())],
            range.start,
            ReadWriteFlags::NOWAIT,
        );
        match read {
            Ok(0) => None,
            Ok(read) => Some(buffer.into_bytes(read)),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => {
                // Not supported here, or truly broken: the waiting read will tell.
                self.can_tell.store(false, Ordering::Relaxed);
                None
            }
        }
    }

    /// How many pieces of a range are worth being read at once.
    pub(super) fn ahead(&self) -> usize {
        match &self.source {
            Source::File(_) => 1,
            #[cfg(feature = "objects")]
            Source::Object(_) => FETCHES_MAX,
        }
    }

    /// Begins to read the first bytes of a range, up to the end of the piece in which it begins,
    /// checked.
    pub(super) fn begin(self: &Arc<Opened>, range: Range<u64>) -> JoinHandle<Result<Bytes>> {
        let opened = Arc::clone(self);
        match &self.source {
            Source::File(_) => tokio::task::spawn_blocking(move || opened.read_waiting(range)),
            #[cfg(feature = "objects")]
            Source::Object(remote) => {
                let remote = Arc::clone(remote);
                tokio::spawn(async move {
                    let piece = remote.fetch(&opened.chunks, index_of(range.start)).await?;
                    Ok(opened.part_of(&piece, range))
                })
            }
        }
    }

    /// All bytes of a range, checked.
    pub(super) async fn read(self: Arc<Opened>, range: Range<u64>) -> Result<Bytes> {
        let mut rest = range.clone();
        let mut first = Bytes::new();
        if let Some(piece) = self.read_now(rest.clone()) {
            rest.start += piece.len() as u64;
            first = piece;
        }
        if rest.is_empty() {
            return Ok(first);
        }
        #[cfg(feature = "objects")]
        if let Source::Object(_) = &self.source {
            return self.read_objects(first, rest).await;
        }
        off_thread("reading audio", move || {
            let mut bytes = BytesMut::with_capacity((range.end - range.start) as usize);
            bytes.extend_from_slice(&first);
            while !rest.is_empty() {
                let now = self.read_now(rest.clone());
                let piece = now.map_or_else(|| self.read_waiting(rest.clone()), Ok)?;
                rest.start += piece.len() as u64;
                if rest.is_empty() && bytes.is_empty() {
                    return Ok(piece);
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes.freeze())
        })
        .await
    }

    #[cfg(feature = "objects")]
    async fn read_objects(self: Arc<Opened>, first: Bytes, rest: Range<u64>) -> Result<Bytes> {
        use futures_util::TryStreamExt;
        let pieces = super::stream::Reading::new(self, rest);
        let start = BytesMut::from(&first[..]);
        let bytes = pieces.try_fold(start, |mut bytes, piece| {
            bytes.extend_from_slice(&piece);
            std::future::ready(Ok(bytes))
        });
        Ok(bytes.await?.freeze())
    }

    /// A whole piece, checked. Waits for the disk or the store, on a thread of the blocking pool.
    pub(super) fn read_chunk(&self, index: usize) -> Result<Bytes> {
        match &self.source {
            Source::File(file) => self.read_chunk_of_file(file, index),
            #[cfg(feature = "objects")]
            Source::Object(remote) => {
                let fetching = remote.fetch(&self.chunks, index);
                tokio::runtime::Handle::current().block_on(fetching)
            }
        }
    }

    fn read_chunk_of_file(&self, file: &File, index: usize) -> Result<Bytes> {
        let range = self.chunks.range_of(index);
        let mut buffer = self.buffers.take((range.end - range.start) as usize);
        let damaged = |how: String| Error::Damaged {
            what: format!("piece {index} of audio {} {how}", self.chunks.content()),
        };
        file.read_exact_at(buffer.as_mut(), range.start)
            .map_err(|error| damaged(format!("cannot be read: {error}")))?;
        if !self.chunks.verify(index, buffer.as_ref()) {
            return Err(damaged("is not what was uploaded".into()));
        }
        if let Some(word) = self.checked.get(index / 64) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
        let len = buffer.as_ref().len();
        Ok(buffer.into_bytes(len))
    }

    fn read_waiting(&self, range: Range<u64>) -> Result<Bytes> {
        let chunk = self.read_chunk(index_of(range.start))?;
        Ok(self.part_of(&chunk, range))
    }

    /// The bytes of a range that are in the piece in which it begins.
    fn part_of(&self, piece: &Bytes, range: Range<u64>) -> Bytes {
        let covered = self.chunks.range_of(index_of(range.start));
        let end = range.end.min(covered.end);
        piece.slice((range.start - covered.start) as usize..(end - covered.start) as usize)
    }

    fn is_checked(&self, range: &Range<u64>) -> bool {
        let first = range.start / CHUNK_BYTES as u64;
        let last = (range.end - 1) / CHUNK_BYTES as u64;
        (first..=last).all(|index| {
            let word = self.checked.get((index / 64) as usize);
            word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (index % 64)) != 0)
        })
    }
}

/// The piece in which a byte is.
fn index_of(at: u64) -> usize {
    usize::try_from(at / CHUNK_BYTES as u64).unwrap_or(usize::MAX)
}

impl Pieces for Arc<Opened> {
    fn size(&self) -> u64 {
        self.chunks.size()
    }

    fn piece(&self, index: usize) -> Result<Bytes> {
        self.read_chunk(index)
    }
}
