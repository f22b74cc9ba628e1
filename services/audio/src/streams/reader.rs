//! Audio as a parser wants it, wherever its chunks come from.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use bytes::Bytes;
use kadenza_contract::CHUNK_BYTES;

use super::source::{ChunkSource, chunk_of};

/// Reads audio, every byte checked, and only those chunks that the parser does not skip. Waits for the
/// disk or the store.
#[derive(Debug)]
pub struct AudioReader {
    source: Arc<dyn ChunkSource>,
    at: u64,
    /// The chunk read last, and where it begins.
    chunk: Option<(u64, Bytes)>,
}

impl AudioReader {
    /// A reader at the beginning.
    #[must_use]
    pub fn new(source: Arc<dyn ChunkSource>) -> AudioReader {
        AudioReader {
            source,
            at: 0,
            chunk: None,
        }
    }
}

impl Read for AudioReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.source.chunks().size() {
            return Ok(0);
        }
        let start = self.at - self.at % CHUNK_BYTES as u64;
        let chunk = match &self.chunk {
            Some((at, chunk)) if *at == start => chunk,
            _ => {
                let source = Arc::clone(&self.source);
                let chunk = source.chunk_waiting(chunk_of(start));
                let chunk = chunk.map_err(io::Error::other)?;
                &self.chunk.insert((start, chunk)).1
            }
        };
        let rest = &chunk[(self.at - start) as usize..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for AudioReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.chunks().size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
