//! A reader: a process that reads files of strangers for another one, until that one ends.
//!
//! It has nothing but two pipes. What it needs of a file it asks for, so a file that takes it over can read
//! nothing but itself.

use std::{
    io::{self, Read, Seek, SeekFrom, Stdin, Stdout},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    found::Found,
    job::{Job, done},
    limits,
    wire::{
        ASK, BYTES, FOUND, NO_PIECE, ORDER, PIECE, PIECE_BYTES_MAX, TEXT_BYTES_MAX, receive, send,
    },
};

/// The first piece that is asked for behind a jump. Further ones grow.
const FIRST_BYTES: usize = 16 << 10;

/// An order to a reader.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) job: Job,
    /// The size of the file.
    pub(super) len: u64,
    /// How long the reader may work itself, in milliseconds.
    pub(super) own_ms: u64,
    /// How long the job may take with all waiting for the file, in milliseconds.
    pub(super) all_ms: u64,
    /// Whether it has only the memory of a quick job.
    pub(super) is_quick: bool,
}

/// Reads files for the process at the other end of standard input and output, until that closes them. A
/// [`ReaderProgram`](crate::ReaderProgram) calls this first of all, and ends when it returns.
///
/// Limits this process for good: its memory, its processor time, and that it opens nothing.
///
/// # Errors
///
/// If the limits cannot be set, or the pipes break.
pub fn read_files() -> io::Result<()> {
    let limits = limits::for_life()?;
    // The file is at fault; the other process tells of it.
    std::panic::set_hook(Box::new(|_| {}));
    let (mut from, mut to) = (io::stdin(), io::stdout());
    loop {
        let order = match receive(&mut from, TEXT_BYTES_MAX) {
            Ok((ORDER, order)) => order,
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let order: Order = serde_json::from_slice(&order)?;
        limits::for_a_job(&limits, order.is_quick)?;
        let mut file = Remote {
            from: &mut from,
            to: &mut to,
            len: order.len,
            at: 0,
            head: Piece::default(),
            recent: Default::default(),
            next_bytes: FIRST_BYTES,
            clock: Clock::of(&order),
        };
        let deadline = Instant::now() + Duration::from_millis(order.all_ms);
        // Where it cannot be read, that is told when it is asked for.
        file.head = file.given(0).unwrap_or_default();
        let (found, bytes) = Found::of(done(order.job, file, deadline));
        if let Some(bytes) = bytes {
            send(&mut to, BYTES, &bytes)?;
        }
        send(&mut to, FOUND, &serde_json::to_vec(&found)?)?;
    }
}

/// How long this process worked itself.
struct Clock {
    begun: Instant,
    waited: Duration,
    own_max: Duration,
}

impl Clock {
    fn of(order: &Order) -> Clock {
        Clock {
            begun: Instant::now(),
            waited: Duration::ZERO,
            own_max: Duration::from_millis(order.own_ms),
        }
    }

    fn has_ended(&self) -> bool {
        self.begun.elapsed().saturating_sub(self.waited) >= self.own_max
    }
}

/// A file that the other process has.
struct Remote<'a> {
    from: &'a mut Stdin,
    to: &'a mut Stdout,
    len: u64,
    at: u64,
    head: Piece,
    /// The two pieces that were asked for last, the last one first: parsers go back and forth.
    recent: [Piece; 2],
    next_bytes: usize,
    clock: Clock,
}

/// Bytes of a file, and where they are.
#[derive(Debug, Default)]
struct Piece {
    at: u64,
    bytes: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    fn behind(&self, at: u64) -> Option<&[u8]> {
        let within = usize::try_from(at.checked_sub(self.at)?).ok()?;
        self.bytes.get(within..).filter(|bytes| !bytes.is_empty())
    }
}

impl Remote<'_> {
    /// Bytes from here on, if there are any without asking.
    fn here(&self) -> Option<&[u8]> {
        let mut pieces = std::iter::once(&self.head).chain(&self.recent);
        pieces.find_map(|piece| piece.behind(self.at))
    }

    fn ask(&mut self, at_least: usize) -> io::Result<()> {
        if self.clock.has_ended() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let is_next = [&self.head, &self.recent[0]]
            .map(Piece::end)
            .contains(&self.at);
        self.next_bytes = match is_next {
            true => (self.next_bytes * 2).min(PIECE_BYTES_MAX),
            false => FIRST_BYTES,
        };
        let len = self.next_bytes.max(at_least).min(PIECE_BYTES_MAX);
        let asked = [&self.at.to_le_bytes()[..], &(len as u32).to_le_bytes()].concat();
        let begun = Instant::now();
        send(self.to, ASK, &asked)?;
        let piece = self.given(self.at);
        self.clock.waited += begun.elapsed();
        self.recent.swap(0, 1);
        self.recent[0] = piece?;
        Ok(())
    }

    /// Receives the piece at a place.
    fn given(&mut self, at: u64) -> io::Result<Piece> {
        match receive(self.from, PIECE_BYTES_MAX)? {
            (PIECE, bytes) => Ok(Piece { at, bytes }),
            (NO_PIECE, why) => Err(io::Error::other(String::from_utf8_lossy(&why).into_owned())),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Read for Remote<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.at >= self.len {
            return Ok(0);
        }
        if self.here().is_none() {
            self.ask(into.len())?;
        }
        let here = self.here().unwrap_or_default();
        let len = here.len().min(into.len());
        into[..len].copy_from_slice(&here[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for Remote<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
