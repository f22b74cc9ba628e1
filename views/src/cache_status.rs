//! What caches did for an answer, as a header (RFC 9211).

use std::fmt::Write;

use axum::http::{HeaderName, HeaderValue};
use kadenza_notes::{CacheNote, CacheOutcome};

pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// `"node"; hit`, or `fwd=miss` where the question went below; nothing if no cache was asked.
pub(crate) fn of(notes: &[CacheNote]) -> Option<HeaderValue> {
    let mut text = String::new();
    // The cache closest to the client comes last, and notes are made when a cache is done.
    for note in notes {
        let what = match note.outcome {
            CacheOutcome::Hit => "hit",
            CacheOutcome::Miss => "fwd=miss; stored",
            CacheOutcome::Unkept => "fwd=miss",
            CacheOutcome::Collapsed => "fwd=miss; collapsed",
            CacheOutcome::Bypass => "fwd=bypass",
        };
        let between = if text.is_empty() { "" } else { ", " };
        // Names are quoted; what a string of a structured field (RFC 8941) may not hold is left out.
        let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let node: String = note.node.chars().filter(allowed).collect();
        let _ = write!(text, "{between}\"{node}\"; {what}");
    }
    (!text.is_empty()).then(|| HeaderValue::from_str(&text).expect("only printable ASCII is left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cache_says_what_it_did() {
        let note = |node: &str, outcome| CacheNote {
            node: node.into(),
            outcome,
        };
        assert_eq!(of(&[]), None);
        let header = of(&[
            note("redis://a:1", CacheOutcome::Miss),
            note("o\"d\\d\r\né", CacheOutcome::Hit),
        ]);
        assert_eq!(
            header.unwrap(),
            "\"redis://a:1\"; fwd=miss; stored, \"odd\"; hit"
        );
    }
}
