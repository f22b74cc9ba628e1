//! How long calls took, counted by size: cheap enough for every call, and of bounded room.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use kadenza_contract::CacheLatency;

/// Of calls into memory one in so many is timed, since looking at the clock takes as long as they do.
/// A prime, so that of calls that take turns each kind has its turn here.
const SAMPLED: u32 = 61;

thread_local! {
    /// How many calls on this thread are not timed before the next one is.
    static UNTIMED: Cell<u32> = const { Cell::new(0) };
}

/// Counts of calls by how long they took.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    within: [AtomicU64; CacheLatency::BOUNDS_US.len()],
    beyond: AtomicU64,
    /// In nanoseconds: many calls take less than a microsecond.
    sum: AtomicU64,
}

impl Latencies {
    /// A call took so long.
    pub(super) fn took(&self, time: Duration) {
        let bound = CacheLatency::BOUNDS_US
            .iter()
            .position(|us| time <= Duration::from_micros(*us));
        let count = bound.map_or(&self.beyond, |at| &self.within[at]);
        count.fetch_add(1, Ordering::Relaxed);
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum.fetch_add(time, Ordering::Relaxed);
    }

    /// Makes a call that is over at once, and counts it if it is its turn.
    pub(super) fn sample<T>(&self, call: impl FnOnce() -> T) -> T {
        let is_timed = UNTIMED.with(|untimed| match untimed.get() {
            0 => {
                untimed.set(SAMPLED - 1);
                true
            }
            more => {
                untimed.set(more - 1);
                false
            }
        });
        if !is_timed {
            return call();
        }
        let begun = Instant::now();
        let answer = call();
        self.took(begun.elapsed());
        answer
    }

    /// All calls so far.
    pub(super) fn so_far(&self) -> CacheLatency {
        CacheLatency {
            within: self
                .within
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
            beyond: self.beyond.load(Ordering::Relaxed),
            sum_us: self.sum.load(Ordering::Relaxed) / 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_at_the_first_bound_that_it_kept() {
        let latencies = Latencies::default();
        for us in [0, 5, 6, 50_000, 50_001] {
            latencies.took(Duration::from_micros(us));
        }
        let so_far = latencies.so_far();
        assert_eq!(so_far.within, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((so_far.beyond, so_far.sum_us), (1, 100_012));
        // Just above a bound is above it.
        latencies.took(Duration::from_nanos(5001));
        assert_eq!(latencies.so_far().within[1], 2);
    }

    #[test]
    fn of_many_calls_every_sixty_first_is_counted() {
        let latencies = Latencies::default();
        for n in 0..SAMPLED * 3 {
            assert_eq!(latencies.sample(|| n), n);
        }
        let so_far = latencies.so_far();
        assert_eq!(so_far.within.iter().sum::<u64>() + so_far.beyond, 3);
    }
}
