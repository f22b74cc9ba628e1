//! When each kind of maintenance was last due.

/// The first and the longest pause between two attempts to join again.
pub(super) const REJOIN_MS: (u64, u64) = (30_000, 600_000);

/// When what was last due.
#[derive(Debug)]
pub(super) struct Timers {
    pub(super) self_ms: Option<u64>,
    pub(super) past_ms: Option<u64>,
    pub(super) rejoin_ms: Option<u64>,
    pub(super) rejoin_wait_ms: u64,
    /// The most good entries there ever were.
    pub(super) good_most: usize,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            self_ms: None,
            past_ms: None,
            rejoin_ms: None,
            rejoin_wait_ms: REJOIN_MS.0,
            good_most: 0,
        }
    }
}

impl Timers {
    pub(super) fn grew(&mut self, good: usize) {
        self.good_most = self.good_most.max(good);
    }
}

/// Whether something that is to be done every `every_ms` is due, and is done now. The first time
/// counts from the first call.
pub(super) fn due_again(last_ms: &mut Option<u64>, now_ms: u64, every_ms: u64) -> bool {
    let due = last_ms.is_some_and(|last_ms| now_ms.saturating_sub(last_ms) >= every_ms);
    if due || last_ms.is_none() {
        *last_ms = Some(now_ms);
    }
    due
}
