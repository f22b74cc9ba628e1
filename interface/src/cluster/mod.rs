//! The commands about which machines may take part. They work on the data directory of a node, on its machine: whoever
//! can read that may do all of this anyway.

mod data;
mod init;
mod invite;
mod revoke;

use clap::{Args, Subcommand};
use kadenza_distributed::trust::TrustError;
use kadenza_terminal::chain;

pub(crate) use invite::Invite;
pub(crate) use revoke::Revoke;

use crate::fault::Fault;

/// Begin a cluster: the machines that may be nodes of one network
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    #[command(subcommand)]
    command: ClusterCommand,
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    Init(init::Init),
}

impl Cluster {
    pub(crate) fn run(self) -> Result<(), Fault> {
        match self.command {
            ClusterCommand::Init(init) => init.run(),
        }
    }
}

impl From<TrustError> for Fault {
    fn from(error: TrustError) -> Fault {
        match error {
            TrustError::NoRecord { .. }
            | TrustError::NoInvitation(_)
            | TrustError::BelongsToAnother { .. } => Fault::Usage(chain(&error)),
            error => Fault::Failed(chain(&error)),
        }
    }
}
