//! Where the servers of a cache node are: a URL, and how a connection is made of it.

use std::{fmt, net::IpAddr, time::Duration};

use kadenza_contract::{Error, Result};
use kadenza_tls::Roots;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
    aio::MultiplexedConnection,
    cluster::{ClusterClient, ClusterClientBuilder},
    cluster_async::ClusterConnection,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

/// How long connecting may take, name look-up and handshake included.
pub(crate) const CONNECTING: Duration = Duration::from_secs(3);
/// How long a command may take, if whoever asks is so patient.
pub(crate) const ANSWERING: Duration = Duration::from_secs(3);

/// A connection; clones share it.
#[derive(Clone)]
pub(crate) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The servers that a URL names.
pub(crate) enum Servers {
    Server(Box<Client>),
    Cluster(Box<ClusterClient>),
    Sentinels(Box<Sentinels>),
}

impl Servers {
    /// Reads a URL, and whether what is said passes in the clear beyond this machine.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] without anything of the URL, since a part of it may be a password.
    pub(crate) fn of(url: &str, roots: &Roots) -> Result<(Servers, bool)> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| wrong(&"it has no scheme"))?;
        if rest.contains('#') {
            // The client library would leave certificates unverified at `#insecure`.
            return Err(wrong(&"it has a fragment"));
        }
        let certificates = || TlsCertificates {
            client_tls: None,
            root_cert: roots.added().map(|_| roots.all()),
        };
        let is_encrypted = scheme.starts_with("rediss");
        let bad = |error: RedisError| wrong(&error);
        match scheme {
            "redis" | "redis+unix" | "unix" => {
                let info = url.into_connection_info().map_err(bad)?;
                let is_exposed = is_elsewhere(&info);
                let client = Client::open(info).map_err(bad)?;
                Ok((Servers::Server(Box::new(client)), is_exposed))
            }
            "rediss" => {
                let client = Client::build_with_tls(url, certificates()).map_err(bad)?;
                Ok((Servers::Server(Box::new(client)), false))
            }
            "redis+cluster" | "rediss+cluster" => {
                let nodes = all(is_encrypted, rest)?;
                let is_exposed = !is_encrypted && nodes.iter().any(is_elsewhere);
                let mut builder = ClusterClientBuilder::new(nodes)
                    .connection_timeout(CONNECTING)
                    .response_timeout(ANSWERING)
                    .retries(1);
                if is_encrypted {
                    builder = builder.certs(certificates());
                }
                let client = builder.build().map_err(bad)?;
                Ok((Servers::Cluster(Box::new(client)), is_exposed))
            }
            "redis+sentinel" | "rediss+sentinel" => {
                let (sentinels, name) =
                    rest.split_once('/')
                        .filter(|(_, name)| !name.is_empty())
                        .ok_or_else(|| wrong(&"the name of the primary is missing"))?;
                let sentinels = all(is_encrypted, sentinels)?;
                let is_exposed = !is_encrypted && sentinels.iter().any(is_elsewhere);
                let sentinels = Sentinels {
                    sentinels,
                    name: name.to_owned(),
                    certificates: is_encrypted.then(certificates),
                };
                sentinels.client(false).map_err(bad)?;
                Ok((Servers::Sentinels(Box::new(sentinels)), is_exposed))
            }
            _ => Err(wrong(&"of another kind")),
        }
    }

    /// Connects.
    pub(crate) async fn open(&self) -> Result<Link, RedisError> {
        match self {
            Servers::Server(client) => connected(client).await,
            Servers::Cluster(client) => client.get_async_connection().await.map(Link::Cluster),
            Servers::Sentinels(sentinels) => connected(&sentinels.primary().await?).await,
        }
    }
}

async fn connected(client: &Client) -> Result<Link, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTING))
        .set_response_timeout(Some(ANSWERING));
    let made = client.get_multiplexed_async_connection_with_config(&config);
    made.await.map(Link::One)
}

fn wrong(what: &dyn fmt::Display) -> Error {
    Error::Invalid {
        what: format!(
            "a cache on Redis is redis://HOST:PORT, redis+unix:///PATH, redis+cluster://HOST:PORT,HOST:PORT or \
             redis+sentinel://HOST:PORT,HOST:PORT/NAME, encrypted with rediss in the place of redis ({what})"
        ),
    }
}

