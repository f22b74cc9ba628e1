//! Which bytes an answer holds: ranges and entity tags, checked to the last byte.
//!
//! HTTP's rules are in RFC 9110, sections 8.8.3 (`ETag`), 13.1.5 (`If-Range`) and 14
//! (ranges). Here they are read narrowly: whatever is not exactly what was asked for is refused,
//! since one wrong byte is worse than an error.

use std::ops::Range;

use kadenza_api::Unreadable;
use kadenza_contract::{ByteRange, ContentHash};
use reqwest::{
    StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName},
};

/// A question for audio.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) range: ByteRange,
    /// The audio, if it must be this and no other.
    pub(crate) content: Option<ContentHash>,
    /// Its whole size, if it is known.
    pub(crate) size: Option<u64>,
}

/// The audio in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AudioPart {
    pub(crate) content: ContentHash,
    pub(crate) size: u64,
    pub(crate) range: Range<u64>,
}

impl Wanted {
    /// The value of `Range`; none if all is wanted.
    pub(crate) fn range_header(&self) -> Option<String> {
        match (self.range.start, self.range.end) {
            (0, None) => None,
            (start, None) => Some(format!("bytes={start}-")),
            (start, Some(end)) => Some(format!("bytes={start}-{}", end.saturating_sub(1))),
        }
    }

    /// The audio in the answer, if it is the audio that is wanted.
    pub(crate) fn check(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<AudioPart, Unreadable> {
        if text(headers, &CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err("audio in a content coding that was not asked for".into());
        }
        let content = text(headers, &ETAG)
            .and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok())
            .ok_or("audio without its hash as a strong ETag")?;
        if self.content.is_some_and(|wanted| wanted != content) {
            return Err("other audio than what was asked for".into());
        }
        let length: Option<u64> =
            text(headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let (range, size) = match (status, self.range_header()) {
            (StatusCode::OK, None) => {
                let size = length.ok_or("audio without its length")?;
                (0..size, size)
            }
            (StatusCode::PARTIAL_CONTENT, Some(_)) => text(headers, &CONTENT_RANGE)
                .and_then(content_range)
                .ok_or("a part of audio that does not say which")?,
            (StatusCode::OK, Some(_)) => return Err("all of the audio instead of a part".into()),
            _ => return Err(format!("{status} instead of audio")),
        };
        if self.range.within(size).ok() != Some(range.clone()) {
            return Err("another part of the audio than what was asked for".into());
        }
        if length.is_some_and(|length| length != range.end - range.start) {
            return Err("a length that does not fit the part of the audio".into());
        }
        if self.size.is_some_and(|wanted| wanted != size) {
            return Err("audio of another size than before".into());
        }
        Ok(AudioPart {
            content,
            size,
            range,
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Reads `bytes FIRST-LAST/SIZE`.
fn content_range(value: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) =
        (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then_some((first..last + 1, size))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZE: u64 = 10;

    fn headers(tag: &str, range: Option<&str>, length: Option<u64>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, tag.parse().unwrap());
        if let Some(range) = range {
            headers.insert(CONTENT_RANGE, range.parse().unwrap());
        }
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        headers
    }

    fn tag() -> String {
        format!("\"{}\"", ContentHash::of(b"audio"))
    }

    fn wanted(start: u64, end: Option<u64>) -> Wanted {
        Wanted {
            range: ByteRange { start, end },
            content: Some(ContentHash::of(b"audio")),
            size: Some(SIZE),
        }
    }

    #[test]
    fn what_was_asked_for_is_taken() {
        let part = wanted(0, None)
            .check(StatusCode::OK, &headers(&tag(), None, Some(SIZE)))
            .unwrap();
        assert_eq!(part.range, 0..SIZE);
        let part = headers(&tag(), Some("bytes 3-9/10"), Some(7));
        assert_eq!(
            wanted(3, None)
                .check(StatusCode::PARTIAL_CONTENT, &part)
                .unwrap()
                .range,
            3..10
        );
        assert_eq!(
            wanted(3, Some(99))
                .check(StatusCode::PARTIAL_CONTENT, &part)
                .unwrap()
                .range,
            3..10
        );
        assert_eq!(wanted(3, Some(10)).range_header().unwrap(), "bytes=3-9");
    }

    #[test]
    fn whatever_is_not_exactly_that_is_refused() {
        let ok = StatusCode::OK;
        let partial = StatusCode::PARTIAL_CONTENT;
        let other = format!("\"{}\"", ContentHash::of(b"other"));
        let weak = format!("W/{}", tag());
        for (why, wanted, status, headers) in [
            (
                "another tag",
                wanted(0, None),
                ok,
                headers(&other, None, Some(SIZE)),
            ),
            (
                "a weak tag",
                wanted(0, None),
                ok,
                headers(&weak, None, Some(SIZE)),
            ),
            (
                "no hash",
                wanted(0, None),
                ok,
                headers("\"abc\"", None, Some(SIZE)),
            ),
            (
                "no length",
                wanted(0, None),
                ok,
                headers(&tag(), None, None),
            ),
            (
                "another size",
                wanted(0, None),
                ok,
                headers(&tag(), None, Some(11)),
            ),
            (
                "all for a part",
                wanted(3, None),
                ok,
                headers(&tag(), None, Some(SIZE)),
            ),
            (
                "a part for all",
                wanted(0, None),
                partial,
                headers(&tag(), Some("bytes 0-9/10"), Some(10)),
            ),
            (
                "another start",
                wanted(3, None),
                partial,
                headers(&tag(), Some("bytes 2-9/10"), None),
            ),
            (
                "another end",
                wanted(3, None),
                partial,
                headers(&tag(), Some("bytes 3-8/10"), None),
            ),
            (
                "another whole",
                wanted(3, None),
                partial,
                headers(&tag(), Some("bytes 3-10/11"), None),
            ),
            (
                "a wrong length",
                wanted(3, None),
                partial,
                headers(&tag(), Some("bytes 3-9/10"), Some(6)),
            ),
            (
                "no range",
                wanted(3, None),
                partial,
                headers(&tag(), None, Some(7)),
            ),
            (
                "an unknown size",
                wanted(3, None),
                partial,
                headers(&tag(), Some("bytes 3-9/*"), Some(7)),
            ),
            (
                "no content",
                wanted(0, None),
                StatusCode::NO_CONTENT,
                headers(&tag(), None, Some(SIZE)),
            ),
        ] {
            assert!(wanted.check(status, &headers).is_err(), "{why}");
        }
        let mut squeezed = headers(&tag(), None, Some(SIZE));
        squeezed.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(wanted(0, None).check(ok, &squeezed).is_err());
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_parser(range in "bytes [0-9*/-]{0,50}|[ -~]{0,40}", tag in "[ -~]{0,70}") {
            let _ = wanted(1, None).check(StatusCode::PARTIAL_CONTENT, &headers(&tag, Some(&range), None));
        }

        #[test]
        fn whatever_is_taken_lies_within_what_is_wanted(start in 0u64..12, end in proptest::option::of(0u64..14),
                                                        first in 0u64..12, last in 0u64..12, size in 0u64..12) {
            let wanted = wanted(start, end);
            let answer = headers(&tag(), Some(&format!("bytes {first}-{last}/{size}")), None);
            if let Ok(part) = wanted.check(StatusCode::PARTIAL_CONTENT, &answer) {
                prop_assert_eq!(part.range, start..end.unwrap_or(SIZE).min(SIZE));
                prop_assert_eq!(part.size, SIZE);
            }
        }
    }
}
