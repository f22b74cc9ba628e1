//! What can be set of a client.

use std::time::Duration;

use kadenza_tls::Roots;

/// The settings of a [`Client`](crate::Client). The defaults fit a backend on the same local network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Who may vouch for the backend: TLS alone is spoken then, and the backend must prove to be the host that is
    /// named. Default: nobody, and nothing is encrypted.
    pub roots: Option<Roots>,
    /// How long a connection may take to come about, with its handshake. Default: 1 s.
    pub connect_timeout: Duration,
    /// How long a question may take, and audio or a cover until its first byte. The backend is told,
    /// and stops working then. Default: 10 s.
    pub deadline: Duration,
    /// How long the backend may bring nothing in the middle of a song or a cover. Only time in which
    /// the listener waits counts. Default: 10 s.
    pub idle_deadline: Duration,
    /// How long the backend may take nothing of an upload. Default: 30 s.
    pub upload_idle_deadline: Duration,
    /// How long the backend may take to acknowledge an upload that it has received. Default: 60 s.
    pub upload_answer_deadline: Duration,
    /// How often a connection is asked for a sign of life. Default: every 10 s.
    pub keep_alive_interval: Duration,
    /// How long that sign may take before the connection counts as lost. Default: 5 s.
    pub keep_alive_timeout: Duration,
    /// How many connections are opened at most for audio, covers and uploads, of which each carries
    /// 128; a further one ends in [`Error::Busy`](kadenza_contract::Error::Busy). Default: 8.
    pub long_connections_max: usize,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            roots: None,
            connect_timeout: Duration::from_secs(1),
            deadline: Duration::from_secs(10),
            idle_deadline: Duration::from_secs(10),
            upload_idle_deadline: Duration::from_secs(30),
            upload_answer_deadline: Duration::from_secs(60),
            keep_alive_interval: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(5),
            long_connections_max: 8,
        }
    }
}
