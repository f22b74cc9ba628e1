//! What can be set of a server.

use std::{io, time::Duration};

use kadenza_tls::{Certificate, Door};

/// How [`serve`](crate::serve) treats its clients.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Where TLS alone is spoken; see [`with_tls`](ServerConfig::with_tls). Default: nothing is encrypted.
    pub door: Option<Door>,
    /// How long a question may take, whatever the client allows. Default: 30 s.
    pub deadline: Duration,
    /// How long an upload may bring nothing. Longer than the servers in front of it allow their own
    /// clients. Default: 60 s.
    pub upload_idle_deadline: Duration,
    /// How long a listener may take nothing. Longer than the servers in front of it allow their own
    /// clients. Default: 180 s.
    pub listener_idle_deadline: Duration,
    /// How long a connection may take to begin, with its handshake. Default: 10 s.
    pub preface_deadline: Duration,
    /// How many connections are served at once; further ones wait. Each carries 128 calls at once.
    /// Default: 256.
    pub connections_max: usize,
    /// How many calls of all connections may be under way at once; a further one is answered with
    /// [`Error::Busy`](kadenza_contract::Error::Busy). Default: 4096.
    pub calls_max: usize,
    /// How many of these may be uploads. Default: 256.
    pub uploads_max: usize,
    /// How often a connection is asked for a sign of life. Default: every 15 s.
    pub keep_alive_interval: Duration,
    /// How long that sign may take before the connection is dropped. Default: 10 s.
    pub keep_alive_timeout: Duration,
    /// How long calls that are under way may go on when the server is to end. Default: 4 s.
    pub grace: Duration,
}

impl ServerConfig {
    /// Speaks TLS alone with this certificate.
    ///
    /// # Errors
    ///
    /// None with the provider that is built in.
    pub fn with_tls(mut self, certificate: &Certificate) -> io::Result<ServerConfig> {
        let door = certificate.door(&[b"h2"]);
        self.door = Some(door.map_err(io::Error::other)?);
        Ok(self)
    }
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            door: None,
            deadline: Duration::from_secs(30),
            upload_idle_deadline: Duration::from_secs(60),
            listener_idle_deadline: Duration::from_secs(180),
            preface_deadline: Duration::from_secs(10),
            connections_max: 256,
            calls_max: 4096,
            uploads_max: 256,
            keep_alive_interval: Duration::from_secs(15),
            keep_alive_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(4),
        }
    }
}
