//! The page of the web player.
//!
//! The page is made of a few files that are part of the binary. It is a client of the HTTP
//! interface beside it and asks no other machine for anything; its security policy says so to the
//! browser, so that a hostile tag that became markup by mistake could still do nothing.

use axum::{
    Router,
    http::{HeaderName, header},
    response::IntoResponse,
    routing::get,
};
/// A file of the page: path, media type, content.
type Asset = (&'static str, &'static str, &'static str);

const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 12] = [
    ("/", "text/html; charset=utf-8", include_str!("index.html")),
    (
        "/player.css",
        "text/css; charset=utf-8",
        include_str!("player.css"),
    ),
    ("/icon.svg", "image/svg+xml", include_str!("icon.svg")),
    ("/player.js", SCRIPT, include_str!("player.js")),
    ("/api.js", SCRIPT, include_str!("api.js")),
    ("/dom.js", SCRIPT, include_str!("dom.js")),
    ("/session.js", SCRIPT, include_str!("session.js")),
    ("/songs.js", SCRIPT, include_str!("songs.js")),
    ("/origin.js", SCRIPT, include_str!("origin.js")),
    ("/listening.js", SCRIPT, include_str!("listening.js")),
    ("/uploads.js", SCRIPT, include_str!("uploads.js")),
    ("/health.js", SCRIPT, include_str!("health.js")),
];

/// The page may run its own scripts, and ask this server. Inline scripts and styles,
/// other hosts, frames and plug-ins are out. (`style` properties set by script are not styles in
/// markup, and allowed.)
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'";

/// The routes of the page.
pub(super) fn routes() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(asset.0, get(move || std::future::ready(answer(asset))))
    })
}

fn answer(&(_, content_type, content): &Asset) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new build is a new page; the files are small.
        (header::CACHE_CONTROL, "no-cache"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    (headers, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_makes_no_markup_from_text_and_asks_no_other_host() {
        for (path, _, content) in ASSETS {
            for sign in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "DOMParser",
            ] {
                assert!(!content.contains(sign), "{path}: {sign}");
            }
            let foreign = content
                .split("http")
                .skip(1)
                .filter(|rest| rest.starts_with("://") || rest.starts_with("s://"))
                .any(|rest| !rest.starts_with("://www.w3.org/2000/svg"));
            assert!(!foreign, "{path} names another host");
        }
    }

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let has = |path: &str| ASSETS.iter().any(|(name, ..)| *name == path);
        for (path, _, content) in ASSETS {
            for import in content.split("from \"./").skip(1) {
                let name = import.split('"').next().unwrap();
                assert!(has(&format!("/{name}")), "{path} imports {name}");
            }
            for link in content.split("=\"/").skip(1) {
                let name = link.split('"').next().unwrap();
                assert!(has(&format!("/{name}")), "{path} links {name}");
            }
        }
    }
}
