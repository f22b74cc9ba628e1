//! Uploads come from people and programs, not from somebody else's web page.
//!
//! A page of another site may send a form to any address that its visitor reaches, also to one on
//! the visitor's own machine. Browsers say where a request comes from (Fetch Metadata, and before it
//! the header `Origin`); what says nothing is no browser.

use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, header};

use kadenza_api::code;

use crate::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that a page of another site sent.
pub(crate) fn refuse_cross_site(headers: &HeaderMap, target: &Uri) -> Result<(), Problem> {
    if is_cross_site(headers, target) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            code::CROSS_SITE,
            "Another site's request",
            "a page of another site may not upload: open the player of this server, or use a program",
        ));
    }
    Ok(())
}

fn is_cross_site(headers: &HeaderMap, target: &Uri) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "cross-site";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    // HTTP/2 names the host in the target, HTTP/1.1 in a header.
    let host = target
        .authority()
        .map(|authority| authority.as_str().as_bytes())
        .or_else(|| headers.get(header::HOST).map(|host| host.as_bytes()));
    let from = origin
        .as_bytes()
        .strip_prefix(b"http://")
        .or_else(|| origin.as_bytes().strip_prefix(b"https://"));
    match (from, host) {
        (Some(from), Some(host)) => !from.eq_ignore_ascii_case(host),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn cross_site(headers: &[(HeaderName, &'static str)], target: &'static str) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        is_cross_site(&headers.collect(), &Uri::from_static(target))
    }

    #[test]
    fn only_pages_of_other_sites_are_refused() {
        use header::{HOST, ORIGIN};
        let path = "/api/v1/songs";
        assert!(!cross_site(&[], path));
        assert!(!cross_site(&[(SEC_FETCH_SITE, "same-origin")], path));
        assert!(!cross_site(&[(SEC_FETCH_SITE, "none")], path));
        assert!(cross_site(&[(SEC_FETCH_SITE, "cross-site")], path));
        let host = (HOST, "music.local:4533");
        assert!(!cross_site(
            &[host.clone(), (ORIGIN, "http://Music.local:4533")],
            path
        ));
        assert!(cross_site(
            &[host.clone(), (ORIGIN, "http://evil.example")],
            path
        ));
        assert!(cross_site(&[host, (ORIGIN, "null")], path));
        let target = "http://music.local:4533/api/v1/songs";
        assert!(!cross_site(&[(ORIGIN, "http://music.local:4533")], target));
        assert!(cross_site(&[(ORIGIN, "http://music.local:4534")], target));
    }
}
