//! How long to wait for one peer: a soft deadline that follows its measured round trips, and a
//! hard one.
//!
//! At the soft deadline a request stops holding others up; its answer is still taken. Estimated as
//! TCP does (RFC 6298), except that every answer is a sample: answers name their request, so a late
//! one is not mistaken for another's.

use std::time::Duration;

/// No soft deadline is shorter: what a busy machine takes to schedule a task.
const SOFT_MIN: Duration = Duration::from_millis(50);

/// The soft deadline of a peer that was never measured.
const SOFT_START: Duration = Duration::from_millis(300);

/// No soft deadline is longer, whatever was measured and however often it passed.
const SOFT_MAX: Duration = Duration::from_secs(2);

/// A request unanswered for so long has failed.
const HARD: Duration = Duration::from_secs(5);

/// No hedge starts sooner. A guess; the rate of hedges under load would settle it.
const HEDGE_MIN: Duration = Duration::from_millis(10);

/// The round trips to one peer.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoundTrip {
    /// Smoothed round trip and its mean deviation.
    estimate: Option<(Duration, Duration)>,
    /// Soft deadlines passed since the last answer.
    passed: u32,
}

impl RoundTrip {
    /// A peer that was never measured.
    #[must_use]
    pub fn new() -> RoundTrip {
        RoundTrip::default()
    }

    /// An answer took this long, be it in time or late.
    pub fn answered(&mut self, took: Duration) {
        let took = took.min(HARD);
        self.passed = 0;
        self.estimate = Some(match self.estimate {
            None => (took, took / 2),
            Some((mean, deviation)) => (
                (mean * 7 + took) / 8,
                (deviation * 3 + mean.abs_diff(took)) / 4,
            ),
        });
    }

    /// The soft deadline of a request passed: the next one is twice as long, within bounds.
    pub fn late(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }

    /// When a request stops holding others up: the smoothed round trip and four deviations,
    /// doubled for each one that passed since the last answer; from 50 ms to 2 s.
    #[must_use]
    pub fn soft(&self) -> Duration {
        let base = match self.estimate {
            None => SOFT_START,
            Some((mean, deviation)) => (mean + deviation * 4).max(SOFT_MIN),
        };
        base.saturating_mul(1 << self.passed.min(6)).min(SOFT_MAX)
    }

    /// When a request has failed: 5 s.
    #[must_use]
    pub fn hard(&self) -> Duration {
        HARD
    }

    /// When a hedge is worth its while: some 95 of 100 answers come sooner. (Two mean deviations
    /// are 1.6 standard deviations where round trips are normally distributed.) From 10 ms up to
    /// the soft deadline; the soft deadline itself for a peer that was never measured.
    #[must_use]
    pub fn hedge(&self) -> Duration {
        match self.estimate {
            None => self.soft(),
            Some((mean, deviation)) => (mean + deviation * 2).max(HEDGE_MIN).min(self.soft()),
        }
    }

    /// The smoothed round trip; none before the first answer.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.estimate.map(|(mean, _)| mean)
    }
}

#[cfg(test)]
mod tests;
