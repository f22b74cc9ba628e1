//! The frames that wait to be written to one peer, in two lanes: small frames go first.
//!
//! Frames cannot be cut into each other on one connection, so a small frame may wait for the one
//! bulk frame that is being written, never for those behind it; and between two bulk frames all small
//! ones go that are there. A bulk frame waits for one batch of small ones, never for a stream of
//! them. No socket and no clock here.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::wire::frame::Header;

/// Buffers that grew beyond this many bytes are given back once they are written.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// There is no room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A frame longer than small ones; its attachment is not copied.
#[derive(Debug)]
pub(crate) struct Bulk {
    pub(crate) head: Vec<u8>,
    pub(crate) attachment: Bytes,
    /// Its share of the lane, given back when it is written or dropped.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Bulk {
    fn len(&self) -> usize {
        self.head.len() + self.attachment.len()
    }

    /// The room that it needs in the lane.
    pub(crate) fn bytes(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }
}

/// The two lanes. The small one is bounded in bytes here; of the bulk one each frame holds its room.
#[derive(Debug)]
pub(crate) struct Outbox {
    small: Vec<u8>,
    small_bytes_max: usize,
    bulk: VecDeque<Bulk>,
}

impl Outbox {
    pub(crate) fn new(small_bytes_max: usize) -> Outbox {
        Outbox {
            small: Vec::new(),
            small_bytes_max,
            bulk: VecDeque::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.small.is_empty() && self.bulk.is_empty()
    }

    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.small.len() + self.bulk.iter().map(Bulk::len).sum::<usize>()
    }

    /// Queues a small frame, attachment and all.
    pub(crate) fn push_small(&mut self, head: &[u8], attachment: &[u8]) -> Result<(), Full> {
        if self.small.len() + head.len() + attachment.len() > self.small_bytes_max {
            return Err(Full);
        }
        self.small.extend_from_slice(head);
        self.small.extend_from_slice(attachment);
        Ok(())
    }

    /// Queues a bulk frame.
    pub(crate) fn push_bulk(&mut self, frame: Bulk) {
        self.bulk.push_back(frame);
    }

    /// Moves the next to be written into a batch that is done: all small frames, then at most one
    /// bulk frame. Says whether there is anything.
    pub(crate) fn fill(&mut self, batch: &mut Batch) -> bool {
        debug_assert!(batch.is_done());
        batch.small.clear();
        batch.small.shrink_to(KEPT_BYTES_MAX);
        batch.written = 0;
        std::mem::swap(&mut batch.small, &mut self.small);
        batch.bulk = self.bulk.pop_front();
        !batch.is_done()
    }
}

/// The frames that are being written.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    small: Vec<u8>,
    bulk: Option<Bulk>,
    written: usize,
}

impl Batch {
    fn len(&self) -> usize {
        self.small.len() + self.bulk.as_ref().map_or(0, Bulk::len)
    }

    /// Whether all of it is written.
    pub(crate) fn is_done(&self) -> bool {
        self.written == self.len()
    }

    /// How many bytes are still to be written.
    pub(crate) fn bytes(&self) -> usize {
        self.len() - self.written
    }

    /// The bytes that are still to be written.
    pub(crate) fn slices(&self) -> [IoSlice<'_>; 3] {
        let (head, attachment) = match &self.bulk {
            Some(bulk) => (&bulk.head[..], &bulk.attachment[..]),
            None => Default::default(),
        };
        let mut skip = self.written;
        [&self.small[..], head, attachment].map(|part| {
            let skipped = skip.min(part.len());
            skip -= skipped;
            IoSlice::new(&part[skipped..])
        })
    }

    /// So many more bytes were written.
    pub(crate) fn advance(&mut self, written: usize) {
        self.written += written;
        debug_assert!(self.written <= self.len());
        if self.is_done() {
            self.bulk = None;
            self.small.clear();
            self.written = 0;
        }
    }

    /// The connection is gone: what it took whole is done, and a frame of which it took only a part
    /// starts again on the next one. The peer cannot have acted on a part of a frame.
    pub(crate) fn rewind(&mut self) {
        let mut whole = 0;
        while let Some(header) = self.small.get(whole..).and_then(|rest| rest.first_chunk()) {
            let Some(header) = Header::read(*header) else {
                break;
            };
            let end = whole + header.frame_bytes();
            if end > self.written {
                break;
            }
            whole = end;
        }
        self.small.drain(..whole);
        self.written = 0;
    }
}

#[cfg(test)]
mod tests;
