//! A reader of a stranger's file that ends after so many bytes, or so late.

use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    time::Instant,
};

/// How often a parser reads a file at most. One that goes round in a small file read its bytes one by one, some ten
/// thousand times over, for all the time that there was.
const TIMES_MAX: u64 = 32;
/// What is read of the smallest file.
const LEAST_BYTES: u64 = 1 << 20;

/// A buffered reader that ends in an error once it has read too much, or too long.
#[derive(Debug)]
pub(crate) struct Bounded<R> {
    inner: BufReader<R>,
    /// Where the next byte is read. Kept here, since asking the file is a call of the system.
    at: u64,
    len: u64,
    left: u64,
    deadline: Instant,
}

impl<R: Read + Seek> Bounded<R> {
    /// Reads no more than `bytes` bytes of `inner` in all, nor more than [`TIMES_MAX`] times what there is.
    pub(crate) fn new(mut inner: R, bytes: u64, deadline: Instant) -> io::Result<Bounded<R>> {
        let len = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        let mut bounded = Bounded {
            inner: BufReader::with_capacity(16 << 10, inner),
            at: 0,
            len,
            left: 0,
            deadline,
        };
        bounded.allow(bytes);
        Ok(bounded)
    }

    /// The size of the whole file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// From now on no more than `bytes` are read, nor more than [`TIMES_MAX`] times what there is.
    pub(crate) fn allow(&mut self, bytes: u64) {
        let times = TIMES_MAX.saturating_mul(self.len);
        self.left = bytes.min(times.saturating_add(LEAST_BYTES));
    }

    /// From now on time alone is the bound.
    pub(crate) fn allow_all(&mut self) {
        self.left = u64::MAX;
    }

    /// Where the next byte is read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Goes to a place of the file, or its end.
    pub(crate) fn go(&mut self, to: u64) -> io::Result<()> {
        self.seek(SeekFrom::Start(to.min(self.len))).map(|_| ())
    }

    /// The next bytes, fewer than `len` only at the end.
    pub(crate) fn next(&mut self, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.by_ref().take(len).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The bytes at a place, fewer than `len` only at the end.
    pub(crate) fn piece(&mut self, from: u64, len: u64) -> io::Result<Vec<u8>> {
        self.go(from)?;
        self.next(len)
    }

    /// Reads the bytes at a place into a buffer, and tells how many they are: fewer than it holds only at the end.
    pub(crate) fn fill(&mut self, from: u64, into: &mut [u8]) -> io::Result<usize> {
        self.go(from)?;
        let mut filled = 0;
        while filled < into.len() {
            match self.read(&mut into[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

impl<R: Read + Seek> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = into
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if len == 0 && !into.is_empty() {
            return Err(io::Error::other("more than a parser may read"));
        }
        let read = self.inner.read(&mut into[..len])?;
        self.at += read as u64;
        self.left -= read as u64;
        if self.left % 4096 < read as u64 && Instant::now() >= self.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Bounded<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        let to = to.filter(|to| i64::try_from(*to).is_ok());
        let to = to.ok_or(io::ErrorKind::InvalidInput)?;
        // Within what was read ahead, a step costs nothing.
        self.inner.seek_relative(to as i64 - self.at as i64)?;
        self.at = to;
        Ok(to)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, time::Duration};

    use super::*;

    /// What a parser reads that goes round and round in a file of this size.
    fn read_in_circles(size: usize, allowed: u64) -> u64 {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut file = Bounded::new(Cursor::new(vec![0; size]), allowed, deadline).unwrap();
        let mut read = 0;
        while file.go(0).is_ok()
            && let Ok(came) = file.read(&mut [0; 4096])
        {
            read += came as u64;
        }
        read
    }

    #[test]
    fn a_parser_that_goes_round_in_a_small_file_is_soon_ended() {
        assert_eq!(read_in_circles(5000, 64 << 20), 32 * 5000 + (1 << 20));
        assert_eq!(read_in_circles(1 << 20, 10 << 20), 10 << 20);
    }
}
