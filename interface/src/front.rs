//! A stack behind a door: bound, opened, and closed in order.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use kadenza_views::{Server, ServerConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    fault::Fault,
    stack::{Plan, Stack},
};

/// How long requests under way may go on when the process is to end: long enough for a page or a
/// cover, and a part only of the time that everything has.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// A host, by name or number, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

/// Parses `HOST:PORT`.
///
/// # Errors
///
/// What would be right.
pub(crate) fn address(text: &str) -> Result<Address, String> {
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

impl Address {
    /// The host, an IPv6 address without brackets.
    #[cfg_attr(
        not(any(feature = "distributed", feature = "grpc")),
        allow(dead_code, reason = "only nodes tell others")
    )]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[cfg(feature = "grpc")]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether it means all addresses of this machine.
    #[cfg_attr(
        not(feature = "distributed"),
        allow(dead_code, reason = "only nodes tell others")
    )]
    pub(crate) fn is_unspecified(&self) -> bool {
        self.host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_unspecified())
    }

    /// The number behind the name.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`] if the name is not known, told with the `flag` that it came from.
    pub(crate) async fn resolve(&self, flag: &str) -> Result<SocketAddr, Fault> {
        let unknown = |cause| Fault::io(format!("{flag} {self}: the host is not known"), cause);
        let mut found = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(unknown)?;
        found
            .next()
            .ok_or_else(|| unknown(std::io::ErrorKind::NotFound.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", host_port(&self.host, self.port))
    }
}

fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// An HTTP address that is taken, with nobody answering yet.
#[derive(Debug)]
pub(crate) struct Door {
    server: Server,
    http: SocketAddr,
}

impl Door {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// [`Fault::Io`] if somebody else has it.
    pub(crate) async fn bind(address: &Address) -> Result<Door, Fault> {
        let http = address.resolve("--http").await?;
        let cannot = |cause| {
            let what = format!("cannot serve HTTP at {http} (choose another with --http)");
            Fault::io(what, cause)
        };
        let config = ServerConfig {
            grace: GRACE,
            ..ServerConfig::default()
        };
        let server = Server::bind(http, config).map_err(cannot)?;
        let http = server.local_addr().map_err(cannot)?;
        Ok(Door { server, http })
    }

    /// The base URL of this door; where it is open on all addresses, the one under `host`.
    pub(crate) fn url(&self, host: &str) -> String {
        if self.http.ip().is_unspecified() {
            format!("http://{}", host_port(host, self.http.port()))
        } else {
            format!("http://{}", self.http)
        }
    }

    /// Builds the stack and lets people in.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::build`].
    pub(crate) async fn open(self, plan: Plan) -> Result<Running, Fault> {
        let end = CancellationToken::new();
        let stack = Stack::build(plan, &end).await?;
        let router = stack.router.clone();
        let serving = tokio::spawn(self.server.serve(router, end.clone().cancelled_owned()));
        Ok(Running {
            http: self.http,
            end,
            stack,
            serving,
        })
    }
}

/// A stack that answers.
#[derive(Debug)]
pub(crate) struct Running {
    http: SocketAddr,
    /// Ends this stack, whoever cancels it.
    end: CancellationToken,
    stack: Stack,
    serving: JoinHandle<usize>,
}

impl Running {
    /// Where it speaks HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it speaks to other nodes.
    pub(crate) fn rpc(&self) -> Option<SocketAddr> {
        #[cfg(feature = "distributed")]
        return self.stack.node.as_ref().map(|node| node.rpc_address());
        #[cfg(not(feature = "distributed"))]
        None
    }

    /// Serves until the process is to end, or the node was told to leave; then closes in order,
    /// from top to bottom: no new requests, the rest of those under way, then the node.
    pub(crate) async fn until(self, end: &CancellationToken) -> Result<(), Fault> {
        let Running {
            end: own,
            stack,
            serving,
            ..
        } = self;
        tokio::select! {
            () = end.cancelled() => own.cancel(),
            () = own.cancelled() => {}
        }
        stack.readiness.set(false);
        let served = serving.await;
        #[cfg(feature = "distributed")]
        if let Some(node) = &stack.node {
            node.shutdown().await;
        }
        drop(stack);
        match served {
            Ok(0) => Ok(()),
            Ok(cut) => {
                tracing::warn!("{cut} connections were cut: they took too long to end");
                Ok(())
            }
            Err(error) => Err(Fault::Failed(format!("the HTTP server broke: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["127.0.0.1:0", "[::1]:4533", "music.home:65535"] {
            assert_eq!(address(text).unwrap().to_string(), text);
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
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_door_open_to_all_is_told_under_the_host_that_others_reach() {
        let everywhere = Door::bind(&address("0.0.0.0:0").unwrap()).await.unwrap();
        assert_eq!(
            everywhere.url("::1"),
            format!("http://[::1]:{}", everywhere.http.port())
        );
        let here = Door::bind(&address("127.0.0.1:0").unwrap()).await.unwrap();
        assert_eq!(here.url("elsewhere"), format!("http://{}", here.http));
    }
}
