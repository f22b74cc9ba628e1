//! A file as a parser should see it: pieces of the real one, and bytes in between that replace what the
//! parser would stumble over.

use std::io::{self, Read, Seek, SeekFrom};

use super::bounded::Bounded;

/// A piece of what a parser sees.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A part of the file.
    Part { from: u64, len: u64 },
}

impl Piece {
    /// The file from one place to another.
    pub(crate) fn part(from: u64, to: u64) -> Piece {
        Piece::Part {
            from,
            len: to.saturating_sub(from),
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Part { len, .. } => *len,
        }
    }
}

/// Pieces, read one after another.
#[derive(Debug)]
pub(crate) struct Spliced<'a, R> {
    file: &'a mut Bounded<R>,
    pieces: &'a [Piece],
    at: u64,
}

impl<'a, R: Read + Seek> Spliced<'a, R> {
    pub(crate) fn new(file: &'a mut Bounded<R>, pieces: &'a [Piece]) -> Spliced<'a, R> {
        Spliced {
            file,
            pieces,
            at: 0,
        }
    }

    fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }
}

impl<R: Read + Seek> Read for Spliced<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut within = self.at;
        let piece = self.pieces.iter().find(|piece| match within < piece.len() {
            true => true,
            false => {
                within -= piece.len();
                false
            }
        });
        let read = match piece {
            None => 0,
            Some(Piece::Bytes(bytes)) => (&bytes[within as usize..]).read(into)?,
            Some(Piece::Part { from, len }) => {
                self.file.seek(SeekFrom::Start(from + within))?;
                self.file.by_ref().take(len - within).read(into)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Spliced<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.at)
    }
}
