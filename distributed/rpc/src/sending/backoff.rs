//! When an address that could not be reached may be dialled again.

use std::time::{Duration, Instant};

/// The pause after the first failure: a service that restarts is back in about that time.
const FIRST: Duration = Duration::from_millis(50);

/// No pause is longer, but for its jitter.
const LONGEST: Duration = Duration::from_secs(5);

/// The failures to reach one address, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// An attempt failed. The pause doubles each time, from 50 ms to 5 s; `jitter`, from 0 to 1,
    /// makes it up to a quarter longer, so that not all dial at the same moment.
    pub(crate) fn failed(&mut self, now: Instant, jitter: f64) {
        let pause = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause + pause.mul_f64(0.25 * jitter.clamp(0.0, 1.0)));
    }

    /// How long to wait before the next attempt; none if it may be made now.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_50_ms_to_5_s() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(
            backoff.pause(now),
            None,
            "the first attempt waits for nothing"
        );
        let pauses: Vec<u128> = (0..9)
            .map(|_| {
                backoff.failed(now, 0.0);
                backoff.pause(now).unwrap().as_millis()
            })
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.pause(now + LONGEST), None);
        backoff.failed(now, 1.0);
        assert_eq!(backoff.pause(now).unwrap(), LONGEST.mul_f64(1.25));
    }
}
