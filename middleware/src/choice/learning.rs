//! When servers are asked for the servers that they know. Pure: time comes in as an argument.

use std::time::Duration;

/// How soon after a server fell the others are asked again, at the earliest.
const HURRY_SPACING: Duration = Duration::from_secs(5);

/// When to learn next.
#[derive(Debug)]
pub(crate) struct Learning {
    every: Option<Duration>,
    next_at: Duration,
    last_at: Option<Duration>,
}

impl Learning {
    /// Learns with the first call, and then this often; never if that is `None`.
    pub(crate) fn new(every: Option<Duration>) -> Learning {
        Learning {
            every,
            next_at: Duration::ZERO,
            last_at: None,
        }
    }

    /// A server fell: others may be needed soon.
    pub(crate) fn hurry(&mut self, now: Duration) {
        let soon = self
            .last_at
            .map_or(now, |last| now.max(last + HURRY_SPACING));
        self.next_at = self.next_at.min(soon);
    }

    /// Whether it is time to learn; if so, it counts as begun.
    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let Some(every) = self.every else {
            return false;
        };
        if now < self.next_at {
            return false;
        }
        self.last_at = Some(now);
        self.next_at = now + every;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_call_learns_and_then_one_a_minute() {
        let mut learning = Learning::new(Some(S * 60));
        assert!(learning.take(S));
        assert!(!learning.take(S * 60));
        assert!(learning.take(S * 61));
    }

    #[test]
    fn a_fall_hurries_but_not_without_end() {
        let mut learning = Learning::new(Some(S * 60));
        assert!(learning.take(S));
        learning.hurry(S * 2);
        assert!(!learning.take(S * 5));
        assert!(learning.take(S * 6));
        learning.hurry(S * 30);
        assert!(learning.take(S * 30));
    }

    #[test]
    fn learning_can_be_switched_off() {
        let mut learning = Learning::new(None);
        learning.hurry(S);
        assert!(!learning.take(S * 1000));
    }
}
