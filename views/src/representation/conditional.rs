//! Conditional requests (RFC 9110, section 13): whether what the client has is still what there is.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The last second that an HTTP date can tell: the end of the year 9999.
const DATE_S_MAX: u64 = 253_402_300_799;

/// The validators of a representation: a strong entity tag, and when it came to be.
#[derive(Debug, Clone)]
pub(crate) struct Validators {
    /// The tag with its quotes.
    pub(crate) etag: HeaderValue,
    modified: SystemTime,
}

/// Whether the preconditions of a `GET` or `HEAD` hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preconditions {
    /// They hold: answer.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// The client wants something that is not there any more: 412.
    Failed,
}

impl Validators {
    /// Validators of what has this hash (or other text of plain letters and digits) and came to be
    /// so many seconds after 1970.
    pub(crate) fn new(hash: impl std::fmt::Display, modified_s: i64) -> Validators {
        let seconds = u64::try_from(modified_s).unwrap_or(0).min(DATE_S_MAX);
        Validators {
            etag: HeaderValue::try_from(format!("\"{hash}\""))
                .expect("letters, digits and quotes are a header value"),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        }
    }

    /// The time as `Last-Modified` writes it.
    pub(crate) fn last_modified(&self) -> HeaderValue {
        HeaderValue::try_from(httpdate::fmt_http_date(self.modified))
            .expect("a date is a header value")
    }

    /// Weighs the preconditions in the order of section 13.2.2. A date that cannot be read makes its
    /// condition as if it were absent.
    pub(crate) fn weigh(&self, headers: &HeaderMap) -> Preconditions {
        if headers.contains_key(header::IF_MATCH) {
            if !self.listed(headers, header::IF_MATCH, false) {
                return Preconditions::Failed;
            }
        } else if let Some(since) = date(headers, header::IF_UNMODIFIED_SINCE)
            && self.modified > since
        {
            return Preconditions::Failed;
        }
        if headers.contains_key(header::IF_NONE_MATCH) {
            if self.listed(headers, header::IF_NONE_MATCH, true) {
                return Preconditions::NotModified;
            }
        } else if let Some(since) = date(headers, header::IF_MODIFIED_SINCE)
            && self.modified <= since
        {
            return Preconditions::NotModified;
        }
        Preconditions::Proceed
    }

    /// Whether a range is still wanted: `If-Range` names exactly what there is, or is not there.
    pub(crate) fn range_applies(&self, headers: &HeaderMap) -> bool {
        match headers.get(header::IF_RANGE) {
            None => true,
            Some(tag) if tag.as_bytes().contains(&b'"') => *tag == self.etag,
            Some(_) => date(headers, header::IF_RANGE) == Some(self.modified),
        }
    }

    /// Whether one of the tags in a list is this one. Weak tags never match strongly.
    fn listed(&self, headers: &HeaderMap, name: HeaderName, weakly: bool) -> bool {
        headers.get_all(name).iter().any(|list| {
            list.as_bytes().trim_ascii() == b"*"
                || tags(list.as_bytes())
                    .any(|(weak, tag)| (weakly || !weak) && tag == self.etag.as_bytes())
        })
    }
}

/// The tags in a list, each with whether it is weak, and with its quotes. The list ends where it is
/// malformed. A tag may hold commas, and so the quotes are what divides.
fn tags(list: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest
            .iter()
            .position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        rest = &rest[start..];
        let weak = rest.starts_with(b"W/");
        if weak {
            rest = &rest[2..];
        }
        let inside = rest.strip_prefix(b"\"")?;
        let length = inside.iter().position(|byte| *byte == b'"')? + 2;
        let (tag, behind) = rest.split_at(length);
        rest = behind;
        Some((weak, tag))
    })
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Sat, 21 Nov 2026 00:00:00 GMT";
    const EXACT: &str = "Sun, 22 Nov 2026 00:00:00 GMT";
    const AFTER: &str = "Mon, 23 Nov 2026 00:00:00 GMT";

    fn validators() -> Validators {
        let validators = Validators::new("abc", 1_795_305_600);
        assert_eq!(validators.last_modified(), EXACT);
        validators
    }

    fn weigh(headers: &[(&'static str, &'static str)]) -> Preconditions {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        validators().weigh(&map)
    }

    #[test]
    fn each_condition_alone() {
        use Preconditions::{Failed, NotModified, Proceed};
        for (name, value, expected) in [
            ("if-match", "\"abc\"", Proceed),
            ("if-match", "\"x\", \"a,bc\", \"abc\"", Proceed),
            ("if-match", "*", Proceed),
            ("if-match", "W/\"abc\"", Failed),
            ("if-match", "\"abcd\"", Failed),
            ("if-match", "abc", Failed),
            ("if-match", "", Failed),
            ("if-unmodified-since", BEFORE, Failed),
            ("if-unmodified-since", EXACT, Proceed),
            ("if-unmodified-since", AFTER, Proceed),
            ("if-unmodified-since", "yesterday", Proceed),
            ("if-none-match", "\"abc\"", NotModified),
            ("if-none-match", "W/\"abc\"", NotModified),
            ("if-none-match", ", ,\"x\",W/\"y\" , \"abc\"", NotModified),
            ("if-none-match", "*", NotModified),
            ("if-none-match", "\"a\", bc\"", Proceed),
            ("if-modified-since", BEFORE, Proceed),
            ("if-modified-since", EXACT, NotModified),
            ("if-modified-since", AFTER, NotModified),
            (
                "if-modified-since",
                "Sunday, 22-Nov-26 00:00:00 GMT",
                NotModified,
            ),
            ("if-modified-since", "Sun Nov 22 00:00:00 2026", NotModified),
            ("if-modified-since", "0", Proceed),
        ] {
            assert_eq!(weigh(&[(name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn tags_take_precedence_over_dates() {
        assert_eq!(
            weigh(&[("if-none-match", "\"x\""), ("if-modified-since", AFTER)]),
            Preconditions::Proceed
        );
        assert_eq!(
            weigh(&[("if-match", "\"abc\""), ("if-unmodified-since", BEFORE)]),
            Preconditions::Proceed
        );
        assert_eq!(
            weigh(&[("if-match", "\"x\""), ("if-none-match", "\"abc\"")]),
            Preconditions::Failed
        );
    }

    #[test]
    fn a_list_may_be_spread_over_several_headers() {
        assert_eq!(
            weigh(&[("if-none-match", "\"x\""), ("if-none-match", "\"abc\"")]),
            Preconditions::NotModified
        );
    }

    #[test]
    fn a_range_applies_to_exactly_what_the_client_has() {
        for (value, expected) in [
            ("\"abc\"", true),
            ("W/\"abc\"", false),
            ("\"x\"", false),
            (EXACT, true),
            (BEFORE, false),
            (AFTER, false),
            ("nonsense", false),
        ] {
            let headers =
                HeaderMap::from_iter([(header::IF_RANGE, HeaderValue::from_static(value))]);
            assert_eq!(validators().range_applies(&headers), expected, "{value}");
        }
    }

    #[test]
    fn times_that_http_cannot_tell_are_cut() {
        for seconds in [i64::MIN, -1, i64::MAX] {
            validators();
            assert!(
                Validators::new("abc", seconds)
                    .last_modified()
                    .to_str()
                    .is_ok()
            );
        }
    }
}
