//! The header `Cache-Status` (RFC 9211): which caches an answer went through, and what they did.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{ItemSerializer, StringRef};

use crate::fields::{members, text};

/// The name of the header.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A cache that an answer went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheStatus {
    /// The name of the cache.
    pub cache: String,
    /// What it did.
    pub handling: Handling,
}

/// What a cache did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// It had the answer.
    Hit,
    /// It did not have the answer, asked for it, and remembers it now.
    Stored,
    /// It did not have the answer, asked for it, and does not remember it.
    Miss,
    /// It waited for the answer to the same request of somebody else.
    Collapsed,
    /// It was not asked.
    Bypass,
}

impl fmt::Display for Handling {
    /// The parameters of the cache, each behind a semicolon and a space as in the examples of the RFC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Handling::Hit => "; hit",
            Handling::Stored => "; fwd=miss; stored",
            Handling::Miss => "; fwd=miss",
            Handling::Collapsed => "; fwd=miss; collapsed",
            Handling::Bypass => "; fwd=bypass",
        })
    }
}

/// Writes the header for these caches, the one closest to the songs first. Without a cache there is
/// no header.
pub fn write<'a>(caches: impl IntoIterator<Item = (&'a str, Handling)>) -> Option<HeaderValue> {
    let caches: Vec<String> = caches.into_iter().map(member).collect();
    if caches.is_empty() {
        return None;
    }
    let value = HeaderValue::try_from(caches.join(", "));
    Some(value.expect("a structured field is printable ASCII"))
}

/// A name is a string. The characters that it may not hold, and those that it would have to escape,
/// are left out.
fn member((cache, handling): (&str, Handling)) -> String {
    let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    let name: String = cache.chars().filter(allowed).collect();
    let name = StringRef::from_str(&name).expect("only printable ASCII is left");
    let name = ItemSerializer::new().bare_item(name).finish();
    format!("{name}{handling}")
}

/// Reads the header. Caches that tell what none of ours does are left out.
#[must_use]
pub fn read(headers: &HeaderMap) -> Vec<CacheStatus> {
    let caches = members(headers, &CACHE_STATUS).into_iter();
    caches.filter_map(|cache| status(&cache)).collect()
}

fn status(cache: &sfv::Item) -> Option<CacheStatus> {
    let is_set = |key| match cache.params.get(key) {
        Some(sfv::BareItem::Boolean(is_set)) => *is_set,
        // A parameter such as `stored=yes` is malformed, and was never written by one of ours.
        _ => false,
    };
    let handling = if is_set("hit") {
        Handling::Hit
    } else {
        match text(cache.params.get("fwd")?)? {
            "bypass" => Handling::Bypass,
            "miss" if is_set("collapsed") => Handling::Collapsed,
            "miss" if is_set("stored") => Handling::Stored,
            "miss" => Handling::Miss,
            _ => return None,
        }
    };
    let cache = text(&cache.bare_item).filter(|name| !name.is_empty())?;
    Some(CacheStatus {
        cache: cache.to_owned(),
        handling,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_lines(lines: &[&str]) -> Vec<CacheStatus> {
        let lines = lines
            .iter()
            .map(|line| HeaderValue::from_str(line).unwrap());
        read(&lines.map(|line| (CACHE_STATUS, line)).collect())
    }

    #[test]
    fn each_cache_says_what_it_did() {
        assert_eq!(write([]), None);
        let header = write([
            ("redis://a:1", Handling::Stored),
            ("o\"d\\d\r\né", Handling::Hit),
        ]);
        assert_eq!(
            header.unwrap(),
            "\"redis://a:1\"; fwd=miss; stored, \"odd\"; hit"
        );
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let caches = [
            ("redis+cluster://a:1,b:2; hit", Handling::Stored),
            ("a", Handling::Hit),
            ("b", Handling::Miss),
            ("c", Handling::Collapsed),
            ("d", Handling::Bypass),
        ];
        let header = write(caches).unwrap();
        let read = read_lines(&[header.to_str().unwrap()]);
        assert!(
            read.iter()
                .map(|status| (status.cache.as_str(), status.handling))
                .eq(caches)
        );
    }

    #[test]
    fn a_malformed_line_says_nothing_and_the_others_still_count() {
        let read = read_lines(&[
            "\"a; hit",
            "(\"a\");hit, 3;hit, \"\";hit, b;hit=no",
            "token;hit",
        ]);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].cache, "token");
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_reader(line in "[ -~]{0,100}|[\",;=\\\\ a-z]{0,60}") {
            read_lines(&[&line]);
        }
    }
}
