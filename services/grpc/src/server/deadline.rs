//! The deadline that a client gives its call, as gRPC says it: `grpc-timeout`, up to eight digits and
//! a unit.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;

use kadenza_contract::{Error, Result};

/// When a call is to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    begun: Instant,
    given: Option<Duration>,
}

impl Deadline {
    /// The deadline that the client states; `None` if it states none or a malformed one.
    pub(super) fn of(metadata: &MetadataMap) -> Deadline {
        Deadline {
            begun: Instant::now(),
            given: metadata
                .get("grpc-timeout")
                .and_then(|text| parsed(text.to_str().ok()?)),
        }
    }

    /// The same, or earlier.
    pub(super) fn at_most(self, limit: Duration) -> Deadline {
        Deadline {
            given: Some(self.given.map_or(limit, |given| given.min(limit))),
            ..self
        }
    }

    /// The moment; far away where there is none.
    pub(super) fn at(self) -> Instant {
        const FAR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
        self.begun + self.given.unwrap_or(FAR).min(FAR)
    }

    /// Waits for an answer, and gives it up at the deadline.
    pub(super) async fn within<T>(self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout_at(self.at(), answer).await {
            Ok(answer) => answer,
            Err(_) => Err(self.passed()),
        }
    }

    /// The status of a call whose deadline has passed.
    pub(super) fn passed(self) -> Error {
        Error::Timeout {
            waited: self.begun.elapsed(),
        }
    }
}

fn parsed(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_eight_digits_and_a_unit() {
        assert_eq!(parsed("250m"), Some(Duration::from_millis(250)));
        assert_eq!(
            parsed("99999999H"),
            Some(Duration::from_secs(359_999_996_400))
        );
        for none in ["", "m", "5", "5x", "123456789m", "-1m", "1é"] {
            assert_eq!(parsed(none), None, "{none}");
        }
    }

    #[test]
    fn the_longest_time_that_can_be_said_is_no_panic() {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", "99999999H".parse().unwrap());
        assert!(Deadline::of(&metadata).at() > Instant::now());
    }
}
