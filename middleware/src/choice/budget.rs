//! The one budget that bounds all repeats: retries, hedges and repeated resumptions together.
//!
//! A token bucket after Finagle's `RetryBudget`: each first request earns a part of a repeat, and a
//! small reserve that fills with time keeps a client with little traffic able to try again. When
//! every server fails, the load that this client adds is then at most [`EARNED`] of its requests
//! and [`REFILL_PER_S`] a second, and a failing cluster is not kept down by those that retry.
//!
//! Pure: no clock; the time since the client's start comes in as an argument.

use std::time::Duration;

/// How much of a repeat a first request earns: one repeat for five requests.
const EARNED: f64 = 0.2;
/// How many repeats a second are earned by time alone.
const REFILL_PER_S: f64 = 2.0;
/// The most repeats that can be saved up. A guess: a server that dies takes about as many requests
/// with it as a home has under way at once; each of them needs one repeat.
const SAVED_MAX: f64 = 30.0;

/// A token bucket; a token is a repeat.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: f64,
    filled_at: Duration,
}

impl Budget {
    /// A full bucket.
    pub(crate) fn new(now: Duration) -> Budget {
        Budget {
            tokens: SAVED_MAX,
            filled_at: now,
        }
    }

    /// A first request was sent.
    pub(crate) fn earn(&mut self, now: Duration) {
        self.tokens += EARNED;
        self.fill(now);
    }

    /// Takes a repeat out; `false` if none is left.
    pub(crate) fn spend(&mut self, now: Duration) -> bool {
        self.fill(now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Takes a repeat out for what is not needed, and so leaves half of them to failures; `false` if no more are left.
    pub(crate) fn spend_spare(&mut self, now: Duration) -> bool {
        self.fill(now);
        self.tokens >= SAVED_MAX / 2.0 + 1.0 && self.spend(now)
    }

    /// How long until a repeat is there by time alone; zero if there is one.
    pub(crate) fn wait(&mut self, now: Duration) -> Duration {
        self.fill(now);
        Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / REFILL_PER_S)
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * REFILL_PER_S).min(SAVED_MAX);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn repeats_never_exceed_their_share(steps in proptest::collection::vec((0u64..200, 0u8..4), 0..2000)) {
            let mut now = Duration::ZERO;
            let mut budget = Budget::new(now);
            let (mut firsts, mut repeats) = (0u32, 0u32);
            for (passed_ms, what) in steps {
                now += Duration::from_millis(passed_ms);
                if what == 0 {
                    budget.earn(now);
                    firsts += 1;
                } else if budget.spend(now) {
                    repeats += 1;
                }
                let allowed = SAVED_MAX + EARNED * f64::from(firsts) + REFILL_PER_S * now.as_secs_f64();
                prop_assert!(f64::from(repeats) <= allowed + 1e-6);
            }
        }

        #[test]
        fn after_the_wait_there_is_a_repeat(spent in 0usize..60) {
            let mut budget = Budget::new(Duration::ZERO);
            for _ in 0..spent {
                budget.spend(Duration::ZERO);
            }
            let wait = budget.wait(Duration::ZERO);
            prop_assert!(budget.spend(wait + Duration::from_millis(1)));
        }
    }

    #[test]
    fn an_empty_bucket_refuses() {
        let mut budget = Budget::new(Duration::ZERO);
        let spent = (0..1000).filter(|_| budget.spend(Duration::ZERO)).count();
        assert_eq!(spent, 30);
        assert!(budget.wait(Duration::ZERO) > Duration::ZERO);
    }

    #[test]
    fn what_is_not_needed_leaves_repeats_to_failures() {
        let mut budget = Budget::new(Duration::ZERO);
        let spare = (0..1000).filter(|_| budget.spend_spare(Duration::ZERO));
        assert_eq!(spare.count(), 15);
        let spent = (0..1000).filter(|_| budget.spend(Duration::ZERO)).count();
        assert_eq!(spent, 15);
    }

    #[test]
    fn a_clock_that_goes_back_earns_nothing() {
        let mut budget = Budget::new(Duration::from_secs(10));
        while budget.spend(Duration::from_secs(10)) {}
        assert!(!budget.spend(Duration::from_secs(5)));
        assert!(!budget.spend(Duration::from_secs(10)));
    }
}
