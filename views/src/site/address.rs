//! Hosts as requests name them, and addresses as operators do.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A host that a request names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// An address in numbers.
    Number,
    Localhost,
    /// A name, in lower case and without a dot at its end.
    Name(String),
}

/// The host of `HOST` or `HOST:PORT`; `None` if it is neither.
pub(super) fn named(text: &[u8]) -> Option<Named> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (number, port) = rest.split_once(']')?;
        // A zone says by which network card; it is the client's.
        let number = number.split_once('%').map_or(number, |(number, _)| number);
        let is_number = number.parse::<Ipv6Addr>().is_ok();
        return (is_number && (port.is_empty() || is_port(port.strip_prefix(':')?)))
            .then_some(Named::Number);
    }
    let (name, port) = text.split_once(':').unwrap_or((text, ""));
    if !is_port(port) {
        return None;
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return Some(Named::Number);
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.as_str() {
        "localhost" => Some(Named::Localhost),
        "" => None,
        _ => name.bytes().all(is_name).then_some(Named::Name(name)),
    }
}

/// Whether it is a port, or none: `HOST:` is allowed.
fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The address at which people reach a server, perhaps through a proxy: `http://HOST[:PORT]` or `https://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// As browsers write it: in lower case, without the port that is usual.
    origin: String,
    host: String,
}

impl PublicUrl {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether a browser names this address as that of a page.
    pub(super) fn is_origin(&self, origin: &str) -> bool {
        self.origin == origin
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<PublicUrl, String> {
        let wrong = || "expected http://HOST:PORT or https://HOST".to_owned();
        let url = text.trim().trim_end_matches('/');
        let (scheme, host) = url.split_once("://").ok_or_else(wrong)?;
        let scheme = scheme.to_ascii_lowercase();
        let is_web = scheme == "http" || scheme == "https";
        if !is_web || named(host.as_bytes()).is_none() {
            return Err(wrong());
        }
        Ok(PublicUrl {
            origin: format!("{scheme}://{}", authority(&scheme, host)),
            host: host.to_owned(),
        })
    }
}

/// A host and a port as browsers write them in an origin.
pub(super) fn authority(scheme: &str, host: &str) -> String {
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let host = host.to_ascii_lowercase();
    let host = host
        .strip_suffix(usual)
        .or(host.strip_suffix(':'))
        .unwrap_or(&host);
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_the_origin_of_its_pages() {
        for (text, origin) in [
            ("https://music.example", "https://music.example"),
            ("HTTPS://Music.example:443/", "https://music.example"),
            ("http://music.example:80", "http://music.example"),
            ("https://music.example:80", "https://music.example:80"),
            ("http://[::1]:4533/", "http://[::1]:4533"),
        ] {
            assert!(
                text.parse::<PublicUrl>().unwrap().is_origin(origin),
                "{text}"
            );
        }
        for wrong in [
            "",
            "music.example",
            "ftp://a",
            "http://",
            "http://a/b",
            "http://u:p@a",
            "http://a:b",
            "http://a b",
            "null",
        ] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
