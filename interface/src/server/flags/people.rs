//! The flag of servers that ask nobody who he is.

use std::net::SocketAddr;

use clap::Args;

use super::Open;

/// Whether people sign in.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::server) struct PeopleFlags {
    /// Have nobody sign in: whoever reaches --http may do everything
    #[arg(long)]
    no_sign_in: bool,
}

impl PeopleFlags {
    /// Whether people sign in. An open server asks nobody.
    pub(in crate::server) fn sign_in(self, open: Open, http: SocketAddr) -> bool {
        if self.no_sign_in && !http.ip().is_loopback() {
            tracing::warn!(%http, "--no-sign-in: whoever reaches this address may do everything here");
        }
        !self.no_sign_in && !open.is_given()
    }
}
