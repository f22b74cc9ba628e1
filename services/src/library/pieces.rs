//! Audio as a parser wants it, wherever its pieces come from.

use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;

use crate::{CHUNK_BYTES, Result};

/// Audio that is read piece by piece. Waits for the disk or the store.
pub(crate) trait Pieces {
    /// The size of the audio in bytes.
    fn size(&self) -> u64;

    /// A whole piece, checked.
    fn piece(&self, index: usize) -> Result<Bytes>;
}

/// Reads audio, every byte checked, and only those pieces that the parser does not skip.
#[derive(Debug)]
pub(crate) struct CheckedReader<P> {
    pieces: P,
    at: u64,
    /// The piece read last, and where it begins.
    piece: Option<(u64, Bytes)>,
}

impl<P> CheckedReader<P> {
    /// A reader at the beginning.
    pub(crate) fn new(pieces: P) -> CheckedReader<P> {
        CheckedReader {
            pieces,
            at: 0,
            piece: None,
        }
    }
}

impl<P: Pieces> Read for CheckedReader<P> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.pieces.size() {
            return Ok(0);
        }
        let start = self.at - self.at % CHUNK_BYTES as u64;
        let piece = match &self.piece {
            Some((at, piece)) if *at == start => piece,
            _ => {
                let index = (start / CHUNK_BYTES as u64) as usize;
                let piece = self.pieces.piece(index).map_err(io::Error::other)?;
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

impl<P: Pieces> Seek for CheckedReader<P> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.pieces.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
