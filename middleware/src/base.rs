//! The base URL of a server, parsed once.

use std::{fmt, net::IpAddr};

use kadenza_contract::{Error, Result};
use reqwest::Url;

/// The longest base URL that is taken, in bytes.
const BASE_BYTES_MAX: usize = 256;

/// The address of a server: `http://HOST:PORT` or `https://HOST:PORT`, perhaps with a path in front of `/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(Url);

impl Base {
    /// Parses a base URL. A slash at its end means nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is no `http` or `https` URL with a host, or holds a password, a query or a
    /// fragment.
    pub(crate) fn parse(text: &str) -> Result<Base> {
        let invalid = || Error::Invalid {
            what: format!(
                "{:?} is no address of a server: give one like http://127.0.0.1:4533",
                text.chars().take(BASE_BYTES_MAX).collect::<String>()
            ),
        };
        let mut url = Url::parse(text.trim()).map_err(|_| invalid())?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https")
            || url.host_str().is_none_or(str::is_empty)
            || !plain
        {
            return Err(invalid());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        // Only now, since escaping what must be escaped makes a URL longer.
        if url.as_str().len() > BASE_BYTES_MAX {
            return Err(invalid());
        }
        Ok(Base(url))
    }

    /// Parses a base URL that `teller` told of. An address that cannot be right is `None`: one with a
    /// path, port 0, the unspecified address, this very machine as told by another one, or another machine without
    /// encryption as told with it.
    pub(crate) fn told_by(teller: &Base, text: &str) -> Option<Base> {
        let base = Base::parse(text).ok()?;
        let nowhere = base.ip().is_some_and(|ip| match ip {
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast(),
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
        });
        let fits = base.0.path() == "/"
            && base.0.port() != Some(0)
            && !nowhere
            && (!base.is_loopback() || teller.is_loopback())
            && (base.is_encrypted() || base.is_loopback() || !teller.is_encrypted());
        fits.then_some(base)
    }

    /// The URL of a path of the interface, below the base.
    pub(crate) fn resource(&self, path: &str) -> Url {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        self.at(&segments)
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    fn is_loopback(&self) -> bool {
        match self.ip() {
            Some(ip) => ip.is_loopback(),
            None => self.0.host_str() == Some("localhost"),
        }
    }

    fn ip(&self) -> Option<IpAddr> {
        let host = self.0.host_str()?;
        host.trim_matches(['[', ']']).parse().ok()
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_base_is_written_without_a_slash_at_its_end() {
        for (text, written) in [
            ("http://127.0.0.1:4533", "http://127.0.0.1:4533"),
            ("http://host:80/", "http://host"),
            (" http://[::1]:4533/music/ ", "http://[::1]:4533/music"),
        ] {
            assert_eq!(Base::parse(text).unwrap().to_string(), written);
        }
        let base = Base::parse("http://h:1/music/").unwrap();
        assert_eq!(base.at(&["api", "v1"]).as_str(), "http://h:1/music/api/v1");
        let base = Base::parse("http://h:1").unwrap();
        assert_eq!(
            base.at(&["a b", "../c"]).as_str(),
            "http://h:1/a%20b/..%2Fc"
        );
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "host:1",
            "ftp://h",
            "http://",
            "http://a:b@h/",
            "http://h/?q",
            "http://h/#f",
        ] {
            assert!(Base::parse(text).is_err(), "{text}");
        }
        assert!(Base::parse(&format!("http://{}", "a".repeat(300))).is_err());
        assert!(Base::parse(&format!("http://h/{}", "é".repeat(100))).is_err());
    }

    #[test]
    fn hearsay_is_checked_more_strictly() {
        let near = Base::parse("http://127.0.0.1:1").unwrap();
        let far = Base::parse("http://192.168.1.2:1").unwrap();
        assert!(Base::told_by(&near, "http://127.0.0.1:2").is_some());
        assert!(Base::told_by(&far, "http://192.168.1.3:2").is_some());
        assert!(Base::told_by(&far, "http://127.0.0.1:2").is_none());
        assert!(Base::told_by(&far, "http://localhost:2").is_none());
        let encrypted = Base::parse("https://music.example").unwrap();
        assert!(Base::told_by(&encrypted, "https://192.168.1.3:2").is_some());
        assert!(Base::told_by(&encrypted, "http://192.168.1.3:2").is_none());
        for text in [
            "http://0.0.0.0:1",
            "http://[::]:1",
            "http://h:0",
            "http://h/path",
            "http://255.255.255.255:1",
        ] {
            assert!(Base::told_by(&near, text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,80}|http://\\PC{0,40}") {
            if let Ok(base) = Base::parse(&text) {
                prop_assert_eq!(Base::parse(&base.to_string()).unwrap(), base);
            }
        }
    }
}
