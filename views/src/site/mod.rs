//! Under which names a server answers, and whose pages may change something on it.
//!
//! A browser asks on behalf of any page that somebody opens. A page can have its own name point at this server
//! afterwards (DNS rebinding), and then read and write as if it were the server's: so a server answers only under
//! names that it knows. And a page of another site can send a form to any address: so what changes something must
//! come from this server's own pages, or from those of an address that its operator named.
//!
//! From: RFC 9110, sections 4.2.3 and 15.5.20; RFC 6454; the W3C's Fetch Metadata.

mod address;
mod origin;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use kadenza_api::{code, paths};

pub use address::PublicUrl;
use address::{Named, named};

use crate::{Problem, headers::NOSNIFF};

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Pages of other sites get nothing of an answer, not even as a picture or as audio.
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// The names of a server. Addresses in numbers and `localhost` always count as its own, since no page of somebody
/// else has them as its name. Default: no other name.
#[derive(Debug, Clone, Default)]
pub struct Site(Arc<Known>);

#[derive(Debug, Clone, Default)]
struct Known {
    hosts: Vec<Box<str>>,
    /// The addresses whose pages may change something.
    public: Vec<PublicUrl>,
}

impl Site {
    /// The server also answers under the name of this host, at any port.
    #[must_use]
    pub fn under_name(mut self, host: &str) -> Site {
        if let Some(Named::Name(name)) = named(host.as_bytes()) {
            Arc::make_mut(&mut self.0).hosts.push(name.into());
        }
        self
    }

    /// People reach the server at this address, perhaps through a proxy: it answers under the name there, and pages
    /// from there may change something.
    #[must_use]
    pub fn at(mut self, url: PublicUrl) -> Site {
        self = self.under_name(url.host());
        Arc::make_mut(&mut self.0).public.push(url);
        self
    }

    /// Has routes that stand beside those of [`router`](crate::router) answer as these do: under the names of this
    /// site, what changes something only to its own pages, and nothing to pages of others.
    pub fn guard(&self, routes: Router) -> Router {
        async fn guarded(State(site): State<Site>, request: Request, next: Next) -> Response {
            let (head, body) = request.into_parts();
            let mut response = match site.admit(&head) {
                Ok(()) => next.run(Request::from_parts(head, body)).await,
                Err(problem) => problem.into_response(),
            };
            close(response.headers_mut());
            response
        }
        routes.layer(middleware::from_fn_with_state(self.clone(), guarded))
    }

    /// Whether a request may be answered.
    pub(crate) fn admit(&self, head: &Parts) -> Result<(), Problem> {
        // Says whether the server wants requests, and no more; balancers ask it under names of their own.
        if head.uri.path() != paths::HEALTH {
            self.knows_all(&head.headers, &head.uri)?;
        }
        match head.method.is_safe() || origin::is_ours(&head.headers, &head.uri, &self.0.public) {
            true => Ok(()),
            false => Err(Problem::new(
                StatusCode::FORBIDDEN,
                code::CROSS_SITE,
                "Another site's request",
                "a page of another site may change nothing here: open the player of this server, or use a program. If \
                 this is its own page behind a proxy, start the server with --public-url and the address of the page",
            )),
        }
    }

    /// Each host that a request names must be known: the one in the target, and the one in the header.
    fn knows_all(&self, headers: &HeaderMap, target: &Uri) -> Result<(), Problem> {
        let in_target = target
            .authority()
            .map(|authority| authority.as_str().as_bytes());
        let in_headers = headers
            .get_all(header::HOST)
            .iter()
            .map(HeaderValue::as_bytes);
        // Programs of old name none. Browsers always do.
        let unknown = in_target
            .into_iter()
            .chain(in_headers)
            .find(|host| !self.knows(host));
        let Some(host) = unknown else {
            return Ok(());
        };
        let host = String::from_utf8_lossy(host);
        let shown: String = host
            .chars()
            .filter(|char| !char.is_control())
            .take(100)
            .collect();
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            code::MISDIRECTED,
            "Not a name of this server",
            format!(
                "this server does not answer as {shown}: ask it by its address in numbers, or start it with --public-url \
                 http://{shown}"
            ),
        ))
    }

    fn knows(&self, host: &[u8]) -> bool {
        match named(host) {
            Some(Named::Number | Named::Localhost) => true,
            Some(Named::Name(name)) => self.0.hosts.iter().any(|known| **known == *name),
            None => false,
        }
    }
}

/// Closes an answer to pages of other sites, and to guesses of what it is.
pub(crate) fn close(headers: &mut HeaderMap) {
    headers.insert(RESOURCE_POLICY, SAME_ORIGIN);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    /// The status of a refusal, or 200.
    fn asked(site: &Site, target: &str, hosts: &[&str]) -> u16 {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        match site.admit(&head) {
            Ok(()) => 200,
            Err(problem) => problem.into_response().status().as_u16(),
        }
    }

    #[test]
    fn a_server_answers_only_under_names_that_it_knows() {
        let public = "https://Music.Example/".parse().unwrap();
        let site = Site::default().at(public).under_name("attic.home");
        for host in [
            "127.0.0.1",
            "127.0.0.1:4533",
            "192.168.1.7:80",
            "[::1]:4533",
            "[::1]",
            "[fe80::1%25eth0]:4533",
            "localhost:4533",
            "LOCALHOST",
            "localhost.",
            "music.example",
            "MUSIC.example.:8443",
            "attic.home:",
        ] {
            assert_eq!(asked(&site, "/api/v1/songs", &[host]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:4533",
            "music.example.evil",
            "evil-music.example",
            "music.example:80:80",
            "music.example:http",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "evil.example@127.0.0.1",
            "[::1].evil.example",
            "[evil.example]",
            "::1",
            "2130706433",
            "0x7f.1",
            "",
            "localhost, evil.example",
            "localhost..",
            "a\u{e9}",
        ] {
            assert_eq!(asked(&site, "/api/v1/songs", &[host]), 421, "{host}");
        }
        // Programs of HTTP/1.0 name no host. Of several each counts, and the one in the target too.
        assert_eq!(asked(&site, "/", &[]), 200);
        assert_eq!(asked(&site, "/", &["localhost", "evil.example"]), 421);
        assert_eq!(asked(&site, "/", &["evil.example", "localhost"]), 421);
        assert_eq!(asked(&site, "http://localhost:1/", &[]), 200);
        assert_eq!(asked(&site, "http://evil.example/", &[]), 421);
        assert_eq!(asked(&site, "http://localhost/", &["evil.example"]), 421);
        assert_eq!(asked(&site, "http://evil.example/", &["localhost"]), 421);
        // Balancers ask under names of their own whether the server wants requests.
        assert_eq!(asked(&site, paths::HEALTH, &["evil.example"]), 200);
        assert_eq!(asked(&site, paths::METRICS, &["evil.example"]), 421);
    }
}
