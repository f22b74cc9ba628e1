//! The headers of an answer that tell how it came to be.

use kadenza_api::{
    cache_status::{self, Handling},
    server_timing,
};
use reqwest::header::HeaderMap;

use crate::record::RequestResult;

/// By `Cache-Status` (RFC 9211), what the cache closest to the client did, and the name of its node.
/// Without that header there is no cache.
pub(super) fn cache(headers: &HeaderMap) -> (RequestResult, Option<String>) {
    // The last cache is the closest.
    let Some(closest) = cache_status::read(headers).pop() else {
        return (RequestResult::Bypass, None);
    };
    let result = match closest.handling {
        Handling::Hit => RequestResult::Hit,
        Handling::Collapsed => RequestResult::Collapsed,
        Handling::Stored | Handling::Miss => RequestResult::Miss,
        Handling::Bypass => RequestResult::Bypass,
    };
    (result, Some(closest.cache))
}

/// By `Server-Timing`, how long what is below the cache took, or the service itself where there is no
/// cache; in microseconds.
pub(super) fn below_us(headers: &HeaderMap, result: RequestResult, cached: bool) -> u32 {
    let layer = match (result, cached) {
        (RequestResult::Hit, _) => return 0,
        (_, true) => "below",
        (_, false) => "service",
    };
    let took = server_timing::read(headers, layer).unwrap_or_default();
    u32::try_from(took.as_micros()).unwrap_or(u32::MAX)
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
            let (result, name) = cache(&headers("cache-status", text));
            assert_eq!((result, name.as_deref()), expected, "{text}");
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
