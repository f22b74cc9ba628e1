//! The headers of an answer that tell how it came to be.

use reqwest::header::HeaderMap;

use crate::record::RequestResult;

/// By `Cache-Status` (RFC 9211), what the cache closest to the client did, and the name of its node.
/// Without that header there is no cache.
pub(super) fn cache(headers: &HeaderMap) -> (RequestResult, Option<&str>) {
    let text = headers.get("cache-status");
    let Some(text) = text.and_then(|text| text.to_str().ok()) else {
        return (RequestResult::Bypass, None);
    };
    // Names are quoted and hold neither quotes nor backslashes; the last cache is the closest.
    let mut parts = text.rsplit('"');
    let (what, name) = (parts.next().unwrap_or_default(), parts.next());
    let has = |word: &str| what.split(';').any(|part| part.trim() == word);
    let result = if has("hit") {
        RequestResult::Hit
    } else if has("collapsed") {
        RequestResult::Collapsed
    } else if has("fwd=miss") {
        RequestResult::Miss
    } else {
        RequestResult::Bypass
    };
    (result, name)
}

/// By `Server-Timing`, how long what is below the cache took, or the service itself where there is no
/// cache; in microseconds.
pub(super) fn below_us(headers: &HeaderMap, result: RequestResult, cached: bool) -> u32 {
    let layer = match (result, cached) {
        (RequestResult::Hit, _) => return 0,
        (_, true) => "below",
        (_, false) => "service",
    };
    let text = headers.get("server-timing");
    let text = text.and_then(|text| text.to_str().ok()).unwrap_or_default();
    let of_layer = text.split(',').find_map(|part| {
        let (name, duration) = part.trim().split_once(";dur=")?;
        (name == layer).then(|| duration.parse::<f64>().ok())?
    });
    // A number of milliseconds. The conversion makes 0 of no number, and the largest value of one
    // too large.
    (of_layer.unwrap_or(0.0) * 1000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(name: &'static str, text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(text).unwrap());
        headers
    }

    #[test]
    fn the_cache_closest_to_the_client_counts() {
        for (text, expected) in [
            ("\"one\"; hit", (RequestResult::Hit, Some("one"))),
            (
                "\"a; hit\"; fwd=miss; stored",
                (RequestResult::Miss, Some("a; hit")),
            ),
            (
                "\"a\"; fwd=miss; collapsed",
                (RequestResult::Collapsed, Some("a")),
            ),
            ("\"a\"; fwd=bypass", (RequestResult::Bypass, Some("a"))),
            (
                "\"a\"; fwd=miss; stored, \"b\"; hit",
                (RequestResult::Hit, Some("b")),
            ),
        ] {
            assert_eq!(cache(&headers("cache-status", text)), expected, "{text}");
        }
        assert_eq!(cache(&HeaderMap::new()), (RequestResult::Bypass, None));
    }

    #[test]
    fn the_time_below_is_that_of_the_layer_below_the_cache() {
        let headers = headers(
            "server-timing",
            "total;dur=2.345, service;dur=2.001, below;dur=1.500",
        );
        assert_eq!(below_us(&headers, RequestResult::Miss, true), 1500);
        assert_eq!(below_us(&headers, RequestResult::Bypass, false), 2001);
        assert_eq!(below_us(&headers, RequestResult::Hit, true), 0);
        assert_eq!(below_us(&HeaderMap::new(), RequestResult::Miss, true), 0);
    }
}
