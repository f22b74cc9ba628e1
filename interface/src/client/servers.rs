//! The way from a command to its servers, and what shows them who asks.

use std::{
    fs::File,
    io::Read,
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use kadenza_contract::{Credential, Error};
use kadenza_middleware::{Client, ClientConfig};

use super::{authorities::Authorities, people::kept};
use crate::{fault::Fault, secrets::TOKEN};

/// Longer files hold no token or code.
const FILE_BYTES_MAX: u64 = 4096;

/// Where the servers are that a client command asks.
#[derive(Debug, Args)]
pub(crate) struct Addresses {
    /// A server; repeatable: if one is down, the next is asked [in the variable: separated by commas]
    #[arg(long, value_name = "URL", value_delimiter = ',', value_parser = server_url)]
    #[arg(default_value = "http://127.0.0.1:4533")]
    server: Vec<String>,

    #[command(flatten)]
    authorities: Authorities,
}

impl Addresses {
    /// The servers, in the order in which they were named.
    pub(crate) fn named(&self) -> &[String] {
        &self.server
    }

    /// The settings of a client that does not say who asks.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if an authority cannot be read.
    pub(crate) fn config(&self) -> Result<ClientConfig, Fault> {
        let mut config = ClientConfig::default();
        config.roots = self.authorities.roots()?;
        Ok(config)
    }
}

/// Which servers a client command asks, and with which token.
#[derive(Debug, Args)]
pub(crate) struct Servers {
    #[command(flatten)]
    addresses: Addresses,

    /// A file with a token, in the place of what `kadenza login` keeps: for scripts and services
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Servers {
    /// A client of these servers.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] if one of them is not a server's address.
    pub(crate) fn client(&self) -> Result<Client, Fault> {
        let (_, config) = self.of_accounts()?;
        Client::new(self.named().to_vec(), config).map_err(|error| no_address(&error))
    }

    /// The first server at which the user has signed in, else the first of all; with the settings of its clients.
    ///
    /// # Errors
    ///
    /// If the token or an authority cannot be read.
    pub(crate) fn of_accounts(&self) -> Result<(String, ClientConfig), Fault> {
        let mut config = self.addresses.config()?;
        let mut server = self.named().first().cloned().unwrap_or_default();
        if let Some(path) = &self.token_file {
            if path.to_string_lossy().starts_with(TOKEN) {
                return Err(Fault::Usage(
                    "--token-file takes the name of a file that holds a token, and no token: all users of a machine \
                     can read its command lines"
                        .to_owned(),
                ));
            }
            let token = Credential::new(&in_file(path)?);
            config.credential = Some(token.map_err(|error| {
                Fault::Usage(format!("--token-file {}: {error}", path.display()))
            })?);
            return Ok((server, config));
        }
        for named in self.named() {
            if let Some(kept) = kept::of(named)? {
                config.credential = Some(kept.credential()?);
                server = named.clone();
                break;
            }
        }
        Ok((server, config))
    }

    /// Says of a refusal because of who asks what to do about it.
    pub(crate) fn explaining(&self) -> impl Fn(Fault) -> Fault + use<> {
        let first = self.named().first().cloned().unwrap_or_default();
        move |fault| match fault {
            Fault::Service(Error::NotSignedIn) => sign_in_first(&first),
            fault => fault,
        }
    }

    /// Whether the token is one that `kadenza login` keeps.
    pub(crate) fn keeps_tokens(&self) -> bool {
        self.token_file.is_none()
    }

    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The servers, in the order in which they were named.
    pub(crate) fn named(&self) -> &[String] {
        self.addresses.named()
    }
}

/// A client of these servers.
///
/// # Errors
///
/// [`Fault::Usage`] if one of them is not a server's address.
#[cfg(feature = "server")]
pub(crate) fn client_of(servers: &[String], roots: kadenza_tls::Roots) -> Result<Client, Fault> {
    let mut config = ClientConfig::default();
    config.roots = roots;
    Client::new(servers.to_vec(), config).map_err(|error| no_address(&error))
}

fn no_address(error: &Error) -> Fault {
    Fault::Usage(format!("--server: {}", error.chain()))
}

/// A server that does not know who asks.
pub(crate) fn sign_in_first(server: &str) -> Fault {
    Fault::Failed(format!("sign in first: kadenza login --server {server}"))
}

/// What stands in a file that is for its user: a token or a code. Nothing of it is repeated.
///
/// # Errors
///
/// [`Fault::Usage`] if it cannot be read, or is empty.
pub(crate) fn in_file(path: &Path) -> Result<String, Fault> {
    let wrong = |what: String| Fault::Usage(format!("{}: {what}", path.display()));
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|cause| wrong(format!("cannot read it: {cause}")))?;
    match text.trim() {
        "" => Err(wrong("it is empty".to_owned())),
        text => Ok(text.to_owned()),
    }
}

/// Whether others may read along on the way to a server.
pub(crate) fn is_open_to_listeners(server: &str) -> bool {
    let Some(rest) = server.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => !address.is_loopback(),
        Err(_) => !host.eq_ignore_ascii_case("localhost"),
    }
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

    #[test]
    fn whoever_is_on_the_way_reads_what_is_not_encrypted() {
        for near in [
            "http://127.0.0.1:4533",
            "http://[::1]:4533",
            "http://localhost/music",
            "https://music.home",
        ] {
            assert!(!is_open_to_listeners(near), "{near}");
        }
        for far in [
            "http://10.0.0.1:4533",
            "http://music.home",
            "http://[fd00::1]",
        ] {
            assert!(is_open_to_listeners(far), "{far}");
        }
    }
}
