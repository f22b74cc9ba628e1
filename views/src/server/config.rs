//! The settings of a server.

use std::{net::IpAddr, time::Duration};

/// How a [`Server`](crate::Server) treats its clients.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// How long a client may take over the head of a request, counted from the connection's
    /// acceptance or from the head's first byte. It covers HTTP/2's preface, up to the first
    /// request, and clients that send nothing. Default: 10 s.
    pub header_deadline: Duration,
    /// How long a connection is kept open without a request. Default: 60 s.
    pub idle_deadline: Duration,
    /// How long a request's body may bring less than 64 KiB. Only waiting for the client counts.
    /// The request is then answered with 408 and the connection closed. Default: 30 s.
    pub body_deadline: Duration,
    /// How long a client may take nothing of an answer before the connection is dropped. The kernel
    /// reports progress in steps of up to a megabyte, which at the rate of a 96 kbit/s stream is
    /// over a minute. Default: 120 s.
    pub write_deadline: Duration,
    /// How many connections are served at once. Further ones wait in the kernel's backlog, and are
    /// served when one ends; what the backlog cannot hold is refused by the kernel. Default: 512,
    /// which leaves half of the usual limit of 1,024 open files to the layers below.
    pub connections_max: usize,
    /// How many of them one address may have, an IPv6 network of 64 bits being one; further ones are closed at once.
    /// Loopback and the proxies have no such bound. Default: 128.
    pub connections_of_one_max: usize,
    /// Proxies, each of which is believed for whom it asks: the last address in `X-Forwarded-For` that is none of them
    /// has the bounds of its requests, and where there is none, they have no bounds. Nobody else is believed. Default:
    /// none.
    pub proxies: Vec<IpAddr>,
    /// How long requests that are under way may go on after the server was told to stop.
    /// Default: 10 s.
    pub grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            header_deadline: Duration::from_secs(10),
            idle_deadline: Duration::from_secs(60),
            body_deadline: Duration::from_secs(30),
            write_deadline: Duration::from_secs(120),
            connections_max: 512,
            connections_of_one_max: 128,
            proxies: Vec::new(),
            grace: Duration::from_secs(10),
        }
    }
}
