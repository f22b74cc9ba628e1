//! An audio file of the library, opened for reading.
//!
//! Each chunk is checked against its hash when it is read from the disk for the first time through
//! this file, and from then on the copy in the machine's memory is trusted, until somebody writes to
//! the file. Bytes that are in memory are read at once, on the calling thread (`preadv2` with
//! `RWF_NOWAIT`); all others on a thread that may wait. Such a read went to the disk, and so it is
//! checked again.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kadenza_audio::{ChunkSource, disk, off_thread};
use kadenza_contract::{CHUNK_BYTES, Chunks, Error, Result};
use rustix::io::{Errno, ReadWriteFlags};

use super::buffers::Buffers;

/// An open file. Its bytes stay readable when the library has let go of it.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    chunks: Arc<Chunks>,
    /// One bit a chunk: whether it was found right.
    checked: Box<[AtomicU64]>,
    /// When the file was changed last, in nanoseconds, before the chunks were found right.
    changed: AtomicU64,
    /// Whether the file system can say that it would have to wait.
    can_tell: AtomicBool,
    buffers: Arc<Buffers>,
}

impl OpenFile {
    /// Opens a file. Waits for the disk.
    pub(crate) fn open(
        path: &Path,
        chunks: Arc<Chunks>,
        buffers: Arc<Buffers>,
    ) -> io::Result<OpenFile> {
        let words = chunks.len().div_ceil(64);
        let file = File::open(path)?;
        Ok(OpenFile {
            changed: AtomicU64::new(changed_at(&file)?),
            file,
            chunks,
            checked: (0..words).map(|_| AtomicU64::new(0)).collect(),
            can_tell: AtomicBool::new(true),
            buffers,
        })
    }

    fn read_chunk(&self, index: usize) -> Result<Bytes> {
        let range = self.chunks.range_of(index);
        let mut buffer = self.buffers.take((range.end - range.start) as usize);
        let piece = format!("piece {index} of audio {}", self.chunks.content());
        self.file
            .read_exact_at(buffer.as_mut(), range.start)
            .map_err(|error| unreadable(&piece, error))?;
        if !self.chunks.verify(index, buffer.as_ref()) {
            return Err(Error::Damaged {
                what: format!("{piece} is not what was uploaded"),
            });
        }
        if let Some(word) = self.checked.get(index / 64) {
            word.fetch_or(1 << (index % 64), Ordering::Relaxed);
        }
        let len = buffer.as_ref().len();
        Ok(buffer.into_bytes(len))
    }

    /// Whether nobody wrote to the file since its chunks were checked. If somebody did, none is.
    fn is_unchanged(&self) -> bool {
        let now = changed_at(&self.file).ok();
        let is_unchanged = now == Some(self.changed.load(Ordering::Relaxed));
        if !is_unchanged {
            self.checked
                .iter()
                .for_each(|word| word.store(0, Ordering::Relaxed));
            self.changed.store(now.unwrap_or(0), Ordering::Relaxed);
        }
        is_unchanged
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

impl ChunkSource for OpenFile {
    fn chunks(&self) -> &Arc<Chunks> {
        &self.chunks
    }

    fn is_in_place(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.nlink() > 0)
    }

    fn chunk(self: Arc<Self>, index: usize) -> BoxFuture<'static, Result<Bytes>> {
        off_thread("reading audio", move || self.read_chunk(index)).boxed()
    }

    fn chunks_ahead(&self) -> usize {
        // The kernel reads files ahead by itself.
        1
    }

    fn in_memory(&self, range: Range<u64>) -> Option<Bytes> {
        let len = usize::try_from(range.end.checked_sub(range.start)?)
            .unwrap_or(usize::MAX)
            .min(CHUNK_BYTES);
        let range = range.start..range.start + len as u64;
        if len == 0 || !self.is_checked(&range) || !self.can_tell.load(Ordering::Relaxed) {
            return None;
        }
        if !self.is_unchanged() {
            return None;
        }
        let mut buffer = self.buffers.take(len);
        let read = rustix::io::preadv2(
            &self.file,
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

    fn chunk_waiting(self: Arc<Self>, index: usize) -> Result<Bytes> {
        self.read_chunk(index)
    }
}

fn changed_at(file: &File) -> io::Result<u64> {
    let status = file.metadata()?;
    let seconds = status.ctime().cast_unsigned().wrapping_mul(1_000_000_000);
    Ok(seconds.wrapping_add(status.ctime_nsec().cast_unsigned()))
}

/// What it means that audio cannot be read: that its copy is damaged, unless this process lacks
/// something.
pub(super) fn unreadable(what: &str, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => disk("reading audio")(error),
        _ => Error::Damaged {
            what: format!("{what} cannot be read: {error}"),
        },
    }
}
