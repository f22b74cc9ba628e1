//! The header `Server-Timing` (W3C): how long the parts of an answer took.

use std::{fmt, time::Duration};

use http::{HeaderMap, HeaderName};
use sfv::BareItem;

use crate::fields::{members, text};

/// The name of the header.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// The part that is everything until the head of the answer.
pub const TOTAL: &str = "total";
/// The part that the music service took.
pub const SERVICE: &str = "service";
/// The longest time that is believed.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer took. Written as `total;dur=12.345, service;dur=12.001, below;dur=11.700`, in
/// milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct ServerTiming<'a> {
    /// The time until the head of the answer.
    pub total: Duration,
    /// The part of it that the music service took.
    pub service: Duration,
    /// The layers that told how long they took.
    pub layers: &'a [(&'static str, Duration)],
}

impl fmt::Display for ServerTiming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut part = |before: &str, name: &str, time: Duration| {
            let (ms, us) = (time.as_millis(), time.subsec_micros() % 1000);
            write!(f, "{before}{name};dur={ms}.{us:03}")
        };
        part("", TOTAL, self.total)?;
        part(", ", SERVICE, self.service)?;
        self.layers
            .iter()
            .try_for_each(|(layer, took)| part(", ", layer, *took))
    }
}

/// Reads how long a part took. The first part of that name counts; a time that makes no sense is none.
#[must_use]
pub fn read(headers: &HeaderMap, part: &str) -> Option<Duration> {
    let parts = members(headers, &SERVER_TIMING);
    let part = parts
        .iter()
        .find(|member| text(&member.bare_item) == Some(part))?;
    let ms = match part.params.get("dur")? {
        BareItem::Decimal(ms) => f64::from(*ms),
        // Integers of structured fields have at most 15 digits, which a float holds exactly.
        BareItem::Integer(ms) => i64::from(*ms) as f64,
        _ => return None,
    };
    let time = Duration::try_from_secs_f64(ms / 1000.0).ok()?;
    (time <= TIME_MAX).then_some(time)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(line: &str) -> HeaderMap {
        HeaderMap::from_iter([(SERVER_TIMING, HeaderValue::from_str(line).unwrap())])
    }

    #[test]
    fn times_are_milliseconds_with_three_digits() {
        let timing = ServerTiming {
            total: Duration::from_micros(1_234_005),
            service: Duration::from_micros(7),
            layers: &[("below", Duration::from_micros(1_500))],
        };
        let line = timing.to_string();
        assert_eq!(
            line,
            "total;dur=1234.005, service;dur=0.007, below;dur=1.500"
        );
        let headers = headers(&line);
        assert_eq!(read(&headers, TOTAL), Some(timing.total));
        assert_eq!(read(&headers, "below"), Some(timing.layers[0].1));
        assert_eq!(read(&headers, "cache"), None);
    }

    #[test]
    fn a_whole_number_of_milliseconds_is_read_too() {
        assert_eq!(
            read(&headers("total;desc=\"a, b\";dur=3"), TOTAL),
            Some(Duration::from_millis(3))
        );
    }

    #[test]
    fn times_that_make_no_sense_are_none() {
        for line in [
            "total;dur=-1",
            "total;dur=NaN",
            "total;dur=1e300",
            "total;dur=999999999999",
            "total",
            "dur=3",
            "",
        ] {
            assert_eq!(read(&headers(line), TOTAL), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_reader(line in "[ -~]{0,100}|[\",;=\\\\ a-z0-9.]{0,60}") {
            let _ = read(&headers(&line), TOTAL);
        }
    }
}
