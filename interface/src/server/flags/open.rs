//! The flag of servers that everybody may use, for trials on one machine.

use clap::Args;
use kadenza_stack::Address;

use crate::{fault::Fault, server::listen::resolve};

/// Whether a server is open.
#[derive(Debug, Clone, Copy, Args)]
pub(in crate::server) struct Open {
    /// For trials on this machine: nobody signs in, and nodes speak with each other unencrypted and prove nothing.
    /// Loopback addresses alone. All nodes of a network must have it, or none
    #[arg(long)]
    open: bool,
}

impl Open {
    /// Whether it is.
    pub(in crate::server) fn is_given(self) -> bool {
        self.open
    }

    /// An open server must be within reach of this machine alone.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] with the flag of an address that is not on loopback.
    pub(in crate::server) async fn check(
        self,
        addresses: &[(&str, &Address)],
    ) -> Result<(), Fault> {
        for (flag, address) in addresses.iter().filter(|_| self.open) {
            if !resolve(address, flag).await?.ip().is_loopback() {
                return Err(Fault::Usage(format!(
                    "--open lets everybody in, so {flag} must be on loopback, as 127.0.0.1: {address} is not"
                )));
            }
        }
        Ok(())
    }
}
