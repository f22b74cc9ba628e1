//! The flag that names a node of the cluster.

use std::path::PathBuf;

use clap::Args;

/// The data directory of a node of the cluster.
#[derive(Debug, Args)]
pub(super) struct Data {
    /// The data directory of a node on this machine, as `kadenza serve` has it
    #[arg(long, value_name = "DIR")]
    pub(super) data: PathBuf,
}
