//! How fast copies are given.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// After a rest, so much may be sent at once.
const AHEAD: Duration = Duration::from_millis(100);

/// Over how long it is counted how much was let through lately.
const LATELY: Duration = Duration::from_secs(10);

/// Lets so many bytes a second through, whoever sends them.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    /// When all that was let through so far is sent at this pace.
    sent_at: Mutex<Option<Instant>>,
    lately: Mutex<Lately>,
}

/// What was let through in the span of time that is under way, and in the one before.
#[derive(Debug, Default)]
struct Lately {
    began: Option<Instant>,
    bytes: u64,
    bytes_before: u64,
}

impl Lately {
    fn at(&mut self, now: Instant) -> (&mut Lately, Duration) {
        let mut began = *self.began.get_or_insert(now);
        if now - began >= LATELY {
            let is_next = now - began < 2 * LATELY;
            self.bytes_before = if is_next { self.bytes } else { 0 };
            self.bytes = 0;
            began = if is_next { began + LATELY } else { now };
            self.began = Some(began);
        }
        (self, now - began)
    }
}

impl Pace {
    /// A pace; 0 is as fast as can be.
    pub(crate) fn new(bytes_per_second: u64) -> Pace {
        Pace {
            bytes_per_second,
            sent_at: Mutex::new(None),
            lately: Mutex::default(),
        }
    }

    /// How many bytes were let through in a second, in the mean of the last ones.
    pub(crate) fn recent_bytes_per_second(&self) -> u64 {
        let mut lately = self.lately.lock();
        let (lately, since) = lately.at(Instant::now());
        let counted_before = (LATELY - since).as_secs_f64() / LATELY.as_secs_f64();
        let bytes = lately.bytes as f64 + lately.bytes_before as f64 * counted_before;
        (bytes / LATELY.as_secs_f64()) as u64
    }

    /// Waits until so many more bytes may be sent.
    pub(crate) async fn take(&self, bytes: u64) {
        self.lately.lock().at(Instant::now()).0.bytes += bytes;
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
        let recent = pace.recent_bytes_per_second();
        assert!((900_000..=1_100_000).contains(&recent), "{recent}");
        // A rest is not made up for.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(pace.recent_bytes_per_second(), 0);
        let again = Instant::now();
        tokio::join!(send(), send());
        assert!(again.elapsed() >= Duration::from_secs(9));
        let unbounded = Pace::new(0);
        let now = Instant::now();
        unbounded.take(u64::MAX).await;
        assert_eq!(now.elapsed(), Duration::ZERO);
    }
}