/// Each host of a list. User and password before the last `@` are for all of them.
fn all(is_encrypted: bool, list: &str) -> Result<Vec<ConnectionInfo>> {
    let (who, list) = list
        .rsplit_once('@')
        .map_or((String::new(), list), |(who, list)| {
            (format!("{who}@"), list)
        });
    let scheme = if is_encrypted { "rediss" } else { "redis" };
    let hosts = list.split(',').filter(|host| !host.is_empty());
    let infos = hosts.map(|host| format!("{scheme}://{who}{host}").into_connection_info());
    let infos: Vec<ConnectionInfo> = infos
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&error))?;
    match infos.is_empty() {
        true => Err(wrong(&"no host is named")),
        false => Ok(infos),
    }
}

/// Whether a server is not sure to be on this machine.
fn is_elsewhere(info: &ConnectionInfo) -> bool {
    match info.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => {
            host != "localhost" && !host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        }
        _ => false,
    }
}

/// Sentinels, and the name of the primary that they watch.
pub(crate) struct Sentinels {
    /// With user and password, if there are any. They are those of the servers; sentinels may have the same, or none.
    sentinels: Vec<ConnectionInfo>,
    name: String,
    /// Where TLS is spoken, with sentinels and servers.
    certificates: Option<TlsCertificates>,
}

impl Sentinels {
    /// The primary, as the sentinels name it now. A sentinel without a password refuses one, and so it is told the
    /// password only when it asks, or when nobody answers without.
    async fn primary(&self) -> Result<Client, RedisError> {
        let found = self.client(false)?.async_get_client().await;
        let has_password = self.sentinels[0].redis_settings().password().is_some();
        match found {
            Err(error)
                if has_password && (error.code() == Some("NOAUTH") || error.is_io_error()) =>
            {
                self.client(true)?.async_get_client().await
            }
            found => found,
        }
    }

    fn client(&self, asks_password: bool) -> Result<SentinelClient, RedisError> {
        let addresses = self.sentinels.iter().map(|info| info.addr().clone());
        let primary = SentinelServerType::Master;
        let mut builder = SentinelClientBuilder::new(addresses, &self.name, primary)?;
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_sentinel_certificates(certificates.clone())
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        let who = self.sentinels[0].redis_settings();
        if let Some(user) = who.username() {
            builder = builder.set_client_to_redis_username(user);
            if asks_password {
                builder = builder.set_client_to_sentinel_username(user);
            }
        }
        if let Some(password) = who.password() {
            builder = builder.set_client_to_redis_password(password);
            if asks_password {
                builder = builder.set_client_to_sentinel_password(password);
            }
        }
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_exposed(url: &str) -> bool {
        let read = Servers::of(url, &Roots::default());
        read.unwrap_or_else(|error| panic!("{url}: {error}")).1
    }

    #[test]
    fn what_leaves_this_machine_in_the_clear_is_known() {
        for private in [
            "redis://localhost",
            "redis://:secret@127.0.0.1:7/3",
            "redis://[::1]:7",
            "redis+unix:///run/redis.sock",
            "unix:///run/redis.sock?pass=secret",
            "rediss://cache.home",
            "rediss://user:secret@10.0.0.1:7/3",
            "redis+cluster://localhost:1,127.0.0.1:2",
            "rediss+cluster://user:secret@a:1,b:2",
            "redis+sentinel://127.0.0.1:1/songs",
            "rediss+sentinel://user:secret@a:1,b:2/songs",
        ] {
            assert!(!is_exposed(private), "{private}");
        }
        for exposed in [
            "redis://cache.home",
            "redis://localhost.cache.home",
            "redis://10.0.0.1:7/3",
            "redis://[fd00::1]",
            "redis+cluster://localhost:1,a:2",
            "redis+sentinel://user:secret@127.0.0.1:1,a:2/songs",
        ] {
            assert!(is_exposed(exposed), "{exposed}");
        }
    }

    #[test]
    fn no_url_leaves_certificates_unverified() {
        for url in [
            "rediss://host/#insecure",
            "rediss+cluster://a,b/#insecure",
            "rediss+sentinel://a,b/songs#insecure",
            "rediss+sentinel://a#insecure,b/songs",
        ] {
            let refused = Servers::of(url, &Roots::default()).map(|_| ());
            assert!(
                matches!(refused, Err(Error::Invalid { .. })),
                "{url}: {refused:?}"
            );
        }
    }
}
