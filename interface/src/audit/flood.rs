//! Some events anybody can cause, as often as they like. They must not push the others out of the log.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The events that a stranger causes.
const BY_STRANGERS: [&str; 1] = ["sign-in-failed"];
/// So many of each are written in a [`SPAN`]. The log then goes back some days at least, however many there are.
const WRITTEN_MAX: u32 = 20;
/// Each so often the count begins anew.
const SPAN: Duration = Duration::from_secs(60);

/// How often each event of a stranger was told lately.
#[derive(Debug, Default)]
pub(super) struct Flood {
    counts: BTreeMap<&'static str, Count>,
}

#[derive(Debug)]
struct Count {
    begun: Instant,
    told: u64,
}

impl Count {
    fn beyond(&self) -> u64 {
        self.told.saturating_sub(WRITTEN_MAX.into())
    }
}

impl Flood {
    /// Whether the event is to be written.
    pub(super) fn admits(&mut self, event: &str, now: Instant) -> bool {
        let Some(event) = BY_STRANGERS.into_iter().find(|one| *one == event) else {
            return true;
        };
        let count = self.counts.entry(event).or_insert(Count {
            begun: now,
            told: 0,
        });
        count.told += 1;
        count.told <= WRITTEN_MAX.into()
    }

    /// The events whose span is over, and how many of each were not written in it.
    pub(super) fn passed(&mut self, now: Instant) -> Vec<(&'static str, u64)> {
        let is_over = |count: &Count| now.saturating_duration_since(count.begun) >= SPAN;
        let over = self.counts.extract_if(.., |_, count| is_over(count));
        over.map(|(event, count)| (event, count.beyond()))
            .filter(|(_, beyond)| *beyond > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_counted_and_the_rest_is_written() {
        let (mut flood, begun) = (Flood::default(), Instant::now());
        let mut admitted = 0;
        for _ in 0..1000 {
            assert!(flood.admits("uploaded", begun));
            admitted += u32::from(flood.admits("sign-in-failed", begun));
            assert!(flood.passed(begun).is_empty());
        }
        assert_eq!(admitted, WRITTEN_MAX);
        let later = begun + SPAN;
        assert_eq!(flood.passed(later), [("sign-in-failed", 980)]);
        assert!(flood.passed(later).is_empty());
        assert!(flood.admits("sign-in-failed", later));
        assert!(flood.passed(later + SPAN).is_empty());
    }
}
