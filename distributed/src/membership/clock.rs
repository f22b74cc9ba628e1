//! The clock of leases.

use rustix::time::{ClockId, clock_gettime};

/// Also counts while the machine is suspended: a lease is over when it wakes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Milliseconds on a clock that nobody can set.
pub(crate) fn now_ms() -> u64 {
    let now = clock_gettime(CLOCK);
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}
