//! What a server tells of how its answer came to be: `Cache-Status` (RFC 9211) and `Server-Timing`
//! (W3C), read into [`Notes`].
//!
//! Nobody relies on them, so whatever is not as our own servers write it is passed over in silence.

use std::time::Duration;

use kadenza_notes::{CacheNote, CacheOutcome, Notes};
use reqwest::header::{HeaderMap, HeaderName};

/// More than any honest server tells. Longer headers are passed over.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// The longest time that is believed.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Notes what the head of an answer tells: which caches were asked, and how long the server took.
pub(crate) fn note(headers: &HeaderMap) {
    for member in members(headers, &HeaderName::from_static("cache-status")) {
        if let Some(outcome) = outcome(&member) {
            let node = member.name.as_str().into();
            Notes::cache(CacheNote { node, outcome });
        }
    }
    let timing = members(headers, &HeaderName::from_static("server-timing"));
    let total = timing.iter().find(|member| member.name == "total");
    let ms = total.and_then(|total| total.value("dur")?.parse().ok());
    let time = ms.and_then(|ms: f64| Duration::try_from_secs_f64(ms / 1000.0).ok());
    if let Some(time) = time.filter(|time| *time <= TIME_MAX) {
        Notes::took("server", time);
    }
}

fn outcome(cache: &Member) -> Option<CacheOutcome> {
    if cache.value("hit").is_some() {
        return Some(CacheOutcome::Hit);
    }
    match cache.value("fwd")? {
        "bypass" => Some(CacheOutcome::Bypass),
        "miss" if cache.value("collapsed").is_some() => Some(CacheOutcome::Collapsed),
        "miss" if cache.value("stored").is_some() => Some(CacheOutcome::Miss),
        "miss" => Some(CacheOutcome::Unkept),
        _ => None,
    }
}

/// A member of a list, with its parameters; those without a value have an empty one.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Member {
    fn value(&self, parameter: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let (_, value) = parameters.find(|(name, _)| name == parameter)?;
        Some(value)
    }
}

fn members(headers: &HeaderMap, name: &HeaderName) -> Vec<Member> {
    let lines = headers.get_all(name).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines
        .filter(|line| line.len() <= HEADER_BYTES_MAX)
        .flat_map(|line| split(line, ','))
        .filter_map(member)
        .collect()
}

fn member(text: &str) -> Option<Member> {
    let mut parts = split(text, ';').into_iter();
    let name = bare(parts.next()?);
    let parameters = parts.map(|part| match part.split_once('=') {
        Some((name, value)) => (name.trim().to_owned(), bare(value)),
        None => (part.trim().to_owned(), String::new()),
    });
    (!name.is_empty()).then(|| Member {
        name,
        parameters: parameters.collect(),
    })
}

/// The parts between separators, save those within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(&text[from..at]);
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// A token as it is, a string without its quotes.
fn bare(text: &str) -> String {
    let text = text.trim();
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let Some(quoted) = quoted else {
        return text.to_owned();
    };
    let mut escaped = false;
    let kept = quoted.chars().filter(|c| {
        escaped = *c == '\\' && !escaped;
        !escaped
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    async fn noted(lines: &[(&'static str, &str)]) -> Notes {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            let line = HeaderValue::from_str(line).unwrap();
            headers.append(HeaderName::from_static(name), line);
        }
        Notes::collect(async { note(&headers) }).await.1
    }

    #[tokio::test]
    async fn caches_are_noted_in_their_order_and_the_time_of_the_server() {
        let notes = noted(&[
            (
                "cache-status",
                r#""redis+cluster://a:1,b:2"; fwd=miss; stored, "odd \"one\"\\; x"; hit"#,
            ),
            (
                "cache-status",
                "token; fwd=bypass, Another;fwd=miss;collapsed",
            ),
            ("cache-status", "\"full\"; fwd=miss, \"what\"; fwd=stale, x"),
            ("server-timing", "total;dur=1.500, service;dur=1.000"),
        ])
        .await;
        let expected = [
            ("redis+cluster://a:1,b:2", CacheOutcome::Miss),
            (r#"odd "one"\; x"#, CacheOutcome::Hit),
            ("token", CacheOutcome::Bypass),
            ("Another", CacheOutcome::Collapsed),
            ("full", CacheOutcome::Unkept),
        ];
        let found = notes.caches.iter().map(|note| (&*note.node, note.outcome));
        assert!(found.eq(expected), "{notes:?}");
        assert_eq!(notes.layers, [("server", Duration::from_micros(1500))]);
    }

    #[tokio::test]
    async fn times_that_are_none_are_passed_over() {
        for line in [
            "total;dur=-1",
            "total;dur=NaN",
            "total;dur=1e300",
            "total",
            "dur=3",
            "",
        ] {
            assert_eq!(
                noted(&[("server-timing", line)]).await,
                Notes::default(),
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_reader(line in "[ -~]{0,100}|[\",;=\\\\ a-z]{0,60}") {
            let members: Vec<_> = split(&line, ',').into_iter().filter_map(member).collect();
            for member in &members {
                let _ = outcome(member);
            }
        }
    }
}
