//! Reads the headers that tell how an answer came to be into [`Notes`].
//!
//! Nothing relies on it, so a header that no server of ours would write is passed over in silence.

use kadenza_api::{
    cache_status::{self, Handling},
    server_timing,
};
use kadenza_notes::{CacheNote, CacheOutcome, Notes};
use reqwest::header::HeaderMap;

/// Notes what the head of an answer tells: which caches were asked, and how long the server took.
pub(crate) fn note(headers: &HeaderMap) {
    for status in cache_status::read(headers) {
        Notes::cache(CacheNote {
            node: status.cache.into(),
            outcome: outcome(status.handling),
        });
    }
    if let Some(time) = server_timing::read(headers, server_timing::TOTAL) {
        Notes::took("server", time);
    }
}

fn outcome(handling: Handling) -> CacheOutcome {
    match handling {
        Handling::Hit => CacheOutcome::Hit,
        Handling::Stored => CacheOutcome::Miss,
        Handling::Miss => CacheOutcome::Unkept,
        Handling::Collapsed => CacheOutcome::Collapsed,
        Handling::Bypass => CacheOutcome::Bypass,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderName, HeaderValue};

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
    async fn caches_are_noted_in_order_and_so_is_the_time() {
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
}
