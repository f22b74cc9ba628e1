//! Whether a request comes from a page that may change something.
//!
//! Browsers say where a request comes from: by Fetch Metadata where the connection is safe or local, and by the
//! header `Origin` with everything that is not read only. What says nothing is no browser.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::address::{PublicUrl, authority};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request comes from a page of this server, from one at a public address, or from a program.
pub(super) fn is_ours(headers: &HeaderMap, target: &Uri, public: &[PublicUrl]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => None,
        (Some(origin), None) => Some(origin.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => return false,
    };
    if origin.is_some_and(|origin| public.iter().any(|url| url.is_origin(origin))) {
        return true;
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    if sites.peek().is_some() {
        // The address bar is nobody's page. Another port or name of the same site is another page.
        return sites.all(|site| site == "same-origin" || site == "none");
    }
    origin.is_none_or(|origin| is_of_host(origin, headers, target))
}

/// Whether an origin is the host that the request is for.
fn is_of_host(origin: &str, headers: &HeaderMap, target: &Uri) -> bool {
    // HTTP/2 names the host in the target, HTTP/1.1 in a header.
    let host = target
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| {
            headers
                .get(header::HOST)
                .and_then(|host: &HeaderValue| host.to_str().ok())
        });
    match (origin.split_once("://"), host) {
        (Some((scheme @ ("http" | "https"), from)), Some(host)) => {
            authority(scheme, from) == authority(scheme, host)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(headers: &[(HeaderName, &'static str)], target: &'static str) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        let public = ["https://music.example".parse().unwrap()];
        is_ours(&map, &Uri::from_static(target), &public)
    }

    #[test]
    fn only_own_pages_and_programs_may_change_something() {
        use header::{HOST, ORIGIN};
        let host = (HOST, "music.local:4533");
        let with = |more: &[(HeaderName, &'static str)]| {
            ours(&[&[host.clone()][..], more].concat(), "/api/v1/songs")
        };
        assert!(with(&[]));
        for (site, is_ours) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("", false),
        ] {
            assert_eq!(with(&[(SEC_FETCH_SITE, site)]), is_ours, "{site}");
        }
        assert!(!with(&[
            (SEC_FETCH_SITE, "none"),
            (SEC_FETCH_SITE, "cross-site")
        ]));
        for (origin, is_ours) in [
            ("http://music.local:4533", true),
            ("http://Music.local:4533", true),
            ("https://music.local:4533", true),
            ("http://music.local:4534", false),
            ("http://music.local", false),
            ("http://evil.example", false),
            ("ftp://music.local:4533", false),
            ("music.local:4533", false),
            ("null", false),
            ("", false),
            // Behind a proxy that gives this server another name, which browsers cannot know.
            ("https://music.example", true),
            ("http://music.example", false),
            ("https://music.example:8443", false),
            ("https://music.example.evil", false),
        ] {
            assert_eq!(with(&[(ORIGIN, origin)]), is_ours, "{origin}");
        }
        // The public address is ours also where the browser sees two sites.
        assert!(with(&[
            (ORIGIN, "https://music.example"),
            (SEC_FETCH_SITE, "cross-site")
        ]));
        assert!(!with(&[
            (ORIGIN, "http://music.local:4533"),
            (SEC_FETCH_SITE, "cross-site")
        ]));
        assert!(!with(&[
            (ORIGIN, "https://music.example"),
            (ORIGIN, "http://evil.example")
        ]));
        let target = "http://music.local:4533/api/v1/songs";
        assert!(ours(&[(ORIGIN, "http://music.local:4533")], target));
        assert!(!ours(&[(ORIGIN, "http://music.local:4534")], target));
        assert!(ours(
            &[(HOST, "music.local:80"), (ORIGIN, "http://music.local")],
            "/"
        ));
        assert!(!ours(&[(ORIGIN, "http://music.local")], "/"));
    }
}
