//! What happened in a world, as a hash and as its last lines.
//!
//! Two runs of a seed are the same run exactly if their hashes are equal. Everything that another order of events
//! would change goes into the hash: each message, each answer, each strike.

use std::{collections::VecDeque, fmt};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How many lines are kept for a report.
const TAIL: usize = 400;

/// The log of one world.
#[derive(Debug)]
pub(crate) struct Log {
    began: Instant,
    is_printed: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    hasher: blake3::Hasher,
    tail: VecDeque<String>,
}

impl Log {
    pub(crate) fn new(is_printed: bool) -> Log {
        Log {
            began: Instant::now(),
            is_printed,
            state: Mutex::default(),
        }
    }

    /// Milliseconds since the world began.
    pub(crate) fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    /// Notes a line.
    pub(crate) fn note(&self, line: fmt::Arguments<'_>) {
        let now = self.now_ms();
        let line = format!("{:>4}.{:03} {line}", now / 1000, now % 1000);
        if self.is_printed {
            eprintln!("{line}");
        }
        let mut state = self.state.lock();
        state.hasher.update(line.as_bytes()).update(b"\n");
        if state.tail.len() == TAIL {
            state.tail.pop_front();
        }
        state.tail.push_back(line);
    }

    /// Notes something too frequent for a line.
    pub(crate) fn mix(&self, what: &[u8]) {
        let now = self.now_ms();
        let mut state = self.state.lock();
        state.hasher.update(&now.to_be_bytes()).update(what);
    }

    /// The hash of everything so far.
    pub(crate) fn digest(&self) -> String {
        let hash = self.state.lock().hasher.finalize();
        hex::encode(&hash.as_bytes()[..8])
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> Vec<String> {
        self.state.lock().tail.iter().cloned().collect()
    }
}

/// Notes a line in a log.
macro_rules! note {
    ($log:expr, $($text:tt)*) => {
        $log.note(format_args!($($text)*))
    };
}
pub(crate) use note;
