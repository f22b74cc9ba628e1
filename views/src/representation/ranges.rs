//! The header `Range` (RFC 9110, section 14): which bytes are asked for.

use std::ops::Range;

use kadenza_contract::ByteRange;

/// The most ranges that are looked at in one request; a header with more is ignored, as the RFC
/// allows for requests that look like an attack. Players ask for one.
const RANGES_MAX: usize = 16;

/// The meaning of a `Range` header for audio of a certain size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ranges {
    /// All of it: the header is malformed, of another unit, or asks for too many pieces.
    All,
    /// These bytes, in the order in which they were asked for; never empty, none of them empty, and
    /// no two overlap or touch.
    Some(Vec<Range<u64>>),
    /// None of the ranges has a byte in it.
    Unsatisfiable,
}

/// Reads a `Range` header.
pub(crate) fn parse(header: &[u8], size: u64) -> Ranges {
    let Some(ranges) = std::str::from_utf8(header).ok().and_then(specs) else {
        return Ranges::All;
    };
    let mut wanted: Vec<Range<u64>> = Vec::new();
    for spec in ranges {
        match spec.map(|spec| spec.within(size)) {
            None => return Ranges::All,
            Some(range) if range.is_empty() => {}
            Some(range) => coalesce(&mut wanted, range),
        }
    }
    if wanted.is_empty() {
        Ranges::Unsatisfiable
    } else {
        Ranges::Some(wanted)
    }
}

/// The one range that a header asks for, if it can be told without knowing the size: counted from
/// the start, as players ask.
pub(crate) fn plain(header: &[u8]) -> Option<ByteRange> {
    let mut specs = specs(std::str::from_utf8(header).ok()?)?;
    match (specs.next()??, specs.next()) {
        (Spec::From { first, last }, None) => Some(ByteRange {
            start: first,
            end: last.map(|last| last.saturating_add(1)),
        }),
        _ => None,
    }
}

/// The specifications in a header, each `None` if it is malformed.
fn specs(header: &str) -> Option<impl Iterator<Item = Option<Spec>>> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A list may have empty elements (RFC 9110, section 5.6.1), but not be nothing else.
    let elements = || {
        set.split(',')
            .map(|element| element.trim_matches([' ', '\t']))
    };
    let specs = elements().filter(|element| !element.is_empty());
    let count = specs.clone().count();
    (1..=RANGES_MAX)
        .contains(&count)
        .then(|| specs.map(Spec::parse))
}

/// One specification, of bytes counted from the start or from the end.
enum Spec {
    From { first: u64, last: Option<u64> },
    Last { bytes: u64 },
}

impl Spec {
    fn parse(text: &str) -> Option<Spec> {
        let (first, last) = text.split_once('-')?;
        match (first, last) {
            ("", "") => None,
            ("", bytes) => Some(Spec::Last {
                bytes: number(bytes)?,
            }),
            (first, "") => Some(Spec::From {
                first: number(first)?,
                last: None,
            }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Spec::From {
                    first,
                    last: Some(last),
                })
            }
        }
    }

    fn within(&self, size: u64) -> Range<u64> {
        match *self {
            Spec::From { first, last } => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                first.min(end)..end
            }
            Spec::Last { bytes } => size.saturating_sub(bytes)..size,
        }
    }
}

/// A number of decimal digits; one too large for 64 bits is behind the end of everything.
fn number(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Adds a range, as one with those that it overlaps or touches, in the place of the first of them.
fn coalesce(wanted: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let mut place = wanted.len();
    while let Some(at) = wanted
        .iter()
        .position(|known| known.start <= range.end && range.start <= known.end)
    {
        let known = wanted.remove(at);
        range = known.start.min(range.start)..known.end.max(range.end);
        place = place.min(at);
    }
    wanted.insert(place.min(wanted.len()), range);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some<const N: usize>(ranges: [(u64, u64); N]) -> Ranges {
        Ranges::Some(ranges.map(|(start, end)| start..end).to_vec())
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (header, expected) in [
            ("bytes=0-499", some([(0, 500)])),
            ("bytes=500-999", some([(500, 1000)])),
            ("bytes=-500", some([(9500, 10_000)])),
            ("bytes=9500-", some([(9500, 10_000)])),
            ("bytes=0-0,-1", some([(0, 1), (9999, 10_000)])),
            (
                "bytes= 0-999, 4500-5499, -1000",
                some([(0, 1000), (4500, 5500), (9000, 10_000)]),
            ),
            ("BYTES=,0-0, ,5-6,", some([(0, 1), (5, 7)])),
            ("bytes=9000-99999999999999999999999", some([(9000, 10_000)])),
            ("bytes=-99999999999999999999999", some([(0, 10_000)])),
            ("bytes=10000-", Ranges::Unsatisfiable),
            ("bytes=99999999999999999999999-", Ranges::Unsatisfiable),
            ("bytes=-0", Ranges::Unsatisfiable),
            ("bytes=10000-,5-6", some([(5, 7)])),
        ] {
            assert_eq!(parse(header.as_bytes(), 10_000), expected, "{header}");
        }
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1",
            "bytes=0x1-2",
            "items=0-1",
            "bytes=0-1;2-3",
            "bytes=0-1,x",
            "bytes=١-٢",
        ] {
            assert_eq!(parse(header.as_bytes(), 10_000), Ranges::All, "{header}");
        }
        assert_eq!(parse(b"bytes=\xff-", 10_000), Ranges::All);
    }

    #[test]
    fn overlapping_and_touching_ranges_become_one() {
        assert_eq!(
            parse(b"bytes=50-60,0-10,5-20,21-30", 100),
            some([(50, 61), (0, 31)])
        );
        assert_eq!(
            parse(b"bytes=0-10,90-99,20-30,5-25", 100),
            some([(0, 31), (90, 100)])
        );
        assert_eq!(parse(b"bytes=0-,0-,0-,-1", 100), some([(0, 100)]));
    }

    #[test]
    fn a_swarm_of_ranges_is_ignored() {
        let swarm = |n: u64| {
            let ranges: Vec<_> = (0..n).map(|i| format!("{0}-{0}", i * 2)).collect();
            parse(format!("bytes={}", ranges.join(",")).as_bytes(), 10_000)
        };
        assert!(matches!(swarm(16), Ranges::Some(ranges) if ranges.len() == 16));
        assert_eq!(swarm(17), Ranges::All);
    }

    #[test]
    fn a_plain_range_means_the_same_without_the_size() {
        for (header, expected) in [
            ("bytes=0-499", Some((0, Some(500)))),
            ("bytes=500-", Some((500, None))),
            ("bytes=,7-7,", Some((7, Some(8)))),
            ("bytes=-500", None),
            ("bytes=0-1,5-6", None),
            ("bytes=5-4", None),
            ("lines=0-1", None),
        ] {
            let plain = plain(header.as_bytes()).map(|range| (range.start, range.end));
            assert_eq!(plain, expected, "{header}");
        }
    }

    #[test]
    fn empty_audio_has_no_range() {
        assert_eq!(parse(b"bytes=0-", 0), Ranges::Unsatisfiable);
        assert_eq!(parse(b"bytes=-5", 0), Ranges::Unsatisfiable);
    }
}
