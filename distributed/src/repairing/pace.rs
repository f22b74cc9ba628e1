//! How fast copies are given.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// After a rest, so much may be sent at once.
const AHEAD: Duration = Duration::from_millis(100);

/// Lets so many bytes a second through, whoever sends them.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    /// When all that was let through so far is sent at this pace.
    sent_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// A pace; 0 is as fast as can be.
    pub(crate) fn new(bytes_per_second: u64) -> Pace {
        Pace {
            bytes_per_second,
            sent_at: Mutex::new(None),
        }
    }

    /// Waits until so many more bytes may be sent.
    pub(crate) async fn take(&self, bytes: u64) {
        if self.bytes_per_second == 0 {
            return;
        }
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let begin = {
            let mut sent_at = self.sent_at.lock();
            let earliest = Instant::now() - AHEAD;
            let begin = sent_at.map_or(earliest, |at| at.max(earliest));
            *sent_at = Some(begin + takes);
            begin
        };
        sleep_until(begin).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_senders_together_keep_the_pace() {
        let (pace, began) = (Pace::new(1_000_000), Instant::now());
        let send = || async {
            for _ in 0..50 {
                pace.take(100_000).await;
            }
        };
        tokio::join!(send(), send());
        let took = began.elapsed();
        assert!((9..=10).contains(&took.as_secs()), "{took:?}");
        // A rest is not made up for.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let again = Instant::now();
        tokio::join!(send(), send());
        assert!(again.elapsed() >= Duration::from_secs(9));
        let unbounded = Pace::new(0);
        let now = Instant::now();
        unbounded.take(u64::MAX).await;
        assert_eq!(now.elapsed(), Duration::ZERO);
    }
}
