//! An audio file of the library, opened for reading.
//!
//! Each piece is checked against its hash when it is read from the disk for the first time through
//! this file, and from then on the copy in the machine's memory is trusted. Bytes that are in
//! memory are read at once, on the calling thread (`preadv2` with `RWF_NOWAIT`); all others where
//! waiting holds nobody up. Such a read went to the disk, and so it is checked again.

use std::{
    fs::File,
    io::{self, IoSliceMut, Read, Seek, SeekFrom},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags};

use super::buffers::Buffers;
use crate::{CHUNK_BYTES, Chunks, Error, Result};

/// An open audio file. Its bytes stay readable when the library has let go of it.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    chunks: Arc<Chunks>,
    /// One bit a piece: whether it was found right.
    checked: Box<[AtomicU64]>,
    /// Whether the file system can say that it would have to wait.
    can_tell: AtomicBool,
    buffers: Arc<Buffers>,
}

impl Opened {
    /// Opens a file. Waits for the disk.
    pub(super) fn open(
        path: &Path,
        chunks: Arc<Chunks>,
        buffers: Arc<Buffers>,
    ) -> io::Result<Opened> {
        let file = File::open(path)?;
        let words = chunks.len().div_ceil(64);
        Ok(Opened {
            file,
            chunks,
            checked: (0..words).map(|_| AtomicU64::new(0)).collect(),
            can_tell: AtomicBool::new(true),
            buffers,
        })
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
        if len == 0 || !self.is_checked(&range) || !self.can_tell.load(Ordering::Relaxed) {
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

    /// A whole piece, checked. Waits for the disk.
    pub(super) fn read_chunk(&self, index: usize) -> Result<Bytes> {
        let range = self.chunks.range_of(index);
        let mut buffer = self.buffers.take((range.end - range.start) as usize);
        let damaged = |how: String| Error::Damaged {
            what: format!("piece {index} of audio {} {how}", self.chunks.content()),
        };
        self.file
            .read_exact_at(buffer.as_mut(), range.start)
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

    /// The first bytes of a range, up to the end of the piece in which it begins, checked. Waits
    /// for the disk.
    pub(super) fn read_waiting(&self, range: Range<u64>) -> Result<Bytes> {
        let index = usize::try_from(range.start / CHUNK_BYTES as u64).unwrap_or(usize::MAX);
        let covered = self.chunks.range_of(index);
        let chunk = self.read_chunk(index)?;
        let end = range.end.min(covered.end);
        let within = (range.start - covered.start) as usize..(end - covered.start) as usize;
        Ok(chunk.slice(within))
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

/// Reads an open file as a parser wants it, every byte checked. Waits for the disk.
#[derive(Debug)]
pub(super) struct CheckedReader {
    opened: Arc<Opened>,
    at: u64,
    /// The piece read last, and where it begins.
    piece: Option<(u64, Bytes)>,
}

impl CheckedReader {
    /// A reader at the beginning.
    pub(super) fn new(opened: Arc<Opened>) -> CheckedReader {
        CheckedReader {
            opened,
            at: 0,
            piece: None,
        }
    }
}

impl Read for CheckedReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.opened.chunks.size() {
            return Ok(0);
        }
        let start = self.at - self.at % CHUNK_BYTES as u64;
        let piece = match &self.piece {
            Some((at, piece)) if *at == start => piece,
            _ => {
                let index = (start / CHUNK_BYTES as u64) as usize;
                let piece = self.opened.read_chunk(index).map_err(io::Error::other)?;
                &self.piece.insert((start, piece)).1
            }
        };
        let rest = &piece[(self.at - start) as usize..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for CheckedReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.opened.chunks.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
