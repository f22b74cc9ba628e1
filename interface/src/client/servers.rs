//! The way from a command to its servers.

use clap::Args;
use kadenza_middleware::{Client, ClientConfig};
use kadenza_tls::Roots;

use super::authorities::Authorities;
use crate::fault::Fault;

/// Which servers a client command asks.
#[derive(Debug, Args)]
pub(crate) struct Servers {
    /// A server; repeatable: if one is down, the next is asked [in the variable: separated by commas]
    #[arg(long, value_name = "URL", value_delimiter = ',', value_parser = server_url)]
    #[arg(default_value = "http://127.0.0.1:4533")]
    server: Vec<String>,

    #[command(flatten)]
    authorities: Authorities,
}

impl Servers {
    /// A client of these servers.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if one of them is not a server's address.
    pub(crate) fn client(&self) -> Result<Client, Fault> {
        client_of(&self.server, self.authorities.roots()?)
    }

    /// The servers, in the order in which they were named.
    pub(crate) fn named(&self) -> &[String] {
        &self.server
    }
}

/// A client of these servers.
///
/// # Errors
///
/// [`Fault::Usage`] if one of them is not a server's address.
pub(crate) fn client_of(servers: &[String], roots: Roots) -> Result<Client, Fault> {
    let mut config = ClientConfig::default();
    config.roots = roots;
    Client::new(servers.to_vec(), config)
        .map_err(|error| Fault::Usage(format!("--server: {}", error.chain())))
}

/// The base URL of a server; a bare `HOST:PORT` is taken for one.
///
/// # Errors
///
/// The text says what is wrong with it, and what would be right.
pub(crate) fn server_url(text: &str) -> Result<String, String> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let rest = rest.trim_end_matches('/');
    if scheme != "http" && scheme != "https" {
        return Err(format!(
            "servers are at http:// or https://, not {scheme}://"
        ));
    }
    if rest.is_empty() || rest.contains(['?', '#', '@', ' ']) {
        return Err("expected http://HOST:PORT or https://HOST:PORT".to_owned());
    }
    Ok(format!("{scheme}://{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_base_url_or_its_address() {
        assert_eq!(server_url("http://a:1/").as_deref(), Ok("http://a:1"));
        assert_eq!(server_url("https://a/").as_deref(), Ok("https://a"));
        assert_eq!(server_url("[::1]:4533").as_deref(), Ok("http://[::1]:4533"));
        for bad in ["", "http://", "ftp://a", "http://a?b", "u@a:1", "a b"] {
            assert!(server_url(bad).is_err(), "{bad}");
        }
    }
}
