//! A host and a port, as people write them.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

/// A host, by name or number, and a port. Written as `HOST:PORT`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let (host, port) = text
            .rsplit_once(':')
            .ok_or("expected HOST:PORT, for example 127.0.0.1:4533")?;
        let port = port.parse().map_err(|_| {
            format!("`{port}` is not a port: expected HOST:PORT with a port up to 65535")
        })?;
        let bare = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
            Some(Some(host)) if host.contains(':') => host,
            None if !host.is_empty() && !host.contains([':', '/', ' ', ']']) => host,
            _ => {
                return Err(format!(
                    "`{host}` is not a host: expected HOST:PORT, with an IPv6 address as in [::1]:4533"
                ));
            }
        };
        Ok(Address {
            host: bare.to_owned(),
            port,
        })
    }
}

impl Address {
    /// The host, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it means all addresses of this machine.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        self.host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_unspecified())
    }

    /// Whether it is sure to mean this machine alone: a number of loopback, or the one name that is kept for it
    /// (RFC 6761, section 6.3). What other names mean may change.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse()
                .is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// The number behind the name.
    ///
    /// # Errors
    ///
    /// If the name is not known.
    pub async fn resolve(&self) -> io::Result<SocketAddr> {
        let mut addresses = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        addresses
            .next()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host_port(&self.host, self.port))
    }
}

/// A host and a port in one text.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let parsed = str::parse::<Address>;
        for text in ["127.0.0.1:0", "[::1]:4533", "music.home:65535"] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "4533",
            ":4533",
            "::1:4533",
            "[a]:1",
            "[::1]",
            "a:99999",
            "http://a:1",
            "a b:1",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }
}
