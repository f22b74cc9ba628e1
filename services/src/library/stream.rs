//! Audio on its way to a listener: pieces of open audio, read when they are asked for.

use std::{
    collections::VecDeque,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::JoinHandle;

use super::opened::Opened;
use crate::{CHUNK_BYTES, Error, Result};

/// The bytes of a range, in pieces of at most 256 KiB. What is in memory is read on the thread that
/// polls, without a task or a hop; a piece of a file that must come from the disk is read on the
/// blocking pool; of an object, a few pieces are fetched ahead, and no more before they are taken.
#[derive(Debug)]
pub(super) struct Reading {
    opened: Arc<Opened>,
    rest: Range<u64>,
    /// The first pieces of the rest, on their way.
    waiting: VecDeque<JoinHandle<Result<Bytes>>>,
    /// Where the first piece begins that is not on its way.
    next: u64,
}

impl Reading {
    /// The bytes of a range that lies within the audio.
    pub(super) fn new(opened: Arc<Opened>, range: Range<u64>) -> Reading {
        Reading {
            opened,
            next: range.start,
            rest: range,
            waiting: VecDeque::new(),
        }
    }

    fn read_ahead(&mut self) {
        while self.waiting.len() < self.opened.ahead() && self.next < self.rest.end {
            let piece = CHUNK_BYTES as u64;
            let end = ((self.next / piece + 1) * piece).min(self.rest.end);
            self.waiting.push_back(self.opened.begin(self.next..end));
            self.next = end;
        }
    }
}

impl Stream for Reading {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let now = match this.waiting.is_empty() {
            true => this.opened.read_now(this.rest.clone()),
            false => None,
        };
        let read = match now {
            Some(bytes) => {
                this.next = this.rest.start + bytes.len() as u64;
                Ok(bytes)
            }
            None => {
                this.read_ahead();
                let Some(task) = this.waiting.front_mut() else {
                    unreachable!("a rest that is not empty has a first piece");
                };
                let done = ready!(Pin::new(task).poll(cx));
                this.waiting.pop_front();
                done.unwrap_or_else(|error| Err(Error::storage("reading audio")(error.into())))
            }
        };
        match &read {
            Ok(bytes) => this.rest.start += bytes.len() as u64,
            // An error is the last item.
            Err(_) => this.rest.start = this.rest.end,
        }
        Poll::Ready(Some(read))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(!self.rest.is_empty()), None)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Nobody takes what is still on its way.
        for task in &self.waiting {
            task.abort();
        }
    }
}
