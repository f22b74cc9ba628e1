//! How long audio lasts, where that was found out here.

use std::time::Duration;

/// What was found to be so, whatever the file states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// `None` where it is not known.
    pub(crate) lasts: Option<Duration>,
    /// The size of the audio, where the bit rate has to be told by it.
    pub(crate) bytes: Option<u64>,
}

/// How long so many samples last, to the millisecond.
pub(crate) fn of_samples(samples: u64, rate: u32) -> Duration {
    let rate = u128::from(rate.max(1));
    let ms = (u128::from(samples) * 1000 + rate / 2) / rate;
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
