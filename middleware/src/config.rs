//! The settings of a client.

use std::time::Duration;

use kadenza_contract::Credential;
use kadenza_tls::Roots;

/// The settings of a [`Client`](crate::Client). The defaults fit a few servers at home.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientConfig {
    /// How long a connection may take to come about. Default: 1 s.
    pub connect_timeout: Duration,
    /// How long one server may take to answer a question. Default: 5 s.
    pub attempt_timeout: Duration,
    /// How long all attempts together may take to answer a question, and how long a stream of
    /// audio looks for a server to go on with. Default: 15 s.
    pub deadline: Duration,
    /// After how long without a byte a server is taken for dead in the middle of a song. Only time
    /// in which the listener waits counts. Default: 2 s, less than what players hold in advance.
    pub stall_timeout: Duration,
    /// After how long a server that takes nothing of an upload (64 KiB at most) is taken for dead.
    /// Default: 20 s.
    pub upload_stall_timeout: Duration,
    /// How long a server may take to acknowledge an upload that it has received. Default: 60 s.
    pub upload_answer_timeout: Duration,
    /// How many times a question or an upload is sent at most, to all servers together.
    /// Default: 6.
    pub attempts_max: u32,
    /// Whether a question is also sent to a second server when the first takes longer than it
    /// does nineteen times of twenty. Default: yes.
    pub hedge: bool,
    /// How often servers are asked for the servers that they know; `None` if nothing is to be
    /// learned. Nothing is asked while nothing else is. Default: every 60 s.
    pub learn_every: Option<Duration>,
    /// How many servers are known at most, beyond those that are configured. Default: 64.
    pub servers_max: usize,
    /// How much of an upload is held in memory for another server, in bytes. Default: 8 MiB.
    pub spool_memory: usize,
    /// How much all uploads together hold in memory, in bytes; beyond it, temporary files are used
    /// from the first byte. Default: 64 MiB.
    pub spools_memory: usize,
    /// How much of an upload, beyond that, is held in a temporary file, in bytes. A larger upload
    /// goes through all the same; it only cannot be repeated. Default: 4 GiB.
    pub spool_file: u64,
    /// How much all uploads together hold in temporary files, in bytes; one that finds no room goes through, and
    /// cannot be repeated. Default: 16 GiB.
    pub spools_file: u64,
    /// How long a server may take to hand its share on when it is told to leave. Default: 10 min.
    pub leave_timeout: Duration,
    /// Who may vouch for servers at `https://`. Default: whom the system trusts.
    pub roots: Roots,
    /// What shows the servers who asks. It is sent with every question, to the servers that are configured and to
    /// those that they tell of, and to no other. Default: none.
    pub credential: Option<Credential>,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(2),
            upload_stall_timeout: Duration::from_secs(20),
            upload_answer_timeout: Duration::from_secs(60),
            attempts_max: 6,
            hedge: true,
            learn_every: Some(Duration::from_secs(60)),
            servers_max: 64,
            spool_memory: 8 << 20,
            spools_memory: 64 << 20,
            spool_file: 4 << 30,
            spools_file: 16 << 30,
            leave_timeout: Duration::from_secs(600),
            roots: Roots::default(),
            credential: None,
        }
    }
}
