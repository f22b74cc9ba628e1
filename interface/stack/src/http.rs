//! An HTTP address: bound, served, and closed in order.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::Router;
use kadenza_tls::Certificate;
use kadenza_views::{Readiness, Server, ServerConfig};
use tokio::task::JoinError;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::address::host_port;

/// How long requests under way may go on when the process is to end: long enough for a page or a
/// cover, and a part only of the time that everything has.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// An HTTP address that is taken, with nobody answering yet.
#[derive(Debug)]
pub struct HttpListener {
    server: Server,
    address: SocketAddr,
    is_encrypted: bool,
}

impl HttpListener {
    /// Takes an address; port 0 takes a free one. With a certificate, it speaks HTTPS alone.
    ///
    /// # Errors
    ///
    /// If another process has it.
    pub fn bind(
        address: SocketAddr,
        certificate: Option<&Certificate>,
    ) -> io::Result<HttpListener> {
        let config = ServerConfig {
            grace: GRACE,
            ..ServerConfig::default()
        };
        let server = Server::bind(address, config)?;
        let address = server.local_addr()?;
        let server = match certificate {
            Some(certificate) => server.with_tls(certificate)?,
            None => server,
        };
        Ok(HttpListener {
            server,
            address,
            is_encrypted: certificate.is_some(),
        })
    }

    /// The same behind proxies, each of which is believed for whom it asks.
    #[must_use]
    pub fn behind(mut self, proxies: Vec<IpAddr>) -> HttpListener {
        self.server = self.server.behind(proxies);
        self
    }

    /// The address that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of this address; the one under `host` where it means all addresses of the
    /// machine. With encryption it is the one under `host` also where that is a name that others know, as
    /// certificates are for names.
    #[must_use]
    pub fn url(&self, host: &str) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        let is_name = host.parse::<IpAddr>().is_err() && host != "localhost";
        if self.address.ip().is_unspecified() || (self.is_encrypted && is_name) {
            format!("{scheme}://{}", host_port(host, self.address.port()))
        } else {
            format!("{scheme}://{}", self.address)
        }
    }

    /// Serves a router until `end` is cancelled. `readiness` is what the router's `/health` says.
    #[must_use]
    pub fn serve(self, router: Router, readiness: Readiness, end: CancellationToken) -> Serving {
        let server = self.server.serve(router, end.clone().cancelled_owned());
        Serving {
            address: self.address,
            readiness,
            end,
            task: AbortOnDropHandle::new(tokio::spawn(server)),
        }
    }
}

/// A router that answers at an address; it stops at once when this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    readiness: Readiness,
    /// Ends this server alone.
    end: CancellationToken,
    task: AbortOnDropHandle<usize>,
}

impl Serving {
    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end` or the token of [`HttpListener::serve`] is cancelled; then takes no new
    /// requests and waits for those under way. Says how many connections were cut because they took
    /// too long.
    ///
    /// # Errors
    ///
    /// If the server panicked.
    pub async fn until(self, end: &CancellationToken) -> Result<usize, JoinError> {
        tokio::select! {
            () = end.cancelled() => self.end.cancel(),
            () = self.end.cancelled() => {}
        }
        self.readiness.withdraw(STOPPING);
        self.task.await
    }
}

/// What `/health` says of a server that ends.
const STOPPING: &str = "this server is stopping: use another one";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_on_all_addresses_is_told_under_a_host() {
        let everywhere = HttpListener::bind(([0, 0, 0, 0], 0).into(), None).unwrap();
        assert_eq!(
            everywhere.url("::1"),
            format!("http://[::1]:{}", everywhere.address().port())
        );
        let here = HttpListener::bind(([127, 0, 0, 1], 0).into(), None).unwrap();
        assert_eq!(here.url("elsewhere"), format!("http://{}", here.address()));
    }
}
