//! Audio on its way to a listener: pieces of an open file, read when they are asked for.

use std::{
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;
use tokio::task::JoinHandle;

use super::opened::Opened;
use crate::{Error, Result};

/// The bytes of a range, in pieces of at most 256 KiB. What is in memory is read on the thread that
/// polls, without a task or a hop; a piece that must come from the disk is read on the blocking
/// pool.
#[derive(Debug)]
pub(super) struct Reading {
    opened: Arc<Opened>,
    rest: Range<u64>,
    waiting: Option<JoinHandle<Result<Bytes>>>,
}

impl Reading {
    /// The bytes of a range that lies within the file.
    pub(super) fn new(opened: Arc<Opened>, range: Range<u64>) -> Reading {
        Reading {
            opened,
            rest: range,
            waiting: None,
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
        let read = loop {
            if let Some(task) = &mut this.waiting {
                let done = ready!(Pin::new(task).poll(cx));
                this.waiting = None;
                break done
                    .unwrap_or_else(|error| Err(Error::storage("reading audio")(error.into())));
            }
            if let Some(bytes) = this.opened.read_now(this.rest.clone()) {
                break Ok(bytes);
            }
            let (opened, rest) = (Arc::clone(&this.opened), this.rest.clone());
            this.waiting = Some(tokio::task::spawn_blocking(move || {
                opened.read_waiting(rest)
            }));
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
